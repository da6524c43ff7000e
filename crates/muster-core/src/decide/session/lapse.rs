//! A runner was not heard for longer than its lease.

use crate::decide::session::{expel, lose};
use crate::decide::{CloseReason, Decision};
use crate::roster::RosterChange;
use crate::state::State;
use crate::time::Now;
use crate::words::RunnerId;

/// The lease of a runner may be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lapse {
    /// Whose.
    pub runner: RunnerId,
}

impl Lapse {
    /// All that the runner held is lost to it. Nothing happens if it was heard in between, but that its lease is looked at again later.
    #[must_use]
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Decision {
        let Some(presence) = state.roster().presence(self.runner) else {
            return Decision::nothing();
        };
        if now.moment < state.roster().lease_end(presence.heard) {
            return Decision::roster(RosterChange::Renewed(self.runner));
        }
        let mut decision = Decision::nothing();
        for id in state.index().held_by(self.runner) {
            if let Some(execution) = state.ledger().execution(id) {
                lose(state, execution, self.why(state), now, chance, &mut decision);
            }
        }
        expel(
            state,
            self.runner,
            "was not heard any more",
            CloseReason::Lapsed,
            &mut decision,
        );
        decision
    }

    fn why(self, state: &State) -> String {
        let lease = state.roster().limits().lease.as_secs();
        match state.ledger().runner(self.runner) {
            Some(runner) => {
                format!(
                    "the runner `{}` was not heard for its lease of {lease} s",
                    runner.profile.display_name
                )
            }
            None => format!("the runner {} was not heard for its lease of {lease} s", self.runner),
        }
    }
}
