//! The lines of an exported audit log, as `docs/audit.md` says: what `muster audit export` prints, and what the page gives to be kept.

use serde::{Deserialize, Serialize};

use crate::v1::{AuditCallerKind, AuditChain, AuditEntry, AuditOutcome};

/// The version of the lines, and of what hashes are made of.
pub const VERSION: u32 = 1;

/// The first line: whose log it is, and where it begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the lines.
    pub muster_audit_log: u32,
    /// Whose: `organizations/{organization}`, or `service`.
    pub log: String,
    /// The number of the first entry that follows.
    pub first: u64,
    /// The hash of the one before it.
    pub previous_hash: String,
    /// The number of the last entry.
    pub last: u64,
    /// Its hash.
    pub hash: String,
}

/// Any other line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `AuditEntry`, by the same names")]
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

/// Who made the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `AuditCaller`, by the same names")]
pub struct Caller {
    pub kind: String,
    pub id: String,
    pub person: String,
    pub name: String,
}

/// A field that was one thing and is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of `AuditChange`, by the same names")]
pub struct Change {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Header {
    /// That of an export whose first entry is `first`, which follows an entry of this hash.
    #[must_use]
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
#[must_use]
pub fn outcome(outcome: AuditOutcome) -> &'static str {
    match outcome {
        AuditOutcome::Unspecified => "unknown",
        AuditOutcome::Done => "done",
        AuditOutcome::Refused => "refused",
        AuditOutcome::MoreRefused => "more_refused",
    }
}
