//! How well an integration is, and what was to be told of that. Every end there ever was is kept, and counted anew each time.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::time::Stamp;
use muster_core::words::{DataType, Enablement, ExecutionId, IncidentId, IntegrationId, Notifications};

use super::{Broken, Integration, Spec, must};

/// Where an integration's errors stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alarm {
    /// Nothing is to be told.
    #[default]
    Quiet,
    /// The threshold is reached since then, and has to hold.
    Reached(Stamp),
    /// An incident is open, and was told last at that time.
    Open(IncidentId, Stamp),
}

/// How an integration's executions ended, and what has come of it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Oldest first: when, and whether it failed.
    ends: Vec<(Stamp, bool)>,
    /// Of each data type that has failed since its last good end: when, and which execution.
    pub(super) errors: BTreeMap<DataType, (Stamp, ExecutionId)>,
    pub alarm: Alarm,
    /// From when on nothing has changed that the alarm is judged by, but for ends and time.
    pub(super) settled: Stamp,
}

/// How many ended, and how many of them failed.
type Count = (u64, u64);

impl Health {
    pub(super) fn created(at: Stamp) -> Self {
        Self {
            settled: at,
            ..Self::default()
        }
    }

    /// Counts the ends that at `now` are younger than `span`.
    pub fn recount(&self, now: Stamp, span: Duration) -> Count {
        let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let counts = |at: Stamp| at <= now && now.millis() - at.millis() < span;
        let those = self.ends.iter().filter(|(at, _)| counts(*at));
        those.fold((0, 0), |(finished, failed), (_, is_failure)| {
            (finished + 1, failed + u64::from(*is_failure))
        })
    }

    pub(super) fn set(&mut self, alarm: Alarm, at: Stamp) {
        self.alarm = alarm;
        self.settled = at;
    }
}

impl Integration {
    pub(super) fn settings(&self) -> &Notifications {
        &self.definition.notifications
    }

    pub(super) fn tells(&self) -> bool {
        self.enablement == Enablement::Enabled && self.settings().enabled
    }

    pub(super) fn count(&self, at: Stamp) -> Count {
        self.health.recount(at, self.settings().window)
    }

    pub(super) fn is_reached(&self, (finished, failed): Count) -> bool {
        let settings = self.settings();
        finished >= u64::from(settings.sample_min)
            && finished > 0
            && failed * 10_000 >= u64::from(settings.threshold.hundredths()) * finished
    }

    pub(super) fn is_recovered(&self, (finished, failed): Count) -> bool {
        finished > 0 && failed * 10_000 < self.recovery() * finished
    }

    /// Two thirds of the threshold, if nothing else is said.
    pub(super) fn recovery(&self) -> u64 {
        let settings = self.settings();
        let said = settings.recovery.map(|recovery| u64::from(recovery.hundredths()));
        said.unwrap_or_else(|| (u64::from(settings.threshold.hundredths()) * 2 / 3).max(1))
    }

    /// Whether it was so then, or at any time before since the last change of anything else: when an end came or slid out.
    pub(super) fn was_ever(&self, until: Stamp, is_so: impl Fn(Count) -> bool) -> bool {
        let window = self.settings().window;
        let ends = self.health.ends.iter().map(|(at, _)| *at);
        let since = ends.flat_map(|at| [at, at.after(window)]);
        since
            .filter(|at| *at > self.health.settled && *at < until)
            .chain([until])
            .any(|at| is_so(self.count(at)))
    }

    /// What is to be done now and was not; `None` when all is well.
    fn undone(&self, now: Stamp) -> Option<&'static str> {
        let settings = self.settings();
        let count = self.count(now);
        match self.health.alarm {
            Alarm::Open(..) if self.deleted => Some("it is deleted, and its incident is open"),
            _ if self.deleted => None,
            Alarm::Quiet if self.tells() && self.is_reached(count) => {
                Some("its threshold is reached, and nothing is noted")
            }
            Alarm::Quiet => None,
            Alarm::Reached(_) if !self.tells() || !self.is_reached(count) => {
                Some("its threshold has not held, and that is not noted")
            }
            Alarm::Reached(since) if since.after(settings.hold) <= now => {
                Some("its threshold has held, and no incident is open")
            }
            Alarm::Reached(_) => None,
            Alarm::Open(..) if !self.tells() => Some("nobody wants to be told any more, and its incident is open"),
            Alarm::Open(..) if self.is_recovered(count) => Some("it has recovered, and its incident is open"),
            Alarm::Open(_, told) => {
                let is_due = |every| told.after(every) <= now;
                settings
                    .reminder
                    .is_some_and(is_due)
                    .then_some("a reminder is due, and was not told")
            }
        }
    }
}

impl Spec {
    /// An execution has ended, and nobody has canceled it.
    pub(super) fn note_end(
        &mut self,
        id: IntegrationId,
        data_type: &DataType,
        execution: ExecutionId,
        at: Stamp,
        failed: bool,
    ) {
        let Some(owner) = self.integrations.get_mut(&id).filter(|one| !one.deleted) else {
            return;
        };
        owner.health.ends.push((at, failed));
        if !failed {
            owner.health.errors.remove(data_type);
        } else if owner.collections.contains_key(data_type) {
            owner.health.errors.insert(data_type.clone(), (at, execution));
        }
    }

    /// A person has changed something.
    pub(super) fn note_changed(&mut self, id: IntegrationId, at: Stamp) {
        if let Some(one) = self.integrations.get_mut(&id) {
            one.health.settled = at;
            let collections = &one.collections;
            one.health
                .errors
                .retain(|data_type, _| collections.contains_key(data_type));
        }
    }

    /// What was to follow from the time and from what has happened, when all of a turn has.
    pub(super) fn check_told_in_time(&self, now: Stamp) -> Result<(), Broken> {
        must(self.closing.is_none(), || {
            format!("{:?} was to be deleted", self.closing)
        })?;
        for (id, one) in &self.integrations {
            if let Some(undone) = one.undone(now) {
                let count = one.count(now);
                return Err(format!(
                    "{id} at {now:?}: {undone}; {:?} of (finished, failed) {count:?}, {:?}",
                    one.health.alarm,
                    one.settings()
                ));
            }
        }
        let left = self
            .incidents
            .iter()
            .find(|(_, one)| !one.forgotten && one.is_over_for_long(now));
        must(left.is_none(), || {
            format!("it is over for long, and not forgotten: {left:?}")
        })
    }
}
