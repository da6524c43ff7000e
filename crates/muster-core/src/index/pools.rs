//! Which pools have runners, and who relies on them.

use std::collections::BTreeMap;

use crate::entity::{Integration, Runner};
use crate::words::{Enablement, OrganizationId, Pool};

/// Which pools have runners, and who relies on them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pools {
    /// How many runners are there, as far as the ledger knows: their leases run.
    present: BTreeMap<Pool, usize>,
    /// How many enabled integrations rely on a pool, by organization.
    users: BTreeMap<Pool, BTreeMap<OrganizationId, usize>>,
}

impl Pools {
    /// How many runners of a pool are there, as far as the ledger knows.
    #[must_use]
    pub fn present(&self, pool: &Pool) -> usize {
        self.present.get(pool).copied().unwrap_or(0)
    }

    /// How many enabled integrations of an organization rely on a pool.
    #[must_use]
    pub fn users_of(&self, pool: &Pool, organization: &OrganizationId) -> usize {
        let users = self.users.get(pool).and_then(|users| users.get(organization));
        users.copied().unwrap_or(0)
    }

    /// The organizations whose enabled integrations rely on a pool.
    pub fn users(&self, pool: &Pool) -> impl Iterator<Item = &OrganizationId> {
        self.users.get(pool).into_iter().flat_map(BTreeMap::keys)
    }

    /// The pools on which enabled integrations of an organization rely.
    pub fn used_by(&self, organization: &OrganizationId) -> impl Iterator<Item = &Pool> {
        let owners = [None, Some(organization.clone())].into_iter();
        let pools = owners.flat_map(|owner| {
            let first = Pool::least_of(owner.clone());
            let pools = self.users.range(first..);
            pools.take_while(move |(pool, _)| pool.organization == owner)
        });
        pools.filter_map(|(pool, users)| users.contains_key(organization).then_some(pool))
    }

    pub(super) fn put_integration(&mut self, integration: &Integration) {
        if is_user(integration) {
            let users = self.users.entry(integration.definition.pool.clone()).or_default();
            *users.entry(integration.organization.clone()).or_default() += 1;
        }
    }

    pub(super) fn take_integration(&mut self, integration: &Integration) {
        let pool = &integration.definition.pool;
        if is_user(integration)
            && let Some(users) = self.users.get_mut(pool)
        {
            take_one(users, &integration.organization);
            if users.is_empty() {
                self.users.remove(pool);
            }
        }
    }

    pub(super) fn put_runner(&mut self, runner: &Runner) {
        if runner.left.is_none() {
            *self.present.entry(runner.profile.pool.clone()).or_default() += 1;
        }
    }

    pub(super) fn take_runner(&mut self, runner: &Runner) {
        if runner.left.is_none() {
            take_one(&mut self.present, &runner.profile.pool);
        }
    }
}

fn is_user(integration: &Integration) -> bool {
    match integration.enablement {
        Enablement::Enabled => true,
        Enablement::Draft | Enablement::Disabled => false,
    }
}

/// What counts nothing leaves nothing behind.
fn take_one<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
