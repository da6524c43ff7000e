//! Where what dies.

/// What has to be done for a process to come to a failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing: it comes there when it starts, or by its work.
    Working,
    /// The same, but only after it has worked for some seconds.
    Old,
    /// It is told to stop.
    Stopping,
    /// The same, after it has worked for some seconds.
    StoppingOld,
    /// It is killed from outside while the engine writes its snapshot, where there is no place for a failpoint of ours.
    Snapshot,
    /// The machine is lost with it, before a flush.
    MachineLost,
    /// It is killed from outside at any moment.
    AnyMoment,
}

/// A place to die at.
#[derive(Debug)]
pub(super) struct Death {
    /// The failpoint; a name of its own where there is none.
    pub(super) at: &'static str,
    pub(super) when: When,
    /// The most times that a process comes there before it dies: about as often as it does within a second.
    pub(super) ordinal_max: u32,
}

const fn working(at: &'static str, ordinal_max: u32) -> Death {
    let when = When::Working;
    Death { at, when, ordinal_max }
}

const fn stopping(at: &'static str, ordinal_max: u32) -> Death {
    let when = When::Stopping;
    Death { at, when, ordinal_max }
}

const fn old(at: &'static str, when: When, ordinal_max: u32) -> Death {
    Death { at, when, ordinal_max }
}

const fn killed(at: &'static str, when: When) -> Death {
    let ordinal_max = 1;
    Death { at, when, ordinal_max }
}

const fn machine_lost(ordinal_max: u32) -> Death {
    Death {
        at: "(the machine lost before a flush)",
        when: When::MachineLost,
        ordinal_max,
    }
}

/// The steps in which a store is made, in their order.
pub(super) const MAKING: &[Death] = &[
    working("store-begun", 1),
    working("store-noted", 1),
    working("store-engine", 1),
    working("store-synced", 1),
    working("store-named", 1),
];

/// Those of a coordinator that has a store.
pub(super) const COORDINATOR: &[Death] = &[
    working("opening", 1),
    killed("(killed while the engine writes its snapshot)", When::Snapshot),
    working("opened", 1),
    working("replayed", 1),
    working("recovered", 1),
    working("landing-opened", 1),
    working("append", 60),
    working("appended", 60),
    working("engine-flushed", 60),
    working("synced", 60),
    working("noted", 60),
    working("releasing", 30),
    working("released", 60),
    // What is told too early anywhere is seen here, so this is done more often than the others.
    machine_lost(60),
    machine_lost(40),
    machine_lost(20),
    machine_lost(10),
    working("history-put", 10),
    working("history-putting", 10),
    stopping("tallies-part", 1),
    stopping("tallies-unmarked", 1),
    stopping("tallies-marked", 1),
    old("records-write", When::Old, 2),
    old("records-sum", When::Old, 2),
    old("records-written", When::Old, 2),
    stopping("trim", 1),
    old("trim-anchor", When::StoppingOld, 1),
    old("trim-piece", When::StoppingOld, 20),
    stopping("trimmed", 1),
    working("upload-begun", 10),
    working("upload-written", 10),
    working("upload-complete", 10),
    working("upload-staged", 10),
    working("commit", 10),
    working("publish", 10),
    working("publish-manifest", 10),
    working("publish-data", 10),
    working("published-unsynced", 10),
    working("published", 10),
    working("landed", 10),
    stopping("stop", 1),
    stopping("stop-keeper", 1),
    stopping("stop-closing", 1),
    stopping("stop-closed", 1),
    killed("(the coordinator killed at any moment)", When::AnyMoment),
];

/// Those of a runner.
pub(super) const RUNNER: &[Death] = &[
    working("runner-started", 1),
    working("runner-uploaded", 10),
    working("runner-ended", 10),
    working("spool", 10),
    working("spooling", 10),
    working("spooled", 10),
    working("report", 20),
    working("reported", 20),
    working("unspool", 10),
    working("unspooled", 10),
    killed("(a runner killed at any moment)", When::AnyMoment),
];

/// Those to which one only comes that has mails to send, lets runners enroll, or writes audit logs: `alerts/kills.rs`, `enrollment.rs` and `audit.rs` have one
/// die there.
const ELSEWHERE: &[&str] = &["mail", "mailed", "enrolled", "audit-carried"];

#[test]
fn something_dies_at_every_failpoint() {
    let all = [MAKING, COORDINATOR, RUNNER].into_iter().flatten();
    let here = all.map(|death| death.at).filter(|at| !at.starts_with('('));
    let here: Vec<&str> = here.chain(ELSEWHERE.iter().copied()).collect();
    let there: Vec<&str> = muster_failpoint::FAILPOINTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(here, there);
}
