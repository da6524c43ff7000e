//! What is true now and not durable: which runners are connected, what they have room for, and the deadlines on the monotonic clock.

mod checks;
mod instances;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::ops::Bound;
use std::time::Duration;

use crate::index::Lane;
use crate::planted;
use crate::time::{Moment, Stamp};
use crate::words::{
    Attempt, CheckId, ConnectorName, ExecutionId, Pool, Recipients, RunnerId, SealingKey, SessionId, Slots, Version,
};

pub use checks::{CHECKS_MAX, Check, Checks};
pub use instances::Instances;

/// The time limits of the check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a runner that is not heard keeps what it holds.
    pub lease: Duration,
    /// How much longer the coordinator waits than the lease says, so that the runner has stopped by then.
    pub lease_grace: Duration,
    /// How long a runner has to confirm an assignment.
    pub confirm: Duration,
    /// How long a check may take. The coordinator waits for its result for [`Self::lease_grace`] longer.
    pub check: Duration,
    /// How long a pool may be without runners before people are told.
    pub pool_offline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            lease_grace: Duration::from_secs(5),
            confirm: Duration::from_secs(10),
            check: Duration::from_secs(60),
            pool_offline: Duration::from_secs(5 * 60),
        }
    }
}

/// Withdrawn assignments in a row after which a runner gets no more until it checks in anew.
pub const WITHDRAWALS_MAX: u32 = 3;

/// Why a runner may have had to give up what it held, through no fault of its own: it stops its work when it does not hear the coordinator for most of its
/// lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excuse {
    /// The coordinator stood still. A check-in before `until` ends no excuse: the runner may have said it, and given up after that, while nobody heard it.
    StoodStill {
        /// A lease after it went on.
        until: Moment,
    },
    /// Its organization was suspended, so it was sent away.
    Suspended,
}

/// A runner that has a session, had one within the lease, or may have one that this process does not know of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Its connected session; `None` while it is away and its lease runs.
    pub session: Option<SessionId>,
    /// The pool that it serves; `None` after a restart, until it has checked in.
    pub pool: Option<Pool>,
    /// The connectors that it may run.
    pub connectors: Vec<ConnectorName>,
    /// To what values are sealed that it can open; `None` when it opens none.
    pub sealing_key: Option<SealingKey>,
    /// How much it carries out at the same time.
    pub slots: Slots,
    /// How much it holds, from the ledger.
    pub held: u32,
    /// When it was last heard.
    pub heard: Moment,
    /// The same by the wall clock.
    pub heard_at: Stamp,
    /// It finishes what it has and takes nothing new.
    pub draining: bool,
    /// A person has said that it takes nothing new, and that lasts: from the ledger, since its check-in.
    pub drained: bool,
    /// Withdrawn assignments in a row.
    pub withdrawals: u32,
    /// How often this identity has superseded itself while connected: a sign of a cloned runner.
    pub supersessions: u32,
    /// The processes that had this identity of late.
    pub instances: Instances,
    /// The least version of which it would have to be to get work, since it is of an older one; `None` when it is new enough.
    pub required: Option<Version>,
    /// Why what it loses before it checks in anew is nobody's failure; `None` when it is one.
    pub excuse: Option<Excuse>,
}

impl Presence {
    /// Whether it takes something new now, slots aside.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let is_new_enough = self.required.is_none() || planted!("too-old-served");
        self.session.is_some() && !self.draining && !self.drained && self.withdrawals < WITHDRAWALS_MAX && is_new_enough
    }

    /// How many more executions it can take now.
    #[must_use]
    pub fn free(&self) -> u32 {
        if self.is_open() {
            let slots = self.slots.0 + u32::from(planted!("one-slot-too-many"));
            slots.saturating_sub(self.held)
        } else {
            0
        }
    }

    /// Whether it may have what waits in a lane of its pool.
    #[must_use]
    pub fn serves(&self, lane: &Lane) -> bool {
        self.connectors.contains(&lane.connector) && self.opens(lane)
    }

    fn opens(&self, lane: &Lane) -> bool {
        let opens = |recipients: &Recipients| self.sealing_key.as_ref().is_some_and(|key| recipients.contains(key));
        lane.sealed_to.as_ref().is_none_or(opens) || planted!("sealed-to-anybody")
    }

    /// The lanes that it serves, keys aside.
    fn lanes(&self) -> impl Iterator<Item = Lane> {
        self.pool.iter().flat_map(|pool| {
            self.connectors.iter().map(|connector| Lane {
                pool: pool.clone(),
                connector: connector.clone(),
                sealed_to: None,
            })
        })
    }
}

