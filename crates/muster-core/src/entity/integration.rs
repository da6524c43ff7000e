//! A configured source: its connector, configuration, pool and schedule, and how its collections went.

use std::collections::BTreeMap;

use litemap::LiteMap;

use crate::entity::Checked;
use crate::event::Event;
use crate::health::{End, Window};
use crate::index::Lane;
use crate::planted;
use crate::schedule::Skip;
use crate::time::{Interval, Stamp};
use crate::words::{
    AccessSchema, Category, Configuration, ConfigurationStatus, ConnectorName, Counts, Cursor, DataType, DisplayName,
    Enablement, ExecutionId, Failure, IncidentId, IntegrationId, Notifications, OrganizationId, Pool, Recipients,
    Request, Revision, Warning,
};

/// Something for each of a few data types, in their order. Not a tree: the least leaf of one takes the place of eleven, and there are a million integrations.
pub type PerDataType<T> = LiteMap<DataType, T>;

/// What a person says about an integration, but for what is collected and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// What people call it, unique in its organization (letter case aside).
    pub display_name: DisplayName,
    /// Which connector reads it. Never changes.
    pub connector: ConnectorName,
    /// In which of the connector's ways it is configured; `None` for a connector with one way.
    pub access_schema: Option<AccessSchema>,
    /// What that connector is told.
    pub configuration: Configuration,
    /// Whose runners serve it.
    pub pool: Pool,
    /// Which of them can open the sealed values of its configuration; `None` when it has none.
    pub sealed_to: Option<Recipients>,
    /// Whom its errors are told to, and when.
    pub notifications: Notifications,
}

impl Definition {
    /// Where its executions wait.
    #[must_use]
    pub fn lane(&self) -> Lane {
        Lane {
            pool: self.pool.clone(),
            connector: self.connector.clone(),
            sealed_to: self.sealed_to.clone(),
        }
    }
}

/// The newest good end of a data type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Which execution it was.
    pub execution: ExecutionId,
    /// When it ended.
    pub at: Stamp,
    /// How much it brought.
    pub counts: Counts,
    /// How much the good end before it had brought; `None` if there was none.
    pub counts_before: Option<Counts>,
    /// Whether it is so much less than what there was before that [`Self::warning`] says so.
    pub is_suspect: bool,
}

impl Completion {
    /// What there is to say about it all the same. Not kept as such, since it is in the counts.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let before = self.counts_before.filter(|_| self.is_suspect)?.records;
        Some(if self.counts.records == 0 {
            Warning::ZeroRecords { before }
        } else {
            Warning::FewerRecords { before }
        })
    }
}

/// A data type's newest final failure, kept until it completes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which execution failed.
    pub execution: ExecutionId,
    /// When the trouble began: the first final failure after the last good end.
    pub since: Stamp,
    /// When it failed last.
    pub at: Stamp,
    /// Why.
    pub failure: Failure,
}

/// Where an integration stands between its error rate and the people who want to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// Nothing is to be told.
    Quiet {
        /// Since when.
        since: Stamp,
    },
    /// The threshold is reached; if it stays so, an incident opens.
    Reached {
        /// Since when.
        since: Stamp,
    },
    /// An incident is open.
    Open {
        /// Which.
        incident: IncidentId,
        /// When people were told last.
        told: Stamp,
    },
}

/// A data type of an integration: its schedule and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// How often it is collected.
    pub interval: Interval,
    /// Which schedule this is: it counts the changes of the interval.
    pub schedule: Revision,
    /// The upcoming collection; `None` while the integration is not enabled.
    pub next: Option<Stamp>,
    /// The newest times that had no execution of their own; `None` if there were none.
    pub skipped: Option<Box<Skip>>,
    /// Where the next collection goes on; `None` for from the beginning.
    pub cursor: Option<Cursor>,
    /// The newest good end; `None` if there was none.
    pub completed: Option<Completion>,
    /// What is wrong; `None` if nothing is, as it mostly is: so it has a place of its own.
    pub trouble: Option<Box<Trouble>>,
}

/// An integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What a person says about it.
    pub definition: Definition,
    /// Which configuration this is: it counts the changes of the configuration.
    pub revision: Revision,
    /// Counts every change by a person: what an etag is made of.
    pub version: u32,
    /// Whether it collects.
    pub enablement: Enablement,
    /// Since when its status is what it is.
    pub status_since: Stamp,
    /// When it was created.
    pub created: Stamp,
    /// When a person changed it last.
    pub updated: Stamp,
    /// The request that made it; `None` when its caller gave no id.
    pub request: Option<Box<Request>>,
    /// Its data types.
    pub collections: PerDataType<Collection>,
    /// How its executions of the last 24 hours ended, of all data types.
    pub window: Window,
    /// Where its error notifications stand.
    pub alert: Alert,
    /// Until when its schedule rests, or has rested last; `None` if it never did since it was switched on.
    pub paused_until: Option<Stamp>,
    /// The newest check by a runner; `None` if there was none.
    pub checked: Option<Box<Checked>>,
}

