//! Integrations, as answers tell them.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::entity::{Alert, Collection, Integration};
use muster_core::health::{Condition, Tally, Window};
use muster_core::time::Stamp;
use muster_core::words::{ConfigurationStatus, DataType, Enablement, ExecutionId, ExecutionStatus, Revision, RunnerId};
use muster_proto::v1;
use muster_session::wire::{JsonError, struct_from_json};

use super::etag::etag;
use super::execution;
use super::failure::{counts, failure, warning};
use super::filter::ExecutionFilter;
use super::incident::error_rate;
use super::name;
use super::notifications;
use super::time::{duration, span, text, timestamp};

/// An integration, as an answer tells it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) integration: Integration,
    /// Its open executions.
    pub(crate) open: Vec<(DataType, ExecutionId)>,
    /// What there is to say of it beside its status.
    pub(crate) conditions: Vec<Condition>,
    /// How its executions have ended within the window of its notifications, as of now.
    pub(crate) tally: Tally,
    /// What a person calls the runner that has checked it last; `None` where nobody knows it any more, or it was not checked.
    pub(crate) checked_by: Option<String>,
    /// The newest check that is under way.
    pub(crate) open_check: Option<OpenCheck>,
    /// Why no runner that is there could serve it, and what to do about it, in a sentence; `None` when one could.
    pub(crate) no_runner: Option<String>,
    /// When this is told.
    pub(crate) now: Stamp,
    /// What to do about the trouble of each data type that has one, and about that of its check.
    pub(crate) remedies: BTreeMap<Option<DataType>, String>,
}

/// A check that is under way.
#[derive(Debug, Clone)]
pub(crate) struct OpenCheck {
    pub(crate) began: Stamp,
    pub(crate) limit: Duration,
    pub(crate) runner: RunnerId,
    /// What a person calls that runner.
    pub(crate) runner_name: String,
    pub(crate) revision: Revision,
}

/// An integration with as much of it as is asked for.
///
/// # Errors
/// As [`integration`].
pub(crate) fn viewed(told: &Told, view: v1::IntegrationView) -> Result<v1::Integration, JsonError> {
    let mut integration = integration(told)?;
    match view {
        v1::IntegrationView::Full => tell_outcomes(told, &mut integration),
        v1::IntegrationView::Basic | v1::IntegrationView::Unspecified => {}
    }
    Ok(integration)
}

/// How its executions of the last 24 hours ended, all of them and those of each data type.
fn tell_outcomes(told: &Told, integration: &mut v1::Integration) {
    let day = u64::try_from(Window::LENGTH.as_millis()).unwrap_or(u64::MAX);
    // A whole second, so that what is counted from it has the seconds of the clock.
    let start = told.now.millis().saturating_sub(day) / 1_000 * 1_000;
    let start = Stamp::from_millis(start);
    let none = v1::Outcomes {
        start_time: Some(timestamp(start)),
        ..v1::Outcomes::default()
    };
    let mut all = none.clone();
    for schedule in integration.data_types.iter_mut().take(Window::PLACES) {
        schedule.outcomes = Some(none.clone());
    }
    for end in told.integration.window.ends().filter(|end| end.at > start) {
        // Less than a day.
        let seconds = u32::try_from(end.at.since(start).as_secs()).unwrap_or(u32::MAX);
        let schedule = end.place.and_then(|place| integration.data_types.get_mut(place));
        let of_its_data_type = schedule.and_then(|schedule| schedule.outcomes.as_mut());
        for outcomes in [Some(&mut all), of_its_data_type].into_iter().flatten() {
            let ends = if end.failed {
                &mut outcomes.error_seconds
            } else {
                &mut outcomes.completed_seconds
            };
            ends.push(seconds);
        }
    }
    integration.outcomes = Some(all);
}

