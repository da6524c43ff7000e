//! `muster integration run`.

use std::collections::HashSet;

use muster_proto::v1::{ErrorReason, Execution, ExecutionStatus, RunIntegrationRequest};

use super::{Named, fit, typed};
use crate::client::Client;
use crate::command::Session;
use crate::command::execution::live::Live;
use crate::error::Error;
use crate::exit::Exit;
use crate::follow::{Follow, News};
use crate::names;
use crate::output::Output;
use crate::output::json::list;
use crate::output::table::{Column, Table};
use crate::output::text::clean;
use crate::output::words::{self, has_ended};

/// Collect now; what is already being collected is not collected twice
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster integration run laptops
  muster integration run laptops --data-type user --data-type software
  muster integration run laptops --wait

With --wait it exits with 2 when a collection ends in Error.")]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// Only this data type; may be given again
    #[arg(long, short, value_name = "DATA_TYPE")]
    data_type: Vec<String>,
    /// Follow the collections until they end
    #[arg(long, short)]
    wait: bool,
}

/// Runs it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &args.named.integration).await?;
    let display_name = clean(&integration.display_name);
    let known: Vec<&str> = integration
        .data_types
        .iter()
        .map(|one| one.data_type.as_str())
        .collect();
    let place = format!("among those of integration `{display_name}`");
    let next = format!("muster integration show {}", typed(&display_name));
    for given in &args.data_type {
        fit::one_of(given, &known, &place, &next)?;
    }
    let request = RunIntegrationRequest {
        name: integration.name.clone(),
        data_types: args.data_type,
        ..Default::default()
    };
    let ran = client.integrations().run_integration(request).await;
    let executions = ran
        .map_err(|status| {
            let error = client.error(format!("run integration `{display_name}`"), &status);
            error.advise(ErrorReason::IntegrationDisabled, || {
                format!("muster integration enable {}", typed(&display_name))
            })
        })?
        .into_inner()
        .executions;
    if args.wait {
        let ended = wait(client, output, integration.name, executions).await?;
        if output.is_for_programs() {
            output.documents(&list(&ended))?;
        }
        return Ok(exit(&ended));
    }
    if output.is_for_programs() {
        output.documents(&list(&executions))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new([
        Column::text("ID", names::SHORT_ID_CHARS),
        Column::text("DATA TYPE", 24),
        Column::text("STATUS", 9),
    ]);
    for execution in &executions {
        table.row([
            names::short_id(&execution.name).into(),
            execution.data_type.as_str().into(),
            words::execution(execution.status()).into(),
        ]);
    }
    output.table(&table)?;
    output.line(format!(
        "see them collect:  muster execution watch {}",
        typed(&display_name)
    ))?;
    Ok(Exit::Success)
}

/// Follows the executions until all of them have ended, with a line for each change where people read; gives them as they ended, in the
/// order in which they were given.
async fn wait(
    client: &Client,
    output: &mut Output,
    integration: String,
    mut executions: Vec<Execution>,
) -> Result<Vec<Execution>, Error> {
    let mut live = Live::default();
    if !output.is_for_programs() {
        Live::titles(output)?;
        live.changed(client, output, &executions).await?;
    }
    let mut follow = Follow::new(client, integration, &executions);
    let ours: HashSet<String> = executions.iter().map(|one| one.name.clone()).collect();
    while !executions.iter().all(|one| has_ended(one.status())) {
        let news = match follow.next().await? {
            News::Changed(mut changed) => {
                changed.retain(|one| ours.contains(&one.name));
                for new in &changed {
                    executions
                        .iter_mut()
                        .filter(|one| one.name == new.name)
                        .for_each(|one| one.clone_from(new));
                }
                News::Changed(changed)
            }
            lost @ News::Lost { .. } => lost,
        };
        match &news {
            // What a program gets is one document, when all have ended.
            News::Changed(_) if output.is_for_programs() => {}
            News::Changed(_) | News::Lost { .. } => live.tell(client, output, &news).await?,
        }
    }
    Ok(executions)
}

fn exit(executions: &[Execution]) -> Exit {
    let failed = executions.iter().any(|one| one.status() == ExecutionStatus::Error);
    if failed { Exit::InError } else { Exit::Success }
}
