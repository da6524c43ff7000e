//! What can have happened to those by whom others are known: authorities, enrollment tokens, and the identities of runners.

use std::sync::Arc;

use crate::entity::{BarReason, Certificate, EntityKey};
use crate::time::Stamp;
use crate::words::{EnrollmentTokenId, Fingerprint, OrganizationId, Pool, RunnerId};

/// What has happened to an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityEvent {
    /// An organization, or the service, has got an authority, the first one or another one.
    AuthorityRotated {
        /// Whose; `None` for the service's own.
        owner: Option<OrganizationId>,
        /// Its ordinal.
        number: u32,
        /// Its certificate, in DER.
        certificate: Arc<[u8]>,
        /// Its key, encrypted.
        sealed_key: Arc<[u8]>,
        /// Until when those before it are trusted.
        overlap: Stamp,
    },
    /// Runners may enroll by a new token.
    EnrollmentTokenCreated {
        /// Which.
        token: EnrollmentTokenId,
        /// The pool that its runners serve.
        pool: Pool,
        /// The digest of its secret.
        hash: Fingerprint,
        /// Until when it is good.
        expires: Stamp,
        /// How many runners may enroll by it.
        uses_max: u32,
    },
    /// Nobody enrolls by a token any more.
    EnrollmentTokenRevoked {
        /// Which.
        token: EnrollmentTokenId,
    },
    /// A token has been of no use for long, and is gone.
    EnrollmentTokenForgotten {
        /// Which.
        token: EnrollmentTokenId,
    },
    /// A runner has enrolled.
    RunnerEnrolled {
        /// By which token.
        token: EnrollmentTokenId,
        /// Which runner.
        runner: RunnerId,
        /// The pool that it serves.
        pool: Pool,
        /// The fingerprint of its public key.
        key: Fingerprint,
        /// Its first certificate.
        certificate: Certificate,
    },
    /// A runner has got its next certificate.
    CertificateRenewed {
        /// Which runner.
        runner: RunnerId,
        /// Its certificate.
        certificate: Certificate,
    },
    /// A runner may not check in any more.
    RunnerBarred {
        /// Which.
        runner: RunnerId,
        /// Why.
        why: BarReason,
    },
    /// A runner's organization is gone, and with it by what it was known.
    RunnerIdentityForgotten {
        /// Which runner.
        runner: RunnerId,
    },
    /// An organization is gone, and with it its authority.
    AuthorityForgotten {
        /// Whose.
        owner: OrganizationId,
    },
}

impl IdentityEvent {
    /// The entities that the event concerns: one, or a runner's identity and the token by which it was made.
    #[must_use]
    pub fn entities(&self) -> (EntityKey, Option<EntityKey>) {
        match self {
            Self::AuthorityRotated { owner, .. } => (EntityKey::Authority(owner.clone()), None),
            Self::EnrollmentTokenCreated { token, .. }
            | Self::EnrollmentTokenRevoked { token }
            | Self::EnrollmentTokenForgotten { token } => (EntityKey::EnrollmentToken(*token), None),
            Self::RunnerEnrolled { runner, token, .. } => (
                EntityKey::RunnerIdentity(*runner),
                Some(EntityKey::EnrollmentToken(*token)),
            ),
            Self::CertificateRenewed { runner, .. }
            | Self::RunnerBarred { runner, .. }
            | Self::RunnerIdentityForgotten { runner } => (EntityKey::RunnerIdentity(*runner), None),
            Self::AuthorityForgotten { owner } => (EntityKey::Authority(Some(owner.clone())), None),
        }
    }
}
