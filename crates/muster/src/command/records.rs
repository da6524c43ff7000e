//! `muster records`: what an execution has collected.

use muster_proto::v1::ReadRecordsRequest;

use super::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::text::count;

/// Print the records that an execution has collected, as JSON lines
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster records 456789ab
  muster records 456789ab --first 10
  muster records 456789ab > software.jsonl")]
pub struct Args {
    /// The execution: its id, the end of it as lists show it, or its full name
    execution: String,
    /// Only so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    first: Option<u64>,
}

/// Prints them as they come; standard output takes the pace.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output } = session;
    let execution = names::execution(client, &args.execution).await?;
    let id = names::short_id(&execution.name);
    let doing = || format!("read the records of execution `{id}`");
    let request = ReadRecordsRequest {
        name: execution.name.clone(),
        max_records: args.first.unwrap_or(0),
    };
    let opened = client.executions().read_records(request).await;
    let mut stream = opened
        .map_err(|status| {
            let error = client.error(doing(), &status);
            error.advise("RECORDS_NOT_FOUND", || {
                format!("see how it stands: muster execution show {id}")
            })
        })?
        .into_inner();
    let mut printed = 0;
    loop {
        match stream.message().await {
            Ok(Some(part)) => {
                output.bytes(&part.lines)?;
                output.flush()?;
                printed += part.lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            Ok(None) => return Ok(Exit::Success),
            Err(status) => {
                let error = client.error(doing(), &status);
                if printed == 0 || !error.may_pass() {
                    return Err(error.advise("RECORDS_NOT_FOUND", || {
                        format!("see how it stands: muster execution show {id}")
                    }));
                }
                return Err(Error::Broken {
                    server: client.url().to_owned(),
                    got: count(printed, "record"),
                    reason: error.to_string(),
                });
            }
        }
    }
}
