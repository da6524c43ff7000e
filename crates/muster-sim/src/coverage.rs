//! What must occur: a simulator that never causes a fault, or never sees a transition, shows nothing about it.

use std::collections::BTreeMap;

/// What may follow what in the life of an execution, and what else is to be seen.
const SEEN: &[&str] = &[
    "created by the schedule",
    "created by run now",
    "created by activation",
    "Created → Pending",
    "Pending → Executing",
    "Executing → Landing",
    "Landing → Completed",
    "Executing → Completed",
    "Pending → Created (withdrawn)",
    "Pending → Created (failed)",
    "Executing → Created (failed)",
    "Pending → Error (failures)",
    "Executing → Error (failures)",
    "Executing → Error (final)",
    "Created → Error (canceled)",
    "Pending → Error (canceled)",
    "Executing → Error (canceled)",
    "Landing → Error",
    "rerouted",
    "fell due",
    "skip: still open",
    "skip: missed",
    "integration created",
    "integration drafted",
    "integration updated",
    "integration enabled",
    "integration disabled",
    "integration deleted",
    "threshold reached",
    "threshold left",
    "threshold reached and left, and nobody has looked",
    "incident opened",
    "incident opened (held)",
    "incident reminded",
    "incident closed: recovered",
    "incident closed: disabled",
    "incident closed: deleted",
    "incident closed: muted",
    "incident forgotten",
    "delivery sent",
    "delivery deferred",
    "delivery dead",
    "a mail is taken, and nobody hears of it",
    "a mail is taken twice",
    "what became of a mail is said twice",
    "runner checked in",
    "runner lapsed",
    "runner left",
    "connector offered",
    "published",
    "publishing is impossible",
    "publishing fails for now",
    "a flush stalls",
    "something beside the shard stalls",
    "the store fails, and the process stops",
    "crash with nothing unflushed",
    "crash: unflushed writes lost",
    "crash: unflushed writes kept",
    "crash: unflushed writes kept in part",
    "a restart without the last batches",
    "a restart over a trimmed journal",
    "an upload breaks",
    "an upload comes twice",
    "the answer to an upload is lost",
    "a runner says wrong counts",
    "a runner gives its stream up",
    "a drained runner leaves",
    "a result is not kept",
    "an assignment is not taken",
    "work is stopped",
    "a request is repeated",
    "somebody reaches for another organization's",
];

/// Everything that must occur.
pub fn all() -> impl Iterator<Item = &'static str> {
    crate::faults::names().chain(SEEN.iter().copied())
}

/// What has not occurred.
#[must_use]
pub fn missing(counts: &BTreeMap<&'static str, u64>) -> Vec<&'static str> {
    all().filter(|name| !counts.contains_key(name)).collect()
}
