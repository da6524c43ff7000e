//! An integration as a row of the table.

use maud::{Markup, html};
use muster_proto::v1::{ConfigurationStatus, Integration, IntegrationConditionKind};
use prost_types::Timestamp;

use super::read::said;
use super::tile::{id, line, next};
use super::{Link, Titles, outcomes};
use crate::words::{number, relative, status};

/// The row, by its id.
pub(super) fn row(
    integration: &Integration,
    titles: &Titles<'_>,
    link: &Link<'_>,
    now: &Timestamp,
) -> (String, Markup) {
    let id = id(integration);
    let records: u64 = integration
        .data_types
        .iter()
        .filter_map(|kind| kind.last_counts.as_ref())
        .map(|counts| counts.records)
        .sum();
    let times = integration
        .data_types
        .iter()
        .filter_map(|kind| kind.last_completed_time.as_ref());
    let last = times.max_by_key(|at| (at.seconds, at.nanos));
    let html = html! {
        tr id=(id) data-current[link.is_current(&integration.name)] {
            td {
                (status(integration.status()))
                @if let Some(word) = to_look_at(integration) { " " small.warned { (word) } }
            }
            th scope="row" {
                a href=(link.to(&integration.name)) { bdi { (integration.display_name) } }
                small { " " (titles.of(&integration.connector)) }
                (line(integration))
            }
            td { (integration.pool) }
            td { (outcomes::of_all(integration)) }
            td.number { (number(records)) }
            td { @match last { Some(at) => (relative(at, now)), None => "not yet" } }
            td { (next(integration, now)) }
        }
    };
    (id, html)
}

/// What calls for attention although it is Active, in a word: all of it stands in its panel.
fn to_look_at(integration: &Integration) -> Option<&'static str> {
    if integration.status() != ConfigurationStatus::Active {
        return None;
    }
    Some(match said(integration)?.kind() {
        IntegrationConditionKind::Stale => "stale",
        IntegrationConditionKind::WaitingForRunner => "waits for a runner",
        IntegrationConditionKind::Warning => "few records",
        IntegrationConditionKind::NeverCollected | IntegrationConditionKind::Unspecified => return None,
    })
}
