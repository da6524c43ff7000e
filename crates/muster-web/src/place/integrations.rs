//! The integrations of an organization, at a glance.

mod outcomes;
mod read;
mod row;
mod tile;

use maud::{Markup, html};
use muster_proto::v1::{Connector, ListConnectorsRequest, SummarizeIntegrationsResponse};

use super::{Here, Query};
use crate::fault::Fault;
use crate::view::{Region, View};
use crate::words::{icon, monogram, now};
use read::{Found, read};

/// What an address may ask of the list; it goes along to the panel of each integration and back.
pub(crate) const CHOICES: [&str; 7] = ["q", "status", "connector", "pool", "sort", "as", "show"];

/// How many are shown at first, how many more at a time, and how many at most: beyond that nobody looks, but searches.
const SHOWN: usize = 60;
const SHOWN_MAX: usize = 600;

/// The page.
pub(super) async fn view(here: &Here) -> Result<View, Fault> {
    let list = listed(here, here.query.only(&CHOICES), None).await?;
    Ok(View {
        title: list.title,
        body: html! { main #main { (list.body) } },
        regions: list.regions,
    })
}

/// The list, with one of them marked whose panel is open beside it.
pub(super) async fn listed(here: &Here, query: Query, current: Option<&str>) -> Result<View, Fault> {
    let show = query.get("show").parse().unwrap_or(SHOWN).clamp(SHOWN, SHOWN_MAX);
    let mut integrations = here.api.integrations();
    let parent = here.organization.clone();
    let (summary, found, connectors) = tokio::try_join!(
        async {
            Ok::<_, Fault>(
                integrations
                    .summarize_integrations(muster_proto::v1::SummarizeIntegrationsRequest { parent })
                    .await?
                    .into_inner(),
            )
        },
        read(here, &query, show),
        connectors(here),
    )?;
    let now = now();
    let is_table = query.get("as") == "table";
    let titles = Titles(&connectors);
    let items = found.integrations.iter().map(|integration| {
        let link = Link { query: &query, current };
        if is_table {
            row::row(integration, &titles, &link, &now)
        } else {
            tile::tile(integration, &titles, &link, &now)
        }
    });
    let items: Vec<_> = items.collect();
    let counts = Region::one("counts", counts(here, &query, &summary));
    let list = if is_table {
        Region::list("rows", ("tbody", ""), items)
    } else {
        Region::list("tiles", ("ul", "tiles"), items)
    };
    let rest = Region::one("rest", rest(here, &query, show, &found, &summary));
    let available = Region::one("available", available(here, &connectors));
    let body = html! {
        div.head {
            h1 { "Integrations" }
            (counts)
            (search(here, &query, &connectors))
            @if here.may_operate() {
                a.button.primary href=(here.path("integrations/new")) { "Add integration" }
            }
        }
        section aria-labelledby="configured" {
            h2 #configured { "Configured" }
            @if is_table {
                div.scroller { table.integrations {
                    thead { tr {
                        th scope="col" { "Status" } th scope="col" { "Integration" } th scope="col" { "Pool" } th scope="col" { "Last 24 h" }
                        th.number scope="col" { "Records" } th scope="col" { "Collected" } th scope="col" { "Next" }
                    } }
                    (list)
                } }
            } @else {
                (list)
            }
            (rest)
        }
        (available)
    };
    let title = match summary.error_count {
        0 => "Integrations".to_owned(),
        errors => format!("{errors} Error · Integrations"),
    };
    Ok(View {
        title,
        body,
        regions: vec![counts, list, rest, available],
    })
}

/// Where a tile or a row leads.
struct Link<'a> {
    query: &'a Query,
    current: Option<&'a str>,
}

impl Link<'_> {
    fn to(&self, name: &str) -> String {
        self.query.at(&format!("/{name}/logs"))
    }

    fn is_current(&self, name: &str) -> bool {
        self.current == Some(name)
    }
}

/// What people call connectors.
struct Titles<'a>(&'a [Connector]);

impl Titles<'_> {
    fn of<'a>(&'a self, connector: &'a str) -> &'a str {
        let known = self.0.iter().filter_map(|known| known.specification.as_ref());
        let known = known.filter(|known| known.connector == connector && !known.title.is_empty());
        known.map(|known| known.title.as_str()).next().unwrap_or(connector)
    }
}

/// All connectors that there are.
pub(super) async fn connectors(here: &Here) -> Result<Vec<Connector>, Fault> {
    let request = ListConnectorsRequest {
        parent: here.organization.clone(),
        ..ListConnectorsRequest::default()
    };
    Ok(here
        .api
        .connectors()
        .list_connectors(request)
        .await?
        .into_inner()
        .connectors)
}

