//! `muster execution list`: the newest executions.

use clap::ValueEnum;
use muster_proto::v1::Execution;
use prost_types::Timestamp;

use super::live::records;
use crate::command::{Limit, Session, note_more};
use crate::error::Error;
use crate::exit::Exit;
use crate::names::{self, DisplayNames};
use crate::output::json::list;
use crate::output::table::{Column, Table};
use crate::output::{time, words};

/// List executions, the newest first; of one integration, before them what its schedule will create next
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster execution list
  muster execution list --integration laptops --data-type user
  muster execution list --status error --limit 100
  muster execution list --output json | jq '.[].failure.message'")]
pub struct Args {
    /// Only those of this integration: its name, its id or its full name
    #[arg(long, short, value_name = "NAME")]
    integration: Option<String>,
    /// Only those of this status
    #[arg(long, short, value_name = "STATUS", ignore_case = true)]
    status: Option<Status>,
    /// Only those of this data type
    #[arg(long, short, value_name = "DATA_TYPE")]
    data_type: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

/// An execution's status, as a filter.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    /// Queued
    Created,
    /// Claimed by a runner
    Pending,
    /// The runner is communicating with the platform
    Executing,
    /// Ended well
    Completed,
    /// Ended badly
    Error,
}

impl Status {
    /// Its name in the filter language.
    fn filter(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Executing => "EXECUTING",
            Self::Completed => "COMPLETED",
            Self::Error => "ERROR",
        }
    }
}

/// Lists them.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = match &args.integration {
        Some(given) => Some(names::integration(client, given).await?),
        None => None,
    };
    let all = || format!("{}/integrations/-", client.parent());
    let parent = integration.as_ref().map_or_else(all, |one| one.name.clone());
    let status = args.status.map(|status| format!("status = {}", status.filter()));
    let data_type = args
        .data_type
        .map(|data_type| format!("data_type = {}", names::quoted(&data_type)));
    let filter: Vec<String> = status.into_iter().chain(data_type).collect();
    let filter = filter.join(" AND ");
    let (upcoming, listed) = crate::list::executions(client, &parent, args.limit.limit, &filter).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let mut display_names = DisplayNames::default();
    display_names.learn(client, &listed.items).await;
    let now = time::now();
    let mut table = Table::new([
        Column::text("ID", names::SHORT_ID_CHARS),
        Column::text("INTEGRATION", 22),
        Column::text("DATA TYPE", 12),
        Column::text("STATUS", 9),
        Column::number("RECORDS", 10),
        Column::text("CREATED", 10),
        Column::text("TOOK", 14),
    ]);
    // There are some of one integration only.
    let of = integration.as_ref().map_or(time::NONE, |one| one.display_name.as_str());
    for one in &upcoming {
        table.row([
            time::NONE.into(),
            of.into(),
            one.data_type.as_str().into(),
            "Upcoming".into(),
            time::NONE.into(),
            time::relative(one.create_time.as_ref(), &now).into(),
            time::NONE.into(),
        ]);
    }
    for execution in &listed.items {
        table.row([
            names::short_id(&execution.name).into(),
            display_names.of(names::integration_of(&execution.name)).into(),
            execution.data_type.as_str().into(),
            words::execution(execution.status()).into(),
            records(execution).into(),
            time::relative(execution.create_time.as_ref(), &now).into(),
            took(execution, &now).into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, &args.limit);
    Ok(Exit::Success)
}

/// How long the collection itself took, or has taken so far; [`time::NONE`] before it began.
pub fn took(execution: &Execution, now: &Timestamp) -> String {
    let end = execution.end_time.as_ref().unwrap_or(now);
    match &execution.start_time {
        Some(start) => time::length(time::between(start, end)),
        None => time::NONE.to_owned(),
    }
}
