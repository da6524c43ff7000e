//! An exported audit log: what its lines are, and whether they are one chain. The hashes are made here anew, of what stands in the lines and nothing else,
//! as `docs/audit.md` says: so nobody has to believe the coordinator.

use muster_proto::v1::{AuditCallerKind, AuditChain, AuditEntry, AuditOutcome};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The version of the lines, and of what hashes are made of.
const VERSION: u32 = 1;

/// What the bytes that a hash is made of begin with.
const CANONICAL: &str = "muster-audit-1";

/// The first line: whose log it is, and where it begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub muster_audit_log: u32,
    pub log: String,
    /// The number of the first entry that follows, and the hash of the one before it.
    pub first: u64,
    pub previous_hash: String,
    /// The number of the last entry, and its hash.
    pub last: u64,
    pub hash: String,
}

/// Any other line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub number: u64,
    pub time_ms: i64,
    pub caller: Caller,
    pub address: String,
    pub method: String,
    pub request_id: String,
    pub resource: String,
    pub outcome: String,
    pub reason: String,
    pub message: String,
    pub refused_count: u64,
    pub changes: Vec<Change>,
    pub batch: u64,
    pub batch_hash: String,
    pub previous_hash: String,
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub kind: String,
    pub id: String,
    pub person: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Header {
    /// That of an export whose first entry is `first`, which follows an entry of this hash.
    pub fn new(chain: &AuditChain, first: u64, previous_hash: String) -> Self {
        Self {
            muster_audit_log: VERSION,
            log: chain.log.clone(),
            first,
            previous_hash,
            last: chain.last_number,
            hash: chain.hash.clone(),
        }
    }

    /// # Errors
    /// What is wrong with the line.
    pub fn parse(line: &str) -> Result<Self, String> {
        let header: Self =
            serde_json::from_str(line).map_err(|error| format!("its first line is none of an export: {error}"))?;
        match header.muster_audit_log {
            VERSION => Ok(header),
            other => Err(format!(
                "it is of version {other}, and this `muster` reads version {VERSION}"
            )),
        }
    }
}

impl Entry {
    /// The bytes of which its hash is made.
    fn canonical(&self, log: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        let mut put = |part: &str| {
            bytes.extend_from_slice(part.len().to_string().as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(b',');
        };
        let Caller { kind, id, person, name } = &self.caller;
        put(CANONICAL);
        put(&self.previous_hash);
        put(log);
        put(&self.number.to_string());
        put(&self.time_ms.to_string());
        put(&self.batch.to_string());
        put(&self.batch_hash);
        for part in [kind, id, person, name] {
            put(part);
        }
        for part in [&self.address, &self.method, &self.request_id, &self.resource] {
            put(part);
        }
        for part in [&self.outcome, &self.reason, &self.message] {
            put(part);
        }
        put(&self.refused_count.to_string());
        for Change { field, before, after } in &self.changes {
            put(field);
            for value in [before, after] {
                put(if value.is_some() { "1" } else { "0" });
                put(value.as_deref().unwrap_or_default());
            }
        }
        bytes
    }
}

impl From<&AuditEntry> for Entry {
    fn from(entry: &AuditEntry) -> Self {
        let caller = entry.caller.clone().unwrap_or_default();
        let time = entry.event_time.unwrap_or_default();
        Self {
            number: entry.number,
            time_ms: time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000,
            caller: Caller {
                kind: kind(caller.kind()).to_owned(),
                id: caller.id,
                person: caller.person,
                name: caller.display_name,
            },
            address: entry.address.clone(),
            method: entry.method.clone(),
            request_id: entry.request_id.clone(),
            resource: entry.resource.clone(),
            outcome: outcome(entry.outcome()).to_owned(),
            reason: entry.reason.clone(),
            message: entry.message.clone(),
            refused_count: entry.refused_count,
            changes: entry
                .changes
                .iter()
                .map(|change| Change {
                    field: change.field.clone(),
                    before: change.before.clone(),
                    after: change.after.clone(),
                })
                .collect(),
            batch: entry.batch,
            batch_hash: entry.batch_hash.clone(),
            previous_hash: entry.previous_hash.clone(),
            hash: entry.hash.clone(),
        }
    }
}

fn kind(kind: AuditCallerKind) -> &'static str {
    match kind {
        AuditCallerKind::Unspecified => "unknown",
        AuditCallerKind::Operator => "operator",
        AuditCallerKind::Token => "token",
        AuditCallerKind::Runner => "runner",
        AuditCallerKind::Coordinator => "coordinator",
    }
}

/// As entries say it.
pub fn outcome(outcome: AuditOutcome) -> &'static str {
    match outcome {
        AuditOutcome::Unspecified => "unknown",
        AuditOutcome::Done => "done",
        AuditOutcome::Refused => "refused",
        AuditOutcome::MoreRefused => "more_refused",
    }
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
        let hash: String = Sha256::digest(entry.canonical(&self.log))
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
