//! `muster audit list`.

use std::time::{Duration, SystemTime};

use muster_proto::v1::{AuditCallerKind, AuditEntry, AuditOutcome};

use super::Of;
use crate::audit;
use crate::command::{Limit, Session, note_more};
use crate::configuration::parse_interval;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::list;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::Tone;
use crate::output::time;

/// List what was asked for, the newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster audit list
  muster audit list --outcome refused --since 7d
  muster audit list --call UpdateIntegration --output json
  muster audit list --service

Before and after of what was changed is in --output json.")]
pub struct Args {
    #[command(flatten)]
    of: Of,
    /// Only what this one has asked: a name, or the id of a token, a person or a runner
    #[arg(long, value_name = "WHO")]
    caller: Option<String>,
    /// Only this call
    #[arg(long, value_name = "CALL")]
    call: Option<String>,
    /// Only what is about this, or below it
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
    /// Only what became of it
    #[arg(long)]
    outcome: Option<Outcome>,
    /// Only what was asked within so long
    #[arg(long, value_name = "LENGTH", value_parser = parse_interval)]
    since: Option<Duration>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Outcome {
    Done,
    Refused,
}

impl Args {
    fn filter(&self) -> String {
        let is = |field: &str, value: &Option<String>| {
            value
                .as_ref()
                .map(|value| format!("{field} = {}", names::quoted(value)))
        };
        let since = self.since.map(|length| {
            let time = prost_types::Timestamp::from(SystemTime::now() - length);
            format!("event_time >= \"{time}\"")
        });
        let outcome = self.outcome.map(|outcome| match outcome {
            Outcome::Done => "outcome = DONE".to_owned(),
            Outcome::Refused => "(outcome = REFUSED OR outcome = MORE_REFUSED)".to_owned(),
        });
        let resource = self
            .resource
            .as_ref()
            .map(|name| format!("resource:{}", names::quoted(name)));
        let parts = [
            is("caller", &self.caller),
            is("method", &self.call),
            resource,
            outcome,
            since,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" AND ")
    }
}

/// Lists it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let parent = args.of.parent(client);
    let listed = crate::list::audit_entries(client, &parent, args.limit.limit, &args.filter()).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new([
        Column::number("ENTRY", 7),
        Column::text("TIME", 23),
        Column::text("WHO", 20),
        Column::text("FROM", 15),
        Column::text("CALL", 24),
        Column::text("ABOUT", 24),
        Column::text("OUTCOME", 24),
    ]);
    for entry in &listed.items {
        table.row([
            entry.number.to_string().into(),
            time::exact(entry.event_time.as_ref()).into(),
            who(entry).into(),
            entry.address.as_str().into(),
            entry.method.rsplit('/').next().unwrap_or_default().into(),
            about(&entry.resource).into(),
            outcome(entry),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, &args.limit);
    Ok(Exit::Success)
}

fn who(entry: &AuditEntry) -> String {
    let caller = entry.caller.clone().unwrap_or_default();
    match caller.kind() {
        AuditCallerKind::Runner => format!("runner {}", names::short_id(&caller.id)),
        AuditCallerKind::Coordinator => "the coordinator".to_owned(),
        AuditCallerKind::Unspecified | AuditCallerKind::Operator | AuditCallerKind::Token => caller.display_name,
    }
}

/// The last two parts of a name: `integrations/…`.
fn about(name: &str) -> String {
    let mut parts = name.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(id), Some(collection)) => format!("{collection}/{}", names::short_id(id)),
        _ => name.to_owned(),
    }
}

fn outcome(entry: &AuditEntry) -> Cell {
    match entry.outcome() {
        AuditOutcome::Done => Cell::toned("done", Tone::Good),
        AuditOutcome::Refused => Cell::toned(format!("refused: {}", entry.reason), Tone::Bad),
        AuditOutcome::MoreRefused => Cell::toned(format!("{} more refused", entry.refused_count), Tone::Bad),
        other @ AuditOutcome::Unspecified => Cell::toned(audit::outcome(other), Tone::Quiet),
    }
}
