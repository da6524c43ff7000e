//! `muster organization list` and `show`.

use muster_proto::v1::{Organization, OrganizationState};

use super::{Named, get, id};
use crate::command::{Limit, Session, note_more};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::json::{Json, list};
use crate::output::table::{Column, Facts, Table};
use crate::output::text::clean;
use crate::output::time;

/// List the organizations, by name
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster organization list
  muster organization list --output json | jq '.[].usage'")]
pub struct Args {
    #[command(flatten)]
    limit: Limit,
}

/// Lists them.
pub async fn run(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let listed = crate::list::organizations(client, args.limit.limit).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new([
        Column::text("NAME", 24),
        Column::text("STATE", 10),
        Column::number("INTEGRATIONS", 14),
        Column::number("RUNNERS", 11),
        Column::number("OPEN", 11),
        Column::text("DISPLAY NAME", 20),
    ]);
    for one in &listed.items {
        let [integrations, runners, open] = counts(one);
        table.row([
            id(one).into(),
            state(one).into(),
            integrations.into(),
            runners.into(),
            open.into(),
            one.display_name.as_str().into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, &args.limit);
    Ok(Exit::Success)
}

/// Shows one.
pub async fn show(named: &Named, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let found = get(client, named).await?;
    if output.is_for_programs() {
        output.document(&Json(&found))?;
        return Ok(Exit::Success);
    }
    let [integrations, runners, open] = counts(&found);
    let uploads = found.quotas.as_ref().and_then(|quotas| quotas.uploads_per_second);
    let mut facts = Facts::default();
    facts.add("organization", id(&found));
    facts.add("display name", clean(&found.display_name));
    facts.add("state", state(&found));
    if found.state_time.is_some() {
        facts.add("since", time::exact(found.state_time.as_ref()));
    }
    if !found.suspension_reason.is_empty() {
        facts.add("reason", clean(&found.suspension_reason));
    }
    facts.add("integrations", integrations);
    facts.add("runners", runners);
    facts.add("open executions", open);
    facts.add(
        "uploads a second",
        uploads.map_or_else(|| "no limit".to_owned(), |limit| format!("at most {limit}")),
    );
    facts.add("records", records(&found));
    facts.add("keeps history for", format!("{} days", found.retention_days));
    facts.add(
        "keeps its audit log for",
        format!("{} days", found.audit_retention_days),
    );
    facts.add("created", time::exact(found.create_time.as_ref()));
    for line in facts.lines() {
        output.line(line)?;
    }
    Ok(Exit::Success)
}

/// How much of the landing its records take.
fn records(organization: &Organization) -> String {
    let bytes = organization.usage.unwrap_or_default().records_bytes;
    let mib = bytes.div_ceil(1024 * 1024);
    match organization.quotas.unwrap_or_default().records_mib {
        Some(limit) => format!("{mib}/{limit} MiB"),
        None => format!("{mib} MiB"),
    }
}

/// How much it has of how much it may: integrations, runners, open executions.
fn counts(organization: &Organization) -> [String; 3] {
    let quotas = organization.quotas.unwrap_or_default();
    let usage = organization.usage.unwrap_or_default();
    [
        (usage.integrations, quotas.integrations),
        (usage.runners, quotas.runners),
        (usage.open_executions, quotas.open_executions),
    ]
    .map(|(count, limit)| match limit {
        Some(limit) => format!("{count}/{limit}"),
        None => count.to_string(),
    })
}

fn state(organization: &Organization) -> &'static str {
    match organization.state() {
        OrganizationState::Active => "active",
        OrganizationState::Suspended => "suspended",
        OrganizationState::Deleting => "deleting",
        OrganizationState::Unspecified => "unknown",
    }
}
