//! What the audit log keeps: who has asked for what, when and from where, what became of it, and what it has changed.
//!
//! A note is an event beside those that the call has led to, in the same batch: an answer that anybody got has its note. It changes no entity. The
//! store carries notes from the journal into a log for each organization, where each entry is chained to the one before it.

use core::net::IpAddr;

use smol_str::SmolStr;

use crate::entity::EntityKey;
use crate::event::Event;
use crate::ledger::Entity;
use crate::time::Stamp;
use crate::words::{OrganizationId, Principal, Sequence};

/// The most fields that a note shows the change of.
pub const CHANGES_MAX: usize = 100;

/// The most bytes of a text in a note: of a field's value, of a resource's name, of a message.
pub const TEXT_BYTES_MAX: usize = 512;

/// What is known of a call that is kept in the audit log. Who made it, and when, stands in the event's [`Recorded`](crate::event::Recorded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// In whose log it stands; `None` for the service's own.
    pub log: Option<OrganizationId>,
    /// Which call: `muster.v1.IntegrationService/CreateIntegration`.
    pub method: SmolStr,
    /// The address from which it came; `None` when it did not come over the network, or from nobody knows where.
    pub peer: Option<IpAddr>,
    /// The id by which its caller knows it again; empty when they gave none.
    pub request: String,
    /// What it was about, by its name; empty when that is not known.
    pub resource: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What it has changed. No secret stands in it: whoever makes the note sees to that.
    pub changes: Vec<FieldChange>,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It was refused, and has changed nothing.
    Refused {
        /// Why, by one word of `muster.v1.ErrorReason`.
        reason: SmolStr,
        /// The same for people.
        message: String,
    },
    /// So many more of the same caller were refused than are kept one by one.
    MoreRefused {
        /// How many.
        count: u64,
    },
}

/// A field of an entity that was one thing and is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Which: `configuration.host`.
    pub field: String,
    /// What it was; `None` when it was not there.
    pub before: Option<String>,
    /// What it is; `None` when it is not there any more.
    pub after: Option<String>,
}

/// What a call was about, before and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// What it was; `None` when the call has made it.
    pub before: Option<Entity>,
    /// What it is; `None` when the call has ended it.
    pub after: Option<Entity>,
}

/// An entry of an audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in its log, from 1 and without gaps.
    pub number: u64,
    /// When it happened, by the coordinator's clock.
    pub at: Stamp,
    /// Who made the call.
    pub by: Principal,
    /// What is known of it.
    pub note: Note,
    /// The batch of the journal in which it stands.
    pub batch: Sequence,
    /// The SHA-256 of that batch, as the journal chains it.
    pub batch_hash: [u8; 32],
    /// The hash of the entry before it; zeros before the first.
    pub previous: [u8; 32],
    /// SHA-256 of [`Entry::canonical`].
    pub hash: [u8; 32],
}

/// What the canonical form begins with: another form will have another number.
const CANONICAL: &str = "muster-audit-1";

impl Entry {
    /// What its hash is made of: each part as a netstring (its length in bytes in decimal, `:`, the part, `,`), in the order that `docs/audit.md` gives.
    /// So whoever has an exported entry can make the same bytes.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut form = Netstrings(Vec::with_capacity(512));
        let note = &self.note;
        let (kind, id, person, name) = caller(&self.by);
        let (outcome, reason, message, count) = match &note.outcome {
            Outcome::Done => ("done", "", "", 0),
            Outcome::Refused { reason, message } => ("refused", reason.as_str(), message.as_str(), 0),
            Outcome::MoreRefused { count } => ("more_refused", "", "", *count),
        };
        form.put(CANONICAL);
        form.put(&hex(&self.previous));
        form.put(&log_name(note.log.as_ref()));
        form.put(&self.number.to_string());
        form.put(&self.at.millis().to_string());
        form.put(&self.batch.0.to_string());
        form.put(&hex(&self.batch_hash));
        form.put(kind);
        form.put(&id);
        form.put(&person);
        form.put(&name);
        form.put(&note.peer.map(|peer| peer.to_string()).unwrap_or_default());
        form.put(&note.method);
        form.put(&note.request);
        form.put(&note.resource);
        form.put(outcome);
        form.put(reason);
        form.put(message);
        form.put(&count.to_string());
        for change in &note.changes {
            form.put(&change.field);
            form.put_optional(change.before.as_deref());
            form.put_optional(change.after.as_deref());
        }
        form.0
    }
}

/// A log by its name: `organizations/acme`, or `service`.
#[must_use]
pub fn log_name(log: Option<&OrganizationId>) -> String {
    log.map_or_else(
        || "service".to_owned(),
        |organization| format!("organizations/{organization}"),
    )
}

/// Who has called, in words: of which kind, by which id, which person's, and by which name.
#[must_use]
pub fn caller(by: &Principal) -> (&'static str, String, String, String) {
    match by {
        Principal::Operator(name) => ("operator", String::new(), String::new(), name.to_string()),
        Principal::Token { token, person, name } => (
            "token",
            token.to_string(),
            person.map(|person| person.to_string()).unwrap_or_default(),
            name.to_string(),
        ),
        Principal::Runner(runner) => ("runner", runner.to_string(), String::new(), String::new()),
        Principal::Coordinator => ("coordinator", String::new(), String::new(), String::new()),
    }
}

