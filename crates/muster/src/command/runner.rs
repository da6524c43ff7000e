//! `muster runner`: who has checked in.

use muster_proto::v1::{
    DrainRunnerRequest, HostFacts, ResumeRunnerRequest, RevokeHostedRunnerRequest, RevokeRunnerRequest, Runner,
    RunnerStatus,
};

use super::integration::HOSTED;
use super::{Limit, Session, note_more};
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::{Json, list};
use crate::output::table::{Column, Facts, Table};
use crate::output::text::clean;
use crate::output::{time, words};

mod enroll_token;

/// Show the runners that have checked in, and say who may be one
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster runner list
  muster runner show rack-7
  muster runner enroll-token create --pool hq
  muster runner drain rack-7
  muster runner resume rack-7
  muster runner revoke rack-7")]
pub enum Command {
    /// List the organization's runners and the hosted ones, the oldest first
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  muster runner list
  muster runner list --output json | jq '.[].last_seen_time'

Those of the pool `hosted` are the service's own: they serve integrations of that pool, of any organization."
    )]
    List(Limit),
    /// Show one runner
    #[command(after_help = "\
Examples:
  muster runner show rack-7
  muster runner show rack-7 --output json")]
    Show {
        /// The runner: its name, its id, the end of it, or its full name
        runner: String,
    },
    /// Make and revoke what runners enroll by
    #[command(subcommand, visible_alias = "enroll-tokens")]
    EnrollToken(enroll_token::Command),
    /// Give a runner nothing new while it finishes what it holds, until it is resumed
    #[command(after_help = "\
Examples:
  muster runner drain rack-7

It stays so, however often it starts again meanwhile.")]
    Drain {
        /// The runner: its name, its id, the end of it, or its full name
        runner: String,
    },
    /// Give a runner work again that was drained
    #[command(after_help = "\
Examples:
  muster runner resume rack-7")]
    Resume {
        /// The runner: its name, its id, the end of it, or its full name
        runner: String,
    },
    /// Let a runner check in no more: what it holds goes to others, and nothing undoes it but to enroll it anew
    #[command(after_help = "\
Examples:
  muster runner revoke rack-7")]
    Revoke {
        /// The runner: its name, its id, the end of it, or its full name
        runner: String,
    },
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::List(limit) => all(&limit, session).await,
        Command::Show { runner } => show(&runner, session).await,
        Command::EnrollToken(command) => enroll_token::run(command, session).await,
        Command::Drain { runner } => drain(&runner, session).await,
        Command::Resume { runner } => resume(&runner, session).await,
        Command::Revoke { runner } => revoke(&runner, session).await,
    }
}

