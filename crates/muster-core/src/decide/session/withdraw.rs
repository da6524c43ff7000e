//! A runner has not confirmed an assignment in time.

use crate::decide::{Decision, Effect, Message};
use crate::entity::Phase;
use crate::roster::RosterChange;
use crate::state::State;
use crate::words::{Attempt, ExecutionId};

/// The time to confirm an assignment is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdraw {
    /// Which execution.
    pub execution: ExecutionId,
    /// Which attempt.
    pub attempt: Attempt,
}

impl Withdraw {
    /// The execution is queued again, and no failure is counted: the runner may never have seen it. Nothing but the deadline goes when the
    /// assignment has been confirmed or is over.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        let mut decision = Decision::nothing();
        let execution = state.ledger().execution(self.execution);
        if let Some(execution) = execution
            && state.roster().is_unconfirmed(self.execution)
            && let Phase::Pending(claim) = execution.phase
            && claim.attempt == self.attempt
        {
            super::withdraw(execution, &mut decision);
            decision.roster.push(RosterChange::Withdrawn(claim.runner));
            let presence = state.roster().presence(claim.runner);
            if let Some(session) = presence.and_then(|presence| presence.session) {
                let message = Message::Fence {
                    execution: execution.id,
                    attempt: self.attempt,
                };
                decision.effects.push(Effect::Send {
                    runner: claim.runner,
                    session,
                    message,
                });
            }
        } else {
            decision.roster.push(RosterChange::Settled(self.execution));
        }
        decision
    }
}
