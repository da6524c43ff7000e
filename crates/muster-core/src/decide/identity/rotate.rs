//! An organization, or the service, gets an authority: the first one, or the next one.

use std::sync::Arc;

use super::{IdentityRejection, event};
use crate::decide::Decision;
use crate::entity::Authority;
use crate::event::IdentityEvent;
use crate::state::State;
use crate::time::Stamp;
use crate::words::OrganizationId;

/// From now on this signs. What signed before is trusted for a while, so that nobody is locked out who has not heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotate {
    /// Whose; `None` for the service's own.
    pub owner: Option<OrganizationId>,
    /// Its ordinal: one more than that of the newest.
    pub number: u32,
    /// Its certificate, in DER.
    pub certificate: Arc<[u8]>,
    /// Its key, encrypted.
    pub sealed_key: Arc<[u8]>,
    /// Until when those before it are trusted.
    pub overlap: Stamp,
}

impl Rotate {
    /// # Errors
    /// [`IdentityRejection::Rotated`] when this is not the next one.
    pub fn decide(self, state: &State) -> Result<Decision, IdentityRejection> {
        let newest = state
            .ledger()
            .authority(self.owner.as_ref())
            .and_then(Authority::signing);
        if self.number != newest.map_or(1, |newest| newest.number + 1) {
            return Err(IdentityRejection::Rotated);
        }
        Ok(event(IdentityEvent::AuthorityRotated {
            owner: self.owner,
            number: self.number,
            certificate: self.certificate,
            sealed_key: self.sealed_key,
            overlap: self.overlap,
        }))
    }
}
