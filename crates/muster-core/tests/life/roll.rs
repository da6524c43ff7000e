//! An account of its own of who is there, and of what people should know of it: from the events alone, and by another way than the core's.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::entity::{Cause, Incident, Organization};
use muster_core::event::{Event, Recorded};
use muster_core::ledger::Ledger;
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{Enablement, OrganizationId, Pool, RunnerId};

/// A lease with its grace, by default.
const LEASE: Duration = Duration::from_secs(65);
/// The grace alone.
const GRACE: Duration = Duration::from_secs(5);
/// How long a pool may be without runners, by default.
const ALONE: Duration = Duration::from_secs(300);
/// How long a runner may be old, by default.
const OLD: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, Default)]
pub struct Roll {
    present: BTreeMap<RunnerId, Pool>,
    /// Since when a pool that has had runners has none, as far as this process knows.
    alone: BTreeMap<Pool, Moment>,
    /// Since when a runner checks in with an old version.
    old: BTreeMap<RunnerId, Stamp>,
    left: BTreeMap<RunnerId, Stamp>,
}

impl Roll {
    /// Takes in an event, with the ledger as it was before.
    pub fn take(&mut self, recorded: &Recorded, ledger: &Ledger, now: Now) {
        match &recorded.event {
            Event::RunnerCheckedIn { runner, profile, .. } => {
                self.alone.remove(&profile.pool);
                if let Some(before) = self.present.insert(*runner, profile.pool.clone()) {
                    self.note_alone(before, now);
                }
                self.left.remove(runner);
                if ["1.9.", "2.0."].iter().any(|old| profile.version.starts_with(old)) {
                    self.old.entry(*runner).or_insert(now.stamp);
                } else {
                    self.old.remove(runner);
                }
            }
            Event::RunnerLeft { runner, last_heard } => {
                if let Some(pool) = self.present.remove(runner) {
                    self.note_alone(pool, now);
                }
                self.left.insert(*runner, *last_heard);
            }
            Event::IncidentOpened { cause, .. } => {
                let other = open(ledger).find(|one| one.cause == *cause);
                assert_eq!(other, None, "one is open at a time");
                match cause {
                    Cause::ErrorRate { .. } => {}
                    Cause::PoolOffline { organization, pool } => {
                        let pool = Pool::named(organization, pool);
                        assert!(self.is_alone_for_long(&pool, now), "too early: {self:?}");
                        assert!(users(ledger, organization, &pool) > 0, "nobody relies on it: {pool}");
                    }
                    Cause::RunnerOutdated { runner } => {
                        assert!(self.is_old_for_long(*runner, now), "too early: {self:?}");
                    }
                    // It opens with the lock: see `enrollment.rs`.
                    Cause::RunnerCloned { .. } => {}
                }
            }
            _ => {}
        }
    }

    /// Nobody knows who is there, and those who were have a lease to come back.
    pub fn restart(&mut self, ledger: &Ledger, now: Now) {
        let known: Vec<&Pool> = ledger.runners().map(|runner| &runner.profile.pool).collect();
        self.alone.retain(|pool, _| known.contains(&pool));
        for since in self.alone.values_mut() {
            *since = now.moment.after(LEASE);
        }
    }

    /// Nobody could come meanwhile, nor in the grace after it.
    pub fn stand_still(&mut self, span: Duration) {
        for since in self.alone.values_mut() {
            *since = since.after(span + GRACE);
        }
    }

    /// All that is open ought to be, and all that ought to be is.
    pub fn check(&self, ledger: &Ledger, now: Now) {
        let organizations: Vec<_> = ledger.integrations().map(|one| &one.organization).collect();
        for (pool, since) in &self.alone {
            let Some(organization) = organizations.iter().find(|one| users(ledger, one, pool) > 0) else {
                continue;
            };
            let cause = Cause::offline(organization, pool);
            let is_told = open(ledger).any(|one| one.cause == cause);
            assert!(
                is_told || !self.is_alone_for_long(pool, now),
                "nobody is told of {pool} since {since:?}"
            );
        }
        for runner in self.old.keys().filter(|runner| self.is_old_for_long(**runner, now)) {
            let cause = Cause::RunnerOutdated { runner: *runner };
            assert!(open(ledger).any(|one| one.cause == cause), "nobody is told of {runner}");
        }
        for incident in open(ledger) {
            match &incident.cause {
                Cause::ErrorRate { .. } => {}
                Cause::PoolOffline { organization, pool } => {
                    let pool = Pool::named(organization, pool);
                    let is_served = self.present.values().any(|served| *served == pool);
                    assert!(!is_served, "a runner is there: {incident:?}");
                    assert!(users(ledger, organization, &pool) > 0, "nobody needs it: {incident:?}");
                }
                Cause::RunnerOutdated { runner } => {
                    assert!(self.old.contains_key(runner), "it is not old: {incident:?}");
                    let gone = self.left.get(runner).is_some_and(|left| left.after(OLD) <= now.stamp);
                    assert!(!gone, "it is gone for long: {incident:?}");
                }
                Cause::RunnerCloned { .. } => {}
            }
        }
    }

    fn note_alone(&mut self, pool: Pool, now: Now) {
        if !self.present.values().any(|served| *served == pool) {
            self.alone.insert(pool, now.moment);
        }
    }

    fn is_alone_for_long(&self, pool: &Pool, now: Now) -> bool {
        self.alone
            .get(pool)
            .is_some_and(|since| since.after(ALONE) <= now.moment)
    }

    fn is_old_for_long(&self, runner: RunnerId, now: Now) -> bool {
        let since = self.old.get(&runner);
        self.present.contains_key(&runner) && since.is_some_and(|since| since.after(OLD) <= now.stamp)
    }
}

fn open(ledger: &Ledger) -> impl Iterator<Item = &Incident> {
    ledger.incidents().filter(|one| one.closed.is_none())
}

/// Nobody relies on anything in an organization that is suspended.
fn users(ledger: &Ledger, organization: &OrganizationId, pool: &Pool) -> usize {
    if !ledger.organization(organization).is_some_and(Organization::is_active) {
        return 0;
    }
    let enabled = ledger
        .integrations()
        .filter(|one| one.enablement == Enablement::Enabled);
    let users = enabled.filter(|one| one.organization == *organization && one.definition.pool == *pool);
    users.count()
}