/// How many there are of each status, and how many call for attention; each leads to them.
fn counts(here: &Here, query: &Query, summary: &SummarizeIntegrationsResponse) -> Markup {
    let chosen = query.get("status");
    let chip = |status: &str, class: &str, count: u64, word: &str| {
        let is_chosen = chosen == status;
        let to = query
            .with("status", if is_chosen { "" } else { status })
            .with("show", "");
        html! {
            a class={ "chip " (class) @if count == 0 { " none" } } href=(to.at(&here.path("integrations"))) aria-current=[is_chosen.then_some("true")] {
                @if class != "warned" { (icon(class)) }
                (count) " " (word)
            }
        }
    };
    html! {
        div #counts.chips {
            (chip("error", "error", summary.error_count, "Error"))
            @if summary.attention_count > 0 || chosen == "attention" {
                (chip("attention", "warned", summary.attention_count, "to look at"))
            }
            (chip("active", "active", summary.active_count, "Active"))
            (chip("disabled", "disabled", summary.disabled_count, "Disabled"))
        }
    }
}

fn search(here: &Here, query: &Query, connectors: &[Connector]) -> Markup {
    let mut pools: Vec<&str> = connectors
        .iter()
        .flat_map(|connector| &connector.pools)
        .map(String::as_str)
        .collect();
    pools.sort_unstable();
    pools.dedup();
    let option = |name: &str, value: &str, word: &str| html! { option value=(value) selected[query.get(name) == value] { (word) } };
    html! {
        form.search role="search" action=(here.path("integrations")) data-live-form {
            input type="hidden" name="status" value=(query.get("status"));
            label.unseen for="q" { "Find an integration by its name" }
            input #q type="search" name="q" value=(query.get("q")) placeholder="Find" aria-keyshortcuts="Control+K Meta+K" autocomplete="off";
            label.unseen for="connector" { "Connector" }
            select #connector name="connector" {
                (option("connector", "", "All connectors"))
                @for known in connectors.iter().filter_map(|known| known.specification.as_ref()) {
                    (option("connector", &known.connector, &known.title))
                }
            }
            @if pools.len() > 1 {
                label.unseen for="pool" { "Pool" }
                select #pool name="pool" {
                    (option("pool", "", "All pools"))
                    @for pool in pools { (option("pool", pool, pool)) }
                }
            }
            label.unseen for="sort" { "Order" }
            select #sort name="sort" {
                (option("sort", "", "Attention first")) (option("sort", "name", "By name")) (option("sort", "new", "Newest first"))
            }
            label.unseen for="as" { "Shown as" }
            select #as name="as" { (option("as", "", "Tiles")) (option("as", "table", "Table")) }
            button type="submit" { "Find" }
        }
    }
}

/// What follows the list: more of it, or why there is nothing.
fn rest(here: &Here, query: &Query, show: usize, found: &Found, summary: &SummarizeIntegrationsResponse) -> Markup {
    let all = summary.active_count + summary.error_count + summary.disabled_count;
    let is_chosen = ["q", "status", "connector", "pool"]
        .iter()
        .any(|name| !query.get(name).is_empty());
    html! {
        div #rest {
            @if found.more && show < SHOWN_MAX {
                // What stands beside the list stays there.
                a.button.more href=(here.query.with("said", "").with("show", &(show + SHOWN).to_string()).at(&here.at)) data-more { "Show more" }
            } @else if found.more {
                p.help { "These are the first " (found.integrations.len()) ". Search by name, or choose a status, a connector or a pool to see others." }
            } @else if found.integrations.is_empty() && is_chosen {
                div.empty {
                    p { "No integration is like that." }
                    a.button href=(here.path("integrations")) { "Show all" }
                }
            } @else if all == 0 {
                div.empty {
                    p { b { "Nothing is collected yet." } }
                    @if !here.may_operate() { p { "An operator or an admin of the organization adds integrations; what they collect stands here then." } }
                    @else { p { "Choose a source among those below, say where it is, test it, and activate it. If none is below, no runner has checked in so far: "
                        a href=(here.path("runners")) { "add a runner" } " first." } }
                }
            }
        }
    }
}

/// The connectors that there are, each of which leads to a new integration.
fn available(here: &Here, connectors: &[Connector]) -> Markup {
    html! {
        section #available aria-labelledby="available-head" {
            h2 #available-head { "Available " small { "offered by your runners" } }
            @if connectors.is_empty() {
                p.help { "No runner has checked in yet. What runners can read stands here as soon as the first has: " a href=(here.path("runners")) { "add a runner" } "." }
            }
            ul.connectors {
                @for connector in connectors.iter().filter_map(|connector| connector.specification.as_ref()) {
                    li {
                        (monogram(&connector.connector))
                        div {
                            @if here.may_operate() {
                                a href=(Query::default().with("connector", &connector.connector).at(&here.path("integrations/new"))) { (connector.title) }
                            } @else {
                                b { (connector.title) }
                            }
                            small { (connector.data_types.iter().map(|kind| kind.data_type.as_str()).collect::<Vec<_>>().join(", ")) }
                        }
                    }
                }
            }
        }
    }
}
