//! Executions as they change: one line a change.

use muster_proto::v1::Execution;

use crate::client::Client;
use crate::error::Error;
use crate::follow::News;
use crate::names::{self, DisplayNames};
use crate::output::json::Json;
use crate::output::text::{clean, pad, thousands};
use crate::output::{Output, note, time, words};

const NAME_COLUMNS: usize = 24;
const DATA_TYPE_COLUMNS: usize = 12;
const STATUS_COLUMNS: usize = 9;
const RUNNER_COLUMNS: usize = 20;
const RECORDS_COLUMNS: usize = 11;

/// Prints changes, and remembers what people call those that change.
#[derive(Debug, Default)]
pub struct Live {
    names: DisplayNames,
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
            let status = words::execution(execution.status());
            let told = line(
                &time::clock(Some(&now)),
                &clean(self.names.of(names::integration_of(&execution.name))),
                &clean(&execution.data_type),
                &output.paint(status.tone, &pad(status.text, STATUS_COLUMNS)),
                &clean(self.names.of(&execution.runner)),
                &records(execution),
            );
            output.line((told + &remark(execution)).trim_end())?;
        }
        output.flush()
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
