//! `muster status`: the integrations at a glance.

use std::time::Duration;

use muster_proto::v1::{Incident, Integration, SummarizeIntegrationsRequest, SummarizeIntegrationsResponse};
use serde::Serialize;

use super::{Session, alert};
use crate::client::Client;
use crate::error::Error;
use crate::exit::Exit;
use crate::list;
use crate::names;
use crate::output::json::{Json, list as documents};
use crate::output::table::{Column, Table};
use crate::output::text::{Tone, clean};
use crate::output::{Output, time};

/// How many integrations and incidents are shown: who has more wrong looks at the lists.
const SHOWN_MAX: usize = 20;

/// How often it is looked again.
const EVERY: Duration = Duration::from_secs(2);

/// Say how many integrations are well, what is wrong, since when, and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster status
  muster status --output json | jq '.summary.error_count'

It exits with 2 when an integration is in Error.")]
pub struct Args {
    /// Say it anew every 2 s, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
}

/// What is told.
struct Told {
    summary: SummarizeIntegrationsResponse,
    in_error: Vec<Integration>,
    incidents: Vec<Incident>,
}

/// The same, for programs.
#[derive(Serialize)]
struct Document<'a> {
    summary: Json<'a, SummarizeIntegrationsResponse>,
    in_error: Vec<Json<'a, Integration>>,
    open_incidents: Vec<Json<'a, Incident>>,
}

/// Tells it, once or again and again.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    if !args.watch {
        let told = read(client).await?;
        tell(output, &told, false)?;
        return Ok(told.exit());
    }
    tokio::select! {
        ended = watch(client, output) => ended,
        // A watch has no other end, so this is a good one.
        signal = tokio::signal::ctrl_c() => signal.map(|()| Exit::Success).map_err(Error::Runtime),
    }
}

async fn watch(client: &Client, output: &mut Output) -> Result<Exit, Error> {
    loop {
        let told = read(client).await?;
        output.clear()?;
        tell(output, &told, true)?;
        output.flush()?;
        tokio::time::sleep(EVERY).await;
    }
}

async fn read(client: &Client) -> Result<Told, Error> {
    let parent = client.parent();
    let summary = client
        .integrations()
        .summarize_integrations(SummarizeIntegrationsRequest { parent })
        .await;
    let summary = summary.map_err(|status| client.error("count integrations", &status))?;
    Ok(Told {
        summary: summary.into_inner(),
        in_error: list::integrations(client, SHOWN_MAX, "status = ERROR").await?.items,
        incidents: list::incidents(client, SHOWN_MAX, "state = OPEN").await?.items,
    })
}

impl Told {
    fn exit(&self) -> Exit {
        if self.summary.error_count > 0 {
            Exit::InError
        } else {
            Exit::Success
        }
    }
}

fn tell(output: &mut Output, told: &Told, more_follow: bool) -> Result<(), Error> {
    let Told {
        summary,
        in_error,
        incidents,
    } = told;
    if output.is_for_programs() {
        let document = Document {
            summary: Json(summary),
            in_error: documents(in_error),
            open_incidents: documents(incidents),
        };
        return if more_follow {
            output.document_line(&document)
        } else {
            output.document(&document)
        };
    }
    let counts = [
        (summary.active_count, "Active", Tone::Good),
        (summary.error_count, "Error", Tone::Bad),
        (summary.disabled_count, "Disabled", Tone::Quiet),
    ];
    let counts = counts.map(|(count, status, tone)| {
        let text = format!("{count} {status}");
        if count > 0 { output.paint(tone, &text) } else { text }
    });
    output.line(counts.join(", "))?;
    if summary.attention_count > 0 {
        let count = summary.attention_count;
        output.line(format!(
            "{count} of the Active to look at: muster integration list --status attention"
        ))?;
    }
    if !in_error.is_empty() {
        output.line("")?;
        output.table(&errors(in_error))?;
        note_more(
            output,
            summary.error_count,
            in_error.len(),
            "muster integration list --status error",
        )?;
        output.line("")?;
        // Not in the table: what there is to do is not cut at the end of a line.
        for one in in_error.iter().filter(|one| !one.status_remedy.is_empty()) {
            let (name, remedy) = (clean(&one.display_name), clean(&one.status_remedy));
            output.line(format!("→ {name}: {remedy}"))?;
        }
    }
    if !incidents.is_empty() {
        output.line("")?;
        output.table(&open(incidents))?;
        note_more(output, summary.open_incident_count, incidents.len(), "muster alerts")?;
    }
    Ok(())
}

fn errors(integrations: &[Integration]) -> Table {
    let now = time::now();
    let mut table = Table::new([
        Column::text("IN ERROR", 24),
        Column::text("SINCE", 12),
        Column::text("WHY", 60),
    ]);
    for integration in integrations {
        table.row([
            integration.display_name.as_str().into(),
            time::relative(integration.status_time.as_ref(), &now).into(),
            integration.status_message.as_str().into(),
        ]);
    }
    table
}

fn open(incidents: &[Incident]) -> Table {
    let now = time::now();
    let mut table = Table::new([
        Column::text("INCIDENT", names::SHORT_ID_CHARS),
        Column::text("SINCE", 12),
        Column::text("ABOUT", 24),
        Column::text("WHAT", 40),
    ]);
    for incident in incidents {
        table.row([
            names::short_id(&incident.name).into(),
            time::relative(incident.open_time.as_ref(), &now).into(),
            alert::about(incident).into(),
            alert::what(incident).into(),
        ]);
    }
    table
}

fn note_more(output: &mut Output, count: u64, shown: usize, command: &str) -> Result<(), Error> {
    if count > shown as u64 {
        let rest = count - shown as u64;
        output.line(format!("and {rest} more: {command} --limit {count}"))?;
    }
    Ok(())
}
