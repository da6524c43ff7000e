//! Pools and runners: who is there, who is old, and what was to be told of that.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::alert::Policy;
use muster_core::entity::{Cause, Channel, Closing, Evidence, LastRunner, NoticeKind, Outdated, Profile};
use muster_core::event::{Event, Recorded};
use muster_core::time::Stamp;
use muster_core::words::{EmailAddress, Enablement, IncidentId, OrganizationId, Pool, Release, RunnerId, Sequence};

use super::incident::Incident;
use super::{Broken, Spec, Where, must};

/// How often it is told again that a pool is offline.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a runner may be old.
const OUTDATED_AFTER: Duration = Duration::from_secs(5 * 60);

/// The release that runners should be of.
const RELEASE: Release = Release { major: 0, minor: 1 };

/// A version that is too old.
pub const OLD: &str = "0.0.9";

/// One that is not, and the least of which a runner must be to get work.
pub const NEW: &str = "0.1.0";

/// Who is told.
const OPERATORS: [&str; 2] = ["operator@example.com", "moved-away-operator@example.com"];

/// How the coordinator is told to tell of pools and runners.
pub fn policy() -> Policy {
    let address = |text| EmailAddress::new(text).expect("an address");
    Policy {
        recipients: OPERATORS.into_iter().map(address).collect(),
        reminder: Some(REMINDER),
        release: RELEASE,
        outdated_after: OUTDATED_AFTER,
        runner_version_min: NEW.parse().ok(),
    }
}

/// A runner, as the design remembers it.
#[derive(Debug, Clone)]
pub struct Runner {
    pub profile: Profile,
    /// When it checked in last.
    came: Stamp,
    /// The batch in which it did, and that of the time before.
    came_in: Sequence,
    came_in_before: Sequence,
    /// When it was heard last, if it has left.
    left: Option<Stamp>,
    /// Since when it is too old.
    old: Option<Stamp>,
}

impl Runner {
    /// The batch in which it had checked in when this one was decided: what it loses by checking in, it loses as what it was before.
    pub(super) fn came_in_before_batch(&self, sequence: Sequence) -> Sequence {
        if self.came_in == sequence {
            self.came_in_before
        } else {
            self.came_in
        }
    }
}

impl Spec {
    pub(super) fn check_in(
        &mut self,
        id: RunnerId,
        profile: &Profile,
        outdated: Option<Outdated>,
        (at, sequence): (Stamp, Sequence),
    ) -> Result<(), Broken> {
        let before = self.runners.get(&id);
        let came_in_before = before.map_or(sequence, |runner| runner.came_in_before_batch(sequence));
        let before = before.and_then(|runner| runner.old);
        let old = (profile.version == OLD).then(|| before.unwrap_or(at));
        let said = old.map(|since| Outdated {
            since,
            expected: RELEASE,
        });
        must(outdated == said, || format!("it was to be outdated as {said:?}"))?;
        let runner = Runner {
            profile: profile.clone(),
            came: at,
            came_in: sequence,
            came_in_before,
            left: None,
            old,
        };
        self.runners.insert(id, runner);
        Ok(())
    }

    pub(super) fn leave(&mut self, id: RunnerId, last_heard: Stamp) -> Result<(), Broken> {
        let runner = self.runners.get_mut(&id).ok_or("it never came")?;
        runner.left = Some(last_heard);
        Ok(())
    }

    /// The pools that have had runners, and whether one is there now.
    pub fn pools(&self) -> BTreeMap<&Pool, bool> {
        let mut pools = BTreeMap::new();
        for runner in self.runners.values() {
            *pools.entry(&runner.profile.pool).or_default() |= runner.left.is_none();
        }
        pools
    }

    /// How many enabled integrations of an organization rely on a pool, and collect.
    pub fn users(&self, pool: &Pool, organization: &OrganizationId) -> usize {
        if !self.is_active(organization) {
            return 0;
        }
        self.waiting_users(pool, organization)
    }

    /// How many there are, whether they collect or not.
    fn waiting_users(&self, pool: &Pool, organization: &OrganizationId) -> usize {
        let there = self.integrations.values().filter(|one| !one.deleted);
        let enabled = there.filter(|one| one.enablement == Enablement::Enabled);
        let users = enabled.filter(|one| one.organization == *organization && one.definition.pool == *pool);
        users.count()
    }

