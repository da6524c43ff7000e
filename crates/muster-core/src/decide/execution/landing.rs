//! The landing says what became of records that are past the commit point.

use crate::decide::execution::finish::completed;
use crate::decide::{Decision, Rejection};
use crate::entity::{Execution, Phase};
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::words::{Category, Claim, ExecutionId, Failure, Staged};

/// The records are visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    /// Of which execution.
    pub execution: ExecutionId,
}

impl Landed {
    /// Completed.
    ///
    /// # Errors
    /// [`Rejection::NotOpen`]: it has ended before, so this is a repetition.
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        let (execution, _, staged) = find(state, self.execution)?;
        Ok(Decision::event(completed(
            state,
            execution,
            staged.counts,
            staged.cursor.clone().filter(|_| !planted!("cursor-forgotten")),
        )))
    }
}

/// Publishing has turned out to be impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlandable {
    /// Of which execution.
    pub execution: ExecutionId,
    /// Why, in words for a person.
    pub message: String,
}

impl Unlandable {
    /// Error(`landing`), at once: what was staged is lost or damaged, and the runner has forgotten it.
    ///
    /// # Errors
    /// [`Rejection::NotOpen`]: it has ended before, so this is a repetition.
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        let (execution, claim, _) = find(state, self.execution)?;
        Ok(Decision::event(Event::ExecutionFailed {
            execution: execution.id,
            integration: execution.integration,
            data_type: execution.data_type.clone(),
            failures: execution.failures + 1,
            failure: Failure::new(Category::Landing, self.message),
            // The runner's report was accepted at the commit point.
            reported: Some(claim),
        }))
    }
}

fn find(state: &State, id: ExecutionId) -> Result<(&Execution, Claim, &Staged), Rejection> {
    let execution = state.ledger().execution(id).ok_or(Rejection::NotOpen(id))?;
    match &execution.phase {
        Phase::Landing(claim, staged) => Ok((execution, *claim, staged)),
        Phase::Created { .. } | Phase::Pending(_) | Phase::Executing(_) => Err(Rejection::NotOpen(id)),
    }
}
