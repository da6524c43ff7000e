//! The checks under way: who was asked for which, and until when an answer is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::time::Moment;
use crate::words::{CheckId, IntegrationId, Revision, RunnerId, SessionId};

/// The most checks that a runner has at a time. They take no slots, so something else must keep them from being many.
pub const CHECKS_MAX: usize = 4;

/// A check of an integration that a runner was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which integration.
    pub integration: IntegrationId,
    /// Which of its configurations.
    pub revision: Revision,
    /// Who was asked.
    pub runner: RunnerId,
    /// On which session: the result comes on it, or never.
    pub session: SessionId,
    /// When it was asked for.
    pub began: Moment,
}

/// The checks under way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checks {
    /// Each with when it is given up.
    all: BTreeMap<CheckId, (Check, Moment)>,
    by_runner: BTreeSet<(RunnerId, CheckId)>,
    by_integration: BTreeSet<(IntegrationId, CheckId)>,
    deadlines: BTreeSet<(Moment, CheckId)>,
}

impl Checks {
    /// One of them; `None` when it is over, or never was.
    #[must_use]
    pub fn get(&self, check: CheckId) -> Option<&Check> {
        self.all.get(&check).map(|(check, _)| check)
    }

    /// Those of a runner.
    pub fn of(&self, runner: RunnerId) -> impl Iterator<Item = (CheckId, &Check)> {
        let those = self.by_runner.range((runner, CheckId(0))..);
        those
            .take_while(move |(of, _)| *of == runner)
            .filter_map(|(_, check)| Some((*check, self.get(*check)?)))
    }

    /// The newest of an integration; `None` when none is under way.
    #[must_use]
    pub fn newest_of(&self, integration: IntegrationId) -> Option<&Check> {
        let those = self.by_integration.range((integration, CheckId(0))..);
        those
            .take_while(|(of, _)| *of == integration)
            .filter_map(|(_, check)| self.get(*check))
            .max_by_key(|check| check.began)
    }

    /// The one that is to be given up first, if its time has come.
    #[must_use]
    pub fn first_overdue(&self, now: Moment) -> Option<CheckId> {
        let (at, check) = self.deadlines.first()?;
        (*at <= now).then_some(*check)
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn begin(&mut self, id: CheckId, check: Check, deadline: Moment) {
        self.by_runner.insert((check.runner, id));
        self.by_integration.insert((check.integration, id));
        self.deadlines.insert((deadline, id));
        self.all.insert(id, (check, deadline));
    }

    pub(super) fn put_off(&mut self, by: Duration) {
        self.all.values_mut().for_each(|(_, at)| *at = at.after(by));
        self.deadlines = super::later(&self.deadlines, by);
    }

    pub(super) fn end(&mut self, id: CheckId) {
        if let Some((check, deadline)) = self.all.remove(&id) {
            self.by_runner.remove(&(check.runner, id));
            self.by_integration.remove(&(check.integration, id));
            self.deadlines.remove(&(deadline, id));
        }
    }
}