    /// All organizations.
    pub fn organizations(&self) -> Vec<&OrganizationId> {
        let mut all: Vec<_> = self.integrations.values().map(|one| &one.organization).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The open incident of a cause.
    pub fn open_incident_of(&self, cause: &Cause) -> Option<(IncidentId, &Incident)> {
        let mut open = self.incidents.iter().filter(|(_, one)| one.closed.is_none());
        let found = open.find(|(_, one)| one.cause == *cause)?;
        Some((*found.0, found.1))
    }

    /// An incident opens that is no integration's. When it may is for whoever sees the clock that pools are judged by.
    pub(super) fn open_of_staff(&mut self, recorded: &Recorded) -> Result<&'static str, Broken> {
        let at = recorded.at;
        let Event::IncidentOpened {
            incident,
            organization,
            cause,
            evidence,
            channels,
        } = &recorded.event
        else {
            return Err("no incident opens".to_owned());
        };
        must(!self.incidents.contains_key(incident), || {
            "the id is not new".to_owned()
        })?;
        must(self.open_incident_of(cause).is_none(), || {
            format!("one is open already: {:?}", self.open_incident_of(cause))
        })?;
        let seen = match cause {
            Cause::ErrorRate { .. } => return Err("it is an integration's".to_owned()),
            Cause::PoolOffline { organization: of, pool } => {
                must(of == organization, || format!("it is of {of}"))?;
                let pool = Pool::named(organization, pool);
                must(self.pools().get(&pool) == Some(&false), || {
                    "a runner is there, or never was".to_owned()
                })?;
                must(self.users(&pool, organization) > 0, || "nobody relies on it".to_owned())?;
                "incident opened (pool)"
            }
            Cause::RunnerOutdated { runner } => {
                let runner = self.runners.get(runner).ok_or("it never came")?;
                must(runner.profile.organization.as_ref() == Some(organization), || {
                    "it is another's".to_owned()
                })?;
                must(runner.is_old_for_long(at), || format!("it is not: {runner:?}"))?;
                "incident opened (runner)"
            }
            Cause::RunnerCloned { .. } => return Err("nobody enrolls here".to_owned()),
        };
        self.check_staff_evidence(cause, evidence, at)?;
        must(are_operators(channels), || "others are to be told".to_owned())?;
        let opened = Incident::opened(cause.clone(), at, channels);
        self.incidents.insert(*incident, opened);
        Ok(seen)
    }

