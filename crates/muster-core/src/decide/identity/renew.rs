//! A runner gets its next certificate.

use super::{IdentityRejection, event, known};
use crate::decide::{Answer, Decision};
use crate::entity::Certificate;
use crate::event::IdentityEvent;
use crate::state::State;
use crate::words::{Fingerprint, RunnerId};

/// A certificate that was signed for the key of a runner that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renew {
    /// Which runner.
    pub runner: RunnerId,
    /// The fingerprint of the key that it has shown, and that is certified.
    pub key: Fingerprint,
    /// The certificate that it gets.
    pub certificate: Certificate,
}

impl Renew {
    /// # Errors
    /// [`IdentityRejection`] when the runner is not known by this key, or may not come again.
    pub fn decide(self, state: &State) -> Result<Decision, IdentityRejection> {
        known(state, self.runner, &self.key)?;
        let mut decision = event(IdentityEvent::CertificateRenewed {
            runner: self.runner,
            certificate: self.certificate.clone(),
        });
        decision.answer = Answer::Certified {
            runner: self.runner,
            certificate: Box::new(self.certificate),
        };
        Ok(decision)
    }
}
