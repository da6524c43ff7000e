//! What people and programs have asked for, and what became of it: the audit log.

mod names;
mod words;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use maud::{Markup, html};
use muster_proto::v1::{
    AuditCaller, AuditCallerKind, AuditChange, AuditEntry, AuditOutcome, ListAuditEntriesRequest,
    ListAuditEntriesResponse, VerifyAuditLogResponse,
};
use prost_types::Timestamp;

use super::{Here, Query, quoted};
use crate::fault::Fault;
use crate::view::{Region, View};
use crate::words::{clock, counted, iso, now, prose};

/// How many entries a page has.
const PAGE: usize = 100;

/// How many calls a page makes at most: each looks at a part of the log, in which nothing may be like what is asked for.
const CALLS_MAX: usize = 5;

/// The times that can be chosen, in hours.
const TIMES: [(&str, &str); 5] = [
    ("", "Any time"),
    ("1", "The last hour"),
    ("24", "The last day"),
    ("168", "The last 7 days"),
    ("720", "The last 30 days"),
];

const OUTCOMES: [(&str, &str); 3] = [("", "Any outcome"), ("DONE", "Done"), ("REFUSED", "Refused")];

/// The page, with what a verification has found.
pub(crate) async fn view(here: &Here, verified: Option<&VerifyAuditLogResponse>) -> Result<View, Fault> {
    if !here.may_administer() {
        let body = html! {
            main #main.page {
                h1 { "Activity" }
                div.empty { p { b { "The audit log is for admins." } } p { "It says who has asked for what, and from where. Ask an admin of the organization for what you need of it, or to make you one." } }
            }
        };
        return Ok(View {
            title: "Activity".to_owned(),
            body,
            regions: Vec::new(),
        });
    }
    // All pages are of the same time, which goes on meanwhile: the first one says from when on.
    let paged = match since(&here.query, SystemTime::now()) {
        Some(since) => here.query.with("from", &since),
        None => here.query.clone(),
    };
    let page = page(here, &paged).await?;
    let now = now();
    let names = names::of_entries(here, &page.audit_entries).await?;
    let items = page.audit_entries.iter().map(|entry| row(entry, &names, &now));
    let list = Region::list("rows", ("tbody", ""), items.collect());
    let is_chosen = ["outcome", "caller", "resource", "hours"]
        .iter()
        .any(|name| !here.query.get(name).is_empty());
    let is_empty = page.audit_entries.is_empty() && page.next_page_token.is_empty();
    let rest = Region::one(
        "rest",
        html! {
            div #rest {
                @if is_empty && is_chosen {
                    div.empty { p { "Nothing in the log is like that." } a.button href=(here.path("activity")) { "Show all" } }
                } @else if is_empty {
                    div.empty { p { b { "Nobody has changed anything yet." } } p { "Each call that changes something leaves one entry here, whether it was carried out or refused. What goes on by itself, such as collections, does not." } }
                }
                (super::pages(&paged, &here.path("activity"), &page.next_page_token))
            }
        },
    );
    let body = html! {
        main #main {
            div.head {
                h1 { "Activity" }
                span.chips {}
                (filter(here))
            }
            table.cards.activity {
                thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "From" } th scope="col" { "Outcome" } } }
                (list)
            }
            (rest)
            section aria-labelledby="whole-head" {
                h2 #whole-head { "Is it whole?" }
                p.help { "Entries are chained by hashes: one that is missing, changed or moved breaks the chain. Keep the last number and hash elsewhere, or an export: whoever can write to the coordinator’s disk could make a whole log anew." }
            @if let Some(verified) = verified { (verification(verified)) }
                div.actions {
                    form method="post" action=(here.path("activity/verify")) { button type="submit" { "Verify" } }
                    a.button href=(here.path("activity/export")) download { "Export as JSON lines" }
                }
            }
        }
    };
    Ok(View {
        title: "Activity".to_owned(),
        body,
        regions: vec![list, rest],
    })
}

/// The entries that are asked for: as many as a page has, or fewer where long stretches of the log have none.
async fn page(here: &Here, query: &Query) -> Result<ListAuditEntriesResponse, Fault> {
    let filter = filter_of(query);
    let mut found = ListAuditEntriesResponse {
        next_page_token: here.query.get("after").to_owned(),
        ..ListAuditEntriesResponse::default()
    };
    for _ in 0..CALLS_MAX {
        let request = ListAuditEntriesRequest {
            parent: here.organization.clone(),
            page_size: i32::try_from(PAGE - found.audit_entries.len()).unwrap_or(i32::MAX),
            page_token: found.next_page_token,
            filter: filter.clone(),
        };
        let page = here.api.audit().list_audit_entries(request).await?.into_inner();
        found.audit_entries.extend(page.audit_entries);
        found.next_page_token = page.next_page_token;
        if found.next_page_token.is_empty() || found.audit_entries.len() >= PAGE {
            break;
        }
    }
    Ok(found)
}

