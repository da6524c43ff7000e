//! What holds whatever happens, in any order.

use std::time::Duration;

use proptest::prelude::*;

use crate::world::{Step, World};

const RUNNERS: usize = 2;

/// One thing that happens to the world.
#[derive(Debug, Clone)]
enum Deed {
    Move(usize),
    Settle,
    /// Time in which nothing moves, and time in which all does.
    Pass(u64),
    Live(u64),
    Work(usize, usize, Step),
    RunNow(usize),
    Check(usize),
    Checked(usize, bool),
    Cancel(usize),
    Break(usize),
    Deafen(usize, bool),
    RestartRunner(usize),
    RestartCoordinator,
    Reconnect,
    Drain(usize),
    Refuse(bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    let runner = 0..RUNNERS;
    prop_oneof![
        8 => (1..6_usize).prop_map(Deed::Move),
        6 => Just(Deed::Settle),
        3 => prop_oneof![1..2_000_u64, 2_000..20_000_u64, 20_000..90_000_u64].prop_map(Deed::Pass),
        4 => prop_oneof![1..2_000_u64, 2_000..20_000_u64, 20_000..90_000_u64].prop_map(Deed::Live),
        8 => (runner.clone(), 0..2_usize, step()).prop_map(|(runner, task, step)| Deed::Work(runner, task, step)),
        4 => (0..3_usize).prop_map(Deed::RunNow),
        3 => (0..3_usize).prop_map(Deed::Check),
        3 => (runner.clone(), any::<bool>()).prop_map(|(runner, fails)| Deed::Checked(runner, fails)),
        1 => (0..8_usize).prop_map(Deed::Cancel),
        2 => runner.clone().prop_map(Deed::Break),
        2 => (runner.clone(), any::<bool>()).prop_map(|(runner, up)| Deed::Deafen(runner, up)),
        1 => runner.clone().prop_map(Deed::RestartRunner),
        1 => Just(Deed::RestartCoordinator),
        1 => Just(Deed::Reconnect),
        1 => runner.prop_map(Deed::Drain),
        1 => any::<bool>().prop_map(Deed::Refuse),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Start),
        Just(Step::Say),
        (0..3_u64).prop_map(|records| Step::Complete { records }),
        any::<bool>().prop_map(|retryable| Step::Fail { retryable }),
    ]
}

fn carry_out(world: &mut World, deed: &Deed) {
    match *deed {
        Deed::Move(budget) => {
            world.step(budget);
        }
        Deed::Settle => world.settle(),
        Deed::Pass(millis) => world.pass(millis),
        Deed::Live(millis) => world.live(millis),
        Deed::Work(runner, task, step) => world.work(runner, task, step),
        Deed::RunNow(which) => world.run_now(which),
        Deed::Check(which) => world.ask_check(which),
        Deed::Checked(runner, fails) => world.checked(runner, fails),
        Deed::Cancel(which) => world.cancel(which),
        Deed::Break(runner) => world.break_stream(runner),
        Deed::Deafen(runner, up) => world.deafen(runner, up),
        Deed::RestartRunner(runner) => world.restart_runner(runner),
        Deed::RestartCoordinator => world.restart_coordinator(),
        Deed::Reconnect => world.shut_down_streams(),
        Deed::Drain(runner) => world.drain(runner),
        Deed::Refuse(refuse) => world.refuse_connections = refuse,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each execution ends once, no attempt runs twice, what is acknowledged is true, queues stay bounded (all checked
    /// at each step), and after the faults everything ends and every spool is empty.
    #[test]
    fn whatever_happens_everything_ends_once(seed in any::<u64>(), deeds in prop::collection::vec(deed(), 1..120)) {
        let mut world = World::new(seed, RUNNERS);
        for deed in &deeds {
            carry_out(&mut world, deed);
        }
        world.heal(Duration::from_secs(20 * 60));
    }
}
