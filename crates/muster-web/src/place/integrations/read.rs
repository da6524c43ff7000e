//! Reads those integrations that an address asks for.

use muster_proto::v1::{
    ConfigurationStatus, Integration, IntegrationConditionKind, IntegrationView, ListIntegrationsRequest,
};

use super::super::{Here, Query, quoted};
use super::status_of;
use crate::fault::Fault;

/// How many calls a search makes at most: each looks at a thousand integrations.
const CALLS_MAX: usize = 20;

/// The integrations that were found.
pub(super) struct Found {
    pub(super) integrations: Vec<Integration>,
    /// Whether there are more.
    pub(super) more: bool,
    /// How many of them have something to say beside their status.
    pub(super) to_look_at: usize,
}

/// Finds as many as are shown: where nothing else is asked for, those in Error first, then those that have something to say.
pub(super) async fn read(here: &Here, query: &Query, most: usize) -> Result<Found, Fault> {
    let status = status_of(query.get("status"));
    let by_attention = query.get("sort").is_empty();
    let mut found = Found {
        integrations: Vec::new(),
        more: false,
        to_look_at: 0,
    };
    if by_attention && status.is_none() {
        // By status alone the API finds them at once. Most are Active, so by name those are found soon, too.
        for chosen in [
            ("status = ERROR", ""),
            ("status = ACTIVE", "display_name"),
            ("status = DISABLED", ""),
        ] {
            add(&mut found, here, (query, chosen.0, chosen.1), most).await?;
        }
    } else {
        let filter = status.map(|status| {
            format!(
                "status = {}",
                status.as_str_name().trim_start_matches("CONFIGURATION_STATUS_")
            )
        });
        let order = match query.get("sort") {
            "new" => "create_time desc",
            "name" => "display_name",
            // By status the API finds them at once, and by name it looks at all.
            _ => "",
        };
        add(
            &mut found,
            here,
            (query, filter.as_deref().unwrap_or_default(), order),
            most,
        )
        .await?;
    }
    if by_attention {
        found
            .integrations
            .sort_by_cached_key(|integration| (rank(integration), integration.display_name.to_lowercase()));
    }
    found.to_look_at = found.integrations.iter().filter(|one| rank(one) == 1).count();
    Ok(found)
}

async fn add(
    found: &mut Found,
    here: &Here,
    (query, filter, order): (&Query, &str, &str),
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
    let mut page_token = String::new();
    for _ in 0..CALLS_MAX {
        let missing = most.saturating_sub(found.integrations.len());
        if missing == 0 {
            found.more = true;
            return Ok(());
        }
        let request = ListIntegrationsRequest {
            parent: here.organization.clone(),
            page_size: i32::try_from(missing).unwrap_or(i32::MAX),
            page_token,
            filter: filter.join(" AND "),
            order_by: order.to_owned(),
            view: IntegrationView::Full.into(),
        };
        let page = here.api.integrations().list_integrations(request).await?.into_inner();
        found.integrations.extend(page.integrations);
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
    let says_something = integration
        .conditions
        .iter()
        .any(|condition| condition.kind() != IntegrationConditionKind::NeverCollected);
    match integration.status() {
        ConfigurationStatus::Error => 0,
        ConfigurationStatus::Active if says_something => 1,
        ConfigurationStatus::Active => 2,
        ConfigurationStatus::Disabled | ConfigurationStatus::Unspecified => 3,
    }
}
