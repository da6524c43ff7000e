//! A new integration: which connector, in which of its ways, and then the same form as later.

use maud::{Markup, html};
use muster_proto::v1::{AccessSchema, Connector, ConnectorSpecification};

use super::connector;
use super::integrations::{connectors, listed};
use super::panel::configuration::{Sheet, mails_are_sent, pools};
use super::runners::HOSTED;
use super::{Here, Query};
use crate::answer::{Answer, request_id};
use crate::definition::{Definition, POOL};
use crate::fault::Fault;
use crate::view::View;
use crate::words::{icon, monogram, now};

/// The page.
pub(super) async fn view(here: &Here) -> Result<View, Fault> {
    let chosen = here.query.get("connector");
    let (list, shown) = tokio::try_join!(listed(here, here.query.only(&LIST), None), async {
        if chosen.is_empty() {
            return choose(here).await;
        }
        let known = connector(&here.api, &here.organization, chosen).await?;
        match known {
            Some(known) => form(here, known).await,
            None => Ok(unknown(here, chosen)),
        }
    })?;
    let (title, body) = shown;
    Ok(View {
        title: "Add integration".to_owned(),
        body: html! {
            main #main { (list.body) }
            aside #panel aria-labelledby="panel-name" {
                header #panel-head {
                    @if !chosen.is_empty() { (monogram(chosen)) }
                    div { h2 #panel-name { (title) } p.under { "A new integration" } }
                    a.close href=(here.query.only(&LIST).at(&here.path("integrations"))) aria-label="Close" aria-keyshortcuts="Escape" { (icon("cross")) }
                }
                (body)
            }
        },
        regions: list.regions,
    })
}

/// What an address asks of the list beside it: all but the connector, which is that of the new one.
const LIST: [&str; 6] = ["q", "status", "pool", "sort", "as", "show"];

impl Here {
    /// The address of a new one.
    fn new_at(&self, connector: &str, access: &str) -> String {
        let query = self
            .query
            .only(&LIST)
            .with("connector", connector)
            .with("access", access);
        query.at(&self.path("integrations/new"))
    }
}

/// The connectors to choose from.
async fn choose(here: &Here) -> Result<(String, Markup), Fault> {
    let known = connectors(here).await?;
    let body = html! {
        @if known.is_empty() {
            div.empty {
                p { "No runner has checked in yet, so nobody offers to read anything." }
                a.button href=(here.path("runners")) { "Add a runner" }
            }
        } @else {
            p.help { "What is to be read?" }
            ul.connectors {
                @for known in known.iter().filter_map(|known| known.specification.as_ref()) {
                    li {
                        (monogram(&known.connector))
                        div { a href=(here.new_at(&known.connector, "")) { (known.title) } small { (known.description) } }
                    }
                }
            }
        }
    };
    Ok(("Add integration".to_owned(), body))
}

fn unknown(here: &Here, connector: &str) -> (String, Markup) {
    let body = html! {
        div.note.warned { p.all { "No runner offers the connector " code { bdi { (connector) } } ": the address may be mistyped, or the runner that has offered it is gone." } }
        p { a.button href=(Query::default().at(&here.path("integrations/new"))) { "Choose another one" } }
    };
    ("Add integration".to_owned(), body)
}

async fn form(here: &Here, connector: Connector) -> Result<(String, Markup), Fault> {
    let Some(known) = &connector.specification else {
        return Ok(unknown(here, here.query.get("connector")));
    };
    let (pools, mails_are_sent) = tokio::try_join!(pools(here), mails_are_sent(here))?;
    let typed = here.answer.as_ref().map(|answer| answer.typed.get("access_schema"));
    let access = typed.unwrap_or_else(|| here.query.get("access"));
    let is_known = |way: &AccessSchema| way.access_schema == access;
    if !known.access_schemas.is_empty() && !known.access_schemas.iter().any(is_known) && here.answer.is_none() {
        return Ok((known.title.clone(), ways(here, known)));
    }
    let definition = Definition::new(Some(known), access, None);
    let fresh;
    let answer = match &here.answer {
        Some(answer) => answer,
        None => {
            fresh = Answer {
                request_id: request_id(),
                ..Answer::fresh(definition.blank(access, pool(&connector.pools, &pools)), "")
            };
            &fresh
        }
    };
    let sheet = Sheet {
        here,
        definition: &definition,
        answer,
        integration: None,
        connector: &known.connector,
        pools: &pools,
        mails_are_sent,
        planned: &[],
        now: &now(),
    };
    let (said, form) = sheet.drawn(&here.new_at(&known.connector, here.query.get("access")), "");
    let body = html! {
        (said)
        @if here.may_operate() { (form) }
        @else { p.note { "Whoever may add integrations is an operator or an admin: your token is a viewer's." } }
    };
    Ok((known.title.clone(), body))
}

/// The pool that a new one is of at first: one with a runner that has its connector, where there is one, since nobody else collects it. Of several, the usual
/// one, or one of the organization's own.
fn pool<'a>(of_connector: &'a [String], all: &'a [String]) -> &'a str {
    let first = |pools: &'a [String]| pools.iter().min_by_key(|pool| (*pool != POOL, *pool == HOSTED, *pool));
    first(of_connector).or_else(|| first(all)).map_or(POOL, String::as_str)
}

/// The ways of being configured to choose from.
fn ways(here: &Here, known: &ConnectorSpecification) -> Markup {
    html! {
        p.help { (known.description) }
        p { "How is it reached?" }
        ul.connectors {
            @for way in &known.access_schemas {
                li { div { a href=(here.new_at(&known.connector, &way.access_schema)) { (way.title) } small { (way.description) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pool;

    #[test]
    fn a_new_one_is_of_a_pool_that_can_collect_it() {
        let pools = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (of_connector, all, chosen) in [
            (&["hq"][..], &["berlin", "hq"][..], "hq"),
            (&["hosted", "hq"], &["hosted", "hq"], "hq"),
            (&["hosted"], &["hosted", "hq"], "hosted"),
            (&["berlin", "default"], &["berlin", "default"], "default"),
            (&[], &["hosted", "hq"], "hq"),
            (&[], &[], "default"),
        ] {
            assert_eq!(
                pool(&pools(of_connector), &pools(all)),
                chosen,
                "{of_connector:?} of {all:?}"
            );
        }
    }
}