    pub(super) fn remind_of_staff(&mut self, recorded: &Recorded) -> Result<&'static str, Broken> {
        let at = recorded.at;
        let Event::IncidentReminded {
            incident,
            evidence,
            channels,
            ..
        } = &recorded.event
        else {
            return Err("nobody is reminded".to_owned());
        };
        let found = self.incident(*incident)?;
        let (cause, told, is_open) = (found.cause.clone(), found.told(), found.closed.is_none());
        must(is_open && told.after(REMINDER) <= at, || {
            format!("it was told at {told:?}")
        })?;
        must(matches!(cause, Cause::PoolOffline { .. }), || {
            "it is told once".to_owned()
        })?;
        must(!self.is_over(&cause, at), || "it is over".to_owned())?;
        self.check_staff_evidence(&cause, evidence, at)?;
        must(are_operators(channels), || "others are to be told".to_owned())?;
        self.incident(*incident)?.tell(NoticeKind::Reminder, at, channels);
        Ok("incident reminded (pool)")
    }

    pub(super) fn close_of_staff(&mut self, recorded: &Recorded) -> Result<&'static str, Broken> {
        let at = recorded.at;
        let Event::IncidentClosed {
            incident,
            closing,
            evidence,
            channels,
            ..
        } = &recorded.event
        else {
            return Err("no incident closes".to_owned());
        };
        let found = self.incident(*incident)?;
        let (cause, is_open) = (found.cause.clone(), found.closed.is_none());
        must(is_open, || "it is over already".to_owned())?;
        let (holds, seen) = match (&cause, closing) {
            (Cause::PoolOffline { organization, pool }, Closing::Recovered) => {
                let pool = Pool::named(organization, pool);
                (self.pools().get(&pool) == Some(&true), "incident closed: pool back")
            }
            (Cause::PoolOffline { organization, pool }, Closing::Unused) => {
                let pool = Pool::named(organization, pool);
                (self.users(&pool, organization) == 0, "incident closed: unused")
            }
            (Cause::RunnerOutdated { runner }, Closing::Recovered) => {
                (self.runners[runner].old.is_none(), "incident closed: runner updated")
            }
            (Cause::RunnerOutdated { runner }, Closing::Gone) => {
                (self.runners[runner].is_gone(at), "incident closed: runner gone")
            }
            (_, _) => (false, "incident closed"),
        };
        must(holds, || format!("it is not: {cause:?}"))?;
        self.check_staff_evidence(&cause, evidence, at)?;
        must(are_operators(channels), || "others are to be told".to_owned())?;
        let one = self.incident(*incident)?;
        one.closed = Some(at);
        one.tell(NoticeKind::Closed, at, channels);
        Ok(seen)
    }

    fn check_staff_evidence(&self, cause: &Cause, told: &Evidence, at: Stamp) -> Result<(), Broken> {
        match (cause, told) {
            (Cause::PoolOffline { organization, pool }, Evidence::PoolOffline(told)) => {
                let pool = Pool::named(organization, pool);
                let queued = self.executions.values().filter(|one| {
                    one.stands == Where::Created
                        && one.organization == *organization
                        && one.pool == pool
                        && one.not_before.is_none_or(|not_before| not_before <= at)
                });
                let counts = (self.waiting_users(&pool, organization), queued.count());
                let said = (told.integrations as usize, told.executions as usize);
                must(said == counts, || {
                    format!("{counts:?} integrations and executions wait")
                })?;
                let of_pool = self.runners.iter().filter(|(_, one)| one.profile.pool == pool);
                let newest = of_pool.map(|(_, one)| one.heard()).max();
                let named = told.last.as_ref().is_some_and(|last| self.is_last(last, newest));
                must(named && told.pool == pool.name, || {
                    format!("the last was heard at {newest:?}")
                })
            }
            (Cause::RunnerOutdated { runner }, Evidence::RunnerOutdated(told)) => {
                let runner = &self.runners[runner];
                let profile = &runner.profile;
                let holds = told.display_name == profile.display_name
                    && told.pool == profile.pool.name
                    && told.version == profile.version
                    && told.expected == RELEASE
                    && told.checked_in == runner.came;
                must(holds, || format!("it was to be told of {runner:?}"))
            }
            (_, _) => Err("it is told with something else".to_owned()),
        }
    }

    fn is_last(&self, last: &LastRunner, newest: Option<(bool, Stamp)>) -> bool {
        let runner = self.runners.get(&last.runner);
        runner.is_some_and(|runner| {
            runner.profile.display_name == last.display_name
                && Some(runner.heard()) == newest
                && runner.heard().1 == last.heard
        })
    }

    fn is_over(&self, cause: &Cause, at: Stamp) -> bool {
        match cause {
            Cause::ErrorRate { .. } => false,
            Cause::PoolOffline { organization, pool } => {
                let pool = Pool::named(organization, pool);
                self.pools().get(&pool) == Some(&true) || self.users(&pool, organization) == 0
            }
            Cause::RunnerOutdated { runner } => {
                let runner = &self.runners[runner];
                runner.old.is_none() || runner.is_gone(at)
            }
            Cause::RunnerCloned { .. } => false,
        }
    }

    /// What was to follow by then, but for what another clock says.
    pub(super) fn check_staff(&self, now: Stamp) -> Result<(), Broken> {
        for (id, one) in self.incidents.iter().filter(|(_, one)| one.closed.is_none()) {
            must(!self.is_over(&one.cause, now), || {
                format!("{id} is over, and open: {:?}", one.cause)
            })?;
            let is_due = matches!(one.cause, Cause::PoolOffline { .. }) && one.told().after(REMINDER) <= now;
            must(!is_due, || format!("a reminder of {id} is due, and was not told"))?;
        }
        for (id, runner) in &self.runners {
            let cause = Cause::RunnerOutdated { runner: *id };
            let is_owned = runner.profile.organization.is_some();
            let is_told = !is_owned || !runner.is_old_for_long(now) || self.open_incident_of(&cause).is_some();
            must(is_told, || {
                format!("{id} is old for long, and no incident is open: {runner:?}")
            })?;
        }
        Ok(())
    }
}

impl Runner {
    fn is_old_for_long(&self, now: Stamp) -> bool {
        self.left.is_none() && self.old.is_some_and(|since| since.after(OUTDATED_AFTER) <= now)
    }

    fn is_gone(&self, now: Stamp) -> bool {
        self.left.is_some_and(|left| left.after(OUTDATED_AFTER) <= now)
    }

    fn heard(&self) -> (bool, Stamp) {
        (self.left.is_none(), self.left.unwrap_or(self.came))
    }
}

fn are_operators(channels: &[Channel]) -> bool {
    let operators = policy().recipients.into_iter().map(Channel::Email);
    operators.eq(channels.iter().cloned())
}
