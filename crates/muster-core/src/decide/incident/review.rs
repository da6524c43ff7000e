//! It is time to look at what people may have to be told of.

use crate::decide::incident::{clone, pool, rate, runner};
use crate::decide::{Decision, Effect};
use crate::entity::{Cause, Channel};
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::Now;
use crate::words::EmailAddress;

/// Look at what may go wrong, and do what its state, the settings and the time ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What may go wrong.
    pub cause: Cause,
}

impl Review {
    /// What [`alert`](crate::alert) says becomes true: nothing when all is as it ought to be.
    #[must_use]
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Decision {
        match &self.cause {
            Cause::ErrorRate { integration } => rate::review(state, *integration, now, chance),
            Cause::PoolOffline { organization, pool } => pool::review(state, organization, pool, now),
            Cause::RunnerOutdated { runner } => runner::review(state, *runner, now, chance),
            Cause::RunnerCloned { runner } => clone::review(state, *runner, now),
        }
    }
}

/// Adds news of an incident to a decision.
pub(super) fn tell(event: Event, decision: &mut Decision) {
    decision.events.push(event);
    decision.effects.push(Effect::Deliver);
}

/// How these people are told.
pub(super) fn channels(recipients: &[EmailAddress]) -> Vec<Channel> {
    let told = if planted!("first-recipient-only") {
        1
    } else {
        usize::MAX
    };
    let told = recipients.iter().take(told);
    told.map(|address| Channel::Email(address.clone())).collect()
}
