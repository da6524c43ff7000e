//! `muster alerts show`.

use muster_proto::v1::{
    Incident, IncidentCause, IncidentNotice, IncidentNoticeKind, IncidentState, NoticeDeliveryState,
};
use prost_types::Timestamp;

use super::{closing, delivered, recipient, what};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::Json;
use crate::output::table::{Column, Facts, Table};
use crate::output::text::{Tone, clean};
use crate::output::{time, words};

/// Show one incident: what goes wrong, since when, and whom that was told to
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster alerts show 456789ab
  muster alerts show 456789ab --output json

It exits with 2 while the incident is open.")]
pub struct Args {
    /// The incident: its id, the end of it, or its full name
    #[arg(value_name = "INCIDENT")]
    incident: String,
}

/// Shows it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let incident = names::incident(client, &args.incident).await?;
    let exit = match incident.state() {
        IncidentState::Open => Exit::InError,
        IncidentState::Closed | IncidentState::Unspecified => Exit::Success,
    };
    if output.is_for_programs() {
        output.document(&Json(&incident))?;
        return Ok(exit);
    }
    let now = time::now();
    for line in facts(&incident, |tone, text| output.paint(tone, text)).lines() {
        output.line(line)?;
    }
    output.line("")?;
    output.table(&deliveries(&incident, &now))?;
    let newest = incident.notices.last();
    for error in newest.map(|notice| notice.errors.as_slice()).unwrap_or_default() {
        let failure = error.failure.clone().unwrap_or_default();
        let category = words::category(failure.category());
        output.line("")?;
        output.line(format!(
            "{}: {category}: {}",
            clean(&error.data_type),
            clean(&failure.message)
        ))?;
        output.line(format!("  {}", clean(&failure.remedy)))?;
    }
    Ok(exit)
}

fn facts(incident: &Incident, paint: impl Fn(Tone, &str) -> String) -> Facts {
    let newest = incident.notices.last();
    let state = match incident.state() {
        IncidentState::Open => paint(Tone::Bad, "open"),
        IncidentState::Closed => paint(Tone::Quiet, "closed"),
        IncidentState::Unspecified => paint(Tone::Quiet, "unknown"),
    };
    let mut facts = Facts::default();
    facts.add("incident", names::id(&incident.name));
    facts.add_painted("state", state);
    let called = newest.map_or("", |notice| &notice.display_name);
    match incident.cause() {
        IncidentCause::PoolOffline => facts.add("pool", called),
        IncidentCause::RunnerOutdated | IncidentCause::RunnerCloned => {
            facts.add("runner", called);
            facts.add("id", names::id(&incident.runner));
        }
        IncidentCause::Unspecified | IncidentCause::ErrorRate => {
            facts.add("integration", called);
            facts.add("id", names::id(&incident.integration));
        }
    }
    facts.add("what", what(incident));
    if let Some(notice) = newest {
        if notice.error_rate.is_some() {
            facts.add("opens at", format!("{} %", notice.threshold_percent));
            facts.add("closes below", format!("{} %", notice.recovery_percent));
        }
        if let Some(pool) = &notice.pool
            && let Some(heard) = &pool.last_runner_time
        {
            let last = &pool.last_runner_display_name;
            facts.add("last runner", format!("{last}, heard {}", time::exact(Some(heard))));
        }
        if let Some(runner) = &notice.runner {
            facts.add("serves", format!("pool {}", runner.pool));
            facts.add("checked in", time::exact(runner.check_in_time.as_ref()));
        }
        if !notice.remedy.is_empty() {
            facts.add("what to do", &*notice.remedy);
        }
    }
    facts.add("opened", time::exact(incident.open_time.as_ref()));
    if let Some(close_time) = &incident.close_time {
        facts.add("closed", time::exact(Some(close_time)));
    }
    facts.add("why", closing(incident.closing()));
    facts
}

fn deliveries(incident: &Incident, now: &Timestamp) -> Table {
    let mut table = Table::new([
        Column::text("NOTICE", 9),
        Column::text("DECIDED", 12),
        Column::text("TO", 30),
        Column::text("STATE", 11),
        Column::text("ANSWER", 40),
    ]);
    for notice in &incident.notices {
        for delivery in &notice.deliveries {
            let state = match delivery.state() {
                NoticeDeliveryState::Waiting => {
                    let next = time::relative(delivery.next_try_time.as_ref(), now);
                    format!("next {next}")
                }
                state => delivered(state).to_owned(),
            };
            table.row([
                kind(notice).into(),
                time::relative(notice.notice_time.as_ref(), now).into(),
                recipient(delivery).into(),
                state.into(),
                delivery.answer.as_str().into(),
            ]);
        }
    }
    table
}

fn kind(notice: &IncidentNotice) -> &'static str {
    match notice.kind() {
        IncidentNoticeKind::Unspecified => "unknown",
        IncidentNoticeKind::Opened => "opened",
        IncidentNoticeKind::Reminder => "reminder",
        IncidentNoticeKind::Closed => "closed",
    }
}
