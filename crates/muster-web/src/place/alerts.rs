//! What goes wrong for a while, and whom that was told to: what is open first, then what is over.

mod told;

use maud::{Markup, html};
use muster_proto::v1::{
    Incident, IncidentCause, IncidentClosing, IncidentError, IncidentNotice, ListIncidentsRequest,
    ListIncidentsResponse,
};
use prost_types::Timestamp;

use super::Here;
use crate::fault::Fault;
use crate::view::{Region, View};
use crate::words::{category, clock, now, prose, relative};

/// How many that are over a page has.
const PAGE: usize = 30;

/// How many that are open are shown, and how many a page of the API has.
const OPEN_MAX: usize = 500;
const API_PAGE: usize = 100;

/// How many calls a page makes at most: one of them may find nothing and not be the last.
const CALLS_MAX: usize = 20;

/// The page.
pub(super) async fn view(here: &Here) -> Result<View, Fault> {
    let with_history = here.query.get("show") != "open";
    let (open, over) = tokio::try_join!(open(here), async {
        match with_history {
            true => over(here).await,
            false => Ok(ListIncidentsResponse::default()),
        }
    })?;
    let now = now();
    let count = open.len();
    let cards = |incidents: &[Incident]| -> Vec<_> { incidents.iter().map(|one| card(here, one, &now)).collect() };
    let opened = Region::list("open", ("ul", "incidents"), cards(&open));
    let closed = Region::list("over", ("ul", "incidents"), cards(&over.incidents));
    let none = Region::one(
        "none",
        html! {
            div #none { @if open.is_empty() { div.empty { p { b { "Nothing is wrong." } } p {
                "What goes wrong for a while stands here, and is told by mail: an integration whose error rate reaches its threshold, a pool without a runner, a runner that is outdated or copied. "
                "Whom to mail says each integration, under " b { "Error email notifications" } "; whether mails arrive you can try in the " a href=(here.path("settings")) { "settings" } "."
            } } } }
        },
    );
    let rest = Region::one(
        "rest",
        html! {
            div #rest {
                @if with_history && over.incidents.is_empty() { p.help { "No incident has ended within the last 30 days." } }
                (super::pages(&here.query, &here.path("alerts"), &over.next_page_token))
            }
        },
    );
    let body = html! {
        main #main {
            div.head {
                h1 { "Alerts" }
                (filter(here))
            }
            section aria-labelledby="open-head" {
                h2 #open-head { "Open" }
                (none)
                (opened)
            }
            @if with_history {
                section aria-labelledby="over-head" {
                    h2 #over-head { "History " small { "newest first, for 30 days" } }
                    (closed)
                    (rest)
                }
            }
        }
    };
    let mut regions = vec![none, opened];
    if with_history {
        regions.extend([closed, rest]);
    }
    let title = match count {
        0 => "Alerts".to_owned(),
        count => format!("{count} open · Alerts"),
    };
    Ok(View { title, body, regions })
}

/// All that are open.
async fn open(here: &Here) -> Result<Vec<Incident>, Fault> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    for _ in 0..CALLS_MAX {
        let page = list(here, "state = OPEN", API_PAGE, page_token).await?;
        found.extend(page.incidents);
        page_token = page.next_page_token;
        if page_token.is_empty() || found.len() >= OPEN_MAX {
            break;
        }
    }
    Ok(found)
}

/// A page of those that are over.
async fn over(here: &Here) -> Result<ListIncidentsResponse, Fault> {
    let mut found = ListIncidentsResponse {
        next_page_token: here.query.get("after").to_owned(),
        ..ListIncidentsResponse::default()
    };
    for _ in 0..CALLS_MAX {
        let missing = PAGE - found.incidents.len();
        let page = list(here, "state = CLOSED", missing, found.next_page_token).await?;
        found.incidents.extend(page.incidents);
        found.next_page_token = page.next_page_token;
        if found.next_page_token.is_empty() || found.incidents.len() >= PAGE {
            break;
        }
    }
    Ok(found)
}

async fn list(here: &Here, filter: &str, size: usize, page_token: String) -> Result<ListIncidentsResponse, Fault> {
    let request = ListIncidentsRequest {
        parent: here.organization.clone(),
        page_size: i32::try_from(size).unwrap_or(i32::MAX),
        page_token,
        filter: filter.to_owned(),
    };
    Ok(here.api.incidents().list_incidents(request).await?.into_inner())
}

