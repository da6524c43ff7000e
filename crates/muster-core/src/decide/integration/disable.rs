//! A person switches an integration off.

use crate::decide::execution::cancel;
use crate::decide::{Answer, Decision, Rejection};
use crate::entity::Phase;
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::words::{Enablement, IntegrationId, OrganizationId, Principal};

/// Switch an integration off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disable {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
}

impl Disable {
    /// What is queued is canceled; what runs may finish.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`].
    pub fn decide(self, state: &State, by: &Principal) -> Result<Decision, Rejection> {
        let integration = super::find(state, &self.organization, self.integration)?;
        let mut decision = Decision {
            answer: Answer::Integration(integration.id),
            ..Decision::default()
        };
        match integration.enablement {
            // A draft stays one: it can only be activated or deleted.
            Enablement::Disabled | Enablement::Draft => return Ok(decision),
            Enablement::Enabled => {}
        }
        decision.events.push(Event::IntegrationDisabled {
            integration: integration.id,
        });
        for id in state.index().open_of(integration.id) {
            if let Some(execution) = state.ledger().execution(id)
                && matches!(execution.phase, Phase::Created { .. })
                && !planted!("disable-leaves-queued")
            {
                cancel::end(
                    state,
                    execution,
                    &format!("{by} disabled the integration"),
                    &mut decision,
                );
            }
        }
        Ok(decision)
    }
}