/// The same without what is told only where it is asked for.
///
/// # Errors
/// [`JsonError`] when the ledger's configuration is no JSON object: a fault of the coordinator.
pub(crate) fn integration(told: &Told) -> Result<v1::Integration, JsonError> {
    let Told { integration, .. } = told;
    let definition = &integration.definition;
    let (status_message, status_remedy) = said(told);
    let collections = integration.collections.iter();
    Ok(v1::Integration {
        name: name::of_integration(&integration.organization, integration.id),
        display_name: definition.display_name.to_string(),
        connector: definition.connector.to_string(),
        access_schema: definition
            .access_schema
            .as_ref()
            .map_or_else(String::new, |name| name.as_str().to_owned()),
        configuration: Some(struct_from_json(definition.configuration.as_str())?),
        pool: definition.pool.to_string(),
        data_types: collections
            .map(|(data_type, collection)| schedule(told, data_type, collection))
            .collect(),
        enablement: enablement(integration.enablement).into(),
        status: status(integration.status()).into(),
        status_message,
        status_remedy,
        status_time: Some(timestamp(integration.status_since)),
        revision: integration.revision.0,
        create_time: Some(timestamp(integration.created)),
        update_time: Some(timestamp(integration.updated)),
        etag: etag(integration.version),
        conditions: told.conditions.iter().map(condition).collect(),
        error_notifications: Some(notifications::told(&definition.notifications)),
        error_rate: Some(error_rate(told.tally, definition.notifications.window)),
        open_incident: match integration.alert {
            Alert::Open { incident, .. } => name::of_incident(&integration.organization, incident),
            Alert::Quiet { .. } | Alert::Reached { .. } => String::new(),
        },
        pause_end_time: integration.pause(told.now).map(timestamp),
        last_check: integration.checked.as_ref().map(|checked| v1::IntegrationCheck {
            end_time: Some(timestamp(checked.at)),
            runner: name::of_runner(&integration.organization, checked.runner),
            runner_display_name: told.checked_by.clone().unwrap_or_default(),
            revision: checked.revision.0,
            failure: checked
                .failure
                .as_ref()
                .map(|it| failure(it, told.remedies.get(&None).cloned())),
        }),
        outcomes: None,
        open_check: told.open_check.as_ref().map(|check| v1::OpenCheck {
            begin_time: Some(timestamp(check.began)),
            time_limit: Some(span(check.limit)),
            runner: name::of_runner(&integration.organization, check.runner),
            runner_display_name: check.runner_name.clone(),
            revision: check.revision.0,
        }),
    })
}

fn schedule(told: &Told, data_type: &DataType, collection: &Collection) -> v1::CollectionSchedule {
    let Told { integration, open, .. } = told;
    let named = |id| name::of_execution(&integration.organization, integration.id, id);
    let open = open.iter().find(|(other, _)| other == data_type);
    // A good end clears the trouble before it, so a trouble that is there is the newer of both.
    let last = match (&collection.trouble, &collection.completed) {
        (Some(trouble), _) => Some((trouble.execution, ExecutionStatus::Error, trouble.at)),
        (None, Some(completed)) => Some((completed.execution, ExecutionStatus::Completed, completed.at)),
        (None, None) => None,
    };
    let last_status = last.map_or(v1::ExecutionStatus::Unspecified, |(_, status, _)| {
        execution::status(status)
    });
    let completed = collection.completed.as_ref();
    let warned = completed.filter(|_| collection.trouble.is_none());
    v1::CollectionSchedule {
        data_type: data_type.to_string(),
        interval: Some(duration(collection.interval)),
        next_collection_time: collection.next.map(timestamp),
        open_execution: open.map(|(_, id)| named(*id)).unwrap_or_default(),
        last_execution: last.map(|(id, ..)| named(id)).unwrap_or_default(),
        last_status: last_status.into(),
        last_end_time: last.map(|(.., at)| timestamp(at)),
        last_failure: collection
            .trouble
            .as_ref()
            .map(|trouble| failure(&trouble.failure, told.remedies.get(&Some(data_type.clone())).cloned())),
        last_completed_execution: completed.map(|one| named(one.execution)).unwrap_or_default(),
        last_completed_time: completed.map(|one| timestamp(one.at)),
        last_counts: completed.map(|one| counts(one.counts)),
        previous_counts: completed.and_then(|one| one.counts_before).map(counts),
        no_collection_reason: no_collection_reason(integration.enablement).to_owned(),
        next_collection_note: collection.next.map_or_else(String::new, |_| next_collection_note(told)),
        last_warning: warned.and_then(|completed| completed.warning()).map(warning),
        outcomes: None,
    }
}

