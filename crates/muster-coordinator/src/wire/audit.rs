//! Entries of the audit log.

use muster_core::audit::{Entry, Outcome, caller, hex, log_name};
use muster_core::words::{OrganizationId, Principal};
use muster_proto::v1;
use muster_store::audit::Chain;

use super::time::timestamp;

pub(crate) fn entry(entry: &Entry) -> v1::AuditEntry {
    let note = &entry.note;
    let (outcome, reason, message, refused_count) = match &note.outcome {
        Outcome::Done => (v1::AuditOutcome::Done, "", "", 0),
        Outcome::Refused { reason, message } => (v1::AuditOutcome::Refused, reason.as_str(), message.as_str(), 0),
        Outcome::MoreRefused { count } => (v1::AuditOutcome::MoreRefused, "", "", *count),
    };
    let (_, id, person, display_name) = caller(&entry.by);
    let changes = note.changes.iter().map(|change| v1::AuditChange {
        field: change.field.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    });
    v1::AuditEntry {
        log: log_name(note.log.as_ref()),
        number: entry.number,
        event_time: Some(timestamp(entry.at)),
        caller: Some(v1::AuditCaller {
            kind: kind(&entry.by).into(),
            id,
            person,
            display_name,
        }),
        address: note.peer.map(|peer| peer.to_string()).unwrap_or_default(),
        method: note.method.to_string(),
        request_id: note.request.clone(),
        resource: note.resource.clone(),
        outcome: outcome.into(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        refused_count,
        changes: changes.collect(),
        batch: entry.batch.0,
        batch_hash: hex(&entry.batch_hash),
        previous_hash: hex(&entry.previous),
        hash: hex(&entry.hash),
    }
}

fn kind(by: &Principal) -> v1::AuditCallerKind {
    match by {
        Principal::Operator(_) => v1::AuditCallerKind::Operator,
        Principal::Token { .. } => v1::AuditCallerKind::Token,
        Principal::Runner(_) => v1::AuditCallerKind::Runner,
        Principal::Coordinator => v1::AuditCallerKind::Coordinator,
    }
}

pub(crate) fn chain(log: Option<&OrganizationId>, chain: Option<&Chain>) -> v1::AuditChain {
    let never = Chain {
        first: 1,
        before: [0; 32],
        last: 0,
        hash: [0; 32],
    };
    let chain = chain.unwrap_or(&never);
    v1::AuditChain {
        log: log_name(log),
        first_number: chain.first,
        previous_hash: hex(&chain.before),
        last_number: chain.last,
        hash: hex(&chain.hash),
    }
}