/// What is asked for, as the API's filter.
fn filter_of(query: &Query) -> String {
    let mut parts = Vec::new();
    if let Some((outcome, _)) = OUTCOMES.iter().find(|(outcome, _)| *outcome == query.get("outcome"))
        && !outcome.is_empty()
    {
        parts.push(format!("outcome = {outcome}"));
    }
    if !query.get("caller").is_empty() {
        parts.push(format!("caller = {}", quoted(query.get("caller").trim())));
    }
    if !query.get("resource").is_empty() {
        parts.push(format!("resource:{}", quoted(query.get("resource").trim())));
    }
    if !query.get("from").is_empty() {
        parts.push(format!("event_time > {}", quoted(query.get("from"))));
    }
    parts.join(" AND ")
}

/// From when on entries are asked for: as a page before has said, or for some hours from now.
fn since(query: &Query, now: SystemTime) -> Option<String> {
    if !query.get("after").is_empty() && !query.get("from").is_empty() {
        return Some(query.get("from").to_owned());
    }
    let hours: u64 = query.get("hours").parse().ok()?;
    let hours = Duration::from_secs(hours.min(24 * 366) * 3_600);
    Some(iso(&Timestamp::from(now.checked_sub(hours)?)))
}

fn filter(here: &Here) -> Markup {
    let query = &here.query;
    let select = |name: &str, label: &str, options: &[(&str, &str)]| {
        html! {
            label.unseen for=(name) { (label) }
            select id=(name) name=(name) { @for (value, word) in options { option value=(value) selected[query.get(name) == *value] { (word) } } }
        }
    };
    html! {
        form.search role="search" action=(here.path("activity")) data-live-form {
            label.unseen for="caller" { "Who: a name, or the id of a person, a token or a runner" }
            input #caller type="search" name="caller" value=(query.get("caller")) placeholder="Who" autocomplete="off";
            label.unseen for="resource" { "About what: the beginning of a name" }
            input #resource type="search" name="resource" value=(query.get("resource")) placeholder={ (here.organization) "/…" } autocomplete="off";
            (select("outcome", "Outcome", &OUTCOMES))
            (select("hours", "When", &TIMES))
            button type="submit" { "Find" }
        }
    }
}

fn row(entry: &AuditEntry, names: &HashMap<String, String>, now: &Timestamp) -> (String, Markup) {
    let what = words::what(&entry.method, entry.outcome() == AuditOutcome::Done);
    // As it was called then, where the entry says so; else as it is called now.
    let now_called = || names.get(names::of_integration(&entry.resource)).map(String::as_str);
    let called = called(&entry.changes).or_else(now_called);
    let id = format!("a-{}", entry.number);
    let html = html! {
        tr id=(id) {
            td data-name="When" { @if let Some(at) = &entry.event_time { (clock(at, now)) } }
            th scope="row" { (who(entry.caller.as_ref())) }
            td data-name="What" {
                (what) " " (about(&entry.resource, &what, called))
                @if !entry.changes.is_empty() { (changes(&entry.changes)) }
            }
            td data-name="From" { @if entry.address.is_empty() { span.faint { "–" } } @else { (entry.address) } }
            td data-name="Outcome" { (outcome(entry)) }
        }
    };
    (id, html)
}

fn who(caller: Option<&AuditCaller>) -> Markup {
    let Some(caller) = caller else {
        return html! { "–" };
    };
    let kind = match caller.kind() {
        AuditCallerKind::Token if caller.person.is_empty() => "program",
        AuditCallerKind::Token | AuditCallerKind::Operator | AuditCallerKind::Unspecified => "",
        AuditCallerKind::Runner => "runner",
        AuditCallerKind::Coordinator => "by itself",
    };
    let name = match caller.display_name.as_str() {
        "" => short(&caller.id),
        name => name,
    };
    html! { bdi { (name) } @if !kind.is_empty() { " " small { (kind) } } }
}

/// What it was about: the end of its name, and a link where there is something to see. Nothing where `what` was done says it already.
fn about(resource: &str, what: &str, called: Option<&str>) -> Markup {
    let parts: Vec<&str> = resource.split('/').collect();
    match parts.as_slice() {
        // Something new, which has no name of its own yet.
        ["organizations", _] if !what.contains("organization") => return html! {},
        [.., "authority"] if what.ends_with("authority") => return html! {},
        _ => {}
    }
    let to = match parts.as_slice() {
        ["organizations", _, "integrations", _] | ["organizations", _, "integrations", _, "executions", _] => {
            Some(format!("/{resource}"))
        }
        ["organizations", organization, "runners", ..] => Some(format!("/organizations/{organization}/runners")),
        _ => None,
    };
    let word = match (called, parts.as_slice()) {
        (Some(name), _) => html! { bdi { (name) } },
        (None, [_, _, .., id]) if parts.len() > 2 => html! { code { (short(id)) } },
        (None, _) => html! { code { (resource) } },
    };
    html! {
        @match to {
            Some(to) => a href=(to) title=(resource) { (word) },
            None => span title=(resource) { (word) },
        }
    }
}

