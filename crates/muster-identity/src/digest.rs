//! SHA-256.

use muster_core::words::Fingerprint;
use sha2::{Digest as _, Sha256};

/// The fingerprint of these bytes.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(bytes).into())
}
