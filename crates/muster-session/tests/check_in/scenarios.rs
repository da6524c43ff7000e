//! Stories of both ends and the real core, with one fault each.

use std::time::Duration;

use muster_core::decide::CheckEnd;
use muster_core::entity::Phase;
use muster_core::words::{Category, Outcome};

use crate::world::{Step, World};

const BOUND: Duration = Duration::from_secs(20 * 60);

/// A world whose runners are checked in and have work; runner 0 has some of it.
fn busy(runners: usize) -> World {
    let mut world = World::new(1, runners);
    world.settle();
    for which in 0..runners {
        assert!(world.is_checked_in(which));
        assert_eq!(world.running(which).len(), 2, "all slots are taken");
    }
    world
}

fn completed(world: &World) -> usize {
    let outcomes = world.finished.values().map(|finished| &finished.outcome);
    outcomes
        .filter(|outcome| matches!(outcome, Outcome::Completed { .. }))
        .count()
}

#[test]
fn without_a_fault_each_execution_is_done_once_at_its_first_attempt() {
    let mut world = busy(2);
    world.work(0, 0, Step::Start);
    world.work(0, 0, Step::Say);
    world.heal(Duration::from_secs(5));
    assert_eq!(completed(&world), 6);
    assert!(
        world
            .finished
            .values()
            .all(|one| one.attempt.0 == 1 && one.failures == 0)
    );
    assert_eq!(world.ignored, 0, "no runner was given more than it has slots");
    assert!(world.lines_kept > 0);
}

#[test]
fn a_broken_stream_costs_no_attempt() {
    let mut world = busy(1);
    world.work(0, 0, Step::Start);
    world.settle();
    world.work(0, 1, Step::Complete { records: 2 });
    world.break_stream(0);
    world.live(2_000);
    assert!(world.is_checked_in(0));
    world.heal(Duration::from_secs(60));
    assert!(
        world.finished.values().all(|one| one.attempt.0 == 1),
        "what ran went on"
    );
}

#[test]
fn a_lost_ack_is_answered_as_the_first_was() {
    let mut world = busy(1);
    world.work(0, 0, Step::Complete { records: 2 });
    world.deafen(0, false);
    world.settle();
    assert_eq!(world.results(0), [None], "decided, and the runner does not know");
    assert_eq!(completed(&world), 1);
    world.live(60_000);
    assert_eq!(world.results(0), [Some(true)]);
}

#[test]
fn a_coordinator_that_is_killed_takes_the_runner_back() {
    let mut world = busy(1);
    world.work(0, 0, Step::Start);
    world.settle();
    world.work(0, 1, Step::Complete { records: 2 });
    world.restart_coordinator();
    world.heal(Duration::from_secs(60));
    assert!(world.finished.values().all(|one| one.attempt.0 == 1));
}

#[test]
fn a_runner_that_is_killed_reports_what_it_had_finished_and_loses_the_rest() {
    let mut world = busy(1);
    world.refuse_connections = true;
    world.break_stream(0);
    world.work(0, 0, Step::Complete { records: 2 });
    world.restart_runner(0);
    world.refuse_connections = false;
    world.live(2_000);
    assert_eq!(world.results(0), [Some(true)], "the spool was kept");
    world.heal(BOUND);
}

#[test]
fn half_open_streams_are_noticed_within_the_lease() {
    for up in [false, true] {
        let mut world = busy(2);
        world.work(0, 0, Step::Start);
        world.settle();
        world.deafen(0, up);
        world.live(90_000);
        assert!(world.is_checked_in(0), "it is back on a new stream, up: {up}");
        world.heal(BOUND);
    }
}

#[test]
fn a_runner_without_a_coordinator_stops_before_its_work_goes_to_others() {
    let mut world = busy(2);
    for task in 0..2 {
        world.work(0, task, Step::Start);
    }
    world.settle();
    let before = world.running(0);
    world.deafen(0, true);
    world.deafen(0, false);
    world.refuse_connections = true;
    world.live(48_500);
    assert!(world.running(0).is_empty(), "it has stopped by itself");
    for (execution, _) in &before {
        let execution = world.state.everywhere().execution(*execution).expect("it is open");
        assert!(matches!(execution.phase, Phase::Executing(_)), "nobody else has it yet");
    }
    world.live(20_000);
    for (execution, attempt) in &before {
        let execution = world.state.everywhere().execution(*execution).expect("it is open");
        assert!(execution.holder().is_none_or(|claim| claim.attempt > *attempt));
        assert_eq!(
            execution.last_failure.as_ref().expect("lost").category,
            Category::RunnerLost
        );
    }
    world.heal(BOUND);
}

#[test]
fn a_canceled_execution_is_stopped_at_its_runner() {
    let mut world = busy(1);
    let before = world.running(0);
    for which in 0..6 {
        world.cancel(5 - which);
    }
    world.settle();
    assert!(world.running(0).is_empty(), "of {before:?}");
    assert_eq!(world.open_count(), 0);
}

