//! Nobody is to enroll by a token any more.

use super::{IdentityRejection, event};
use crate::decide::Decision;
use crate::event::IdentityEvent;
use crate::state::State;
use crate::words::{EnrollmentTokenId, OrganizationId};

/// Whoever has enrolled by it stays enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeToken {
    /// Whose; `None` for the service's own.
    pub owner: Option<OrganizationId>,
    /// Which.
    pub token: EnrollmentTokenId,
}

impl RevokeToken {
    /// One that is revoked already stays so.
    ///
    /// # Errors
    /// [`IdentityRejection::TokenNotFound`], also of one that belongs to somebody else.
    pub fn decide(self, state: &State) -> Result<Decision, IdentityRejection> {
        let found = state.ledger().enrollment_token(self.token);
        let found = found.filter(|token| token.pool.organization == self.owner);
        let found = found.ok_or(IdentityRejection::TokenNotFound(self.token))?;
        if found.revoked.is_some() {
            return Ok(Decision::nothing());
        }
        Ok(event(IdentityEvent::EnrollmentTokenRevoked { token: self.token }))
    }
}
