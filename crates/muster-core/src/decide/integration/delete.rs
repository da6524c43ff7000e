//! A person deletes an integration.

use crate::decide::execution::cancel;
use crate::decide::incident::rate;
use crate::decide::{Decision, Rejection};
use crate::entity::{Closing, Integration};
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::Now;
use crate::words::{IntegrationId, OrganizationId, Principal};

/// Delete an integration. Its history stays until the retention prunes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
    /// The version that was read before; `None` deletes whatever is there.
    pub version: Option<u32>,
}

impl Delete {
    /// All that is open is canceled, but for what is already being published, and an open incident is over.
    ///
    /// # Errors
    /// [`Rejection::IntegrationNotFound`], [`Rejection::Stale`].
    pub fn decide(self, state: &State, by: &Principal, now: Now) -> Result<Decision, Rejection> {
        let integration = super::find(state, &self.organization, self.integration)?;
        if self.version.is_some_and(|version| version != integration.version) {
            return Err(Rejection::Stale {
                integration: integration.id,
            });
        }
        Ok(with_all(
            state,
            integration,
            &format!("{by} deleted the integration"),
            now,
        ))
    }
}

/// That an integration is gone, with all that follows: what is open is canceled for this reason, and its incident is over.
pub(crate) fn with_all(state: &State, integration: &Integration, why: &str, now: Now) -> Decision {
    let mut decision = Decision::nothing();
    for id in state.index().open_of(integration.id) {
        if let Some(execution) = state.ledger().execution(id)
            && !planted!("delete-leaves-open")
        {
            cancel::end(state, execution, why, &mut decision);
        }
    }
    if !planted!("delete-leaves-incident") {
        rate::close(state, integration, Closing::Deleted, now, &mut decision);
    }
    decision.events.push(Event::IntegrationDeleted {
        integration: integration.id,
    });
    decision
}
