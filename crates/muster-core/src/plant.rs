//! Small defects that can be planted, to see whether the simulator finds them: what it does not find it does not look at.
//!
//! Where one can be planted, the code asks [`planted!`](crate::planted) for it by its name. Without the feature `plant`, which only the simulator's
//! own build has, that is the constant `false`.

/// All of them: the name, and what is wrong then.
pub const PLANTS: &[(&str, &str)] = &[
    // The core: what may happen.
    (
        "attempt-not-compared",
        "a report counts for whatever attempt its runner holds",
    ),
    ("attempt-not-increased", "a claim has the number of the one before"),
    ("retry-not-counted", "a failed attempt does not count as failed"),
    ("one-retry-too-many", "a fourth attempt may fail"),
    ("final-failure-retried", "what needs a person is tried again"),
    ("withdrawal-counted", "a withdrawn claim counts as a failure"),
    ("back-off-ignored", "what backs off can be claimed at once"),
    (
        "skip-not-recorded",
        "nominal times that pass while an execution is open leave no trace",
    ),
    ("skip-one-too-many", "the time that runs is recorded as skipped, too"),
    ("phase-ignored", "all integrations fall due at the same time"),
    (
        "changed-interval-keeps-its-time",
        "a changed interval takes effect one collection late",
    ),
    (
        "cancel-past-the-commit-point",
        "what is being published can be canceled",
    ),
    ("counts-not-compared", "a good end needs no matching counts"),
    ("cursor-forgotten", "a good end does not save its cursor"),
    ("warning-forgotten", "zero records after some are no wonder"),
    ("run-now-piles-up", "run now queues although one is open"),
    ("due-piles-up", "the schedule queues although one is open"),
    (
        "organization-not-compared",
        "whoever knows an integration's id may change it",
    ),
    (
        "sealed-to-anybody",
        "secrets are given to runners that cannot open them",
    ),
    (
        "suspended-dispatched",
        "what is queued of an organization that is suspended is given to runners",
    ),
    (
        "suspended-falls-due",
        "an organization that is suspended collects by its schedules",
    ),
    (
        "suspended-checks-in",
        "the runners of an organization that is suspended are let in",
    ),
    ("quota-one-too-many", "an organization gets one more than it may have"),
    (
        "queue-stays-in-its-pool",
        "what is queued does not move with its integration",
    ),
    (
        "return-stays-in-its-pool",
        "what goes back to the queue does not follow its integration to another pool",
    ),
    ("disable-leaves-queued", "disabling does not cancel what is queued"),
    ("delete-leaves-open", "deleting does not cancel what is open"),
    ("request-forgotten", "a repeated request makes a second integration"),
    (
        "access-request-forgotten",
        "a repeated request makes a second person or token",
    ),
    ("trouble-stays", "a good end leaves the integration in Error"),
    (
        "failing-check-stays",
        "a good end leaves the integration in Error by a check that failed before",
    ),
    (
        "check-of-old-revision-counts",
        "the result of a check counts though the configuration is another by now",
    ),
    (
        "check-result-of-another-runner-taken",
        "whoever knows a check's id may say how it ended",
    ),
    (
        "lost-check-counts",
        "a runner that is lost while it checks makes the integration an Error",
    ),
    (
        "pause-ignored",
        "a pause leaves the upcoming collections where they are",
    ),
    (
        "replay-applies-twice",
        "an event is applied to an entity that contains it",
    ),
    ("nobody-expected", "after a start no lease of an absent runner ends"),
    ("any-session-counts", "what an older session says counts for the newest"),
    ("lease-too-short", "a lease ends at its half"),
    (
        "given-up-counts",
        "what a runner had to give up, since it was sent away or the coordinator stood still, counts as failed",
    ),
    (
        "standstill-counts",
        "time in which the coordinator itself stood still counts against runners",
    ),
    ("lane-ignored", "dispatch does not look at one of several queues"),
    ("never-withdrawn", "an assignment that is never confirmed stays"),
    ("one-slot-too-many", "a runner is given more than it has slots"),
    (
        "record-stamp-too-high",
        "a record says that it contains a batch more than it does",
    ),
    // Health: whom errors are told to.
    ("window-forgets", "the window keeps the newest four ends only"),
    ("window-edge-counts", "an end that is as old as the window still counts"),
    ("canceled-counts", "an execution that was canceled counts as failed"),
    (
        "share-exceeded",
        "an error rate must exceed the threshold, and not only reach it",
    ),
    ("hysteresis-ignored", "an error rate below the threshold has recovered"),
    (
        "hold-ignored",
        "an incident opens though the threshold has not held yet",
    ),
    (
        "hold-not-judged-again",
        "an incident opens though the threshold has not held",
    ),
    (
        "sample-ignored",
        "an incident opens with fewer executions than it needs",
    ),
    (
        "slide-not-looked-at",
        "nobody looks at an integration when an end slides out of its window",
    ),
    (
        "look-before-the-jobs",
        "the end that reaches the threshold and the incident are not in one batch",
    ),
    ("pool-offline-at-once", "a pool is told of when its last runner goes"),
    (
        "pool-back-not-seen",
        "an incident of a pool stays open although a runner is back",
    ),
    ("pool-back-not-told", "nobody hears that a pool has a runner again"),
    (
        "unused-pool-stays-open",
        "an incident of a pool that nobody relies on any more stays open",
    ),
    ("outdated-at-once", "an old runner is told of when it checks in"),
    (
        "too-old-served",
        "a runner gets work although it is older than it may be",
    ),
    (
        "reminder-opens-anew",
        "an incident that is to be told again opens a second time",
    ),
    ("reminder-too-early", "an incident is told again after half the time"),
    (
        "mute-leaves-open",
        "an incident stays open though its notifications were switched off",
    ),
    (
        "delete-leaves-incident",
        "an incident stays open though its integration was deleted",
    ),
    ("closing-not-told", "nobody is told that an incident is over"),
    ("first-recipient-only", "of several recipients only the first is told"),
    (
        "tally-of-a-day",
        "what is told is counted over a day, whatever the window",
    ),
    ("deferral-is-sent", "a mail that was put off counts as sent"),
    ("dead-too-early", "a mail that is put off is given up after an hour"),
    ("tries-not-compared", "what became of a try is heard twice"),
    (
        "deferred-left-out",
        "a mail that was put off is not in the outbox any more",
    ),
    (
        "outbox-not-announced",
        "nobody is told that there is something new in the outbox",
    ),
    (
        "incident-forgotten-too-early",
        "an incident is remembered for a day only",
    ),
    ("incident-never-forgotten", "an incident that is over stays for ever"),
    // The store: what is kept.
    ("flush-does-nothing", "a flush flushes nothing"),
    ("start-not-flushed", "what a start finds is told before it is flushed"),
    (
        "claims-not-written",
        "a record does not keep whose failures were accepted",
    ),
    ("cursor-not-written", "the journal does not keep a committed cursor"),
    ("trim-ignores-records", "the journal is trimmed though records need it"),
    ("audit-note-not-carried", "some notes do not come into their audit log"),
    (
        "ended-record-stays",
        "the record of an execution that has ended is not removed",
    ),
    ("ends-not-written", "a record lacks the oldest end of its window"),
    // Access: who may do what.
    ("gives-what-it-has-not", "whoever gives a role need not have it"),
    ("last-admin-goes", "the last token that opens everything can be revoked"),
    // The shard: when it is told.
    ("answer-before-flush", "answers are released when the batch is appended"),
    ("released-out-of-order", "the newest batch is released first"),
    (
        "second-entity-not-noted",
        "the record of an execution's integration is not written",
    ),
    ("clock-goes-back", "stamps follow a wall clock that is set back"),
    ("history-lacks-one", "history does not take every end"),
    ("tail-not-looked-at", "what has just ended is not found"),
    ("undurable-record", "a record is written before its batch is durable"),
    // The session: what is said.
    (
        "ack-before-answer",
        "a start is acknowledged before the shard has answered",
    ),
    ("not-heard", "a heartbeat does not renew the lease"),
    (
        "unspooled-by-any-ack",
        "a runner forgets its result when its start is acknowledged",
    ),
    (
        "not-reported-anew",
        "a runner does not repeat its reports on a new stream",
    ),
    (
        "works-past-its-lease",
        "a runner works on although it has not heard the coordinator for its lease",
    ),
    (
        "resumed-not-compared",
        "a runner goes on with what the welcome does not name",
    ),
    ("fence-not-obeyed", "a fenced runner works on"),
    // The landing: what is seen.
    ("checksum-not-compared", "damaged records are published"),
    ("folder-not-synced", "records are published before they are durable"),
    ("sweep-takes-open", "a sweep removes what may still be published"),
    (
        "discard-takes-all",
        "to forget one attempt removes what the next has staged",
    ),
];

