//! What waits beside a runner with a free slot is told of, and nothing else is.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::cancel::Cancel;
use muster_core::decide::integration::create::Create;
use muster_core::dispatch;
use muster_core::dispatch::stuck::{LANES_MAX, STUCK_AFTER, Watch};
use muster_core::entity::Definition;
use muster_core::words::{ConnectorName, ExecutionId, Pool, PoolName, Principal};

use crate::model::{Model, definition, intervals, organization, runner_id};

const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Creates an integration, whose first execution is queued with it.
fn queue(model: &mut Model, definition: Definition) -> ExecutionId {
    // Of two that are created at the same time chance says which one is the older.
    model.now.stamp = model.now.stamp.after(Duration::from_millis(1));
    let before: Vec<_> = model.state.everywhere().executions().map(|one| one.id).collect();
    let create = Create {
        organization: organization(),
        definition,
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    };
    let created = model.ask(&Principal::local(), Command::CreateIntegration(create));
    created.expect("it is new");
    let mut open = model.state.everywhere().executions().map(|one| one.id);
    open.find(|id| !before.contains(id)).expect("it is queued at once")
}

fn dispatch_one(model: &mut Model) {
    let claim = dispatch::next(&model.state).expect("one waits, and there is a slot");
    let claimed = model.ask(&Principal::Coordinator, Command::Claim(claim));
    claimed.expect("never refused");
}

/// Ends all that runners hold.
fn end_all(model: &mut Model) {
    let held: Vec<_> = model.state.index().held_by(runner_id(0)).collect();
    for execution in held {
        let cancel = Cancel {
            organization: organization(),
            execution,
            reason: None,
        };
        let canceled = model.ask(&Principal::local(), Command::Cancel(cancel));
        canceled.expect("it is open");
    }
}

/// Lets time pass, with a look every 5 s; returns whom the looks told of, and when.
fn look(model: &mut Model, watch: &mut Watch, span: Duration, dispatches: bool) -> Vec<(ExecutionId, Duration)> {
    let mut told = Vec::new();
    let mut passed = Duration::ZERO;
    while passed < span {
        model.now.moment = model.now.moment.after(LOOK_EVERY);
        passed += LOOK_EVERY;
        let stuck = watch.look(&model.state, dispatches, model.now.moment);
        told.extend(stuck.into_iter().map(|stuck| (stuck.execution, stuck.waited)));
    }
    told
}

#[test]
fn what_an_idle_runner_does_not_get_for_a_minute_is_told_once() {
    let mut model = Model::new(1);
    let mut watch = Watch::default();
    model.check_in(0, false);
    // Nothing is dispatched here: as if dispatch did not look at this lane.
    let (first, second) = (queue(&mut model, definition(1)), queue(&mut model, definition(2)));
    assert_eq!(look(&mut model, &mut watch, STUCK_AFTER, true), []);
    assert_eq!(look(&mut model, &mut watch, LOOK_EVERY, true), [(first, STUCK_AFTER)]);
    let again = look(&mut model, &mut watch, 10 * STUCK_AFTER, true);
    assert_eq!(again, [], "it is told again, or one behind it is");

    // The next one has its own minute.
    assert_ne!(first, second);
    dispatch_one(&mut model);
    assert_eq!(look(&mut model, &mut watch, STUCK_AFTER, true), []);
    assert_eq!(look(&mut model, &mut watch, LOOK_EVERY, true), [(second, STUCK_AFTER)]);
}

#[test]
fn what_waits_for_a_runner_or_for_the_coordinator_is_not_stuck() {
    let mut model = Model::new(1);
    let mut watch = Watch::default();
    queue(&mut model, definition(1));
    assert_eq!(
        look(&mut model, &mut watch, 10 * STUCK_AFTER, true),
        [],
        "nobody is there"
    );
    model.check_in(0, false);
    assert_eq!(
        look(&mut model, &mut watch, LOOK_EVERY, true),
        [],
        "somebody has just come"
    );
    assert_eq!(
        look(&mut model, &mut watch, 10 * STUCK_AFTER, false),
        [],
        "nothing is given out"
    );
    assert_eq!(
        look(&mut model, &mut watch, STUCK_AFTER, true),
        [],
        "it is given out for less than a minute"
    );
}

#[test]
fn a_queue_that_moves_is_not_stuck_however_long_it_is() {
    let mut model = Model::new(1);
    let mut watch = Watch::default();
    model.check_in(0, false);
    for n in 0..40 {
        queue(&mut model, definition(n));
    }
    // A look may come in the middle of a turn, when a slot has just become free: then there is a head, and a vacancy.
    for _ in 0..30 {
        assert_eq!(look(&mut model, &mut watch, LOOK_EVERY, true), []);
        dispatch_one(&mut model);
        assert!(model.state.roster().vacancies().len() <= 1);
        end_all(&mut model);
    }
}

#[test]
fn more_queues_than_one_look_takes_in_are_looked_at_in_turn() {
    let mut model = Model::new(1);
    let mut watch = Watch::default();
    // Nobody serves these; the one that somebody serves comes after them all.
    let lanes = u32::try_from(LANES_MAX).expect("few") + 7;
    for n in 0..lanes {
        let mut elsewhere = definition(n);
        elsewhere.pool = Pool::named(&organization(), &PoolName::new(&format!("a{n}")).expect("a name"));
        queue(&mut model, elsewhere);
    }
    model.check_in(0, false);
    let served = queue(&mut model, definition(lanes));
    let last = model.state.index().waiting().last().expect("many").clone();
    assert_eq!(model.state.roster().vacancy(&last), Some(runner_id(0)));
    assert_eq!(last.connector, ConnectorName::new("host").expect("a name"));

    let told = look(&mut model, &mut watch, 3 * STUCK_AFTER, true);
    let [(execution, waited)] = told.as_slice() else {
        panic!("told of {told:?}");
    };
    assert_eq!(*execution, served);
    assert!(*waited < STUCK_AFTER + 2 * LOOK_EVERY, "{waited:?}");
}
