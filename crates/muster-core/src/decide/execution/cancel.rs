//! Somebody does not want an execution any more.

use crate::decide::{Decision, Effect, Message, Rejection, organization};
use crate::entity::{Execution, Phase};
use crate::event::Event;
use crate::planted;
use crate::roster::RosterChange;
use crate::state::State;
use crate::words::{Category, ExecutionId, Failure, OrganizationId, Principal};

/// End an execution, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub execution: ExecutionId,
    /// Why, in a person's words; `None` when nothing was said.
    pub reason: Option<String>,
}

impl Cancel {
    /// Any open execution becomes Error(`canceled`), but for one whose records are already being published.
    ///
    /// # Errors
    /// [`Rejection::NotOpen`], also for another organization's; [`Rejection::Committed`]; [`Rejection::OrganizationSuspended`].
    pub fn decide(self, state: &State, by: &Principal) -> Result<Decision, Rejection> {
        organization::judge_active(state, &self.organization)?;
        let found = state.ledger().execution(self.execution);
        let execution = found
            .filter(|found| found.organization == self.organization)
            .ok_or(Rejection::NotOpen(self.execution))?;
        let mut why = format!("canceled by {by}");
        if let Some(reason) = &self.reason {
            why.push_str(": ");
            why.push_str(reason);
        }
        let mut decision = Decision::nothing();
        if end(state, execution, &why, &mut decision) {
            Ok(decision)
        } else {
            Err(Rejection::Committed(execution.id))
        }
    }
}

/// Adds the end of an execution to a decision, with what its runner is told. Returns whether it can be ended at all.
pub(crate) fn end(state: &State, execution: &Execution, why: &str, decision: &mut Decision) -> bool {
    match &execution.phase {
        Phase::Created { .. } => {}
        Phase::Pending(claim) | Phase::Executing(claim) => {
            decision.roster.push(RosterChange::Settled(execution.id));
            let attempt = claim.attempt;
            let presence = state.roster().presence(claim.runner);
            if let Some(session) = presence.and_then(|presence| presence.session) {
                let message = Message::Cancel {
                    execution: execution.id,
                    attempt,
                };
                decision.effects.push(Effect::Send {
                    runner: claim.runner,
                    session,
                    message,
                });
            }
            decision.effects.push(Effect::Discard {
                execution: execution.id,
                attempt,
            });
        }
        Phase::Landing(..) if planted!("cancel-past-the-commit-point") => {}
        Phase::Landing(..) => return false,
    }
    decision.events.push(Event::ExecutionFailed {
        execution: execution.id,
        integration: execution.integration,
        data_type: execution.data_type.clone(),
        failures: execution.failures,
        failure: Failure::new(Category::Canceled, why),
        reported: None,
    });
    true
}