/// What changes in the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RosterChange {
    /// A runner has a new session.
    CheckedIn {
        /// Which runner.
        runner: RunnerId,
        /// Its session.
        session: SessionId,
        /// The pool that it serves.
        pool: Pool,
        /// The connectors that it may run.
        connectors: Vec<ConnectorName>,
        /// To what values are sealed that it can open.
        sealing_key: Option<SealingKey>,
        /// How much it carries out at the same time.
        slots: Slots,
        /// Which process it is; `None` of one that does not say.
        instance: Option<NonZeroU64>,
        /// The least version of which it would have to be to get work; `None` when it is new enough.
        required: Option<Version>,
        /// Whether a person has said that it takes nothing new.
        is_drained: bool,
    },
    /// A runner was heard.
    Heard(RunnerId),
    /// A runner's session has ended; its lease runs on.
    Disconnected(RunnerId),
    /// A runner takes nothing new.
    Draining(RunnerId),
    /// A runner takes nothing new until it is resumed, or takes work again.
    Drained {
        /// Which.
        runner: RunnerId,
        /// Which of both.
        is_drained: bool,
    },
    /// A runner's lease is to be looked at again, since it was heard after the deadline had been set.
    Renewed(RunnerId),
    /// A runner is gone.
    Removed(RunnerId),
    /// A runner has to confirm an assignment.
    Assigned {
        /// Which runner.
        runner: RunnerId,
        /// Of which execution.
        execution: ExecutionId,
        /// Which attempt.
        attempt: Attempt,
    },
    /// It need not any more: it has, or it is over.
    Settled(ExecutionId),
    /// A runner has confirmed: it does take work.
    Confirmed(RunnerId),
    /// An assignment was withdrawn from a runner.
    Withdrawn(RunnerId),
    /// A runner was asked for a check.
    CheckBegan(CheckId, Check),
    /// A check is over.
    CheckEnded(CheckId),
    /// The last runner of a pool is gone.
    Deserted(Pool),
    /// A pool has been without runners for longer than it may.
    Overdue(Pool),
    /// A pool has no runners any more that could come back.
    Abandoned(Pool),
    /// The coordinator itself stood still for this long, until now: that counts against nobody.
    StoodStill(Duration),
}

/// Who is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    presences: BTreeMap<RunnerId, Presence>,
    /// For each lane, keys aside, the runners with free slots, most free first.
    vacancies: BTreeMap<Lane, BTreeSet<(Reverse<u32>, RunnerId)>>,
    /// When to look at each runner's lease.
    leases: BTreeSet<(Moment, RunnerId)>,
    lease_of: BTreeMap<RunnerId, Moment>,
    /// When each assignment must be confirmed.
    confirmations: BTreeSet<(Moment, ExecutionId)>,
    unconfirmed: BTreeMap<ExecutionId, (Attempt, Moment)>,
    checks: Checks,
    /// The pools that have had runners and have none: until when that may be, or `None` when it is longer already.
    deserted: BTreeMap<Pool, Option<Moment>>,
    desertions: BTreeSet<(Moment, Pool)>,
    limits: Limits,
}

impl Roster {
    /// Nobody, under these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The time limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The presence of a runner; `None` when it is not there and its lease is over.
    #[must_use]
    pub fn presence(&self, runner: RunnerId) -> Option<&Presence> {
        self.presences.get(&runner)
    }

    /// All presences.
    pub fn presences(&self) -> impl Iterator<Item = (RunnerId, &Presence)> {
        self.presences.iter().map(|(runner, presence)| (*runner, presence))
    }

