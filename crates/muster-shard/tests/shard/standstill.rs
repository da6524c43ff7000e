//! The process stands still, is starved, or waits for its disk: nobody is judged by the time in which nobody could be heard.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::{Report, progress};
use muster_core::decide::session::check_in::CheckIn;
use muster_core::decide::session::presence::Hear;
use muster_core::entity::{Phase, Profile};
use muster_core::words::{Claim, DisplayName, Principal, RunnerId, SessionId, Slots};
use muster_shard::stepped::SteppedShard;
use muster_store::memory::MemoryBackend;

use crate::rig::{definition, organization};
use crate::stepped::{ask, at, create, open};

const RUNNER: RunnerId = RunnerId(1);
const SESSION: SessionId = SessionId(1);

/// How long a runner has to confirm, and the grace after which nothing more comes of what was on its way.
const CONFIRM_S: u64 = 10;
const GRACE_S: u64 = 5;

/// A lease with its grace.
const LEASE_S: u64 = 65;

/// A shard of which a runner holds the only execution, since second 1,002.
fn holding() -> SteppedShard {
    let mut shard = open(&MemoryBackend::new(), at(1_000));
    create(&mut shard, at(1_001), &mut |_| ());
    let definition = definition("laptops");
    let check_in = CheckIn {
        runner: RUNNER,
        key: None,
        instance: None,
        session: SESSION,
        profile: Profile {
            display_name: DisplayName::new("hq-1").expect("a name"),
            organization: Some(organization()),
            pool: definition.pool,
            version: "1".into(),
            platform: "test".into(),
            slots: Slots(1),
            connectors: vec![definition.connector],
            sealing_key: None,
        },
        offers: Vec::new(),
        running: Vec::new(),
        finished: Vec::new(),
    };
    let by = Principal::Runner(RUNNER);
    ask(&mut shard, at(1_002), by, vec![Command::CheckIn(check_in)]);
    assert!(holder(&shard).is_some(), "it is assigned");
    shard
}

fn holder(shard: &SteppedShard) -> Option<Claim> {
    let open = shard.state().everywhere().executions().next();
    open.expect("it is open").holder()
}

fn start(shard: &mut SteppedShard, second: u64) {
    let execution = shard.state().everywhere().executions().next().expect("it is open").id;
    let claim = holder(shard).expect("it is assigned");
    let started = Command::Start(progress::Start(Report { execution, claim }));
    ask(shard, at(second), Principal::Runner(RUNNER), vec![started]);
}

fn hear(shard: &mut SteppedShard, second: u64) {
    let heard = Command::Hear(Hear {
        runner: RUNNER,
        session: SESSION,
    });
    ask(shard, at(second), Principal::Runner(RUNNER), vec![heard]);
}

/// Turns whenever the shard wants to, as its threads do, before `until`. Returns the last second of a turn.
fn turn_until(shard: &mut SteppedShard, from: u64, until: u64) -> u64 {
    let mut second = from;
    loop {
        let idle = shard.idle_for(at(second)).expect("a lease runs");
        let next = second + idle.as_secs().max(1);
        if next >= until {
            return second;
        }
        second = next;
        shard.turn(at(second));
    }
}

#[test]
fn the_writer_turns_often_while_somebody_has_a_deadline_so_that_a_standstill_shows() {
    let mut shard = holding();
    let idle = shard.idle_for(at(1_003)).expect("a lease runs");
    assert!(idle <= Duration::from_millis(2_001), "{idle:?}");
}

#[test]
fn neither_a_lease_nor_a_confirmation_passes_while_the_process_stands_still() {
    let mut shard = holding();
    // What the runner has said meanwhile comes after the first turn.
    let silent = turn_until(&mut shard, 1_002, 1_002 + CONFIRM_S);
    let second = silent + 3_600;
    shard.turn(at(second));
    let second = turn_until(&mut shard, second, second + GRACE_S);
    assert!(holder(&shard).is_some(), "it can still confirm");
    start(&mut shard, second);
    hear(&mut shard, second);

    // The same just before its lease would be over, once more.
    let silent = turn_until(&mut shard, second, second + LEASE_S - 1);
    let second = silent + 90;
    shard.turn(at(second));
    assert!(holder(&shard).is_some(), "its lease is not over");
    hear(&mut shard, second + 3);
    let last = turn_until(&mut shard, second + 3, second + 3 + LEASE_S - 1);
    assert!(
        holder(&shard).is_some(),
        "it was heard at second {}, and it is {last}",
        second + 3
    );
}

#[test]
fn whoever_is_not_heard_afterwards_is_lost_a_lease_later() {
    let mut shard = holding();
    start(&mut shard, 1_003);
    let silent = turn_until(&mut shard, 1_003, 1_003 + LEASE_S - 1);
    shard.turn(at(silent + 3_600));
    turn_until(&mut shard, silent + 3_600, silent + 3_600 + 2 * LEASE_S);
    assert_eq!(holder(&shard), None, "nobody is waited for twice");
    assert!(shard.state().roster().presence(RUNNER).is_none());
    let open = shard.state().everywhere().executions().next().expect("it is open");
    assert!(matches!(open.phase, Phase::Created { .. }), "{open:?}");
}
