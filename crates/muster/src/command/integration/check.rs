//! `muster integration check`: a runner checks the source, and it is told what happens.

use std::time::Duration;

use muster_proto::v1::check_integration_response::Event;
use muster_proto::v1::{CheckBegun, CheckEnded, CheckIntegrationRequest, Failure};
use serde::Serialize;
use tonic::Status;

use super::{Named, typed};
use crate::client::Client;
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::text::clean;
use crate::output::{Output, note, time, words};

/// Let a runner check whether the source can be read; it collects nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster integration check laptops
  muster integration check laptops --output json | jq '.failure'

Drafts are checked, too, and what is disabled or paused. It exits with 2 when the source cannot be read.")]
pub struct Args {
    #[command(flatten)]
    named: Named,
}

/// What came of it, for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    integration: &'a str,
    runner: &'a str,
    runner_display_name: &'a str,
    revision: u32,
    ok: bool,
    failure: Option<FailureDocument<'a>>,
    duration_ms: u128,
    outdated: bool,
}

#[derive(Debug, Serialize)]
struct FailureDocument<'a> {
    category: &'a str,
    message: &'a str,
    remedy: &'a str,
}

/// Lets it be checked. Whoever leaves before the end changes nothing: the result is kept.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    tokio::select! {
        ended = check(args, session) => ended,
        signal = tokio::signal::ctrl_c() => signal.map(|()| Exit::Interrupted).map_err(Error::Runtime),
    }
}

async fn check(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &args.named.integration).await?;
    let display_name = clean(&integration.display_name);
    let failed = |client: &Client, status: &Status| client.error(format!("check integration `{display_name}`"), status);
    let request = CheckIntegrationRequest {
        name: integration.name.clone(),
        ..Default::default()
    };
    let mut events = match client.integrations().check_integration(request).await {
        Ok(events) => events.into_inner(),
        Err(status) => return Err(failed(client, &status)),
    };
    let mut begun = CheckBegun::default();
    let ended = loop {
        let event = events.message().await.map_err(|status| failed(client, &status))?;
        match event.map(|event| event.event) {
            Some(Some(Event::Begun(said))) => {
                begun = said;
                tell_begun(output, &begun)?;
            }
            Some(Some(Event::Ended(ended))) => break ended,
            // An event of a newer coordinator.
            Some(None) => {}
            None => {
                let status = Status::unavailable("the coordinator has not said how the check ended");
                return Err(failed(client, &status));
            }
        }
    };
    if output.is_for_programs() {
        output.document(&document(&integration.name, &begun, &ended))?;
    } else {
        tell_ended(output, &display_name, &ended)?;
    }
    Ok(match ended.failure {
        None => Exit::Success,
        Some(_) => Exit::InError,
    })
}

fn document<'a>(integration: &'a str, begun: &'a CheckBegun, ended: &'a CheckEnded) -> Document<'a> {
    Document {
        integration,
        runner: &begun.runner,
        runner_display_name: &begun.runner_display_name,
        revision: begun.revision,
        ok: ended.failure.is_none(),
        failure: ended.failure.as_ref().map(|failure| FailureDocument {
            category: words::category(failure.category()),
            message: &failure.message,
            remedy: &failure.remedy,
        }),
        duration_ms: took(ended).as_millis(),
        outdated: ended.outdated,
    }
}

fn tell_begun(output: &mut Output, begun: &CheckBegun) -> Result<(), Error> {
    if output.is_for_programs() {
        return Ok(());
    }
    let limit = time::interval(begun.time_limit.as_ref());
    let runner = clean(&begun.runner_display_name);
    output.line(format!("runner `{runner}` checks, for {limit} at the most …"))?;
    output.flush()
}

fn tell_ended(output: &mut Output, display_name: &str, ended: &CheckEnded) -> Result<(), Error> {
    let took = time::length(took(ended));
    match &ended.failure {
        None => output.line(format!("the source of `{display_name}` can be read (after {took})"))?,
        Some(Failure { message, remedy, .. }) => {
            output.flush()?;
            let category = ended
                .failure
                .as_ref()
                .map_or("", |failure| words::category(failure.category()));
            note(format!(
                "error: the source of `{display_name}` cannot be read (after {took}): {category}: {}",
                clean(message)
            ));
            note(format!("next: {}", clean(remedy)));
        }
    }
    if ended.outdated {
        let name = typed(display_name);
        note(format!(
            "the configuration has been changed meanwhile, so this is not kept: muster integration check {name}"
        ));
    }
    Ok(())
}

/// Nothing for a length that the API never sends.
fn took(ended: &CheckEnded) -> Duration {
    let took = ended.duration.and_then(|took| Duration::try_from(took).ok());
    took.unwrap_or_default()
}