    /// The presences of the runners after `after`.
    pub fn presences_after(&self, after: Option<RunnerId>) -> impl Iterator<Item = (RunnerId, &Presence)> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.presences
            .range((first, Bound::Unbounded))
            .map(|(runner, presence)| (*runner, presence))
    }

    /// The runner with the most free slots for a lane.
    #[must_use]
    pub fn vacancy(&self, lane: &Lane) -> Option<RunnerId> {
        if lane.sealed_to.is_none() {
            let (_, runner) = self.vacancies.get(lane)?.first()?;
            return Some(*runner);
        }
        let beside = Lane {
            sealed_to: None,
            ..lane.clone()
        };
        let mut free = self.vacancies.get(&beside)?.iter().map(|(_, runner)| *runner);
        free.find(|runner| self.presence(*runner).is_some_and(|presence| presence.opens(lane)))
    }

    /// The lanes, keys aside, for which somebody has a free slot, with those who have.
    #[must_use]
    pub fn vacancies(&self) -> &BTreeMap<Lane, BTreeSet<(Reverse<u32>, RunnerId)>> {
        &self.vacancies
    }

    /// The runner whose lease is to be looked at first, if that time has come.
    #[must_use]
    pub fn first_lease(&self, now: Moment) -> Option<RunnerId> {
        self.leases
            .first()
            .filter(|(at, _)| *at <= now)
            .map(|(_, runner)| *runner)
    }

    /// The assignment that should have been confirmed first, if its time has passed.
    #[must_use]
    pub fn first_unconfirmed(&self, now: Moment) -> Option<(ExecutionId, Attempt)> {
        let due = |at: &Moment| *at <= now && !planted!("never-withdrawn");
        let (_, execution) = self.confirmations.first().filter(|(at, _)| due(at))?;
        self.unconfirmed
            .get(execution)
            .map(|(attempt, _)| (*execution, *attempt))
    }

    /// Whether this assignment still has to be confirmed.
    #[must_use]
    pub fn is_unconfirmed(&self, execution: ExecutionId) -> bool {
        self.unconfirmed.contains_key(&execution)
    }

    /// The checks under way.
    #[must_use]
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// The pool that has been without runners for longest, if for longer than it may.
    #[must_use]
    pub fn first_deserted(&self, now: Moment) -> Option<&Pool> {
        let (_, pool) = self.desertions.first().filter(|(at, _)| *at <= now)?;
        Some(pool)
    }

    /// Whether this pool has had runners and has none.
    #[must_use]
    pub fn is_deserted(&self, pool: &Pool) -> bool {
        self.deserted.contains_key(pool)
    }

    /// When the roster's next deadline passes; `None` when there is none.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        let lease = self.leases.first().map(|(at, _)| *at);
        let confirmation = self.confirmations.first().map(|(at, _)| *at);
        let check = self.checks.next_deadline();
        let desertion = self.desertions.first().map(|(at, _)| *at);
        let deadlines = lease.into_iter().chain(confirmation).chain(check).chain(desertion);
        deadlines.min()
    }

    /// When the lease of a runner that was heard at `heard` is over, as the coordinator judges it.
    #[must_use]
    pub fn lease_end(&self, heard: Moment) -> Moment {
        if planted!("lease-too-short") {
            return heard.after(self.limits.lease / 2);
        }
        heard.after(self.limits.lease + self.limits.lease_grace)
    }

    /// A runner that the ledger knows and this process does not: it gets one lease to come back.
    pub(crate) fn expect(&mut self, runner: RunnerId, held: u32, now: Moment, at: Stamp) {
        let presence = Presence {
            session: None,
            pool: None,
            connectors: Vec::new(),
            sealing_key: None,
            slots: Slots(0),
            held,
            heard: now,
            heard_at: at,
            draining: false,
            drained: false,
            withdrawals: 0,
            supersessions: 0,
            instances: Instances::default(),
            required: None,
            excuse: None,
        };
        self.presences.insert(runner, presence);
        self.watch_lease(runner, now);
    }

    /// A pool of whose runners the ledger says that all have left. Whether that is so still is known a lease after the start.
    pub(crate) fn expect_nobody(&mut self, pool: Pool, now: Moment) {
        let at = self.lease_end(now).after(self.limits.pool_offline);
        self.desert(pool, Some(at));
    }

    /// Who relies on a pool has changed: if it is without runners for longer than it may, that is looked at once more.
    pub(crate) fn look_again(&mut self, pool: &Pool) {
        if let Some(None) = self.deserted.get(pool) {
            self.desert(pool.clone(), Some(Moment::default()));
        }
    }

    /// A runner is not to be blamed for what it loses before it checks in anew.
    pub(crate) fn excuse(&mut self, runner: RunnerId, excuse: Excuse) {
        if let Some(presence) = self.presences.get_mut(&runner) {
            presence.excuse = Some(excuse);
        }
    }

    /// Notes how much a runner holds, from the ledger.
    pub(crate) fn note_held(&mut self, runner: RunnerId, held: usize) {
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        self.change(runner, |presence| presence.held = held);
    }

    pub(crate) fn apply(&mut self, change: RosterChange, now: Moment, at: Stamp) {
        match change {
            RosterChange::CheckedIn {
                runner,
                session,
                pool,
                connectors,
                sealing_key,
                slots,
                instance,
                required,
                is_drained,
            } => {
                self.check_in(
                    runner,
                    session,
                    pool,
                    connectors,
                    sealing_key,
                    (slots, instance, required, is_drained),
                    now,
                    at,
                );
            }
            RosterChange::Heard(runner) => {
                // Heard is the commonest change of all, and moves nobody between the lanes.
                if let Some(presence) = self.presences.get_mut(&runner) {
                    presence.heard = now;
                    presence.heard_at = at;
                }
            }
            RosterChange::Disconnected(runner) => self.change(runner, |presence| presence.session = None),
            RosterChange::Draining(runner) => self.change(runner, |presence| presence.draining = true),
            RosterChange::Drained { runner, is_drained } => {
                self.change(runner, |presence| presence.drained = is_drained);
            }
            RosterChange::Renewed(runner) => {
                if let Some(heard) = self.presences.get(&runner).map(|presence| presence.heard) {
                    self.watch_lease(runner, heard);
                }
            }
            RosterChange::Removed(runner) => {
                self.change(runner, |presence| presence.session = None);
                self.presences.remove(&runner);
                if let Some(at) = self.lease_of.remove(&runner) {
                    self.leases.remove(&(at, runner));
                }
            }
            RosterChange::Assigned { execution, attempt, .. } => {
                let deadline = now.after(self.limits.confirm);
                self.settle(execution);
                self.unconfirmed.insert(execution, (attempt, deadline));
                self.confirmations.insert((deadline, execution));
            }
            RosterChange::Settled(execution) => self.settle(execution),
            RosterChange::Confirmed(runner) => {
                if self
                    .presences
                    .get(&runner)
                    .is_some_and(|presence| presence.withdrawals > 0)
                {
                    self.change(runner, |presence| presence.withdrawals = 0);
                }
            }
            RosterChange::Withdrawn(runner) => self.change(runner, |presence| presence.withdrawals += 1),
            RosterChange::CheckBegan(id, check) => {
                let deadline = now.after(self.limits.check + self.limits.lease_grace);
                self.checks.begin(id, check, deadline);
            }
            RosterChange::CheckEnded(id) => self.checks.end(id),
            RosterChange::Deserted(pool) => {
                let span = if planted!("pool-offline-at-once") {
                    Duration::ZERO
                } else {
                    self.limits.pool_offline
                };
                self.desert(pool, Some(now.after(span)));
            }
            RosterChange::Overdue(pool) => self.desert(pool, None),
            RosterChange::Abandoned(pool) => self.attend(&pool),
            RosterChange::StoodStill(span) => self.put_off(span, now),
        }
    }

    /// Puts all deadlines off by as long as nobody could be heard, and by the grace, in which what runners have said meanwhile is taken in.
    fn put_off(&mut self, span: Duration, now: Moment) {
        let until = self.lease_end(now);
        let by = span + self.limits.lease_grace;
        for presence in self.presences.values_mut() {
            presence.heard = presence.heard.after(by);
            // A heartbeat or two are missing, so it may have hung up, and may not be back before it gives its work up.
            if span >= self.limits.lease / 4 {
                presence.excuse = Some(Excuse::StoodStill { until });
            }
        }
        self.leases = later(&self.leases, by);
        self.lease_of.values_mut().for_each(|at| *at = at.after(by));
        self.confirmations = later(&self.confirmations, by);
        self.unconfirmed.values_mut().for_each(|(_, at)| *at = at.after(by));
        self.checks.put_off(by);
        self.desertions = later(&self.desertions, by);
        self.deserted.values_mut().flatten().for_each(|at| *at = at.after(by));
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one change")]
    fn check_in(
        &mut self,
        runner: RunnerId,
        session: SessionId,
        pool: Pool,
        connectors: Vec<ConnectorName>,
        sealing_key: Option<SealingKey>,
        (slots, instance, required, is_drained): (Slots, Option<NonZeroU64>, Option<Version>, bool),
        now: Moment,
        at: Stamp,
    ) {
        let before = self.presences.get(&runner);
        let superseded = u32::from(before.is_some_and(|presence| presence.session.is_some()));
        let supersessions = before.map_or(0, |presence| presence.supersessions) + superseded;
        let held = before.map_or(0, |presence| presence.held);
        let excuse = before.and_then(|presence| presence.excuse);
        let excuse = excuse.filter(|excuse| matches!(excuse, Excuse::StoodStill { until } if now < *until));
        let mut instances = before.map_or_else(Instances::default, |presence| presence.instances.clone());
        if let Some(instance) = instance {
            instances.note(instance);
        }
        self.attend(&pool);
        self.change(runner, |presence| presence.session = None);
        self.expect(runner, held, now, at);
        self.change(runner, |presence| {
            presence.session = Some(session);
            presence.pool = Some(pool);
            presence.connectors = connectors;
            presence.sealing_key = sealing_key;
            presence.slots = slots;
            presence.supersessions = supersessions;
            presence.instances = instances;
            presence.required = required;
            presence.drained = is_drained;
            presence.excuse = excuse;
        });
    }

    fn desert(&mut self, pool: Pool, until: Option<Moment>) {
        self.attend(&pool);
        if let Some(at) = until {
            self.desertions.insert((at, pool.clone()));
        }
        self.deserted.insert(pool, until);
    }

    fn attend(&mut self, pool: &Pool) {
        if let Some(Some(at)) = self.deserted.remove(pool) {
            self.desertions.remove(&(at, pool.clone()));
        }
    }

    fn watch_lease(&mut self, runner: RunnerId, heard: Moment) {
        let end = self.lease_end(heard);
        if let Some(before) = self.lease_of.insert(runner, end) {
            self.leases.remove(&(before, runner));
        }
        self.leases.insert((end, runner));
    }

    fn settle(&mut self, execution: ExecutionId) {
        if let Some((_, deadline)) = self.unconfirmed.remove(&execution) {
            self.confirmations.remove(&(deadline, execution));
        }
    }

    /// Changes a presence and moves it between the lanes accordingly.
    fn change(&mut self, runner: RunnerId, change: impl FnOnce(&mut Presence)) {
        let Some(presence) = self.presences.get_mut(&runner) else {
            return;
        };
        let before = presence.free();
        if before > 0 {
            for lane in presence.lanes() {
                if let Some(free) = self.vacancies.get_mut(&lane) {
                    free.remove(&(Reverse(before), runner));
                    if free.is_empty() {
                        self.vacancies.remove(&lane);
                    }
                }
            }
        }
        change(presence);
        let after = presence.free();
        if after > 0 {
            for lane in presence.lanes() {
                self.vacancies.entry(lane).or_default().insert((Reverse(after), runner));
            }
        }
    }
}

/// The same deadlines, each by a span later.
fn later<T: Ord + Clone>(deadlines: &BTreeSet<(Moment, T)>, by: Duration) -> BTreeSet<(Moment, T)> {
    deadlines
        .iter()
        .map(|(at, what)| (at.after(by), what.clone()))
        .collect()
}
