//! A runner has not confirmed an assignment in time.

use crate::decide::session::{lose, withdraw};
use crate::decide::{Decision, Effect, Message};
use crate::roster::{RosterChange, WITHDRAWALS_MAX};
use crate::state::State;
use crate::time::Now;
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
    /// An assignment that was not confirmed is queued again, and no failure is counted: the runner may never have seen it. Work that a runner said it
    /// had finished, and whose report has not come, is lost. Nothing but the deadline goes when it has been confirmed or is over.
    #[must_use]
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Decision {
        let mut decision = Decision::nothing();
        let execution = state.ledger().execution(self.execution);
        let claim = execution.and_then(|execution| execution.holder());
        if let Some(execution) = execution
            && state.roster().is_unconfirmed(self.execution)
            && let Some(claim) = claim
            && claim.attempt == self.attempt
        {
            if execution.started.is_some() {
                let why = "the runner said that it had finished, and did not report how";
                lose(state, execution, why.to_owned(), now, chance, &mut decision);
            } else {
                withdraw(state, execution, &mut decision);
                decision.roster.push(RosterChange::Withdrawn(claim.runner));
            }
            if let Some(presence) = state.roster().presence(claim.runner)
                && let Some(session) = presence.session
            {
                let runner = claim.runner;
                let mut send = |message| {
                    decision.effects.push(Effect::Send {
                        runner,
                        session,
                        message,
                    })
                };
                send(Message::Fence {
                    execution: execution.id,
                    attempt: self.attempt,
                });
                // It may have been deaf for a moment only, and nobody else would make it come back.
                if execution.started.is_none() && presence.withdrawals + 1 == WITHDRAWALS_MAX {
                    send(Message::CheckInAnew);
                }
            }
        } else {
            decision.roster.push(RosterChange::Settled(self.execution));
        }
        decision
    }
}
