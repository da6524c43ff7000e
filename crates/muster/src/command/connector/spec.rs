//! `muster connector spec`: what a connector collects, and what it needs to be told.

use muster_proto::v1::{Connector, DataTypeSpecification};

use super::here::Here;
use super::{schema, specification};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::Json;
use crate::output::table::Facts;
use crate::output::text::clean;
use crate::output::{Output, note, time};

/// Show what a connector collects, and what it needs to be told
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster connector spec host
  muster connector spec host --here
  muster connector spec ./crm.py
  muster connector spec host --output json | jq '.specification.configuration_schema'

It shows what runners offer; with --here, --exec or --runner-config, what is here.")]
pub struct Args {
    /// Show the one that is built in here; ask no coordinator
    #[arg(long)]
    here: bool,
    #[command(flatten)]
    connector: Here,
}

/// Shows it.
pub async fn run(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let connector = match args.connector.built_in_name() {
        Some(name) if !args.here => match names::connector(client, name).await {
            Ok(connector) => connector,
            Err(error @ (Error::Unreachable { .. } | Error::Silent { .. })) => {
                // What is here says it as well, so long as it is said that it is what is here.
                let Ok(here) = args.connector.open().await else {
                    return Err(error);
                };
                note(format!("{error}; this is the one that is built in here"));
                specification::connector(here.spec())?
            }
            Err(error) => return Err(error),
        },
        Some(_) | None => specification::connector(args.connector.open().await?.spec())?,
    };
    show(&connector, output)?;
    Ok(Exit::Success)
}

/// A data type in a line: `device (Devices), every 1 h, only what has changed`.
fn data_type(one: &DataTypeSpecification) -> String {
    let mut line = one.data_type.clone();
    if !one.title.is_empty() {
        line.push_str(&format!(" ({})", one.title));
    }
    if let Some(interval) = &one.default_interval {
        line.push_str(&format!(", every {}", time::interval(Some(interval))));
    }
    if one.incremental {
        line.push_str(", only what has changed");
    }
    line
}

fn show(connector: &Connector, output: &mut Output) -> Result<(), Error> {
    if output.is_for_programs() {
        return output.document(&Json(connector));
    }
    let specification = connector.specification.clone().unwrap_or_default();
    let mut facts = Facts::default();
    facts.add("connector", names::id(&connector.name));
    facts.add("title", &specification.title);
    facts.add("description", &specification.description);
    facts.add("version", &specification.version);
    facts.add("pools", connector.pools.join(", "));
    let data_types = specification.data_types.iter();
    facts.add_lines("data types", data_types.map(data_type));
    let permissions = specification.permissions.iter();
    facts.add_lines(
        "permissions",
        permissions.map(|one| {
            let need = if one.required { "required" } else { "optional" };
            format!("{} ({need}): {}", one.permission, one.purpose)
        }),
    );
    for line in facts.lines() {
        output.line(line)?;
    }
    schema::print(output, "configuration", specification.configuration_schema.as_ref())?;
    for access in &specification.access_schemas {
        let title = format!(
            "access schema {}: {}",
            clean(&access.access_schema),
            clean(&access.title)
        );
        schema::print(output, &title, access.configuration_schema.as_ref())?;
    }
    Ok(())
}
