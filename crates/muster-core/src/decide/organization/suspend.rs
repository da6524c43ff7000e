//! The staff lets an organization rest.

use crate::decide::organization::{changed, find, judge_version};
use crate::decide::{Decision, Rejection};
use crate::entity::OrganizationState;
use crate::event::OrganizationChange;
use crate::state::State;
use crate::words::OrganizationId;

/// Let nothing new happen in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspend {
    /// Which.
    pub organization: OrganizationId,
    /// Why. Whoever is refused reads it.
    pub reason: String,
    /// The version that was read before; `None` suspends whatever is there.
    pub version: Option<u32>,
}

impl Suspend {
    /// What is suspended already stays so, since when it was, and may get another reason.
    ///
    /// # Errors
    /// [`Rejection::OrganizationNotFound`], [`Rejection::OrganizationStale`], [`Rejection::OrganizationClosing`].
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        let found = find(state, &self.organization)?;
        judge_version(found, self.version)?;
        let same = match &found.state {
            OrganizationState::Active => false,
            OrganizationState::Suspended { reason, .. } => *reason == self.reason,
            OrganizationState::Closing { .. } | OrganizationState::Deleted { .. } => {
                return Err(Rejection::OrganizationClosing(self.organization));
            }
        };
        let suspended = OrganizationChange::Suspended { reason: self.reason };
        Ok(changed(&self.organization, (!same).then_some(suspended)))
    }
}