impl Integration {
    /// Its status, as a person sees it: Disabled, or Error while any data type is in trouble or the newest check says so, or Active.
    #[must_use]
    pub fn status(&self) -> ConfigurationStatus {
        match self.enablement {
            Enablement::Draft | Enablement::Disabled => ConfigurationStatus::Disabled,
            Enablement::Enabled if self.failure().is_some() => ConfigurationStatus::Error,
            Enablement::Enabled => ConfigurationStatus::Active,
        }
    }

    /// The newest failure that makes it an Error, and of which data type it is: `None` for that of a check. `None` if all is well.
    #[must_use]
    pub fn failure(&self) -> Option<(Option<&DataType>, &Failure)> {
        let newest = self.failures().max_by_key(|(at, ..)| *at);
        newest.map(|(_, data_type, failure)| (data_type, failure))
    }

    /// All failures that make it an Error, each with when it happened and of which data type it is: `None` for that of a check.
    pub fn failures(&self) -> impl Iterator<Item = (Stamp, Option<&DataType>, &Failure)> {
        let troubles = self.collections.iter().filter_map(|(data_type, collection)| {
            let trouble = collection.trouble.as_ref()?;
            Some((trouble.at, Some(data_type), &trouble.failure))
        });
        let checked = self.checked.iter();
        troubles.chain(checked.filter_map(|checked| Some((checked.at, None, checked.trouble()?))))
    }

    /// Until when its schedule rests; `None` while it does not.
    #[must_use]
    pub fn pause(&self, now: Stamp) -> Option<Stamp> {
        self.paused_until.filter(|until| *until > now)
    }

    /// What is collected, and how often.
    #[must_use]
    pub fn intervals(&self) -> PerDataType<Interval> {
        let collections = self.collections.iter();
        collections
            .map(|(data_type, collection)| (data_type.clone(), collection.interval))
            .collect()
    }

    /// The first of its upcoming collections; `None` while there are none.
    #[must_use]
    pub fn first_upcoming(&self) -> Option<Stamp> {
        self.collections.values().filter_map(|one| one.next).min()
    }

    /// When anything changed last of what its alert is judged by, but for time.
    #[must_use]
    pub fn alert_changed(&self) -> Stamp {
        let alert = match self.alert {
            Alert::Quiet { since } | Alert::Reached { since } => since,
            Alert::Open { told, .. } => told,
        };
        alert.max(self.updated).max(self.window.newest().unwrap_or_default())
    }

    pub(crate) fn created(at: Stamp, event: &Event) -> Option<Self> {
        let Event::IntegrationCreated {
            integration,
            organization,
            definition,
            intervals,
            enablement,
            next,
            request,
        } = event
        else {
            return None;
        };
        // No more place than it needs: what is collected instead grows by fours.
        let mut collections = PerDataType::with_capacity(intervals.len());
        for (data_type, interval) in intervals {
            let collection = Collection::new(*interval, Revision(1), next.get(data_type).copied());
            collections.insert(data_type.clone(), collection);
        }
        Some(Self {
            id: *integration,
            organization: organization.clone(),
            definition: definition.clone(),
            revision: Revision(1),
            version: 1,
            enablement: *enablement,
            status_since: at,
            created: at,
            updated: at,
            request: request.map(Box::new),
            collections,
            window: Window::default(),
            alert: Alert::Quiet { since: at },
            paused_until: None,
            checked: None,
        })
    }

    /// Applies an event that keeps it. One that does not concern an integration changes nothing.
    pub(crate) fn apply(&mut self, at: Stamp, event: &Event) {
        let before = self.status();
        self.take(at, event);
        if self.status() != before {
            self.status_since = at;
        }
    }