/// What it is called, where that has changed with it.
fn called(changes: &[AuditChange]) -> Option<&str> {
    let change = changes.iter().find(|change| change.field == "display_name")?;
    change.after.as_deref().or(change.before.as_deref())
}

/// The end of an id, by which it is told from others.
fn short(id: &str) -> &str {
    let at = id.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
    if id.len() == 36 { &id[at..] } else { id }
}

fn changes(changes: &[AuditChange]) -> Markup {
    let value = |value: &Option<String>| html! { @match value { Some(value) => bdi { (value) }, None => span.faint { "nothing" } } };
    html! {
        details.changes {
            summary { (counted(changes.len() as u64, "field")) }
            dl.facts {
                @for change in changes {
                    div { dt { (change.field) } dd { (value(&change.before)) " → " b { (value(&change.after)) } } }
                }
            }
        }
    }
}

fn outcome(entry: &AuditEntry) -> Markup {
    match entry.outcome() {
        AuditOutcome::Done => html! { span.state.completed { i {} "Done" } },
        AuditOutcome::Refused => html! {
            span.state.error { i {} "Refused" }
            @if !entry.message.is_empty() { small { (prose(&entry.message)) } } @else { small { (entry.reason) } }
        },
        AuditOutcome::MoreRefused => {
            html! { span.state.error { i {} "Refused" } small { (counted(entry.refused_count, "time")) " more" } }
        }
        AuditOutcome::Unspecified => html! { "–" },
    }
}

fn verification(found: &VerifyAuditLogResponse) -> Markup {
    html! {
        div.note.(if found.fault.is_empty() { "good" } else { "error" }) role="status" tabindex="-1" autofocus {
            @match &found.chain {
                Some(chain) if found.fault.is_empty() => {
                    p { b { "The log is whole." } " Entries " (chain.first_number) " to " (chain.last_number) " are one unbroken chain." }
                    p { "It ends with " code { (chain.last_number) ":" (chain.hash) } " "
                        button type="button" data-copy={ (chain.last_number) ":" (chain.hash) } { "Copy" } }
                    p { "Keep that elsewhere: " code { "muster audit verify --known-hash" } " compares it with what the log says then." }
                },
                _ => {
                    p { b { "The log is broken." } " " (prose(&found.fault)) }
                    p.remedy { b { "To do:" } " keep an export as it is now, find out who can write to the coordinator’s disk, and compare with a backup: docs/audit.md says how." }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_becomes_one_filter_and_no_more_than_that() {
        let query = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Query::said(pairs.collect())
        };
        assert_eq!(filter_of(&query(&[])), "");
        assert_eq!(
            filter_of(&query(&[("outcome", "REFUSED"), ("from", "2026-11-29T21:23:12Z")])),
            "outcome = REFUSED AND event_time > \"2026-11-29T21:23:12Z\""
        );
        assert_eq!(
            filter_of(&query(&[("caller", "Ada\" OR outcome = \"DONE")])),
            "caller = \"Ada\\\" OR outcome = \\\"DONE\""
        );
        assert_eq!(filter_of(&query(&[("outcome", "DONE OR outcome = REFUSED")])), "");
        assert_eq!(
            filter_of(&query(&[("resource", "organizations/a/runners")])),
            "resource:\"organizations/a/runners\""
        );
    }

    #[test]
    fn what_it_was_about_is_said_once_and_by_its_name() {
        let organization = "organizations/default";
        let integration = format!("{organization}/integrations/01936b1e-2f3a-7c4d-8e5f-0123456789ab");
        assert_eq!(
            about(&format!("{organization}/authority"), "first authority", None).0,
            ""
        );
        assert_eq!(about(organization, "tried to create person", None).0, "");
        assert!(about(organization, "changed organization", None).0.contains("default"));
        assert!(about(&integration, "paused integration", None).0.contains(">456789ab<"));
        let names = HashMap::from([(integration.clone(), "Corp".to_owned())]);
        let entry = AuditEntry {
            method: "muster.v1.IntegrationService/PauseIntegration".to_owned(),
            resource: integration,
            ..AuditEntry::default()
        };
        let (_, row) = row(&entry, &names, &Timestamp::default());
        assert!(row.0.contains("Corp") && !row.0.contains(">456789ab<"), "{}", row.0);
    }

    #[test]
    fn later_pages_are_of_the_time_of_the_first_one() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_990_992);
        let first = Query::default().with("hours", "1");
        let said = since(&first, now).expect("it is asked for");
        assert_eq!(said, "2026-11-29T21:23:12Z");
        let later = now + Duration::from_secs(90);
        let second = first.with("from", &said).with("after", "token");
        assert_eq!(since(&second, later), Some(said));
        assert_ne!(since(&first, later), since(&second, later));
        assert_eq!(since(&Query::default(), now), None);
    }
}