#[test]
fn a_late_result_is_fenced() {
    let mut world = busy(2);
    world.refuse_connections = true;
    world.break_stream(0);
    world.work(0, 0, Step::Complete { records: 2 });
    world.live(70_000);
    world.refuse_connections = false;
    world.live(35_000);
    assert_eq!(world.results(0), [Some(false)], "its lease was over");
    world.heal(BOUND);
}

#[test]
fn an_assignment_that_never_arrives_is_withdrawn_without_a_failure() {
    let mut world = World::new(1, 1);
    world.step(2);
    world.step(2);
    world.pass(1);
    while world.state.everywhere().executions().all(|one| one.holder().is_none()) {
        assert!(world.step(1), "it is assigned");
    }
    world.deafen(0, false);
    world.live(11_000);
    assert!(
        world
            .state
            .everywhere()
            .executions()
            .any(|one| one.attempt.0 > 1 || one.holder().is_none()),
        "withdrawn"
    );
    assert!(world.state.everywhere().executions().all(|one| one.failures == 0));
    world.heal(BOUND);
}

#[test]
fn a_draining_runner_leaves_when_it_is_done() {
    let mut world = busy(2);
    world.drain(0);
    world.settle();
    assert!(!world.is_idle(0));
    for _ in 0..2 {
        world.work(0, 0, Step::Complete { records: 1 });
    }
    world.settle();
    assert!(world.is_idle(0));
    assert!(world.running(0).is_empty(), "it is given nothing new");
    world.heal(BOUND);
}

#[test]
fn reconnecting_by_age_costs_nothing() {
    let mut world = busy(2);
    world.work(0, 0, Step::Start);
    world.shut_down_streams();
    world.live(3_000);
    assert!(world.is_checked_in(0) && world.is_checked_in(1));
    world.heal(Duration::from_secs(60));
    assert!(world.finished.values().all(|one| one.attempt.0 == 1));
}

#[test]
fn a_runner_that_is_gone_loses_its_work_to_another() {
    let mut world = busy(2);
    world.switch_off(0, true);
    world.live(66_000);
    for _ in 0..10 {
        for task in 0..2 {
            world.work(1, task, Step::Complete { records: 1 });
        }
        world.live(60_000);
    }
    assert_eq!(world.open_count(), 0, "the other has done it all");
    world.switch_off(0, false);
    world.heal(BOUND);
}

#[test]
fn a_stream_that_its_runner_has_left_is_superseded() {
    let mut world = busy(1);
    world.deafen(0, true);
    world.break_stream(0);
    assert_eq!(world.stream_count(), 1, "the coordinator does not know that it is over");
    world.live(2_000);
    assert!(world.is_checked_in(0));
    assert_eq!(world.stream_count(), 1, "the newest session wins");
    world.heal(Duration::from_secs(60));
    assert!(world.finished.values().all(|one| one.attempt.0 == 1));
}

#[test]
fn heartbeats_alone_keep_streams_and_work_for_hours() {
    let mut world = busy(2);
    world.work(0, 0, Step::Start);
    world.live(2 * 60 * 60 * 1_000);
    assert_eq!(world.connection_count(), 2, "nobody had to check in anew");
    world.heal(Duration::from_secs(5));
    assert!(world.finished.values().all(|one| one.attempt.0 == 1));
}

/// What was assigned meanwhile was withdrawn from both runners again and again, so that neither gets anything more on its stream.
#[test]
fn a_network_that_stands_still_for_a_while_excludes_nobody_for_ever() {
    let mut world = World::new(0, 2);
    for budget in [4, 2, 5] {
        world.step(budget);
    }
    world.pass(20_000);
    world.heal(Duration::from_secs(2 * 60));
}

#[test]
fn a_check_goes_to_a_runner_and_its_result_back_beside_full_slots() {
    let mut world = busy(1);
    world.ask_check(0);
    world.settle();
    assert_eq!(world.checking(0), 1);
    world.checked(0, true);
    world.settle();
    let ends: Vec<_> = world.checks.values().collect();
    let [
        Some(CheckEnd::Reported {
            failure: Some(failure), ..
        }),
    ] = &ends[..]
    else {
        panic!("it is told: {ends:?}")
    };
    assert_eq!(failure.category, Category::Permission);
    world.heal(BOUND);
}

#[test]
fn a_check_ends_with_its_stream_at_both_ends() {
    let mut world = busy(1);
    world.ask_check(0);
    world.settle();
    world.break_stream(0);
    assert_eq!(world.checking(0), 0, "nobody waits for it");
    world.settle();
    let ends: Vec<_> = world.checks.values().collect();
    assert!(matches!(ends[..], [Some(CheckEnd::Unanswered { .. })]), "{ends:?}");
    world.heal(BOUND);
}

#[test]
fn a_drained_runner_says_how_its_check_has_ended_before_it_leaves() {
    let mut world = busy(1);
    world.ask_check(0);
    world.settle();
    for task in 0..2 {
        world.work(0, task, Step::Complete { records: 0 });
    }
    world.drain(0);
    world.settle();
    assert!(!world.is_idle(0));
    world.checked(0, false);
    world.settle();
    assert!(
        world
            .checks
            .values()
            .all(|end| matches!(end, Some(CheckEnd::Reported { failure: None, .. })))
    );
}
