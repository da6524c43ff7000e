//! By whom others are known: authorities, enrollment tokens, and the identities of runners. What is signed is made before a command is asked, and is of
//! no use to anybody unless the command is decided.

pub mod bar;
pub mod create_token;
pub mod enroll;
pub mod renew;
pub mod revoke_token;
pub mod rotate;

use crate::decide::{Decision, Rejection};
use crate::entity::{BarReason, RunnerIdentity};
use crate::event::{Event, IdentityEvent};
use crate::state::State;
use crate::time::Now;
use crate::words::{EnrollmentTokenId, Fingerprint, Pool, RunnerId};

/// What is asked of identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityCommand {
    /// See [`rotate`].
    Rotate(rotate::Rotate),
    /// See [`create_token`].
    CreateToken(create_token::CreateToken),
    /// See [`revoke_token`].
    RevokeToken(revoke_token::RevokeToken),
    /// See [`enroll`].
    Enroll(enroll::Enroll),
    /// See [`renew`].
    Renew(renew::Renew),
    /// See [`bar`].
    Bar(bar::Bar),
}

impl IdentityCommand {
    /// Judges it.
    ///
    /// # Errors
    /// [`Rejection::Identity`].
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        match self {
            Self::Rotate(command) => command.decide(state).map_err(Rejection::Identity),
            Self::CreateToken(command) => Ok(command.decide(state, now)),
            Self::RevokeToken(command) => command.decide(state).map_err(Rejection::Identity),
            Self::Enroll(command) => command.decide(state, now).map_err(Rejection::Identity),
            Self::Renew(command) => command.decide(state).map_err(Rejection::Identity),
            Self::Bar(command) => command.decide(state, now, chance).map_err(Rejection::Identity),
        }
    }
}

/// Why it is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityRejection {
    /// There is no such token, or its secret is another one.
    #[error(
        "there is no such enrollment token: it may have been made by another coordinator, or long ago. Ask for a new one"
    )]
    NoToken,
    /// Its time is over.
    #[error("the enrollment token has expired: ask for a new one")]
    TokenExpired,
    /// Somebody has revoked it.
    #[error("the enrollment token was revoked: ask for a new one")]
    TokenRevoked,
    /// As many runners have used it as may.
    #[error("the enrollment token was used for as many runners as it is good for ({0}): ask for a new one")]
    TokenUsed(u32),
    /// There is no such token, as whoever manages tokens is told.
    #[error("there is no enrollment token {0}: list those that there are with `muster runner enroll-token list`")]
    TokenNotFound(EnrollmentTokenId),
    /// This runner is unknown.
    #[error("the runner {0} has not enrolled here: enroll it with a new token by `muster-runner enroll --again`")]
    NotEnrolled(RunnerId),
    /// It shows another key than the one by which it is known.
    #[error("the runner {0} is known by another key than this one")]
    OtherKey(RunnerId),
    /// It serves another pool.
    #[error(
        "the certificate of the runner {runner} is for the pool `{pool}`, and it says another one: correct its configuration"
    )]
    OtherPool {
        /// Which runner.
        runner: RunnerId,
        /// The pool of its certificate.
        pool: Pool,
    },
    /// It may not check in any more.
    #[error("{}", barred(*runner, *why))]
    Barred {
        /// Which runner.
        runner: RunnerId,
        /// Why.
        why: BarReason,
    },
    /// Somebody else has rotated the authority in between.
    #[error("the authority has been rotated in between: look at it, and rotate it again if that is still meant")]
    Rotated,
}

fn barred(runner: RunnerId, why: BarReason) -> String {
    match why {
        BarReason::Revoked => format!(
            "the runner {runner} was revoked: if it is to work again, enroll it anew with a new token by `muster-runner enroll --again`"
        ),
        BarReason::Cloned => format!(
            "the runner {runner} is locked, since its key is used at two places at the same time: find the copy and remove it, then enroll the \
             runner anew with a new token by `muster-runner enroll --again`"
        ),
    }
}

/// The identity of a runner that shows this key, if it may do anything.
pub(in crate::decide) fn known(
    state: &State,
    runner: RunnerId,
    key: &Fingerprint,
) -> Result<RunnerIdentity, IdentityRejection> {
    let found = state.ledger().runner_identity(runner);
    let found = found.ok_or(IdentityRejection::NotEnrolled(runner))?;
    if found.key != *key {
        return Err(IdentityRejection::OtherKey(runner));
    }
    match found.barred {
        Some(barred) => Err(IdentityRejection::Barred {
            runner,
            why: barred.why,
        }),
        None => Ok(found.clone()),
    }
}

fn event(event: IdentityEvent) -> Decision {
    Decision::event(Event::Identity(event))
}
