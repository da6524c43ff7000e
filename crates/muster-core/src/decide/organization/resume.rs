//! The staff lets an organization go on.

use crate::decide::organization::{changed, find, judge_version};
use crate::decide::{Decision, Rejection};
use crate::entity::OrganizationState;
use crate::event::OrganizationChange;
use crate::state::State;
use crate::words::OrganizationId;

/// Let an organization that was suspended go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Which.
    pub organization: OrganizationId,
    /// The version that was read before; `None` resumes whatever is there.
    pub version: Option<u32>,
}

impl Resume {
    /// Of each data type that has fallen due meanwhile the newest time runs now, as after a stop of the coordinator.
    ///
    /// # Errors
    /// [`Rejection::OrganizationNotFound`], [`Rejection::OrganizationStale`], [`Rejection::OrganizationClosing`].
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        let found = find(state, &self.organization)?;
        judge_version(found, self.version)?;
        let resumed = match found.state {
            OrganizationState::Active => None,
            OrganizationState::Suspended { .. } => Some(OrganizationChange::Resumed),
            OrganizationState::Closing { .. } | OrganizationState::Deleted { .. } => {
                return Err(Rejection::OrganizationClosing(self.organization));
            }
        };
        Ok(changed(&self.organization, resumed))
    }
}
