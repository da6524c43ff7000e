//! The staff changes an organization.

use crate::decide::organization::{changed, find, judge_version};
use crate::decide::{Decision, Rejection};
use crate::entity::OrganizationState;
use crate::event::OrganizationChange;
use crate::state::State;
use crate::words::{DisplayName, OrganizationId, Quotas, RetentionDays};

/// Give an organization another name for people, other quotas or another retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Which.
    pub organization: OrganizationId,
    /// What people call it.
    pub display_name: DisplayName,
    /// How much it may have.
    pub quotas: Quotas,
    /// For how long its history is kept.
    pub retention: RetentionDays,
    /// For how long its audit log is kept.
    pub audit_retention: RetentionDays,
    /// The version that the change was made from; `None` changes whatever is there.
    pub version: Option<u32>,
}

impl Update {
    /// Also what is suspended can be changed. A quota that is below what there is takes nothing away: it refuses what is new.
    ///
    /// # Errors
    /// [`Rejection::OrganizationNotFound`], [`Rejection::OrganizationStale`], [`Rejection::OrganizationClosing`].
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        let found = find(state, &self.organization)?;
        judge_version(found, self.version)?;
        match found.state {
            OrganizationState::Active | OrganizationState::Suspended { .. } => {}
            OrganizationState::Closing { .. } | OrganizationState::Deleted { .. } => {
                return Err(Rejection::OrganizationClosing(self.organization));
            }
        }
        let same = found.display_name == self.display_name
            && found.quotas == self.quotas
            && found.retention == self.retention
            && found.audit_retention == self.audit_retention;
        let updated = OrganizationChange::Updated {
            display_name: self.display_name,
            quotas: self.quotas,
            retention: self.retention,
            audit_retention: self.audit_retention,
        };
        Ok(changed(&self.organization, (!same).then_some(updated)))
    }
}
