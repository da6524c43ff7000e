//! A runner confirms an assignment, and begins with it.

use crate::decide::execution::{Found, Report};
use crate::decide::{Decision, Rejection};
use crate::event::Event;
use crate::roster::RosterChange;
use crate::state::State;

/// The runner has the assignment and will carry it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accept(pub Report);

impl Accept {
    /// The assignment is not withdrawn any more. That is no event: a claim that a restart has forgotten is settled by the runner's next hello.
    ///
    /// # Errors
    /// [`Rejection::Fenced`], [`Rejection::NotOpen`].
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        match self.0.find(state)? {
            Found::Pending(_) | Found::Executing(_) => Ok(Decision {
                roster: settled(self.0),
                ..Decision::default()
            }),
            Found::Landing | Found::Reported => Ok(Decision::nothing()),
        }
    }
}

/// The runner is communicating with the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start(pub Report);

impl Start {
    /// Pending becomes Executing.
    ///
    /// # Errors
    /// [`Rejection::Fenced`], [`Rejection::NotOpen`].
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        match self.0.find(state)? {
            Found::Pending(execution) => Ok(Decision {
                events: vec![Event::ExecutionStarted {
                    execution: execution.id,
                    claim: self.0.claim,
                }],
                roster: settled(self.0),
                ..Decision::default()
            }),
            Found::Executing(_) | Found::Landing | Found::Reported => Ok(Decision::nothing()),
        }
    }
}

/// A runner that says anything about an assignment has it, so it does take work.
pub(crate) fn settled(report: Report) -> Vec<RosterChange> {
    vec![
        RosterChange::Settled(report.execution),
        RosterChange::Confirmed(report.claim.runner),
    ]
}
