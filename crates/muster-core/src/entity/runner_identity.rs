//! By what a runner is known.

use std::sync::Arc;

use crate::time::Stamp;
use crate::words::{EnrollmentTokenId, Fingerprint, Pool, RunnerId};

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// It itself, in DER.
    pub der: Arc<[u8]>,
    /// Its serial number.
    pub serial: Arc<[u8]>,
    /// Until when it is good.
    pub until: Stamp,
}

/// Why a runner may not check in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarReason {
    /// A person has revoked it.
    Revoked,
    /// Its key is used at two places at the same time.
    Cloned,
}

/// That a runner may not check in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barred {
    /// Why.
    pub why: BarReason,
    /// Since when.
    pub since: Stamp,
}

/// The identity of a runner that has enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerIdentity {
    /// Which runner.
    pub runner: RunnerId,
    /// The pool that it serves, and so whose it is.
    pub pool: Pool,
    /// The fingerprint of its public key.
    pub key: Fingerprint,
    /// The newest certificate of this key.
    pub certificate: Certificate,
    /// When it has enrolled.
    pub enrolled: Stamp,
    /// By which token.
    pub token: EnrollmentTokenId,
    /// Whether it may not check in any more; `None` when it may.
    pub barred: Option<Barred>,
}
