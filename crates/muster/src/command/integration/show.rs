//! `muster integration show`.

use muster_proto::v1::{CollectionSchedule, ConfigurationStatus, Execution, ExecutionStatus, Integration};
use prost_types::Timestamp;

use super::{Named, id};
use crate::command::Session;
use crate::command::execution::{list::took, live::records};
use crate::configuration::from_wire;
use crate::error::Error;
use crate::exit::Exit;
use crate::list;
use crate::names;
use crate::output::json::Json;
use crate::output::table::{Cell, Column, Facts, Table};
use crate::output::text::clean;
use crate::output::{time, words};

/// How many of its newest executions are shown.
const EXECUTIONS_SHOWN: usize = 10;

/// Show an integration: how it is, what it collects, and how that goes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster integration show laptops
  muster integration show laptops --output json | jq '.configuration'

It exits with 2 when the integration is in Error.")]
pub struct Args {
    #[command(flatten)]
    named: Named,
}

/// Shows it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &args.named.integration).await?;
    if output.is_for_programs() {
        output.document(&Json(&integration))?;
        return Ok(exit(&integration));
    }
    let now = time::now();
    let status = words::configuration(integration.status());
    let since = integration.status_time.as_ref();
    let since = since
        .map(|time| format!(" ({})", time::relative(Some(time), &now)))
        .unwrap_or_default();
    let mut facts = Facts::default();
    facts.add("integration", &integration.display_name);
    facts.add("id", id(&integration));
    facts.add_painted("status", format!("{}{since}", output.paint(status.tone, status.text)));
    facts.add("why", &integration.status_message);
    facts.add("next step", &integration.status_remedy);
    facts.add("collects", words::enablement(integration.enablement()));
    facts.add("paused until", paused(&integration));
    facts.add("checked now", open_check(&integration, &now));
    facts.add_lines("last check", last_check(&integration, &now));
    facts.add("connector", &integration.connector);
    facts.add("access schema", &integration.access_schema);
    facts.add("pool", &integration.pool);
    facts.add("created", time::exact(integration.create_time.as_ref()));
    facts.add("changed", time::exact(integration.update_time.as_ref()));
    facts.add("revision", integration.revision.to_string());
    facts.add_lines("to know", conditions(&integration));
    facts.add_lines("configuration", configuration(&integration));
    facts.add("error rate", error_rate(&integration));
    facts.add("errors told to", told_to(&integration));
    facts.add("open incident", names::id(&integration.open_incident));
    for line in facts.lines() {
        output.line(line)?;
    }
    output.line("")?;
    output.table(&schedule(&integration, &now))?;
    for note in upcoming(&integration) {
        output.line(format!("next: {note}"))?;
    }
    for (data_type, failure) in integration.data_types.iter().filter_map(failure) {
        output.line("")?;
        output.line(format!("{}: {failure}", clean(data_type)))?;
    }
    let (_, newest) = list::executions(client, &integration.name, EXECUTIONS_SHOWN, "").await?;
    if !newest.items.is_empty() {
        output.line("")?;
        output.table(&log(&newest.items, &now))?;
    }
    Ok(exit(&integration))
}

/// Its newest executions, with what went wrong.
fn log(executions: &[Execution], now: &Timestamp) -> Table {
    let mut table = Table::new([
        Column::text("NEWEST", names::SHORT_ID_CHARS),
        Column::text("DATA TYPE", 12),
        Column::text("STATUS", 9),
        Column::number("RECORDS", 10),
        Column::text("CREATED", 10),
        Column::text("TOOK", 14),
        Column::text("WHY", 40),
    ]);
    for execution in executions {
        let failure = execution.failure.as_ref().map(|failure| failure.message.as_str());
        let warning = execution.warning.as_ref().map(|warning| warning.message.as_str());
        table.row([
            names::short_id(&execution.name).into(),
            execution.data_type.as_str().into(),
            words::execution(execution.status()).into(),
            records(execution).into(),
            time::relative(execution.create_time.as_ref(), now).into(),
            took(execution, now).into(),
            failure.or(warning).unwrap_or_default().into(),
        ]);
    }
    table
}

/// Until when its schedule rests; empty while it does not.
fn paused(integration: &Integration) -> String {
    let until = integration.pause_end_time.as_ref();
    until.map_or_else(String::new, |until| time::exact(Some(until)))
}

/// What a person calls a runner, or its id where nobody knows it any more.
fn runner(display_name: &str, name: &str) -> String {
    match clean(display_name) {
        unknown if unknown.is_empty() => names::id(name).to_owned(),
        known => format!("`{known}`"),
    }
}

/// By whom it is being checked, and since when; empty where nobody does.
fn open_check(integration: &Integration, now: &Timestamp) -> String {
    integration.open_check.as_ref().map_or_else(String::new, |check| {
        let by = runner(&check.runner_display_name, &check.runner);
        format!("by {by}, asked {}", time::relative(check.begin_time.as_ref(), now))
    })
}

