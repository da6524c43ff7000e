//! An exported audit log: what its lines are, and whether they are one chain. The hashes are made here anew, of what stands in the lines and nothing else,
//! as `docs/audit.md` says: so nobody has to believe the coordinator.

use muster_proto::audit_log::{Caller, Change, VERSION};
pub use muster_proto::audit_log::{Entry, Header, outcome};
use sha2::{Digest as _, Sha256};

/// What the bytes that a hash is made of begin with.
const CANONICAL: &str = "muster-audit-1";

/// The first line of an export.
///
/// # Errors
/// What is wrong with the line.
pub fn header(line: &str) -> Result<Header, String> {
    let header: Header =
        serde_json::from_str(line).map_err(|error| format!("its first line is none of an export: {error}"))?;
    match header.muster_audit_log {
        VERSION => Ok(header),
        other => Err(format!(
            "it is of version {other}, and this `muster` reads version {VERSION}"
        )),
    }
}

/// The bytes of which the hash of an entry is made.
fn canonical(entry: &Entry, log: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut put = |part: &str| {
        bytes.extend_from_slice(part.len().to_string().as_bytes());
        bytes.push(b':');
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(b',');
    };
    let Caller { kind, id, person, name } = &entry.caller;
    put(CANONICAL);
    put(&entry.previous_hash);
    put(log);
    put(&entry.number.to_string());
    put(&entry.time_ms.to_string());
    put(&entry.batch.to_string());
    put(&entry.batch_hash);
    for part in [kind, id, person, name] {
        put(part);
    }
    for part in [&entry.address, &entry.method, &entry.request_id, &entry.resource] {
        put(part);
    }
    for part in [&entry.outcome, &entry.reason, &entry.message] {
        put(part);
    }
    put(&entry.refused_count.to_string());
    for Change { field, before, after } in &entry.changes {
        put(field);
        for value in [before, after] {
            put(if value.is_some() { "1" } else { "0" });
            put(value.as_deref().unwrap_or_default());
        }
    }
    bytes
}

/// An entry that somebody knows from before: its number and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub number: u64,
    pub hash: String,
}

impl Known {
    /// Of `57:4be0…`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "it must be the number of an entry, `:`, and its hash of 64 hexadecimal digits".to_owned();
        let (number, hash) = text.split_once(':').ok_or_else(wrong)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = number.parse().ok().filter(|number| *number > 0 && is_hash);
        Ok(Self {
            number: number.ok_or_else(wrong)?,
            hash: hash.to_ascii_lowercase(),
        })
    }
}

/// Follows a chain, entry by entry.
#[derive(Debug)]
pub struct Walk {
    log: String,
    next: u64,
    previous: String,
    known: Option<Known>,
}

impl Walk {
    /// From entry `first` on, which follows one of the hash `previous`.
    pub fn new(log: String, first: u64, previous: String, known: Option<Known>) -> Self {
        Self {
            log,
            next: first,
            previous,
            known,
        }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// Where the chain breaks, and how.
    pub fn take(&mut self, entry: &Entry) -> Result<(), String> {
        let number = entry.number;
        if number != self.next {
            return Err(format!(
                "entry {} is missing: entry {number} stands in its place",
                self.next
            ));
        }
        if entry.previous_hash != self.previous {
            return Err(format!("entry {number} does not follow the entry before it"));
        }
        let hash: String = Sha256::digest(canonical(entry, &self.log))
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if hash != entry.hash {
            return Err(format!("entry {number} is not what its hash was made of"));
        }
        if let Some(known) = self.known.take_if(|known| known.number == number)
            && known.hash != hash
        {
            return Err(format!("entry {number} is another one than the one that you know"));
        }
        self.previous = hash;
        self.next += 1;
        Ok(())
    }

    /// Ends, where the log says that it ends.
    ///
    /// # Errors
    /// As [`Walk::take`].
    pub fn end(&self, last: u64, hash: &str) -> Result<(), String> {
        if self.next != last + 1 {
            return Err(format!("entry {} is missing: it ends before entry {last}", self.next));
        }
        if self.previous != hash {
            return Err(format!("it ends with another entry {last} than it says"));
        }
        match &self.known {
            Some(known) if known.number > last => Err(format!(
                "it ends with entry {last}, and you know entry {}: its end was cut off, or it is older than what you know",
                known.number
            )),
            Some(_) | None => Ok(()),
        }
    }
}
