//! What is derived from the ledger and never stored: uniqueness, queues, timers, who holds what. Rebuilt after a start.

mod access;
mod alerts;
mod due;
mod organizations;
mod pools;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use smol_str::{SmolStr, StrExt as _};

use crate::alert::{self, Policy};
use crate::entity::{Cause, Execution, Incident, Integration, Organization, Phase, Runner};
use crate::ledger::Ledger;
use crate::planted;
use crate::time::Stamp;
use crate::words::{
    ConfigurationStatus, ConnectorName, DataType, ExecutionId, IntegrationId, OrganizationId, Pool, PoolName,
    Recipients, RequestId, RunnerId,
};

pub use access::Access;
pub use alerts::{Alerts, Open, Outgoing};
use due::Due;
use organizations::Organizations;

pub use pools::Pools;
pub use queue::{Head, Queue, Ticket};

/// Names a queue: executions that the same runners may claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// Whose runners.
    pub pool: Pool,
    /// What they must have.
    pub connector: ConnectorName,
    /// Whose keys they must have one of; `None` for any runner.
    pub sealed_to: Option<Recipients>,
}

impl Lane {
    /// Whether the same runners serve it, keys aside.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.pool == other.pool && self.connector == other.connector
    }
}

/// How many executions are open, by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenCounts {
    /// Those in Created.
    pub created: usize,
    /// Those in Pending.
    pub pending: usize,
    /// Those in Executing.
    pub executing: usize,
}

impl OpenCounts {
    fn of(&mut self, phase: &Phase) -> &mut usize {
        match phase {
            Phase::Created { .. } => &mut self.created,
            Phase::Pending(_) => &mut self.pending,
            Phase::Executing(_) | Phase::Landing(..) => &mut self.executing,
        }
    }
}

/// The indices over one ledger.
///
/// An entity is taken out before an event is applied to it, and put in again after.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// When pools and runners are looked at depends on it.
    policy: Arc<Policy>,
    integrations: BTreeMap<OrganizationId, BTreeSet<IntegrationId>>,
    /// By display name in lower case.
    names: BTreeMap<OrganizationId, BTreeMap<SmolStr, IntegrationId>>,
    requests: BTreeMap<(OrganizationId, RequestId), IntegrationId>,
    /// By status, so that those in Error are found without a look at all others.
    by_status: BTreeMap<(OrganizationId, ConfigurationStatus), BTreeSet<IntegrationId>>,
    /// Each integration by the first of its upcoming collections: a place for each of them would take as much memory as all other indices.
    access: Access,
    due: Due,
    organizations: Organizations,
    alerts: Alerts,
    pools: Pools,
    open: BTreeMap<(IntegrationId, DataType), ExecutionId>,
    backing_off: BTreeSet<(Stamp, ExecutionId)>,
    queues: BTreeMap<Lane, Queue>,
    /// The lanes in which somebody waits.
    waiting: BTreeSet<Lane>,
    held: BTreeMap<RunnerId, BTreeSet<ExecutionId>>,
    landing: BTreeSet<ExecutionId>,
    runners: BTreeSet<(Pool, RunnerId)>,
    /// By owner; those of the service itself by `None`.
    runners_by_owner: BTreeMap<Option<OrganizationId>, BTreeSet<RunnerId>>,
    open_counts: OpenCounts,
    /// Up to when back-offs have been judged: an execution whose time is not after this is in its queue.
    ready_until: Stamp,
}

impl Index {
    /// The indices over this ledger, with the back-offs judged at `now`.
    #[must_use]
    pub fn over(ledger: &Ledger, policy: Arc<Policy>, now: Stamp) -> Self {
        let mut index = Self {
            policy,
            ready_until: now,
            ..Self::default()
        };
        // First: what rests is queued otherwise.
        for organization in ledger.organizations() {
            index.note_organization(ledger, organization);
        }
        for integration in ledger.integrations() {
            index.put_integration(integration);
        }
        for execution in ledger.executions() {
            index.put_execution(execution);
        }
        for runner in ledger.runners() {
            index.put_runner(runner);
        }
        for person in ledger.people() {
            index.access.put_person(person);
        }
        for token in ledger.tokens() {
            index.access.put_token(token);
        }
        for token in ledger.enrollment_tokens(None) {
            index.access.put_enrollment_token(token);
        }
        for incident in ledger.incidents() {
            index.put_incident(incident);
        }
        for runner in ledger.runners() {
            index.look_at_runner(ledger, runner.id);
        }
        let open: Vec<Cause> = index.alerts.all_open().map(|(cause, _)| cause.clone()).collect();
        for cause in open {
            index.look_at(ledger, cause);
        }
        index
    }