async fn all(limit: &Limit, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let listed = crate::list::runners(client, limit.limit).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let now = time::now();
    let mut table = Table::new([
        Column::text("NAME", 24),
        Column::text("POOL", 14),
        Column::text("STATUS", 8),
        Column::number("BUSY", 9),
        Column::text("LAST HEARD", 10),
        Column::text("VERSION", 8),
        Column::text("CONNECTORS", 15),
    ]);
    for runner in &listed.items {
        table.row([
            runner.display_name.as_str().into(),
            runner.pool.as_str().into(),
            words::runner(runner.status()).into(),
            format!("{}/{}", runner.busy_slots, runner.slots).into(),
            last_heard(runner, &now).into(),
            runner.version.as_str().into(),
            runner.connectors.join(", ").into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, limit);
    Ok(Exit::Success)
}

async fn show(given: &str, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let runner = names::runner(client, given).await?;
    if output.is_for_programs() {
        output.document(&Json(&runner))?;
        return Ok(Exit::Success);
    }
    let now = time::now();
    let status = words::runner(runner.status());
    let mut facts = Facts::default();
    facts.add("runner", &runner.display_name);
    facts.add("id", names::id(&runner.name));
    facts.add_painted("status", output.paint(status.tone, status.text));
    if runner.status() == RunnerStatus::Revoked {
        let since = time::relative(runner.revoke_time.as_ref(), &now);
        facts.add(
            "revoked",
            format!("{since}: it may not check in until its machine is enrolled anew"),
        );
    } else if runner.drain_time.is_some() {
        let since = time::relative(runner.drain_time.as_ref(), &now);
        facts.add(
            "drained",
            format!("{since}: it gets nothing until `muster runner resume`"),
        );
    }
    facts.add("pool", pool(&runner));
    facts.add("busy", format!("{} of {} slots", runner.busy_slots, runner.slots));
    facts.add("last heard", last_heard(&runner, &now));
    facts.add("first seen", time::exact(runner.first_seen_time.as_ref()));
    facts.add("clock", clock(&runner));
    facts.add("version", version(&runner));
    facts.add("sealing key", or_none(&runner.sealing_key));
    if let Some(host) = &runner.host {
        facts.add("host", place(host));
    }
    facts.add("connectors", runner.connectors.join(", "));
    facts.add_lines(
        "executions",
        runner.executions.iter().map(|name| names::id(name).to_owned()),
    );
    for line in facts.lines() {
        output.line(line)?;
    }
    Ok(Exit::Success)
}

async fn drain(given: &str, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let runner = names::runner(client, given).await?;
    let name = clean(&runner.display_name);
    let doing = format!("drain the runner `{name}`");
    let request = DrainRunnerRequest { name: runner.name };
    let drained = client.runners().drain_runner(request).await;
    let drained = drained.map_err(|status| client.error(doing, &status))?.into_inner();
    if output.is_for_programs() {
        output.document(&Json(&drained))?;
    } else if drained.online {
        output.line(format!(
            "runner `{name}` takes nothing new, and holds {} of {} slots: stop it when it holds none. It gets work again by `muster runner resume`",
            drained.busy_slots, drained.slots
        ))?;
    } else {
        output.line(format!(
            "runner `{name}` is not checked in. It gets nothing when it is, until `muster runner resume`"
        ))?;
    }
    Ok(Exit::Success)
}

async fn resume(given: &str, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let runner = names::runner(client, given).await?;
    let name = clean(&runner.display_name);
    let doing = format!("resume the runner `{name}`");
    let request = ResumeRunnerRequest { name: runner.name };
    let resumed = client.runners().resume_runner(request).await;
    let resumed = resumed.map_err(|status| client.error(doing, &status))?.into_inner();
    if output.is_for_programs() {
        output.document(&Json(&resumed))?;
    } else if resumed.online {
        output.line(format!("runner `{name}` gets work again"))?;
    } else {
        output.line(format!("runner `{name}` gets work again as soon as it has checked in"))?;
    }
    Ok(Exit::Success)
}

async fn revoke(given: &str, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let runner = names::runner(client, given).await?;
    let doing = format!("revoke the runner `{}`", clean(&runner.display_name));
    let revoked = if runner.pool == HOSTED {
        let name = format!("runners/{}", names::id(&runner.name));
        let request = RevokeHostedRunnerRequest { name };
        client.enrollment().revoke_hosted_runner(request).await
    } else {
        let request = RevokeRunnerRequest {
            name: runner.name.clone(),
        };
        client.enrollment().revoke_runner(request).await
    };
    let revoked = revoked.map_err(|status| client.error(doing, &status))?.into_inner();
    if output.is_for_programs() {
        output.document(&Json(&revoked))?;
    } else {
        output.line(format!(
            "revoked runner `{}` ({}): enroll its machine anew if it is to come back",
            clean(&runner.display_name),
            revoked.runner
        ))?;
    }
    Ok(Exit::Success)
}

/// A text, or that there is none.
fn or_none(text: &str) -> &str {
    if text.is_empty() { time::NONE } else { text }
}

/// Its version, and that it is too old or outdated, if so.
fn version(runner: &Runner) -> String {
    match (runner.version_required.as_str(), runner.release_expected.as_str()) {
        ("", "") => runner.version.clone(),
        ("", expected) => format!("{}, outdated: {expected} or later is expected", runner.version),
        (required, _) => format!(
            "{}, too old to get work: update it to {required} or later",
            runner.version
        ),
    }
}

/// Its pool, and what is special about that of the service.
fn pool(runner: &Runner) -> String {
    if runner.pool == HOSTED {
        format!("{HOSTED}: the service's own, which serves every organization")
    } else {
        runner.pool.clone()
    }
}

/// Where the runner says that it runs; what it does not say is left out.
fn place(host: &HostFacts) -> String {
    let parts = [&host.hostname, &host.os, &host.arch];
    let known: Vec<&str> = parts
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    known.join(", ")
}

fn last_heard(runner: &Runner, now: &prost_types::Timestamp) -> String {
    // Accurate to a heartbeat only, so that the seconds would say nothing.
    if runner.online {
        "now".to_owned()
    } else {
        time::relative(runner.last_seen_time.as_ref(), now)
    }
}

/// How the runner's clock differs; empty while that is not known.
fn clock(runner: &Runner) -> String {
    let Some(skew) = runner.clock_skew else {
        return String::new();
    };
    // A negative duration is an error that carries its length.
    match std::time::Duration::try_from(skew) {
        Ok(ahead) if ahead.as_secs() > 0 => format!("{} ahead of the coordinator's", time::length(ahead)),
        Err(prost_types::DurationError::NegativeDuration(behind)) if behind.as_secs() > 0 => {
            format!("{} behind the coordinator's", time::length(behind))
        }
        Ok(_) | Err(_) => "as the coordinator's".to_owned(),
    }
}
