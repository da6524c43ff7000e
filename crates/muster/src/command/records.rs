//! `muster records`: what an execution has collected.

use muster_proto::v1::{ErrorReason, ReadRecordsRequest};

use super::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::Format;
use crate::output::records::{ROWS_DEFAULT, Records};
use crate::output::text::count;
use muster_process::progress::Progress;

/// Print the records that an execution has collected
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster records 456789ab
  muster records 456789ab --first 10
  muster records 456789ab --output table
  muster records 456789ab > software.jsonl

It prints JSON lines where no other --output was asked for: the records as they were collected.")]
pub struct Args {
    /// The execution: its id, the end of it as lists show it, or its full name
    execution: String,
    /// Only so many [default: all; for a table 30]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    first: Option<u64>,
}

/// Prints them as they come; standard output takes the pace.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let format = session.asked_for.unwrap_or(Format::Jsonl);
    let Session { client, output, .. } = session;
    let execution = names::execution(client, &args.execution).await?;
    let id = names::short_id(&execution.name);
    let doing = || format!("read the records of execution `{id}`");
    // One more than a table shows, so that it can say that there are more.
    let first = match (args.first, format) {
        (Some(first), _) => first,
        (None, Format::Table) => ROWS_DEFAULT as u64 + 1,
        (None, Format::Json | Format::Jsonl) => 0,
    };
    let request = ReadRecordsRequest {
        name: execution.name.clone(),
        max_records: first,
    };
    let advised = |error: Error| {
        error.advise(ErrorReason::RecordsNotFound, || {
            format!("see how it stands: muster execution show {id}")
        })
    };
    let opened = client.executions().read_records(request).await;
    let mut stream = opened
        .map_err(|status| advised(client.error(doing(), &status)))?
        .into_inner();
    let mut records = Records::new(format, Vec::new(), args.first);
    let mut progress = Progress::beside_output();
    loop {
        match stream.message().await {
            Ok(Some(part)) => {
                records.take(output, &part.lines)?;
                output.flush()?;
                let so_far = records.total();
                progress.tell(|| format!("{} so far", count(so_far, "record")));
            }
            Ok(None) => break,
            Err(status) => {
                let error = client.error(doing(), &status);
                if records.total() == 0 || !error.may_pass() {
                    return Err(advised(error));
                }
                return Err(Error::Broken {
                    server: client.place().to_owned(),
                    got: count(records.total(), "record"),
                    reason: error.to_string(),
                });
            }
        }
    }
    progress.clear();
    let known = execution.counts.as_ref().filter(|_| args.first.is_none());
    records.finish(known.map(|counts| counts.records), output)?;
    Ok(Exit::Success)
}
