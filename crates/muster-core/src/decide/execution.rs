//! The life of an execution, one file a command.

pub mod cancel;
pub mod claim;
pub mod fail;
pub mod fall_due;
pub mod fence;
pub mod finish;
pub mod landing;
pub mod progress;
pub mod retry;
pub mod run_now;

use crate::decide::Rejection;
use crate::entity::{Definition, Execution, Phase};
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::Now;
use crate::words::{Claim, DataType, ExecutionId, IntegrationId, OrganizationId, Origin};

/// A report of a runner about an execution, as its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Which execution.
    pub execution: ExecutionId,
    /// As whose claim. Only the claim that holds the execution may report.
    pub claim: Claim,
}

/// What a report finds.
enum Found<'a> {
    /// The claim holds it, and has not started.
    Pending(&'a Execution),
    /// The claim holds it, and has started.
    Executing(&'a Execution),
    /// The claim brought it past the commit point.
    Landing,
    /// The claim has reported its failure before, and the execution is queued or held anew since.
    Reported,
}

impl Report {
    /// What the execution is to this claim.
    ///
    /// # Errors
    /// [`Rejection::NotOpen`] when it has ended: history knows the answer then. [`Rejection::Fenced`] when another attempt holds it, or nobody.
    fn find<'a>(&self, state: &'a State) -> Result<Found<'a>, Rejection> {
        let execution = state
            .ledger()
            .execution(self.execution)
            .ok_or(Rejection::NotOpen(self.execution))?;
        let is_it = |claim: &Claim| {
            *claim == self.claim || (planted!("attempt-not-compared") && claim.runner == self.claim.runner)
        };
        match &execution.phase {
            Phase::Pending(claim) if is_it(claim) => Ok(Found::Pending(execution)),
            Phase::Executing(claim) if is_it(claim) => Ok(Found::Executing(execution)),
            Phase::Landing(claim, _) if *claim == self.claim => Ok(Found::Landing),
            Phase::Created { .. } | Phase::Pending(_) | Phase::Executing(_) | Phase::Landing(..) => {
                if execution.reported.contains(&self.claim) {
                    Ok(Found::Reported)
                } else {
                    Err(self.fenced())
                }
            }
        }
    }

    fn fenced(&self) -> Rejection {
        Rejection::Fenced {
            execution: self.execution,
            claim: self.claim,
        }
    }
}

/// The event that queues an execution, and its id.
pub(crate) fn queue(
    integration: IntegrationId,
    organization: &OrganizationId,
    definition: &Definition,
    data_type: &DataType,
    origin: Origin,
    now: Now,
    chance: &mut fastrand::Rng,
) -> (ExecutionId, Event) {
    let execution = ExecutionId::generate(now.stamp, chance);
    let event = Event::ExecutionCreated {
        execution,
        organization: organization.clone(),
        integration,
        data_type: data_type.clone(),
        connector: definition.connector.clone(),
        pool: definition.pool.clone(),
        sealed_to: definition.sealed_to.clone(),
        origin,
    };
    (execution, event)
}
