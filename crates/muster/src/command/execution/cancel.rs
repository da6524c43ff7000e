//! `muster execution cancel`: the end of what is not wanted any more.

use muster_proto::v1::{CancelExecutionRequest, ErrorReason};

use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::Json;

/// End an open execution; its runner is told to stop
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster execution cancel 456789ab
  muster execution cancel 456789ab --reason maintenance")]
pub struct Args {
    /// The execution: its id, the end of it as lists show it, or its full name
    execution: String,
    /// Why, for its log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Cancels it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let execution = names::execution(client, &args.execution).await?;
    let id = names::short_id(&execution.name).to_owned();
    let request = CancelExecutionRequest {
        name: execution.name,
        reason: args.reason.unwrap_or_default(),
        ..Default::default()
    };
    let canceled = client.executions().cancel_execution(request).await;
    let canceled = canceled
        .map_err(|status| {
            let error = client.error(format!("cancel execution `{id}`"), &status);
            error.advise(ErrorReason::ExecutionEnded, || {
                format!("see how it ended: muster execution show {id}")
            })
        })?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&canceled))?;
    } else {
        output.line(format!("canceled execution `{id}`"))?;
    }
    Ok(Exit::Success)
}
