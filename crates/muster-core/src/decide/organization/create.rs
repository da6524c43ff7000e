//! The staff makes an organization.

use crate::decide::organization::changed;
use crate::decide::{Decision, Rejection};
use crate::event::OrganizationChange;
use crate::state::State;
use crate::words::{DisplayName, OrganizationId, Quotas, Request, RetentionDays};

/// Create an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// Its name, which was never an organization's.
    pub organization: OrganizationId,
    /// What people call it.
    pub display_name: DisplayName,
    /// How much it may have.
    pub quotas: Quotas,
    /// For how long its history is kept.
    pub retention: RetentionDays,
    /// For how long its audit log is kept.
    pub audit_retention: RetentionDays,
    /// By what its caller knows the request again; `None` when it is not meant to be repeated.
    pub request: Option<Request>,
}

impl Create {
    /// Accepts a name that was never an organization's, also none that is gone. The request that has made it makes no second one: it is the answer.
    ///
    /// # Errors
    /// [`Rejection::OrganizationExists`].
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        if let Some(found) = state.ledger().organization(&self.organization) {
            let is_repeated = self.request.is_some() && found.request == self.request && found.exists();
            if is_repeated {
                return Ok(changed(&self.organization, None));
            }
            return Err(Rejection::OrganizationExists(self.organization));
        }
        let created = OrganizationChange::Created {
            display_name: self.display_name,
            quotas: self.quotas,
            retention: self.retention,
            audit_retention: self.audit_retention,
            request: self.request,
        };
        Ok(changed(&self.organization, Some(created)))
    }
}