/// How the newest check ended, when, and by which runner; empty where there was none.
fn last_check(integration: &Integration, now: &Timestamp) -> Vec<String> {
    let Some(check) = &integration.last_check else {
        return Vec::new();
    };
    let when = time::relative(check.end_time.as_ref(), now);
    let by = runner(&check.runner_display_name, &check.runner);
    let of = if check.revision == integration.revision {
        String::new()
    } else {
        format!(", of revision {}", check.revision)
    };
    match &check.failure {
        None => vec![format!("good ({when}, by {by}{of})")],
        Some(failure) => {
            let category = words::category(failure.category());
            vec![
                format!("failed ({when}, by {by}{of})"),
                format!("{category}: {}", clean(&failure.message)),
                clean(&failure.remedy),
            ]
        }
    }
}

/// What there is to know of the upcoming collections, or why there are none: once where it is the same of all.
fn upcoming(integration: &Integration) -> Vec<String> {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for one in &integration.data_types {
        let notes = [&one.no_collection_reason, &one.next_collection_note];
        for note in notes.into_iter().filter(|note| !note.is_empty()) {
            let note = clean(note);
            match said.iter_mut().find(|(other, _)| *other == note) {
                Some((_, data_types)) => data_types.push(&one.data_type),
                None => said.push((note, vec![&one.data_type])),
            }
        }
    }
    let count = integration.data_types.len();
    let said = said.into_iter().map(|(note, data_types)| {
        if data_types.len() == count {
            note
        } else {
            format!("{}: {note}", data_types.join(", "))
        }
    });
    said.collect()
}

fn exit(integration: &Integration) -> Exit {
    match integration.status() {
        ConfigurationStatus::Error => Exit::InError,
        ConfigurationStatus::Unspecified | ConfigurationStatus::Active | ConfigurationStatus::Disabled => Exit::Success,
    }
}

/// What there is to say of it beside its status, with what to do.
fn conditions(integration: &Integration) -> impl Iterator<Item = String> {
    integration.conditions.iter().map(|one| {
        let next = Some(&one.remedy).filter(|remedy| !remedy.is_empty());
        let next = next.map(|remedy| format!(": {}", clean(remedy)));
        format!("{}{}", clean(&one.message), next.unwrap_or_default())
    })
}

/// The arithmetic of its error rate.
fn error_rate(integration: &Integration) -> &str {
    let rate = integration.error_rate.as_ref();
    rate.map_or("", |rate| &rate.arithmetic)
}

/// Whom its errors are told to, and at which rate; empty for nobody.
fn told_to(integration: &Integration) -> String {
    let settings = integration.error_notifications.as_ref();
    settings
        .filter(|settings| settings.enabled)
        .map_or_else(String::new, |settings| {
            let recipients: Vec<String> = settings.recipients.iter().map(|one| clean(one)).collect();
            let threshold = settings.threshold_percent.unwrap_or_default();
            format!("{} at {threshold} %", recipients.join(", "))
        })
}

/// A line for each key: a value as it could be given to `--set`.
fn configuration(integration: &Integration) -> Vec<String> {
    let Some(configuration) = &integration.configuration else {
        return Vec::new();
    };
    let values = from_wire(configuration).into_iter();
    values.map(|(key, value)| format!("{key}={value}")).collect()
}

fn schedule(integration: &Integration, now: &Timestamp) -> Table {
    let mut table = Table::new([
        Column::text("DATA TYPE", 18),
        Column::text("EVERY", 14),
        Column::text("LAST", 9),
        Column::text("ENDED", 10),
        Column::text("EXECUTION", names::SHORT_ID_CHARS + 1),
        Column::text("NEXT", 10),
        Column::text("OPEN", names::SHORT_ID_CHARS),
    ]);
    for one in &integration.data_types {
        table.row([
            one.data_type.as_str().into(),
            time::interval(one.interval.as_ref()).into(),
            last(one),
            time::relative(one.last_end_time.as_ref(), now).into(),
            or_none(names::short_id(&one.last_execution)).into(),
            time::relative(one.next_collection_time.as_ref(), now).into(),
            or_none(names::short_id(&one.open_execution)).into(),
        ]);
    }
    table
}

/// How the last collection ended.
fn last(schedule: &CollectionSchedule) -> Cell {
    match schedule.last_status() {
        ExecutionStatus::Unspecified => time::NONE.into(),
        status @ (ExecutionStatus::Created
        | ExecutionStatus::Pending
        | ExecutionStatus::Executing
        | ExecutionStatus::Completed
        | ExecutionStatus::Error) => words::execution(status).into(),
    }
}

/// What the last collection has to say: why it failed and what to do, or what it warns of.
fn failure(schedule: &CollectionSchedule) -> Option<(&str, String)> {
    let text = match (&schedule.last_failure, &schedule.last_warning) {
        (Some(failure), _) => {
            let category = words::category(failure.category());
            let text = format!("{category}: {}", clean(&failure.message));
            if failure.remedy.is_empty() {
                text
            } else {
                format!("{text}\n  {}", clean(&failure.remedy))
            }
        }
        (None, Some(warning)) => clean(&warning.message),
        (None, None) => return None,
    };
    Some((&schedule.data_type, text))
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { time::NONE } else { text }
}
