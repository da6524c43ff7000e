//! `muster integration list`.

use clap::ValueEnum;
use muster_proto::v1::Integration;
use prost_types::Timestamp;

use crate::command::{Limit, Session, note_more};
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::list;
use crate::output::table::{Column, Table};
use crate::output::{time, words};

/// List integrations, the oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster integration list
  muster integration list --status error
  muster integration list --connector host --pool default --limit 100
  muster integration list --output json | jq '.[].display_name'")]
pub struct Args {
    /// Only those of this status
    #[arg(long, short, value_name = "STATUS", ignore_case = true)]
    status: Option<Status>,
    /// Only those of this connector
    #[arg(long, value_name = "CONNECTOR")]
    connector: Option<String>,
    /// Only those of this pool
    #[arg(long, value_name = "POOL")]
    pool: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

/// An integration's status, as a filter.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    /// Operating normally and collecting
    Active,
    /// The coordinator or the runner had an error with the source
    Error,
    /// Switched off, or a draft
    Disabled,
    /// Active, and all the same stale, waiting for a runner or warned of
    Attention,
}

impl Status {
    /// It in the filter language.
    fn filter(self) -> &'static str {
        match self {
            Self::Active => "status = ACTIVE",
            Self::Error => "status = ERROR",
            Self::Disabled => "status = DISABLED",
            Self::Attention => {
                "status = ACTIVE AND (condition = STALE OR condition = WAITING_FOR_RUNNER OR condition = WARNING)"
            }
        }
    }
}

/// Lists them.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let status = args.status.map(|status| status.filter().to_owned());
    let connector = args
        .connector
        .map(|connector| format!("connector = {}", names::quoted(&connector)));
    let pool = args.pool.map(|pool| format!("pool = {}", names::quoted(&pool)));
    let filter: Vec<String> = status.into_iter().chain(connector).chain(pool).collect();
    let listed = crate::list::integrations(client, args.limit.limit, &filter.join(" AND ")).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let now = time::now();
    let mut table = Table::new([
        Column::text("NAME", 28),
        Column::text("STATUS", 8),
        Column::text("CONNECTOR", 14),
        Column::text("POOL", 12),
        Column::text("LAST ENDED", 10),
        Column::text("NEXT", 10),
    ]);
    for integration in &listed.items {
        table.row([
            integration.display_name.as_str().into(),
            words::configuration(integration.status()).into(),
            integration.connector.as_str().into(),
            integration.pool.as_str().into(),
            time::relative(last(integration), &now).into(),
            next(integration, &now).into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, &args.limit);
    Ok(Exit::Success)
}

/// When a collection of it ended last.
fn last(integration: &Integration) -> Option<&Timestamp> {
    let ends = integration
        .data_types
        .iter()
        .filter_map(|one| one.last_end_time.as_ref());
    ends.max_by_key(|time| (time.seconds, time.nanos))
}

/// Its upcoming collection: one that is open comes before any that is due later.
fn next(integration: &Integration, now: &Timestamp) -> String {
    if integration.data_types.iter().any(|one| !one.open_execution.is_empty()) {
        return "open now".to_owned();
    }
    let due = integration
        .data_types
        .iter()
        .filter_map(|one| one.next_collection_time.as_ref());
    time::relative(due.min_by_key(|time| (time.seconds, time.nanos)), now)
}
