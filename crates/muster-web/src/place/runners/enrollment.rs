//! One enrollment token: what is done with it, while somebody waits for that.

use maud::{Markup, html};
use muster_proto::v1::{EnrollmentToken, GetCoordinatorRequest, GetRunnerRequest, Runner, RunnerStatus};
use prost_types::Timestamp;
use tonic::Code;

use super::super::Here;
use super::{commands, tokens};
use crate::fault::Fault;
use crate::view::{Region, View};
use crate::words::{now, relative};

/// How many of those that have enrolled are named.
const NAMED: usize = 20;

/// The token of this id, without its secret, or once with it. What changes while somebody looks does not have the secret in it.
pub(crate) async fn view(here: &Here, id: &str, secret: Option<&str>) -> Result<View, Fault> {
    let name = format!("{}/enrollmentTokens/{id}", here.organization);
    let all = tokens::all(here).await?.unwrap_or_default();
    let token = all
        .into_iter()
        .find(|token| token.name == name)
        .ok_or(Fault::NotFound)?;
    let mut runners = Vec::new();
    for id in token.runners.iter().take(NAMED) {
        runners.push((id.as_str(), runner(here, id).await?));
    }
    let now = now();
    let progress = Region::one("progress", progress(here, &token, &runners, &now));
    let told = match secret {
        None => html! {
            p.help { "The token was told once, when it was made. If it is lost, revoke it and " a href=(here.path("runners/add")) { "make another one" } "." }
        },
        Some(secret) => {
            let coordinator = here
                .api
                .coordinator()
                .get_coordinator(GetCoordinatorRequest {})
                .await?
                .into_inner();
            html! {
                p.lead { b { "Copy it now: it is shown this once." } " It is part of each of these commands." }
                (commands::enrolling(&coordinator, &token.pool, secret))
            }
        }
    };
    let body = html! {
        main #main.page {
            p.path { a href=(here.path("runners")) { "Runners" } }
            h1 { "A runner for the pool " (token.pool) }
            (progress)
            (told)
        }
    };
    Ok(View {
        title: format!("Enrollment · {}", token.pool),
        body,
        regions: vec![progress],
    })
}

/// A runner that has enrolled; `None` while it has not checked in.
async fn runner(here: &Here, id: &str) -> Result<Option<Runner>, Fault> {
    let name = format!("{}/runners/{id}", here.organization);
    match here.api.runners().get_runner(GetRunnerRequest { name }).await {
        Ok(found) => Ok(Some(found.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn progress(here: &Here, token: &EnrollmentToken, runners: &[(&str, Option<Runner>)], now: &Timestamp) -> Markup {
    let is_open = tokens::is_open(token, now);
    let missing = (token.uses_max as usize).saturating_sub(token.runners.len());
    html! {
        section #progress.progress aria-label="What has come of it" {
            @for (id, runner) in runners {
                @match runner {
                    Some(runner) if runner.online => p.note.good role="status" {
                        b { bdi { (runner.display_name) } " has checked in." } " It is of version " (runner.version) " and offers " (runner.connectors.join(", ")) ". "
                        a href=(here.path("runners")) { "See all runners" }
                    },
                    Some(runner) if runner.status() == RunnerStatus::Revoked => p.note { b { bdi { (runner.display_name) } " was revoked" } @if let Some(at) = &runner.revoke_time { " " (relative(at, now)) } "." },
                    Some(runner) => p.note.warned { b { bdi { (runner.display_name) } " is offline" } @if let Some(at) = &runner.last_seen_time { " since " (relative(at, now)) } ": start it." },
                    None => p.note.warned role="status" { b { "A runner has enrolled" } " as " code { (id) } ", and has not checked in yet: start it, as the second command does." },
                }
            }
            @if token.runners.len() > NAMED { p.help { "and " (token.runners.len() - NAMED) " more" } }
            @if is_open {
                p.note.waiting { span.running { "Waiting for " @if missing == 1 { "a runner" } @else { (missing) " runners" } " to enroll" } @if let Some(at) = &token.expire_time { ". The token ends " (relative(at, now)) "." } }
                @if here.may_operate() { (tokens::revoke(token, &here.path("runners"))) }
            } @else if let Some(at) = &token.revoke_time {
                p.note { "The token was revoked " (relative(at, now)) ": nobody enrolls by it any more." }
            } @else if missing > 0 {
                p.note.warned { "The token has ended, and nobody enrolls by it any more. " a href=(here.path("runners/add")) { "Make another one" } "." }
            }
        }
    }
}