/// What the schedule will create next, the soonest first, as far as the filter takes it.
pub(crate) fn upcoming(told: &Told, filter: &ExecutionFilter) -> Vec<v1::UpcomingCollection> {
    let Integration {
        definition,
        collections,
        ..
    } = &told.integration;
    let planned = collections.iter();
    let planned = planned.filter_map(|(data_type, collection)| Some((collection.next?, data_type)));
    let mut planned: Vec<_> = planned
        .filter(|(next, data_type)| filter.takes_upcoming(definition, data_type, *next))
        .collect();
    planned.sort();
    let planned = planned.into_iter();
    let upcoming = planned.map(|(next, data_type)| v1::UpcomingCollection {
        data_type: data_type.to_string(),
        create_time: Some(timestamp(next)),
        note: next_collection_note(told),
    });
    upcoming.collect()
}

/// Why nothing is collected by schedule; empty where something is.
fn no_collection_reason(enablement: Enablement) -> &'static str {
    match enablement {
        Enablement::Draft => "it is a draft, and collects nothing before it is enabled",
        Enablement::Disabled => "it was switched off by a person",
        Enablement::Enabled => "",
    }
}

/// What there is to know of the upcoming collections; empty where there is nothing to say.
fn next_collection_note(told: &Told) -> String {
    let pause = told.integration.pause(told.now).map(paused);
    let notes: Vec<String> = pause.into_iter().chain(told.no_runner.clone()).collect();
    notes.join("; ")
}

fn paused(until: Stamp) -> String {
    format!("paused until {}", text(until))
}

fn condition(condition: &Condition) -> v1::IntegrationCondition {
    let (kind, remedy) = match condition {
        Condition::NeverCollected => (v1::IntegrationConditionKind::NeverCollected, None),
        Condition::WaitingForRunner { remedy, .. } => (v1::IntegrationConditionKind::WaitingForRunner, remedy.clone()),
        Condition::Stale { .. } => (v1::IntegrationConditionKind::Stale, None),
        Condition::Warning { .. } => (v1::IntegrationConditionKind::Warning, None),
    };
    v1::IntegrationCondition {
        kind: kind.into(),
        message: condition.to_string(),
        remedy: remedy.unwrap_or_default(),
    }
}

/// Why its status is so, and what to do about it; empty where there is nothing to say.
fn said(told: &Told) -> (String, String) {
    let integration = &told.integration;
    match integration.enablement {
        Enablement::Draft => (
            "saved as a draft, and not activated so far".to_owned(),
            "enable it".to_owned(),
        ),
        Enablement::Disabled => (
            "switched off by a person".to_owned(),
            "enable it when it is to collect".to_owned(),
        ),
        Enablement::Enabled => match integration.failure() {
            Some((data_type, failure)) => {
                let category = failure.category.as_str();
                let of = data_type.map_or_else(|| "check".to_owned(), |data_type| format!("`{data_type}`"));
                let message = format!("{of}: {category}: {}", failure.message);
                (
                    message,
                    told.remedies.get(&data_type.cloned()).cloned().unwrap_or_default(),
                )
            }
            None => {
                let pause = integration.pause(told.now).map(paused);
                (pause.or_else(|| warned(integration)).unwrap_or_default(), String::new())
            }
        },
    }
}

/// The newest warning of its data types; `None` when none of them has one.
fn warned(integration: &Integration) -> Option<String> {
    let completed = integration.collections.iter().filter_map(|(data_type, collection)| {
        let completed = collection.completed.as_ref()?;
        Some((completed.at, data_type, completed.warning()?))
    });
    completed
        .max_by_key(|(at, ..)| *at)
        .map(|(_, data_type, warning)| format!("`{data_type}`: {warning}"))
}

fn enablement(enablement: Enablement) -> v1::Enablement {
    match enablement {
        Enablement::Draft => v1::Enablement::Draft,
        Enablement::Enabled => v1::Enablement::Enabled,
        Enablement::Disabled => v1::Enablement::Disabled,
    }
}

fn status(status: ConfigurationStatus) -> v1::ConfigurationStatus {
    match status {
        ConfigurationStatus::Active => v1::ConfigurationStatus::Active,
        ConfigurationStatus::Error => v1::ConfigurationStatus::Error,
        ConfigurationStatus::Disabled => v1::ConfigurationStatus::Disabled,
    }
}
