//! An integration as a tile.

use maud::{Markup, html};
use muster_proto::v1::{
    CollectionSchedule, ConfigurationStatus, Enablement, Integration, IntegrationCondition, IntegrationConditionKind,
};
use prost_types::Timestamp;

use super::read::said;
use super::{Link, Titles, outcomes};
use crate::words::{clock, monogram, number, prose, relative, status};

/// The tile, by its id.
pub(super) fn tile(
    integration: &Integration,
    titles: &Titles<'_>,
    link: &Link<'_>,
    now: &Timestamp,
) -> (String, Markup) {
    let id = id(integration);
    let title = titles.of(&integration.connector);
    let waits = waits_for_runner(integration);
    let html = html! {
        li.tile id=(id) data-current[link.is_current(&integration.name)] {
            div.who {
                (monogram(&integration.connector))
                div {
                    h3 { a href=(link.to(&integration.name)) { bdi { (integration.display_name) } } }
                    p.under { (title) " · " (integration.pool) }
                }
            }
            dl.collected {
                @for kind in &integration.data_types {
                    div {
                        dt { (kind.data_type) }
                        dd { (records(kind)) }
                        dd.when { @match &kind.last_completed_time { Some(at) => (relative(at, now)), None => "not yet" } }
                        dd.day { (outcomes::of_data_type(kind, !waits && !kind.open_execution.is_empty())) }
                    }
                }
            }
            (note(integration))
            div.foot {
                (status(integration.status()))
                span.next { (next(integration, now)) }
            }
        }
    };
    (id, html)
}

/// What an integration is known by in a page.
pub(super) fn id(integration: &Integration) -> String {
    let id = integration.name.rsplit('/').next().unwrap_or_default();
    format!("i-{id}")
}

/// How many records the last collection had, and how many more or fewer than the one before.
pub(super) fn records(kind: &CollectionSchedule) -> Markup {
    let Some(counts) = &kind.last_counts else {
        return html! { "–" };
    };
    let before = kind.previous_counts.as_ref().map(|before| before.records);
    let change = before.map(|before| match counts.records.cmp(&before) {
        std::cmp::Ordering::Equal => "±0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", number(counts.records - before)),
        std::cmp::Ordering::Less => format!("−{}", number(before - counts.records)),
    });
    html! { b { (number(counts.records)) } @if let Some(change) = change { " " small { (change) } } }
}

/// The one thing that is to be known of it first.
fn note(integration: &Integration) -> Markup {
    if integration.status() == ConfigurationStatus::Error {
        return html! {
            div.note.error {
                p { (prose(&integration.status_message)) }
                @if !integration.status_remedy.is_empty() { p.remedy { (prose(&integration.status_remedy)) } }
            }
        };
    }
    match to_know(integration) {
        Some(condition) => html! { div.note.warned { p { (prose(&condition.message)) } } },
        None => html! {},
    }
}

/// The same in a line.
pub(super) fn line(integration: &Integration) -> Markup {
    let (class, text) = match to_know(integration) {
        _ if integration.status() == ConfigurationStatus::Error => ("bad", &integration.status_message),
        Some(condition) => ("warned", &condition.message),
        None => return html! {},
    };
    html! { div class={ "why " (class) } title=(text) { (prose(text)) } }
}

/// What is to be known of one that collects; of one that is paused its pause is all.
fn to_know(integration: &Integration) -> Option<&IntegrationCondition> {
    said(integration).filter(|_| integration.pause_end_time.is_none())
}

fn waits_for_runner(integration: &Integration) -> bool {
    let mut said = integration.conditions.iter();
    said.any(|condition| condition.kind() == IntegrationConditionKind::WaitingForRunner)
}

/// When something is collected next.
pub(super) fn next(integration: &Integration, now: &Timestamp) -> Markup {
    match integration.enablement() {
        Enablement::Draft => return html! { "draft" },
        Enablement::Disabled => return html! { "switched off" },
        Enablement::Enabled | Enablement::Unspecified => {}
    }
    let paused = integration.pause_end_time.as_ref();
    let is_open = integration
        .data_types
        .iter()
        .any(|kind| !kind.open_execution.is_empty());
    if is_open || paused.is_some() {
        return html! {
            @if is_open && waits_for_runner(integration) { "queued" }
            @else if is_open { span.running { "collecting" } }
            @if let Some(until) = paused { @if is_open { ", " } "paused until " (clock(until, now)) }
        };
    }
    let times = integration
        .data_types
        .iter()
        .filter_map(|kind| kind.next_collection_time.as_ref());
    match times.min_by_key(|at| (at.seconds, at.nanos)) {
        Some(at) => html! { "next " (relative(at, now)) },
        None => html! {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Integration {
        Integration {
            enablement: Enablement::Enabled.into(),
            status: ConfigurationStatus::Error.into(),
            status_message: "the token was refused".to_owned(),
            ..Integration::default()
        }
    }

    #[test]
    fn a_pause_is_told_whatever_else_there_is_to_tell() {
        let now = Timestamp::default();
        let paused = |integration| Integration {
            pause_end_time: Some(Timestamp {
                seconds: 3_600,
                nanos: 0,
            }),
            ..integration
        };
        assert!(!next(&broken(), &now).0.contains("paused"));
        assert!(next(&paused(broken()), &now).0.starts_with("paused until "));
        let collecting = Integration {
            data_types: vec![CollectionSchedule {
                open_execution: "e".to_owned(),
                ..CollectionSchedule::default()
            }],
            ..paused(broken())
        };
        let said = next(&collecting, &now).0;
        assert!(
            said.contains("collecting") && said.contains(", paused until "),
            "{said}"
        );
    }

    #[test]
    fn a_row_says_why_it_calls_for_attention() {
        assert!(line(&broken()).0.contains("The token was refused."));
        let stale = Integration {
            conditions: vec![IntegrationCondition {
                kind: IntegrationConditionKind::Stale.into(),
                message: "nothing was collected for 2 d".to_owned(),
                ..IntegrationCondition::default()
            }],
            status: ConfigurationStatus::Active.into(),
            ..broken()
        };
        assert!(line(&stale).0.contains("Nothing was collected for 2 d."));
        let quiet = Integration {
            pause_end_time: Some(Timestamp::default()),
            ..stale
        };
        assert_eq!(line(&quiet).0, "", "nothing is to come while it is paused");
    }
}
