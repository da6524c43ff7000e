//! A runner may not check in any more.

use super::{IdentityRejection, event};
use crate::decide::session::{expel, lose};
use crate::decide::{CloseReason, Decision, incident};
use crate::entity::BarReason;
use crate::event::IdentityEvent;
use crate::state::State;
use crate::time::Now;
use crate::words::{OrganizationId, RunnerId};

/// Its certificates are worth nothing from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Whose; `None` for the service's own.
    pub owner: Option<OrganizationId>,
    /// Which.
    pub runner: RunnerId,
    /// Why.
    pub why: BarReason,
}

impl Bar {
    /// What it holds goes to others, and its stream ends. One that may not check in already stays as it is.
    ///
    /// # Errors
    /// [`IdentityRejection::NotEnrolled`], also of one that belongs to somebody else.
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, IdentityRejection> {
        let found = state.ledger().runner_identity(self.runner);
        let found = found.filter(|found| found.pool.organization == self.owner);
        let found = found.ok_or(IdentityRejection::NotEnrolled(self.runner))?;
        if found.barred.is_some() {
            return Ok(Decision::nothing());
        }
        Ok(barred(state, self.runner, self.why, now, chance))
    }
}

/// What follows when a runner that is known may not check in any more.
pub(in crate::decide) fn barred(
    state: &State,
    runner: RunnerId,
    why: BarReason,
    now: Now,
    chance: &mut fastrand::Rng,
) -> Decision {
    let mut decision = event(IdentityEvent::RunnerBarred { runner, why });
    let (close, what) = match why {
        BarReason::Revoked => (CloseReason::Revoked, "was revoked"),
        BarReason::Cloned => (CloseReason::Cloned, "is locked, since its key is used at two places"),
    };
    for id in state.index().held_by(runner) {
        if let Some(execution) = state.ledger().execution(id) {
            let why = match state.ledger().runner(runner) {
                Some(known) => format!("the runner `{}` {what}", known.profile.display_name),
                None => format!("the runner {runner} {what}"),
            };
            lose(state, execution, why, now, chance, &mut decision);
        }
    }
    match why {
        BarReason::Cloned => incident::clone::open(state, runner, now, chance, &mut decision),
        BarReason::Revoked => {}
    }
    expel(state, runner, what, close, &mut decision);
    decision
}