    fn take(&mut self, at: Stamp, event: &Event) {
        match event {
            Event::IntegrationUpdated {
                definition,
                intervals,
                revision,
                next,
                ..
            } => {
                self.definition = definition.clone();
                self.collect(intervals, next);
                if self.revision != *revision {
                    self.revision = *revision;
                    self.let_check_count_no_more();
                }
                self.changed(at);
            }
            Event::IntegrationEnabled { next, .. } => {
                self.enablement = Enablement::Enabled;
                self.reschedule(next);
                self.let_check_count_no_more();
                self.changed(at);
            }
            Event::IntegrationPaused { until, next, .. } => {
                self.paused_until = Some(*until);
                self.reschedule(next);
                self.changed(at);
            }
            Event::IntegrationChecked {
                revision,
                runner,
                failure,
                ..
            } => {
                let before = self.checked.as_ref().and_then(|checked| checked.failing_since);
                self.checked = Some(Box::new(Checked {
                    at,
                    runner: *runner,
                    revision: *revision,
                    failure: failure.clone(),
                    failing_since: failure.as_ref().map(|_| before.unwrap_or(at)),
                }));
            }
            Event::IntegrationDisabled { .. } => {
                self.enablement = Enablement::Disabled;
                self.paused_until = None;
                for (_, collection) in &mut self.collections {
                    collection.next = None;
                }
                self.changed(at);
            }
            Event::ScheduleAdvanced {
                data_type, skip, next, ..
            } => {
                if let Some(collection) = self.collections.get_mut(data_type) {
                    collection.next = Some(*next);
                    if skip.is_some() {
                        collection.skipped = skip.map(Box::new);
                    }
                }
            }
            Event::ExecutionCompleted {
                execution,
                data_type,
                counts,
                cursor,
                warning,
                ..
            } => {
                self.note_end(at, data_type, false);
                self.let_check_count_no_more();
                if let Some(collection) = self.collections.get_mut(data_type) {
                    if cursor.is_some() {
                        collection.cursor.clone_from(cursor);
                    }
                    let counts_before = collection.completed.as_ref().map(|before| before.counts);
                    collection.completed = Some(Completion {
                        execution: *execution,
                        at,
                        counts: *counts,
                        counts_before,
                        is_suspect: warning.is_some() && counts_before.is_some(),
                    });
                    if !planted!("trouble-stays") {
                        collection.trouble = None;
                    }
                }
            }
            Event::ExecutionFailed {
                execution,
                data_type,
                failure,
                ..
            } => {
                if failure.category == Category::Canceled && !planted!("canceled-counts") {
                    return;
                }
                self.note_end(at, data_type, true);
                if let Some(collection) = self.collections.get_mut(data_type) {
                    let since = collection.trouble.as_ref().map_or(at, |trouble| trouble.since);
                    collection.trouble = Some(Box::new(Trouble {
                        execution: *execution,
                        since,
                        at,
                        failure: failure.clone(),
                    }));
                }
            }
            Event::ThresholdReached { .. } => self.alert = Alert::Reached { since: at },
            Event::ThresholdLeft { .. } | Event::IncidentClosed { .. } => self.alert = Alert::Quiet { since: at },
            Event::IncidentOpened { incident, .. } | Event::IncidentReminded { incident, .. } => {
                self.alert = Alert::Open {
                    incident: *incident,
                    told: at,
                };
            }
            Event::IntegrationCreated { .. }
            | Event::IntegrationDeleted { .. }
            | Event::ExecutionCreated { .. }
            | Event::ExecutionClaimed { .. }
            | Event::ExecutionStarted { .. }
            | Event::ExecutionReturned { .. }
            | Event::ExecutionRerouted { .. }
            | Event::ExecutionFenced { .. }
            | Event::LandingCommitted { .. }
            | Event::RunnerCheckedIn { .. }
            | Event::RunnerLeft { .. }
            | Event::RunnerDrained { .. }
            | Event::ConnectorOffered { .. }
            | Event::DeliveryTried { .. }
            | Event::IncidentForgotten { .. }
            | Event::Access(_)
            | Event::OrganizationChanged { .. }
            | Event::Identity(_)
            | Event::Audited(_)
            | Event::RunnerForgotten { .. }
            | Event::ConnectorForgotten { .. } => {}
        }
    }

    fn changed(&mut self, at: Stamp) {
        self.updated = at;
        self.version += 1;
    }

    fn reschedule(&mut self, next: &BTreeMap<DataType, Stamp>) {
        for (data_type, collection) in &mut self.collections {
            collection.next = next.get(data_type).copied();
        }
    }

    /// Something newer than the newest check says how the source is, or the check was of something else.
    fn let_check_count_no_more(&mut self) {
        if let Some(checked) = &mut self.checked
            && !planted!("failing-check-stays")
        {
            checked.failing_since = None;
        }
    }

    fn note_end(&mut self, at: Stamp, data_type: &DataType, failed: bool) {
        let place = self.collections.find_index(data_type).ok();
        self.window.push(End { at, failed, place });
    }

    fn collect(&mut self, intervals: &PerDataType<Interval>, next: &BTreeMap<DataType, Stamp>) {
        let before: Vec<DataType> = self.collections.keys().cloned().collect();
        self.collections
            .retain(|data_type, _| intervals.contains_key(data_type));
        for (data_type, interval) in intervals {
            let next = next.get(data_type).copied();
            match self.collections.get_mut(data_type) {
                Some(collection) => {
                    if collection.interval != *interval {
                        collection.interval = *interval;
                        collection.schedule = collection.schedule.next();
                    }
                    collection.next = next;
                }
                None => {
                    self.collections
                        .insert(data_type.clone(), Collection::new(*interval, Revision(1), next));
                }
            }
        }
        let collections = &self.collections;
        self.window
            .replace(|place| collections.find_index(before.get(place)?).ok());
    }
}

impl Collection {
    fn new(interval: Interval, schedule: Revision, next: Option<Stamp>) -> Self {
        Self {
            interval,
            schedule,
            next,
            skipped: None,
            cursor: None,
            completed: None,
            trouble: None,
        }
    }
}
