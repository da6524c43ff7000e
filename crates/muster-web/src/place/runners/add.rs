//! How a runner is added: what for, and then by which commands.

use maud::html;
use muster_proto::v1::{GetCoordinatorRequest, ListRunnersRequest};

use super::super::Here;
use super::{HOSTED, commands};
use crate::fault::Fault;
use crate::form::{Filled, Input, choice};
use crate::view::View;

/// The fields, as the request calls them.
const FIELDS: [&str; 3] = ["pool", "uses_max", "life"];

/// How long a token is good, in seconds, with the words for it.
const LIVES: [(&str, &str); 4] = [
    ("3600", "1 hour"),
    ("86400", "1 day"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
];

/// The form; where nobody enrolls, how a runner is started.
pub(crate) async fn view(here: &Here, filled: &Filled<'_>) -> Result<View, Fault> {
    let coordinator = here
        .api
        .coordinator()
        .get_coordinator(GetCoordinatorRequest {})
        .await?
        .into_inner();
    let body = if coordinator.insecure {
        html! {
            (filled.elsewhere(&[]))
            p.lead { "This coordinator was started with " code { "insecure" } ": it asks nobody who they are, and runners on this machine need no token. Start one:" }
            (commands::insecure(&coordinator, here.organization.trim_start_matches("organizations/")))
            p.help { "It stands among the " a href=(here.path("runners")) { "runners" } " as soon as it has checked in." }
        }
    } else if here.may_operate() {
        let pools = pools(here).await?;
        html! {
            p.lead { "A runner enrolls by a token, which is told once. It makes a key that never leaves its machine, and gets a certificate for it." }
            (filled.form(&here.path("runners/add"), &FIELDS, &html! {
                (Input {
                    name: "pool", label: "Pool", kind: "text", value: pools.first().map_or(crate::definition::POOL, String::as_str), required: true,
                    help: "Runners that may serve the same integrations are one pool: mostly those of one network. Lower-case letters, digits, - and _.",
                }.show(filled))
                @if !pools.is_empty() { p.help { "There are: " (pools.join(", ")) } }
                (Input {
                    name: "uses_max", label: "Runners", kind: "number", value: "1", required: true,
                    help: "How many may enroll by it: 1 to 1,000.",
                }.show(filled))
                (choice(("life", "Good for", "After that it is worth nothing; whoever has enrolled stays so."), &LIVES, (filled, "3600")))
                div.actions { button.primary type="submit" { "Make a token" } a.button href=(here.path("runners")) { "Cancel" } }
            }))
        }
    } else {
        html! { p.lead { "An operator or an admin of the organization adds runners. You may look at them." } }
    };
    Ok(View {
        title: "Add runner".to_owned(),
        body: html! { main #main.page { p.path { a href=(here.path("runners")) { "Runners" } } h1 { "Add runner" } (body) } },
        regions: Vec::new(),
    })
}

/// The pools that have runners, but for the service's own.
async fn pools(here: &Here) -> Result<Vec<String>, Fault> {
    let request = ListRunnersRequest {
        parent: here.organization.clone(),
        page_size: 1_000,
        ..ListRunnersRequest::default()
    };
    let runners = here.api.runners().list_runners(request).await?.into_inner().runners;
    let mut pools: Vec<_> = runners
        .into_iter()
        .map(|runner| runner.pool)
        .filter(|pool| pool != HOSTED)
        .collect();
    pools.sort_unstable();
    pools.dedup();
    Ok(pools)
}
