//! The panel of one integration, beside the list: how it is configured, and what it has done.

pub(super) mod configuration;
mod execution;
pub(crate) mod log_lines;
mod logs;
mod records;

use maud::{Markup, html};
use muster_proto::v1::{GetIntegrationRequest, Integration};
use prost_types::Timestamp;

use super::integrations::{CHOICES, listed};
use super::{Here, Query};
use crate::fault::Fault;
use crate::view::{Region, View};
use crate::words::{icon, monogram, now, relative, status};

/// The page of an integration with one of its tabs.
pub(super) async fn view(here: &Here, id: &str, tab: &[&str]) -> Result<View, Fault> {
    let name = format!("{}/integrations/{id}", here.organization);
    let request = GetIntegrationRequest {
        name: name.clone(),
        ..GetIntegrationRequest::default()
    };
    let integration = here.api.integrations().get_integration(request).await?.into_inner();
    let panel = Panel {
        here,
        integration: &integration,
        now: now(),
    };
    let (list, shown) = tokio::try_join!(listed(here, here.query.only(&CHOICES), Some(&name)), async {
        match tab {
            ["configuration"] => configuration::view(&panel).await,
            ["logs"] => logs::view(&panel, None).await,
            ["executions", execution] => logs::view(&panel, Some(execution)).await,
            _ => Err(Fault::NotFound),
        }
    })?;
    let head = Region::one("panel-head", panel.head());
    let mut regions = list.regions;
    let body = html! {
        main #main { (list.body) }
        aside #panel aria-labelledby="panel-name" {
            (head)
            (panel.tabs(if tab == ["configuration"] { "configuration" } else { "logs" }))
            (shown.body)
        }
    };
    regions.push(head);
    regions.extend(shown.regions);
    Ok(View {
        title: format!("{} · {}", integration.display_name, shown.title),
        body,
        regions,
    })
}

/// What all tabs know.
struct Panel<'a> {
    here: &'a Here,
    integration: &'a Integration,
    now: Timestamp,
}

impl Panel<'_> {
    /// The address of a part of this panel, beside the same list.
    fn to(&self, part: &str) -> String {
        self.here
            .query
            .only(&CHOICES)
            .at(&format!("/{}/{part}", self.integration.name))
    }

    /// The same with all else that was asked for, and one thing more.
    fn with(&self, part: &str, name: &str, value: &str) -> String {
        self.here
            .query
            .with(name, value)
            .at(&format!("/{}/{part}", self.integration.name))
    }

    fn query(&self) -> &Query {
        &self.here.query
    }

    fn head(&self) -> Markup {
        let Self { here, integration, now } = self;
        html! {
            header #panel-head {
                (monogram(&integration.connector))
                div {
                    h2 #panel-name { bdi { (integration.display_name) } }
                    p.under { (integration.connector) " · " (integration.pool) @if let Some(made) = &integration.create_time { " · created " (relative(made, now)) } }
                }
                p.how { (status(integration.status())) @if let Some(since) = &integration.status_time { small { " since " (relative(since, now)) } } }
                a.close href=(here.query.only(&CHOICES).at(&here.path("integrations"))) aria-label="Close" aria-keyshortcuts="Escape" { (icon("cross")) }
            }
        }
    }

    fn tabs(&self, current: &str) -> Markup {
        html! {
            nav.tabs aria-label="Integration" {
                @for (part, name) in [("configuration", "Configuration"), ("logs", "Logs")] {
                    a href=(self.to(part)) aria-current=[(part == current).then_some("page")] { (name) }
                }
            }
        }
    }
}
