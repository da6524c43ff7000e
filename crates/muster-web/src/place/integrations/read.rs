//! Reads those integrations that an address asks for.

use std::collections::HashSet;

use muster_proto::v1::{
    ConfigurationStatus, Integration, IntegrationCondition, IntegrationConditionKind, IntegrationView,
    ListIntegrationsRequest,
};

use super::super::{Here, Query, quoted};
use crate::fault::Fault;

/// How many calls a search makes at most: each looks at a thousand integrations.
const CALLS_MAX: usize = 20;

/// How many each asks for at least: among them may be such as were found before.
const ASKED_MIN: usize = 20;

/// Those that are Active and all the same call for attention: what a summary counts as such.
const ATTENTION: &str =
    "status = ACTIVE AND (condition = STALE OR condition = WAITING_FOR_RUNNER OR condition = WARNING)";

/// The integrations that were found.
pub(super) struct Found {
    pub(super) integrations: Vec<Integration>,
    /// Whether there are more.
    pub(super) more: bool,
}

/// A part of the list: by which filter it is asked for, and in which order.
type Part = (&'static str, &'static str);

/// Finds as many as are shown: where no other order is asked for, those in Error first, then those that call for attention.
pub(super) async fn read(here: &Here, query: &Query, most: usize) -> Result<Found, Fault> {
    let mut found = Found {
        integrations: Vec::new(),
        more: false,
    };
    for part in parts(query.get("status"), query.get("sort")) {
        // One more than is shown tells whether there are more.
        if found.integrations.len() > most {
            break;
        }
        add(&mut found, here, (query, part), most + 1).await?;
    }
    if query.get("sort").is_empty() {
        found
            .integrations
            .sort_by_cached_key(|integration| (rank(integration), integration.display_name.to_lowercase()));
    }
    found.more |= found.integrations.len() > most;
    found.integrations.truncate(most);
    Ok(found)
}

/// The parts of the list of this status and in this order. By status alone the API finds integrations at once, and those that call for attention nearly so;
/// by name it looks at all, of which most are Active, and so are found soon, too.
fn parts(status: &str, sort: &str) -> Vec<Part> {
    const IN_ERROR: &str = "status = ERROR";
    const ACTIVE: &str = "status = ACTIVE";
    const DISABLED: &str = "status = DISABLED";
    let filter = match status {
        "error" => IN_ERROR,
        "attention" => ATTENTION,
        "active" => ACTIVE,
        "disabled" => DISABLED,
        _ => "",
    };
    const BY_NAME: &str = "display_name";
    match (sort, filter) {
        ("new", _) => vec![(filter, "create_time desc")],
        ("name", _) | (_, ATTENTION) => vec![(filter, BY_NAME)],
        (_, ACTIVE) => vec![(ATTENTION, BY_NAME), (ACTIVE, "")],
        (_, "") => vec![(IN_ERROR, ""), (ATTENTION, BY_NAME), (ACTIVE, BY_NAME), (DISABLED, "")],
        _ => vec![(filter, "")],
    }
}

/// Adds those of a part that are not among them yet, until they are so many or some more.
async fn add(
    found: &mut Found,
    here: &Here,
    (query, (filter, order)): (&Query, Part),
    most: usize,
) -> Result<(), Fault> {
    let mut filter = vec![filter.to_owned()];
    if !query.get("q").is_empty() {
        filter.push(format!("display_name:{}", quoted(query.get("q"))));
    }
    for field in ["connector", "pool"] {
        if !query.get(field).is_empty() {
            filter.push(format!("{field} = {}", quoted(query.get(field))));
        }
    }
    filter.retain(|part| !part.is_empty());
    let mut known: HashSet<String> = found.integrations.iter().map(|one| one.name.clone()).collect();
    let mut page_token = String::new();
    for _ in 0..CALLS_MAX {
        let missing = most.saturating_sub(found.integrations.len());
        if missing == 0 {
            return Ok(());
        }
        let request = ListIntegrationsRequest {
            parent: here.organization.clone(),
            page_size: i32::try_from(missing.max(ASKED_MIN)).unwrap_or(i32::MAX),
            page_token,
            filter: filter.join(" AND "),
            order_by: order.to_owned(),
            view: IntegrationView::Full.into(),
        };
        let page = here.api.integrations().list_integrations(request).await?.into_inner();
        let others = page.integrations.into_iter();
        found
            .integrations
            .extend(others.filter(|one| known.insert(one.name.clone())));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
    found.more = true;
    Ok(())
}

/// What needs attention first.
fn rank(integration: &Integration) -> u8 {
    let says_something = said(integration).is_some();
    match integration.status() {
        ConfigurationStatus::Error => 0,
        ConfigurationStatus::Active if says_something => 1,
        ConfigurationStatus::Active => 2,
        ConfigurationStatus::Disabled | ConfigurationStatus::Unspecified => 3,
    }
}

/// The first thing that there is to say of it, beside that nothing was ever collected.
pub(super) fn said(integration: &Integration) -> Option<&IntegrationCondition> {
    let mut said = integration.conditions.iter();
    said.find(|condition| condition.kind() != IntegrationConditionKind::NeverCollected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_for_attention_is_asked_for_before_all_that_does_not() {
        let filters = |status, sort| {
            parts(status, sort)
                .into_iter()
                .map(|(filter, _)| filter)
                .collect::<Vec<_>>()
        };
        let (error, active) = ("status = ERROR", "status = ACTIVE");
        assert_eq!(filters("", ""), [error, ATTENTION, active, "status = DISABLED"]);
        assert_eq!(filters("active", ""), [ATTENTION, active]);
        assert_eq!(filters("attention", ""), [ATTENTION]);
        assert_eq!(filters("attention", "new"), [ATTENTION]);
        assert_eq!(filters("error", ""), [error]);
        assert_eq!(filters("", "name"), [""], "in the order that was asked for");
        assert_eq!(filters("made up", "new"), [""]);
    }
}