/// Bytes in hexadecimal digits, as hashes are shown.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A text of at most [`TEXT_BYTES_MAX`] bytes: what is longer is cut, and says so.
#[must_use]
pub fn short(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    const CUT: &str = "…";
    let mut end = TEXT_BYTES_MAX - CUT.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", &text[..end])
}

/// What has changed between two lists of fields, each sorted by name or not: a field that both have alike is left out.
#[must_use]
pub fn changes(before: &[(String, String)], after: &[(String, String)]) -> Vec<FieldChange> {
    let find = |fields: &[(String, String)], name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone())
    };
    let gone = before
        .iter()
        .filter(|(field, _)| !after.iter().any(|(other, _)| other == field));
    let names = after.iter().chain(gone).map(|(field, _)| field);
    let changed = names.filter_map(|name| {
        let (before, after) = (find(before, name), find(after, name));
        (before != after).then(|| FieldChange {
            field: short(name),
            before: before.as_deref().map(short),
            after: after.as_deref().map(short),
        })
    });
    changed.take(CHANGES_MAX).collect()
}

/// What a call was about, by what has happened: a person rather than the tokens that went with them, an integration rather than its executions. `None` when
/// nothing has happened.
#[must_use]
pub fn subject(events: &[Event]) -> Option<EntityKey> {
    let keys = events.iter().map(|event| event.entities().0);
    keys.reduce(|first, next| if weight(&next) > weight(&first) { next } else { first })
}

fn weight(key: &EntityKey) -> u8 {
    match key {
        EntityKey::Organization(_) => 3,
        EntityKey::Integration(_) | EntityKey::Person(_) | EntityKey::RunnerIdentity(_) => 2,
        EntityKey::Execution(_) | EntityKey::Token(_) | EntityKey::EnrollmentToken(_) | EntityKey::Authority(_) => 1,
        EntityKey::Runner(_) | EntityKey::Connector(_) | EntityKey::Incident(_) | EntityKey::AuditLog(_) => 0,
    }
}

struct Netstrings(Vec<u8>);

impl Netstrings {
    fn put(&mut self, part: &str) {
        self.0.extend_from_slice(part.len().to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(part.as_bytes());
        self.0.push(b',');
    }

    /// Whether it is there, and what it is: an empty text is another one than none.
    fn put_optional(&mut self, part: Option<&str>) {
        self.put(if part.is_some() { "1" } else { "0" });
        self.put(part.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            number: 7,
            at: Stamp::from_millis(1_000),
            by: Principal::local(),
            note: Note {
                log: None,
                method: SmolStr::new_static("m"),
                peer: None,
                request: String::new(),
                resource: "ä".to_owned(),
                outcome: Outcome::Done,
                changes: vec![FieldChange {
                    field: "f".to_owned(),
                    before: None,
                    after: Some(String::new()),
                }],
            },
            batch: Sequence(3),
            batch_hash: [0xab; 32],
            previous: [0; 32],
            hash: [0; 32],
        }
    }

    #[test]
    fn the_canonical_form_is_netstrings_in_a_fixed_order() {
        let text = String::from_utf8(entry().canonical()).expect("text");
        let (zeros, abs) = ("0".repeat(64), "ab".repeat(32));
        assert_eq!(
            text,
            format!(
                "14:muster-audit-1,64:{zeros},7:service,1:7,4:1000,1:3,64:{abs},8:operator,0:,0:,5:local,0:,1:m,0:,2:ä,4:done,0:,0:,1:0,1:f,1:0,0:,1:1,0:,"
            )
        );
    }

    #[test]
    fn each_part_of_an_entry_changes_its_form() {
        let plain = entry().canonical();
        let changes: [fn(&mut Entry); 12] = [
            |entry| entry.number += 1,
            |entry| entry.at = Stamp::from_millis(1_001),
            |entry| entry.by = Principal::Coordinator,
            |entry| entry.note.log = OrganizationId::new("acme").ok(),
            |entry| entry.note.method = SmolStr::new_static("n"),
            |entry| entry.note.peer = Some(IpAddr::from([127, 0, 0, 1])),
            |entry| entry.note.request = "r".to_owned(),
            |entry| entry.note.resource.push('x'),
            |entry| entry.note.outcome = Outcome::MoreRefused { count: 1 },
            |entry| entry.note.changes[0].after = None,
            |entry| entry.batch_hash[31] ^= 1,
            |entry| entry.previous[0] ^= 1,
        ];
        for (place, change) in changes.into_iter().enumerate() {
            let mut changed = entry();
            change(&mut changed);
            assert_ne!(changed.canonical(), plain, "{place}");
        }
    }

    #[test]
    fn changes_are_what_differs_and_long_texts_are_cut() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let long = "ü".repeat(TEXT_BYTES_MAX);
        let before = [field("same", "1"), field("gone", "2"), field("other", "3")];
        let after = [field("same", "1"), field("other", &long), field("new", "5")];
        let changed = changes(&before, &after);
        let shown: Vec<_> = changed
            .iter()
            .map(|one| {
                (
                    one.field.as_str(),
                    one.before.as_deref(),
                    one.after.as_deref().map(str::len),
                )
            })
            .collect();
        assert_eq!(shown[1..], [("new", None, Some(1)), ("gone", Some("2"), None)]);
        let (name, before, after) = shown[0];
        assert_eq!((name, before), ("other", Some("3")));
        assert!(after.is_some_and(|bytes| bytes <= TEXT_BYTES_MAX), "{after:?}");
    }
}
