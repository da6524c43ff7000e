//! A pool has been without runners for longer than it may.

use crate::decide::Decision;
use crate::decide::incident::pool;
use crate::entity::Cause;
use crate::roster::RosterChange;
use crate::state::State;
use crate::time::Now;
use crate::words::Pool;

/// How many incidents open by one command, so that a pool which serves many organizations holds up nothing.
const OPENED_MAX: usize = 100;

/// The time for which a pool may be without runners is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offline {
    /// Which pool.
    pub pool: Pool,
}

impl Offline {
    /// An incident opens for each organization that relies on the pool, has none and is not suspended; with very many, for the first of them, and the pool stays due.
    #[must_use]
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Decision {
        let alerts = state.index().alerts();
        let users = state.index().pools().users(&self.pool);
        let untold = users.filter(|organization| {
            let is_told = alerts.open(&Cause::offline(organization, &self.pool)).is_some();
            !is_told && !state.index().rests(organization)
        });
        let mut decision = Decision::nothing();
        for organization in untold.take(OPENED_MAX) {
            pool::open(state, organization, &self.pool.name, now, chance, &mut decision);
        }
        if decision.events.len() < OPENED_MAX {
            decision.roster.push(RosterChange::Overdue(self.pool));
        }
        decision
    }
}
