//! People are told of a pool without runners in time, and not too early: by the clock that only the world has.

use muster_core::entity::Cause;
use muster_core::event::{Event, Recorded};
use muster_core::words::Pool;

use crate::agenda::Millis;
use crate::check::LEASE_MS;
use crate::trace::broken;
use crate::world::World;

/// How long a pool may be without runners.
const OFFLINE_MS: Millis = 300_000;

/// What may lie between a decision and its batch, and what one clock may be faster than the other.
const SLACK_MS: Millis = 60_000;

/// How long a process may be held up in all, and still be in time.
const LATE_MS: Millis = 240_000;

impl World {
    /// Notes since when pools are without runners.
    pub(super) fn note_pools(&mut self, events: &[Recorded]) {
        for recorded in events {
            if let Event::RunnerCheckedIn { profile, .. } = &recorded.event {
                self.deserted.remove(&profile.pool);
            }
        }
        for (pool, is_served) in self.spec.pools() {
            if is_served {
                self.deserted.remove(pool);
            } else {
                self.deserted.entry(pool.clone()).or_insert(self.now);
            }
        }
    }

    /// For how long this process of the coordinator has known that nobody is there; `None` when somebody is.
    fn deserted_for(&self, pool: &Pool) -> Option<Millis> {
        let began = self.coordinator.as_ref()?.began;
        let since = *self.deserted.get(pool)?;
        // Of those that were without runners when it began it does not know for a lease.
        let since = if since < began { began + LEASE_MS } else { since };
        Some(self.now.saturating_sub(since))
    }

    /// An incident of a pool has opened.
    pub(super) fn check_offline(&self, pool: &Pool) {
        let deserted = self.deserted_for(pool);
        if deserted.is_some_and(|span| span + SLACK_MS < OFFLINE_MS) {
            broken!("people are told that `{pool}` is offline after {deserted:?} ms");
        }
    }

    /// An incident is open of each pool that is without runners for long.
    pub(super) fn check_pools(&self) {
        for pool in self.deserted.keys() {
            if self.deserted_for(pool).is_none_or(|span| span < OFFLINE_MS + LATE_MS) {
                continue;
            }
            for organization in self.spec.organizations() {
                let cause = Cause::offline(organization, pool);
                if self.spec.users(pool, organization) > 0 && self.spec.open_incident_of(&cause).is_none() {
                    broken!("`{pool}` is offline for long, and nobody in {organization} is told");
                }
            }
        }
    }
}
