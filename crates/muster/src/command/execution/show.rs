//! `muster execution show`: where an execution is, why, and what to do.

use muster_proto::v1::{Execution, ExecutionStatus};
use prost_types::Timestamp;

use super::live::records;
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names::{self, DisplayNames};
use crate::output::json::Json;
use crate::output::table::Facts;
use crate::output::text::{bytes, count, pad};
use crate::output::{time, words};

/// Show where an execution is in its life, why, and what to do next
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster execution show 456789ab
  muster execution show 456789ab --output json | jq '.explanation'

It exits with 2 when the execution is in Error.")]
pub struct Args {
    /// The execution: its id, the end of it as lists show it, or its full name
    execution: String,
}

/// Shows it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let execution = names::execution(client, &args.execution).await?;
    if output.is_for_programs() {
        output.document(&Json(&execution))?;
        return Ok(exit(&execution));
    }
    let mut display_names = DisplayNames::default();
    display_names.learn(client, std::slice::from_ref(&execution)).await;
    let status = words::execution(execution.status());
    let mut facts = Facts::default();
    facts.add("execution", names::id(&execution.name));
    facts.add_painted("status", output.paint(status.tone, status.text));
    if let Some(explanation) = &execution.explanation {
        facts.add("why", &explanation.state);
        facts.add("next step", &explanation.next_step);
    }
    if let Some(failure) = &execution.failure {
        facts.add(
            "failure",
            format!("{}: {}", words::category(failure.category()), failure.message),
        );
        facts.add("remedy", &failure.remedy);
    }
    if let Some(warning) = &execution.warning {
        facts.add("warning", &warning.message);
    }
    let integration = names::integration_of(&execution.name);
    facts.add("integration", display_names.of(integration));
    facts.add("data type", &execution.data_type);
    facts.add("connector", &execution.connector);
    facts.add("pool", &execution.pool);
    facts.add("runner", display_names.of(&execution.runner));
    facts.add("origin", words::origin(execution.origin.as_ref()));
    facts.add("attempt", attempt(&execution));
    facts.add_lines("timeline", timeline(&execution, &time::now()));
    facts.add("records", collected(&execution));
    facts.add("landing", &execution.landing_uri);
    let short = names::short_id(&execution.name);
    facts.add("log", format!("muster logs {short}"));
    if !execution.landing_uri.is_empty() {
        facts.add("data", format!("muster records {short} --first 10"));
    }
    for line in facts.lines() {
        output.line(line)?;
    }
    Ok(exit(&execution))
}

fn exit(execution: &Execution) -> Exit {
    match execution.status() {
        ExecutionStatus::Error => Exit::InError,
        ExecutionStatus::Unspecified
        | ExecutionStatus::Created
        | ExecutionStatus::Pending
        | ExecutionStatus::Executing
        | ExecutionStatus::Completed => Exit::Success,
    }
}

/// Which attempt, where there was more than one; and how often work on it has failed.
fn attempt(execution: &Execution) -> String {
    match (execution.attempt, execution.failures) {
        (0 | 1, 0) => String::new(),
        (attempt, 0) => attempt.to_string(),
        (attempt, failures) => format!("{attempt}, after {}", count(failures.into(), "failure")),
    }
}

/// The statuses that it went through, when, and how long it stayed in each. Of several attempts it is the last one's; the time until its
/// claim counts as Created.
fn timeline(execution: &Execution, now: &Timestamp) -> Vec<String> {
    let created = execution.create_time.as_ref();
    let waits_again = execution.status() == ExecutionStatus::Created;
    // What an earlier attempt left is no part of the way of one that waits again.
    let claimed = execution.claim_time.as_ref().filter(|_| !waits_again);
    let started = execution.start_time.as_ref().filter(|_| !waits_again);
    let last = words::execution(execution.status());
    let ended = execution.end_time.as_ref();
    let steps = [
        ("Created", created),
        ("Pending", claimed),
        ("Executing", started),
        (last.text, ended),
    ];
    let passed: Vec<(&str, &Timestamp)> = steps
        .into_iter()
        .filter_map(|(status, time)| time.map(|time| (status, time)))
        .collect();
    let lines = passed.iter().enumerate().map(|(index, (status, since))| {
        let line = format!("{}  {}", pad(status, 9), time::exact(Some(since)));
        match passed.get(index + 1) {
            Some((_, until)) => format!("{line}  for {}", time::length(time::between(since, until))),
            None if ended.is_some() => line,
            None => format!("{line}  for {} so far", time::length(time::between(since, now))),
        }
    });
    let mut lines: Vec<String> = lines.collect();
    if let Some(next) = &execution.next_attempt_time {
        lines.push(format!(
            "next try   {}  {}",
            time::exact(Some(next)),
            time::relative(Some(next), now)
        ));
    }
    lines
}

/// What was collected, or has been so far; empty where nobody knows.
fn collected(execution: &Execution) -> String {
    match &execution.counts {
        Some(counts) => format!("{} ({})", records(execution), bytes(counts.bytes)),
        None if execution.progress_records.is_some() => format!("{} so far", records(execution).trim_end_matches('…')),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp {
            seconds: 1_795_511_521 + seconds,
            nanos: 0,
        })
    }

    fn execution(status: ExecutionStatus) -> Execution {
        Execution {
            status: status.into(),
            create_time: at(0),
            ..Execution::default()
        }
    }

    fn lines(execution: &Execution) -> Vec<String> {
        timeline(execution, &at(60).expect("a time"))
    }

    #[test]
    fn a_whole_life_has_four_steps() {
        let execution = Execution {
            claim_time: at(3),
            start_time: at(4),
            end_time: at(16),
            ..execution(ExecutionStatus::Completed)
        };
        let expected = [
            "Created    2026-11-24 09:12:01 UTC  for 3 s",
            "Pending    2026-11-24 09:12:04 UTC  for 1 s",
            "Executing  2026-11-24 09:12:05 UTC  for 12 s",
            "Completed  2026-11-24 09:12:17 UTC",
        ];
        assert_eq!(lines(&execution), expected);
    }

    #[test]
    fn one_that_waits_for_its_next_attempt_is_created() {
        let execution = Execution {
            claim_time: at(3),
            start_time: at(4),
            next_attempt_time: at(120),
            ..execution(ExecutionStatus::Created)
        };
        let expected = [
            "Created    2026-11-24 09:12:01 UTC  for 1 min so far",
            "next try   2026-11-24 09:14:01 UTC  in 1 min",
        ];
        assert_eq!(lines(&execution), expected);
    }

    #[test]
    fn one_that_was_never_claimed_ends_from_created() {
        let execution = Execution {
            end_time: at(16),
            ..execution(ExecutionStatus::Error)
        };
        let expected = [
            "Created    2026-11-24 09:12:01 UTC  for 16 s",
            "Error      2026-11-24 09:12:17 UTC",
        ];
        assert_eq!(lines(&execution), expected);
    }
}
