//! `muster connector list`: those that runners offer, and those that are built in here.

use std::collections::BTreeMap;

use muster_connectors::Registry;
use muster_proto::v1::Connector;
use serde::Serialize;

use super::specification;
use crate::command::{Limit, Session, note_more};
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::Json;
use crate::output::note;
use crate::output::table::{Column, Table};

/// List the connectors that runners offer, and those that are built in here
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster connector list
  muster connector list --here
  muster connector list --output json | jq '.[].specification.version'

Those that are built in here can be tried without a coordinator: see `muster connector collect`.")]
pub struct Args {
    /// Only those that are built in here; ask no coordinator
    #[arg(long)]
    here: bool,
    #[command(flatten)]
    limit: Limit,
}

/// A connector, and where it is.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    connector: Json<'a, Connector>,
    /// Whether this program has it too.
    built_in: bool,
}

/// Lists them.
pub async fn run(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let built_in = Registry::builtin();
    let built_in: BTreeMap<String, Connector> = built_in
        .iter()
        .map(|one| Ok((one.spec().name.to_string(), specification::connector(one.spec())?)))
        .collect::<Result<_, Error>>()?;
    let mut all = built_in.clone();
    let mut more = false;
    let mut unanswered = None;
    if !args.here {
        match crate::list::connectors(&session.client, args.limit.limit).await {
            Ok(offered) => {
                more = offered.more;
                // What runners offer is what integrations get, so it goes before what is here.
                all.extend(
                    offered
                        .items
                        .into_iter()
                        .map(|one| (names::id(&one.name).to_owned(), one)),
                );
            }
            Err(error) => unanswered = Some(error),
        }
    }
    let entries = all.iter().take(args.limit.limit).map(|(name, connector)| Entry {
        connector: Json(connector),
        built_in: built_in.contains_key(name),
    });
    print(&entries.collect::<Vec<_>>(), session)?;
    note_more(more || all.len() > args.limit.limit, &args.limit);
    // What is here was printed all the same: it is all that there is to see without a coordinator.
    match unanswered {
        Some(error) => {
            session.output.flush()?;
            note("these are only the ones that are built in here (as with --here)");
            Err(error)
        }
        None => Ok(Exit::Success),
    }
}

fn print(entries: &[Entry<'_>], session: &mut Session) -> Result<(), Error> {
    let output = &mut session.output;
    if output.is_for_programs() {
        return output.documents(entries);
    }
    let mut table = Table::new([
        Column::text("NAME", 20),
        Column::text("TITLE", 24),
        Column::text("VERSION", 9),
        Column::text("DATA TYPES", 24),
        Column::text("HERE", 8),
        Column::text("POOLS", 13),
    ]);
    for Entry { connector, built_in } in entries {
        let connector = connector.0;
        let specification = connector.specification.clone().unwrap_or_default();
        let data_types: Vec<&str> = specification
            .data_types
            .iter()
            .map(|one| one.data_type.as_str())
            .collect();
        table.row([
            names::id(&connector.name).into(),
            specification.title.as_str().into(),
            specification.version.as_str().into(),
            data_types.join(", ").into(),
            if *built_in { "built in" } else { "" }.into(),
            connector.pools.join(", ").into(),
        ]);
    }
    output.table(&table)
}
