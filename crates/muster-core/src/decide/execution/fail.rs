//! A runner reports that its work on an execution has failed.

use crate::decide::execution::progress::settled;
use crate::decide::execution::{Found, Report, retry};
use crate::decide::{Decision, Effect, Rejection};
use crate::state::State;
use crate::time::Now;
use crate::words::{Category, Failure};

/// The work on an execution has failed, as the runner that holds it says.
///
/// Unlike a lapsed lease, which speaks for a runner that has gone silent, this is the runner's own word, so its category is
/// trusted, as far as a runner can know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fail {
    /// Whose report.
    pub report: Report,
    /// What went wrong.
    pub failure: Failure,
}

impl Fail {
    /// Back to the queue or the end, as [`retry`] rules.
    ///
    /// # Errors
    /// [`Rejection::Fenced`], also when this very attempt has passed the commit point; [`Rejection::NotOpen`].
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        let execution = match self.report.find(state)? {
            Found::Pending(execution) | Found::Executing(execution) => execution,
            Found::Landing => return Err(self.report.fenced()),
            Found::Reported => return Ok(Decision::nothing()),
        };
        let claim = self.report.claim;
        let mut decision = Decision {
            roster: settled(self.report),
            ..Decision::default()
        };
        retry::or_fail(
            state,
            execution,
            sayable(self.failure),
            Some(claim),
            now,
            chance,
            &mut decision,
        );
        decision.effects.push(Effect::Discard {
            execution: execution.id,
            attempt: claim.attempt,
        });
        Ok(decision)
    }
}

/// Only the coordinator knows that a runner is lost or that somebody has canceled. A runner that says so of itself would hide its failure from the
/// error rate, so it is taken for what it is: a fault of what runs there.
fn sayable(failure: Failure) -> Failure {
    match failure.category {
        Category::RunnerLost | Category::Canceled => Failure {
            category: Category::Connector,
            reason: None,
            ..failure
        },
        Category::Permission
        | Category::Configuration
        | Category::Communication
        | Category::Connector
        | Category::Timeout
        | Category::Landing => failure,
    }
}
