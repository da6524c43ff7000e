//! An integration as a tile.

use maud::{Markup, html};
use muster_proto::v1::{CollectionSchedule, ConfigurationStatus, Enablement, Integration, IntegrationConditionKind};
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
            (note(integration, now))
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
fn note(integration: &Integration, now: &Timestamp) -> Markup {
    if integration.status() == ConfigurationStatus::Error {
        return html! {
            div.note.error {
                p { (prose(&integration.status_message)) }
                @if !integration.status_remedy.is_empty() { p.remedy { (prose(&integration.status_remedy)) } }
            }
        };
    }
    if let Some(until) = &integration.pause_end_time {
        return html! { div.note { p { "Paused until " (clock(until, now)) "." } } };
    }
    match said(integration) {
        Some(condition) => html! { div.note.warned { p { (prose(&condition.message)) } } },
        None => html! {},
    }
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
    if integration
        .data_types
        .iter()
        .any(|kind| !kind.open_execution.is_empty())
    {
        return if waits_for_runner(integration) {
            html! { "queued" }
        } else {
            html! { span.running { "collecting" } }
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