/// The place of a name among [`PLANTS`].
///
/// # Panics
/// When there is no such name: at compile time, where it is planted.
#[must_use]
pub const fn number(name: &str) -> usize {
    let mut number = 0;
    while number < PLANTS.len() {
        // Of the comparisons of text the one that can be made at compile time; all names are in lower case.
        if PLANTS[number].0.eq_ignore_ascii_case(name) {
            return number;
        }
        number += 1;
    }
    panic!("no such defect is listed")
}

/// Whether the defect of this name is planted: a constant `false`, but in the simulator's own build.
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::plant::is(const { $crate::plant::number($name) })
    };
}

/// Whether a defect is planted.
#[cfg(not(feature = "plant"))]
#[must_use]
pub const fn is(_number: usize) -> bool {
    false
}

#[cfg(feature = "plant")]
pub use chosen::{is, plant};

#[cfg(feature = "plant")]
mod chosen {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static PLANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Whether a defect is planted.
    #[must_use]
    pub fn is(number: usize) -> bool {
        PLANTED.load(Ordering::Relaxed) == number
    }

    /// Plants a defect in this process, in the place of the one before; `None` plants none.
    pub fn plant(number: Option<usize>) {
        PLANTED.store(number.unwrap_or(usize::MAX), Ordering::Relaxed);
    }
}
