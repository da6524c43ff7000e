//! The staff deletes an organization.

use crate::decide::organization::{changed, find, judge_version};
use crate::decide::{Decision, Rejection};
use crate::entity::OrganizationState;
use crate::event::OrganizationChange;
use crate::state::State;
use crate::words::OrganizationId;

/// Delete an organization, with all that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// Which.
    pub organization: OrganizationId,
    /// The version that was read before; `None` deletes whatever is there.
    pub version: Option<u32>,
}

impl Delete {
    /// Accepts one that is suspended, so that nobody deletes what is in use by a slip of the pen, or that has nothing. What it has goes by
    /// [`Erase`](super::erase::Erase), a part at a time.
    ///
    /// # Errors
    /// [`Rejection::OrganizationNotFound`], [`Rejection::OrganizationStale`], [`Rejection::OrganizationInUse`].
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        let found = find(state, &self.organization)?;
        judge_version(found, self.version)?;
        let closing = match found.state {
            OrganizationState::Active => {
                let index = state.index();
                let (integrations, runners) = (index.integration_count(&found.id), index.runner_count(&found.id));
                if integrations + runners > 0 {
                    return Err(Rejection::OrganizationInUse {
                        organization: self.organization,
                        integrations,
                        runners,
                    });
                }
                Some(OrganizationChange::Closing)
            }
            OrganizationState::Suspended { .. } => Some(OrganizationChange::Closing),
            OrganizationState::Closing { .. } | OrganizationState::Deleted { .. } => None,
        };
        Ok(changed(&self.organization, closing))
    }
}
