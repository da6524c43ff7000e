//! What lets a runner enroll that nobody knows yet.

use crate::time::Stamp;
use crate::words::{EnrollmentTokenId, Fingerprint, Pool, Principal, RunnerId};

/// An enrollment token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentToken {
    /// Which.
    pub id: EnrollmentTokenId,
    /// The pool that its runners serve, and so whose they are.
    pub pool: Pool,
    /// The digest of its secret.
    pub hash: Fingerprint,
    /// When it was made.
    pub made: Stamp,
    /// Who has made it.
    pub made_by: Principal,
    /// Until when it is good.
    pub expires: Stamp,
    /// How many runners may enroll by it.
    pub uses_max: u32,
    /// The runners that have, with the fingerprints of their keys: whoever comes again with the same key is the same runner.
    pub uses: Vec<(Fingerprint, RunnerId)>,
    /// When it was revoked; `None` when it was not.
    pub revoked: Option<Stamp>,
}

impl EnrollmentToken {
    /// How many more runners may enroll by it, time and revocation aside.
    #[must_use]
    pub fn uses_left(&self) -> u32 {
        let used = u32::try_from(self.uses.len()).unwrap_or(u32::MAX);
        self.uses_max.saturating_sub(used)
    }

    /// The runner that has enrolled by it with this key.
    #[must_use]
    pub fn used_by(&self, key: &Fingerprint) -> Option<RunnerId> {
        self.uses
            .iter()
            .find(|(used, _)| used == key)
            .map(|(_, runner)| *runner)
    }
}
