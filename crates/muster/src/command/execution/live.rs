//! Executions as they change: one line a change.

use std::collections::HashMap;

use muster_proto::v1::{Execution, ExecutionStatus};

use crate::client::Client;
use crate::error::Error;
use crate::follow::News;
use crate::names::{self, DisplayNames};
use crate::output::json::Json;
use crate::output::text::{clean, count, pad, thousands};
use crate::output::{Output, note, time, words};
use muster_process::progress::Progress;

const NAME_COLUMNS: usize = 24;
const DATA_TYPE_COLUMNS: usize = 12;
const STATUS_COLUMNS: usize = 9;
const RUNNER_COLUMNS: usize = 20;
const RECORDS_COLUMNS: usize = 11;

/// Prints changes, and remembers what people call those that change.
#[derive(Debug)]
pub struct Live {
    names: DisplayNames,
    /// The open executions that have a line: in which status and attempt.
    told: HashMap<String, (ExecutionStatus, u32)>,
    /// Where a mere progress goes on a terminal, which lines of it would fill.
    progress: Progress,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            names: DisplayNames::default(),
            told: HashMap::new(),
            progress: Progress::between_lines(),
        }
    }
}

impl Live {
    /// The titles of the columns; none for programs.
    pub fn titles(output: &mut Output) -> Result<(), Error> {
        if output.is_for_programs() {
            return Ok(());
        }
        output.line(line(
            "UTC",
            "INTEGRATION",
            "DATA TYPE",
            &pad("STATUS", STATUS_COLUMNS),
            "RUNNER",
            "RECORDS",
        ))?;
        output.flush()
    }

    /// Prints what has happened: changes to standard output, a broken stream to standard error.
    pub async fn tell(&mut self, client: &Client, output: &mut Output, news: &News) -> Result<(), Error> {
        match news {
            News::Changed(executions) => self.changed(client, output, executions).await,
            News::Lost { error, again_in } => {
                self.progress.clear();
                note(format!("{error}; trying again in {}", time::length(*again_in)));
                Ok(())
            }
        }
    }

    /// Prints these executions as they are.
    pub async fn changed(
        &mut self,
        client: &Client,
        output: &mut Output,
        executions: &[Execution],
    ) -> Result<(), Error> {
        if output.is_for_programs() {
            for execution in executions {
                output.document_line(&Json(execution))?;
            }
            return output.flush();
        }
        self.names.learn(client, executions).await;
        let now = time::now();
        for execution in executions {
            let integration = clean(self.names.of(names::integration_of(&execution.name)));
            if self.is_mere_progress(execution) {
                let data_type = clean(&execution.data_type);
                let so_far = execution.progress_records.unwrap_or_default();
                self.progress
                    .tell(|| format!("{integration}, {data_type}: {} so far", count(so_far, "record")));
                continue;
            }
            self.progress.clear();
            let status = words::execution(execution.status());
            let told = line(
                &time::clock(Some(&now)),
                &integration,
                &clean(&execution.data_type),
                &output.paint(status.tone, &pad(status.text, STATUS_COLUMNS)),
                &clean(self.names.of(&execution.runner)),
                &records(execution),
            );
            output.line((told + &remark(execution)).trim_end())?;
        }
        output.flush()
    }

    /// Whether nothing but its progress has changed since its last line, and that is seen elsewhere.
    fn is_mere_progress(&mut self, execution: &Execution) -> bool {
        if !self.progress.is_seen() {
            return false;
        }
        let now = (execution.status(), execution.attempt);
        if words::has_ended(execution.status()) {
            self.told.remove(&execution.name);
            return false;
        }
        self.told.insert(execution.name.clone(), now) == Some(now) && execution.progress_records.is_some()
    }
}

/// One line; the status comes padded, since it may have a colour.
fn line(time: &str, integration: &str, data_type: &str, status: &str, runner: &str, records: &str) -> String {
    format!(
        "{}  {}  {}  {status}  {}  {records:>RECORDS_COLUMNS$}",
        pad(time, 8),
        pad(integration, NAME_COLUMNS),
        pad(data_type, DATA_TYPE_COLUMNS),
        pad(runner, RUNNER_COLUMNS),
    )
}

/// How many records: those that were collected, or those so far; empty where nobody knows.
pub fn records(execution: &Execution) -> String {
    match (&execution.counts, execution.progress_records) {
        (Some(counts), _) => thousands(counts.records),
        (None, Some(so_far)) => format!("{}…", thousands(so_far)),
        (None, None) => String::new(),
    }
}

/// What a line says beside its columns: a failure, or a warning.
fn remark(execution: &Execution) -> String {
    let remark = match (&execution.failure, &execution.warning) {
        (Some(failure), _) => format!("{}: {}", words::category(failure.category()), failure.message),
        (None, Some(warning)) => warning.message.clone(),
        (None, None) => return String::new(),
    };
    format!("  {}", clean(&remark))
}
