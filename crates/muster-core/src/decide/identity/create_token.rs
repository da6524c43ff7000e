//! Somebody lets runners enroll.

use std::time::Duration;

use super::event;
use crate::decide::Decision;
use crate::event::{Event, IdentityEvent};
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{EnrollmentTokenId, Fingerprint, Pool};

/// How long a token that is of no use any more is still shown.
const SHOWN_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many of those are forgotten at a time, at the most.
const FORGOTTEN_MAX: usize = 100;

/// A token for runners of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateToken {
    /// Its id, which nobody has used.
    pub token: EnrollmentTokenId,
    /// The pool that its runners serve.
    pub pool: Pool,
    /// The digest of its secret.
    pub hash: Fingerprint,
    /// Until when it is good.
    pub expires: Stamp,
    /// How many runners may enroll by it.
    pub uses_max: u32,
}

impl CreateToken {
    /// Makes it, and forgets old ones.
    #[must_use]
    pub fn decide(self, state: &State, now: Now) -> Decision {
        let mut decision = event(IdentityEvent::EnrollmentTokenCreated {
            token: self.token,
            pool: self.pool,
            hash: self.hash,
            expires: self.expires,
            uses_max: self.uses_max,
        });
        // Ids are made in the order of time, so the oldest come first.
        let old = state.ledger().enrollment_tokens(None).take(FORGOTTEN_MAX);
        let old = old.filter(|token| token.expires.after(SHOWN_AFTER) <= now.stamp);
        decision
            .events
            .extend(old.map(|token| Event::Identity(IdentityEvent::EnrollmentTokenForgotten { token: token.id })));
        decision
    }
}