    /// The same indices made anew, to compare.
    pub(crate) fn anew(&self, ledger: &Ledger) -> Self {
        Self::over(ledger, self.policy.clone(), self.ready_until)
    }

    /// The integrations of an organization after `after`, oldest first.
    pub fn integrations_of(
        &self,
        organization: &OrganizationId,
        after: Option<IntegrationId>,
    ) -> impl Iterator<Item = IntegrationId> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let theirs = self.integrations.get(organization).into_iter();
        theirs.flat_map(move |theirs| theirs.range((after, Bound::Unbounded)).copied())
    }

    /// The organizations that have integrations, by name.
    pub fn with_integrations(&self) -> impl Iterator<Item = &OrganizationId> {
        self.integrations.keys()
    }

    /// The integrations of an organization before `before`, newest first.
    pub fn integrations_before(
        &self,
        organization: &OrganizationId,
        before: Option<IntegrationId>,
    ) -> impl Iterator<Item = IntegrationId> {
        let end = before.unwrap_or(IntegrationId(u128::MAX));
        let theirs = self.integrations.get(organization).into_iter();
        theirs.flat_map(move |theirs| theirs.range(..end).rev().copied())
    }

    /// The integrations of an organization by display name, in lower case, after `after`; each with that name.
    pub fn integrations_by_name(
        &self,
        organization: &OrganizationId,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&str, IntegrationId)> {
        let after = after.map_or(Bound::Unbounded, |after| Bound::Excluded(SmolStr::new(after)));
        let theirs = self.names.get(organization).into_iter();
        theirs.flat_map(move |theirs| {
            let named = theirs.range((after.clone(), Bound::Unbounded));
            named.map(|(name, id)| (name.as_str(), *id))
        })
    }

    /// The integration of this display name, letter case aside.
    #[must_use]
    pub fn named(&self, organization: &OrganizationId, display_name: &str) -> Option<IntegrationId> {
        self.names
            .get(organization)?
            .get(&display_name.to_lowercase_smolstr())
            .copied()
    }

    /// The integration that was made by the request of this id.
    #[must_use]
    pub fn requested(&self, organization: &OrganizationId, id: RequestId) -> Option<IntegrationId> {
        self.requests.get(&(organization.clone(), id)).copied()
    }

    /// The open execution of a data type.
    #[must_use]
    pub fn open(&self, integration: IntegrationId, data_type: &DataType) -> Option<ExecutionId> {
        self.open.get(&(integration, data_type.clone())).copied()
    }

    /// How many executions are open, by status.
    #[must_use]
    pub fn open_counts(&self) -> OpenCounts {
        self.open_counts
    }

    /// How many of those in Created wait for the end of a back-off.
    #[must_use]
    pub fn backing_off_count(&self) -> usize {
        self.backing_off.len()
    }

    /// The open executions of an integration, by data type.
    pub fn open_of(&self, integration: IntegrationId) -> impl Iterator<Item = ExecutionId> {
        self.open
            .range((integration, DataType::least())..)
            .take_while(move |((owner, _), _)| *owner == integration)
            .map(|(_, execution)| *execution)
    }

    /// The integration whose upcoming collection is due first, if it is due at `now`.
    pub(crate) fn first_due(&self, now: Stamp) -> Option<IntegrationId> {
        let (due, integration) = self.due.first()?;
        (due <= now).then_some(integration)
    }

    /// When something happens next by the wall clock: a data type falls due, or a back-off ends. `None` when nothing is planned.
    #[must_use]
    pub fn next_timer(&self) -> Option<Stamp> {
        let due = self.due.first().map(|(at, _)| at);
        let back_off = self.backing_off.first().map(|(at, _)| *at);
        due.into_iter().chain(back_off).chain(self.alerts.next()).min()
    }

    /// The people and their tokens.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    pub(crate) fn access_mut(&mut self) -> &mut Access {
        &mut self.access
    }

    /// The incidents, and when integrations are looked at for them.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Which pools have runners, and who relies on them.
    #[must_use]
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// What is told of pools and runners, and to whom.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How a pool stands for an organization.
    #[must_use]
    pub fn standing(&self, organization: &OrganizationId, pool: &PoolName) -> alert::pool::Standing {
        let cause = Cause::PoolOffline {
            organization: organization.clone(),
            pool: pool.clone(),
        };
        let pool = Pool::named(organization, pool);
        alert::pool::Standing {
            is_served: self.pools.present(&pool) > 0,
            is_used: self.pools.users_of(&pool, organization) > 0 && !self.organizations.rests(organization),
            told: self.alerts.open(&cause).map(|open| open.told),
        }
    }

    /// How many executions of an organization are queued for a pool.
    #[must_use]
    pub fn queued_for(&self, pool: &Pool, organization: &OrganizationId) -> usize {
        let first = Lane {
            pool: pool.clone(),
            connector: ConnectorName::least(),
            sealed_to: None,
        };
        let lanes = self.waiting.range(first..).take_while(|lane| lane.pool == *pool);
        let queues = lanes.filter_map(|lane| self.queues.get(lane));
        queues.map(|queue| queue.waiting_of(organization)).sum()
    }

    /// Something has changed by which it is judged when to look at this cause, which is no integration's.
    pub(crate) fn look_at(&mut self, ledger: &Ledger, cause: Cause) {
        let next = match &cause {
            Cause::ErrorRate { .. } => return,
            Cause::PoolOffline { organization, pool } => {
                alert::pool::next_look(self.standing(organization, pool), &self.policy)
            }
            Cause::RunnerOutdated { runner } => {
                let told = self.alerts.open(&cause).map(|open| open.told);
                let runner = ledger.runner(*runner);
                runner.and_then(|runner| alert::runner::next_look(runner, told, &self.policy))
            }
            Cause::RunnerCloned { .. } => {
                let told = self.alerts.open(&cause).map(|open| open.told);
                told.map(|told| alert::clone::next_look(told, &self.policy))
            }
        };
        self.alerts.look_at(cause, next);
    }

    /// A runner has changed.
    pub(crate) fn look_at_runner(&mut self, ledger: &Ledger, runner: RunnerId) {
        self.look_at(ledger, Cause::RunnerOutdated { runner });
    }

    /// Which runners a pool has may have changed.
    pub(crate) fn look_at_pool(&mut self, ledger: &Ledger, pool: &Pool) {
        let open: Vec<Cause> = match &pool.organization {
            Some(organization) => vec![Cause::offline(organization, pool)],
            // The service's own serves all organizations.
            None => {
                let of_it =
                    |cause: &&Cause| matches!(cause, Cause::PoolOffline { pool: name, .. } if *name == pool.name);
                self.alerts.open_of_pools().filter(of_it).cloned().collect()
            }
        };
        for cause in open {
            self.look_at(ledger, cause);
        }
    }

    /// The integrations of an organization that have this status, after `after`, oldest first.
    pub fn integrations_with(
        &self,
        organization: &OrganizationId,
        status: ConfigurationStatus,
        after: Option<IntegrationId>,
    ) -> impl Iterator<Item = IntegrationId> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let those = self.by_status.get(&(organization.clone(), status));
        those
            .into_iter()
            .flat_map(move |those| those.range((after, Bound::Unbounded)).copied())
    }

    /// How many integrations of an organization have this status.
    #[must_use]
    pub fn count(&self, organization: &OrganizationId, status: ConfigurationStatus) -> usize {
        self.by_status
            .get(&(organization.clone(), status))
            .map_or(0, BTreeSet::len)
    }

    /// How well an integration is has changed, and nothing else of it that is indexed.
    pub(crate) fn note_health(&mut self, integration: &Integration, before: ConfigurationStatus) {
        if integration.status() != before {
            self.take_status(integration, before);
            self.put_status(integration);
        }
        self.alerts.look(integration);
    }

    fn put_status(&mut self, integration: &Integration) {
        let key = (integration.organization.clone(), integration.status());
        self.by_status.entry(key).or_default().insert(integration.id);
    }

    fn take_status(&mut self, integration: &Integration, status: ConfigurationStatus) {
        let key = (integration.organization.clone(), status);
        if let Some(those) = self.by_status.get_mut(&key) {
            those.remove(&integration.id);
            if those.is_empty() {
                self.by_status.remove(&key);
            }
        }
    }

    pub(crate) fn put_incident(&mut self, incident: &Incident) {
        self.alerts.put(incident);
    }

    pub(crate) fn take_incident(&mut self, incident: &Incident) {
        self.alerts.take(incident);
    }

    /// What a runner holds.
    pub fn held_by(&self, runner: RunnerId) -> impl Iterator<Item = ExecutionId> {
        self.held.get(&runner).into_iter().flatten().copied()
    }

    /// How much a runner holds.
    #[must_use]
    pub fn held_count(&self, runner: RunnerId) -> usize {
        self.held.get(&runner).map_or(0, BTreeSet::len)
    }

    /// The runners that hold something.
    pub fn holders(&self) -> impl Iterator<Item = RunnerId> {
        self.held.keys().copied()
    }

    /// The runners that serve a pool, as far as the ledger knows.
    pub fn runners_of(&self, pool: &Pool) -> impl Iterator<Item = RunnerId> {
        self.runners
            .range((pool.clone(), RunnerId(0))..)
            .take_while(move |(of, _)| of == pool)
            .map(|(_, runner)| *runner)
    }

    /// The runners of an organization, or of the service itself, after `after`, oldest first.
    pub fn runners_owned_by(
        &self,
        owner: Option<OrganizationId>,
        after: Option<RunnerId>,
    ) -> impl Iterator<Item = RunnerId> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let theirs = self.runners_by_owner.get(&owner).into_iter();
        theirs.flat_map(move |theirs| theirs.range((after, Bound::Unbounded)).copied())
    }

    /// The runners that may serve an organization, after `after`, oldest first: its own, and those of the service itself.
    pub fn runners_serving(
        &self,
        organization: &OrganizationId,
        after: Option<RunnerId>,
    ) -> impl Iterator<Item = RunnerId> {
        let mut own = self.runners_owned_by(Some(organization.clone()), after).peekable();
        let mut hosted = self.runners_owned_by(None, after).peekable();
        std::iter::from_fn(move || match (own.peek(), hosted.peek()) {
            (Some(one), Some(other)) if other < one => hosted.next(),
            (Some(_), _) => own.next(),
            (None, _) => hosted.next(),
        })
    }

    /// How many integrations an organization has.
    #[must_use]
    pub fn integration_count(&self, organization: &OrganizationId) -> usize {
        self.integrations.get(organization).map_or(0, BTreeSet::len)
    }

    /// How many runners an organization has.
    #[must_use]
    pub fn runner_count(&self, organization: &OrganizationId) -> usize {
        self.runners_by_owner
            .get(&Some(organization.clone()))
            .map_or(0, BTreeSet::len)
    }

    /// How many executions of an organization are open.
    #[must_use]
    pub fn open_count_of(&self, organization: &OrganizationId) -> usize {
        self.organizations.open_executions(organization)
    }

    /// The executions that are being published.
    pub fn landing(&self) -> impl Iterator<Item = ExecutionId> {
        self.landing.iter().copied()
    }

    /// The lanes in which somebody waits.
    #[must_use]
    pub fn waiting(&self) -> &BTreeSet<Lane> {
        &self.waiting
    }

    /// The lanes after `after` in which somebody waits, each with its queue.
    pub fn queues_after<'a>(&'a self, after: Option<&'a Lane>) -> impl Iterator<Item = (&'a Lane, &'a Queue)> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.waiting
            .range::<Lane, _>((first, Bound::Unbounded))
            .filter_map(|lane| Some((lane, self.queues.get(lane)?)))
    }

    /// The queue of a lane.
    #[must_use]
    pub fn queue(&self, lane: &Lane) -> Option<&Queue> {
        self.queues.get(lane)
    }

    /// Moves the executions whose back-off has ended by `now` into their queues.
    pub(crate) fn end_back_offs(&mut self, ledger: &Ledger, now: Stamp) {
        self.ready_until = self.ready_until.max(now);
        while let Some((at, id)) = self.backing_off.first().copied() {
            if at > self.ready_until {
                return;
            }
            self.backing_off.remove(&(at, id));
            if let Some(execution) = ledger.execution(id) {
                self.enqueue(execution);
            }
        }
    }

    pub(crate) fn put_integration(&mut self, integration: &Integration) {
        let Integration {
            id,
            organization,
            definition,
            request,
            ..
        } = integration;
        self.integrations.entry(organization.clone()).or_default().insert(*id);
        self.put_status(integration);
        self.alerts.look(integration);
        self.pools.put_integration(integration);
        if let Some(request) = request {
            self.requests.insert((organization.clone(), request.id), *id);
        }
        let names = self.names.entry(organization.clone()).or_default();
        names.insert(definition.display_name.as_str().to_lowercase_smolstr(), *id);
        self.reschedule(organization, *id, None, integration.first_upcoming());
    }

    pub(crate) fn take_integration(&mut self, integration: &Integration) {
        let Integration {
            id,
            organization,
            definition,
            request,
            ..
        } = integration;
        if let Some(theirs) = self.integrations.get_mut(organization) {
            theirs.remove(id);
            if theirs.is_empty() {
                self.integrations.remove(organization);
            }
        }
        self.take_status(integration, integration.status());
        self.alerts.look_away(*id);
        self.pools.take_integration(integration);
        if let Some(request) = request {
            self.requests.remove(&(organization.clone(), request.id));
        }
        if let Some(names) = self.names.get_mut(organization) {
            names.remove(&definition.display_name.as_str().to_lowercase_smolstr());
            if names.is_empty() {
                self.names.remove(organization);
            }
        }
        self.reschedule(organization, *id, integration.first_upcoming(), None);
    }

    /// The first of an integration's upcoming collections has changed.
    pub(crate) fn reschedule(
        &mut self,
        organization: &OrganizationId,
        id: IntegrationId,
        before: Option<Stamp>,
        after: Option<Stamp>,
    ) {
        let rests = self.organizations.rests(organization) && !planted!("suspended-falls-due");
        self.due.reschedule(organization, id, (before, after), rests);
    }

    /// Whether nothing new happens in an organization: it is suspended, or being deleted.
    #[must_use]
    pub fn rests(&self, organization: &OrganizationId) -> bool {
        self.organizations.rests(organization)
    }

    /// The organizations of which all is to be deleted.
    pub fn closing(&self) -> impl Iterator<Item = &OrganizationId> {
        self.organizations.closing()
    }

    /// Takes in an organization as it is now. When it has come to rest, or goes on, so do its queues and its schedules; `true` then.
    pub(crate) fn note_organization(&mut self, ledger: &Ledger, organization: &Organization) -> bool {
        let Some(rests) = self.organizations.note(organization) else {
            return false;
        };
        let id = &organization.id;
        self.due.rest(id, rests && !planted!("suspended-falls-due"));
        // What the service's own runners do for it, and what its own do.
        for owner in [None, Some(id.clone())] {
            let first = Lane {
                pool: Pool::least_of(owner.clone()),
                connector: ConnectorName::least(),
                sealed_to: None,
            };
            let lanes = self.queues.range_mut(first..);
            for (_, queue) in lanes.take_while(|(lane, _)| lane.pool.organization == owner) {
                queue.rest(id, rests && !planted!("suspended-dispatched"));
            }
        }
        let offline = |cause: &&Cause| matches!(cause, Cause::PoolOffline { organization, .. } if organization == id);
        let offline: Vec<Cause> = self.alerts.open_of_pools().filter(offline).cloned().collect();
        for cause in offline {
            self.look_at(ledger, cause);
        }
        true
    }

    pub(crate) fn put_runner(&mut self, runner: &Runner) {
        self.runners.insert((runner.profile.pool.clone(), runner.id));
        let owner = runner.profile.organization.clone();
        self.runners_by_owner.entry(owner).or_default().insert(runner.id);
        self.pools.put_runner(runner);
    }

    pub(crate) fn take_runner(&mut self, runner: &Runner) {
        self.runners.remove(&(runner.profile.pool.clone(), runner.id));
        let owner = &runner.profile.organization;
        if let Some(theirs) = self.runners_by_owner.get_mut(owner) {
            theirs.remove(&runner.id);
            if theirs.is_empty() {
                self.runners_by_owner.remove(owner);
            }
        }
        self.pools.take_runner(runner);
    }

    pub(crate) fn put_execution(&mut self, execution: &Execution) {
        self.open
            .insert((execution.integration, execution.data_type.clone()), execution.id);
        *self.open_counts.of(&execution.phase) += 1;
        self.organizations.count_open(&execution.organization);
        match &execution.phase {
            Phase::Created { not_before: Some(at) } if *at > self.ready_until && !planted!("back-off-ignored") => {
                self.backing_off.insert((*at, execution.id));
            }
            Phase::Created { .. } => self.enqueue(execution),
            Phase::Pending(claim) | Phase::Executing(claim) => {
                self.held.entry(claim.runner).or_default().insert(execution.id);
                let rests = self.rests_in_queue(execution);
                self.queues
                    .entry(lane(execution))
                    .or_default()
                    .hold(&execution.organization, rests);
            }
            Phase::Landing(..) => {
                self.landing.insert(execution.id);
            }
        }
    }

    pub(crate) fn take_execution(&mut self, execution: &Execution) {
        self.open.remove(&(execution.integration, execution.data_type.clone()));
        *self.open_counts.of(&execution.phase) -= 1;
        self.organizations.discount_open(&execution.organization);
        match &execution.phase {
            Phase::Created { not_before } => {
                let backed_off = not_before.is_some_and(|at| self.backing_off.remove(&(at, execution.id)));
                if !backed_off {
                    self.change_queue(execution, |queue| {
                        queue.dequeue(&execution.organization, (execution.created, execution.id));
                    });
                }
            }
            Phase::Pending(claim) | Phase::Executing(claim) => {
                if let Some(held) = self.held.get_mut(&claim.runner) {
                    held.remove(&execution.id);
                    if held.is_empty() {
                        self.held.remove(&claim.runner);
                    }
                }
                self.change_queue(execution, |queue| queue.release(&execution.organization));
            }
            Phase::Landing(..) => {
                self.landing.remove(&execution.id);
            }
        }
    }

    fn enqueue(&mut self, execution: &Execution) {
        let lane = lane(execution);
        let rests = self.rests_in_queue(execution);
        let queue = self.queues.entry(lane.clone()).or_default();
        queue.enqueue(&execution.organization, (execution.created, execution.id), rests);
        if queue.waiting() == 1 {
            self.waiting.insert(lane);
        }
    }

    fn rests_in_queue(&self, execution: &Execution) -> bool {
        self.organizations.rests(&execution.organization) && !planted!("suspended-dispatched")
    }

    fn change_queue(&mut self, execution: &Execution, change: impl FnOnce(&mut Queue)) {
        let lane = lane(execution);
        if let Some(queue) = self.queues.get_mut(&lane) {
            change(queue);
            if queue.waiting() == 0 {
                self.waiting.remove(&lane);
            }
            if queue.is_unused() {
                self.queues.remove(&lane);
            }
        }
    }
}

/// The lane in which an execution waits.
#[must_use]
pub fn lane(execution: &Execution) -> Lane {
    Lane {
        pool: execution.pool.clone(),
        connector: execution.connector.clone(),
        sealed_to: execution.sealed_to.clone(),
    }
}
