//! A runner shows a token, and gets an identity.

use super::{IdentityRejection, event};
use crate::decide::{Answer, Decision};
use crate::entity::{Certificate, EnrollmentToken};
use crate::event::IdentityEvent;
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{EnrollmentTokenId, Fingerprint, RunnerId};

/// A runner that nobody knows yet, with a certificate that was signed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enroll {
    /// By which token.
    pub token: EnrollmentTokenId,
    /// The digest of the secret that it has shown.
    pub hash: Fingerprint,
    /// The fingerprint of its key.
    pub key: Fingerprint,
    /// The id that it gets.
    pub runner: RunnerId,
    /// The certificate that it gets.
    pub certificate: Certificate,
}

impl Enroll {
    /// A use of the token is taken, and the runner is known from now on. Whoever comes again with the key by which it has enrolled before, since the
    /// answer was lost, gets the same answer, and takes no second use.
    ///
    /// # Errors
    /// [`IdentityRejection`] when the token is not good for it, or the runner may not come again.
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, IdentityRejection> {
        let token = state.ledger().enrollment_token(self.token);
        let token = token.filter(|token| token.hash.matches(&self.hash));
        let token = token.ok_or(IdentityRejection::NoToken)?;
        if let Some(runner) = token.used_by(&self.key) {
            let known = super::known(state, runner, &self.key)?;
            return Ok(told(runner, known.certificate));
        }
        judge(token, now.stamp)?;
        let mut decision = event(IdentityEvent::RunnerEnrolled {
            token: self.token,
            runner: self.runner,
            pool: token.pool.clone(),
            key: self.key,
            certificate: self.certificate.clone(),
        });
        decision.answer = told(self.runner, self.certificate).answer;
        Ok(decision)
    }
}

/// Whether another runner may enroll by this token.
///
/// # Errors
/// [`IdentityRejection`].
pub fn judge(token: &EnrollmentToken, now: Stamp) -> Result<(), IdentityRejection> {
    if token.revoked.is_some() {
        return Err(IdentityRejection::TokenRevoked);
    }
    if now >= token.expires {
        return Err(IdentityRejection::TokenExpired);
    }
    if token.uses_left() == 0 {
        return Err(IdentityRejection::TokenUsed(token.uses_max));
    }
    Ok(())
}

fn told(runner: RunnerId, certificate: Certificate) -> Decision {
    Decision {
        answer: Answer::Certified {
            runner,
            certificate: Box::new(certificate),
        },
        ..Decision::nothing()
    }
}
