//! The dispatcher gives an execution to a runner, as the plan says.

use crate::decide::{Assignment, Decision, Effect, Message};
use crate::entity::{Execution, Integration, Phase};
use crate::event::Event;
use crate::planted;
use crate::roster::RosterChange;
use crate::state::State;
use crate::words::{self, ExecutionId, RunnerId};

/// Give this execution to this runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which execution.
    pub execution: ExecutionId,
    /// To whom.
    pub runner: RunnerId,
}

impl Claim {
    /// A new attempt, if the execution is queued and the runner has room; nothing happens otherwise.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        let Some(execution) = state.ledger().execution(self.execution) else {
            return Decision::nothing();
        };
        match execution.phase {
            Phase::Created { .. } => {}
            Phase::Pending(_) | Phase::Executing(_) | Phase::Landing(..) => return Decision::nothing(),
        }
        let Some(integration) = state.ledger().integration(execution.integration) else {
            return Decision::nothing();
        };
        let presence = state
            .roster()
            .presence(self.runner)
            .filter(|presence| presence.free() > 0);
        let Some(session) = presence.and_then(|presence| presence.session) else {
            return Decision::nothing();
        };
        let claim = words::Claim {
            runner: self.runner,
            attempt: if planted!("attempt-not-increased") && execution.attempt.0 > 0 {
                execution.attempt
            } else {
                execution.attempt.next()
            },
        };
        let assignment = assignment(execution, integration, claim);
        Decision {
            events: vec![Event::ExecutionClaimed {
                execution: execution.id,
                claim,
                revision: integration.revision,
            }],
            roster: vec![RosterChange::Assigned {
                runner: self.runner,
                execution: execution.id,
                attempt: claim.attempt,
            }],
            effects: vec![Effect::Send {
                runner: self.runner,
                session,
                message: Message::Assign(Box::new(assignment)),
            }],
            ..Decision::default()
        }
    }
}

fn assignment(execution: &Execution, integration: &Integration, claim: words::Claim) -> Assignment {
    let collection = integration.collections.get(&execution.data_type);
    Assignment {
        execution: execution.id,
        attempt: claim.attempt,
        organization: execution.organization.clone(),
        integration: execution.integration,
        data_type: execution.data_type.clone(),
        connector: execution.connector.clone(),
        access_schema: integration.definition.access_schema.clone(),
        configuration: integration.definition.configuration.clone(),
        revision: integration.revision,
        cursor: collection.and_then(|collection| collection.cursor.clone()),
    }
}
