//! Worlds that hold, and are the same each time.

use muster_sim::{Outcome, Plan, run};

fn assert_holds(outcome: &Outcome) {
    assert!(
        outcome.broken.is_none(),
        "seed {}: {:?}; repeat it with `cargo run -p muster-sim -- --seed {} --trace`",
        outcome.seed,
        outcome.broken,
        outcome.seed
    );
}

#[test]
fn one_seed_gives_one_trace_byte_for_byte() {
    let plan = Plan {
        minutes: 8,
        trace: true,
    };
    for seed in 1..=20 {
        let [first, second] = [(); 2].map(|()| run(seed, plan));
        assert_holds(&first);
        assert!(first.trace.len() > 1_000, "seed {seed} has no trace");
        assert!(
            first.trace == second.trace,
            "seed {seed} gives another trace the second time"
        );
        assert_eq!(first.counts, second.counts);
    }
}

#[test]
fn other_seeds_give_other_worlds() {
    let plan = Plan {
        minutes: 1,
        trace: true,
    };
    assert_ne!(run(1, plan).trace, run(2, plan).trace);
}

#[test]
fn what_must_hold_holds_whatever_goes_wrong() {
    for seed in 1..=40 {
        assert_holds(&run(seed, Plan::default()));
    }
}