fn filter(here: &Here) -> Markup {
    let chosen = here.query.get("show");
    let option = |value: &str, word: &str| html! { option value=(value) selected[chosen == value] { (word) } };
    html! {
        form.search action=(here.path("alerts")) data-live-form {
            label.unseen for="show" { "Show" }
            select #show name="show" { (option("", "All")) (option("open", "Only open")) }
            button type="submit" { "Show" }
        }
    }
}

fn card(here: &Here, incident: &Incident, now: &Timestamp) -> (String, Markup) {
    let id = format!("i-{}", incident.name.rsplit('/').next().unwrap_or_default());
    let is_over = incident.close_time.is_some();
    let nothing = IncidentNotice::default();
    let newest = incident.notices.last().unwrap_or(&nothing);
    // What closed it has nothing more to say of errors: what it was stands in the news before.
    let said = incident
        .notices
        .iter()
        .rfind(|notice| !notice.errors.is_empty() || !notice.remedy.is_empty());
    let html = html! {
        li.incident id=(id) data-over[is_over] {
            header {
                span class={ "state " (if is_over { "completed" } else { "error" }) } { i {} (if is_over { "Over" } else { "Open" }) }
                h3 { (cause(incident.cause())) " · " (subject(here, incident, newest)) }
                span.when { (times(incident, now)) }
            }
            p.arithmetic { (prose(&newest.summary)) @if let Some(threshold) = threshold(newest) { " " small { (threshold) } } }
            @if let Some(said) = said {
                @if is_over { p.help { "It was: " (prose(&said.summary)) } }
                @else if !said.remedy.is_empty() { p { b { "To do:" } " " (prose(&said.remedy)) } }
                @for error in &said.errors { (self::error(error, now)) }
            }
            (told::told(here, incident, now))
        }
    };
    (id, html)
}

fn cause(cause: IncidentCause) -> &'static str {
    match cause {
        IncidentCause::Unspecified => "Something",
        IncidentCause::ErrorRate => "Too many errors",
        IncidentCause::PoolOffline => "Pool without a runner",
        IncidentCause::RunnerOutdated => "Runner outdated",
        IncidentCause::RunnerCloned => "Runner copied",
    }
}

/// What it is about, as a link to where that is shown.
fn subject(here: &Here, incident: &Incident, newest: &IncidentNotice) -> Markup {
    let is_gone = incident.closing() == IncidentClosing::Deleted;
    let to = match incident.cause() {
        IncidentCause::ErrorRate | IncidentCause::Unspecified if is_gone || incident.integration.is_empty() => None,
        IncidentCause::ErrorRate | IncidentCause::Unspecified => Some(format!("/{}/logs", incident.integration)),
        IncidentCause::PoolOffline | IncidentCause::RunnerOutdated | IncidentCause::RunnerCloned => {
            Some(here.path("runners"))
        }
    };
    html! {
        @match to {
            Some(to) => a href=(to) { bdi { (newest.display_name) } },
            None => bdi { (newest.display_name) },
        }
    }
}

fn times(incident: &Incident, now: &Timestamp) -> Markup {
    html! {
        @if let Some(from) = &incident.open_time {
            @match &incident.close_time {
                None => { "since " (relative(from, now)) },
                Some(to) => { (clock(from, now)) " – " (clock(to, now)) ", " (closing(incident.closing())) },
            }
        }
    }
}

fn closing(closing: IncidentClosing) -> &'static str {
    match closing {
        IncidentClosing::Unspecified => "",
        IncidentClosing::Recovered => "recovered",
        IncidentClosing::Disabled => "the integration was disabled",
        IncidentClosing::Deleted => "the integration was deleted",
        IncidentClosing::Muted => "its notifications were switched off",
        IncidentClosing::Unused => "no enabled integration relies on the pool any more",
        IncidentClosing::Gone => "the runner has not been there for long",
    }
}

/// At what rate it opens, and below which it closes.
fn threshold(notice: &IncidentNotice) -> Option<String> {
    notice.error_rate.as_ref()?;
    Some(format!(
        "mailed at {} %, over again below {} %",
        notice.threshold_percent, notice.recovery_percent
    ))
}

fn error(error: &IncidentError, now: &Timestamp) -> Markup {
    html! {
        div.note.error {
            p {
                a href={ "/" (error.execution) } { (error.data_type) }
                @if let Some(at) = &error.end_time { " " small { (clock(at, now)) } }
                @if let Some(failure) = &error.failure { ": " b { (category(failure.category())) "." } " " (prose(&failure.message)) }
            }
            @if let Some(failure) = error.failure.as_ref().filter(|failure| !failure.remedy.is_empty()) {
                p.remedy { b { "To do:" } " " (prose(&failure.remedy)) }
            }
        }
    }
}
