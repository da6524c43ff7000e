//! Log lines.

use muster_core::decide::Work;
use muster_core::time::Stamp;
use muster_core::words::{Attempt, LogLevel, LogLine, LogSource};
use muster_proto::v1;

use super::work_from_wire;
use crate::error::ProtocolError;

/// A line as a runner sends it. What is longer than [`LogLine::BYTES_MAX`] is cut.
#[must_use]
pub fn log_line_to_wire(source: LogSource, level: LogLevel, message: &str) -> v1::RunnerLogLine {
    let source = match source {
        LogSource::Connector => v1::LogSource::Connector,
        // A runner may not speak for the coordinator.
        LogSource::Runner | LogSource::Coordinator => v1::LogSource::Runner,
    };
    let level = match level {
        LogLevel::Debug => v1::LogLevel::Debug,
        LogLevel::Info => v1::LogLevel::Info,
        LogLevel::Warn => v1::LogLevel::Warn,
        LogLevel::Error => v1::LogLevel::Error,
    };
    v1::RunnerLogLine {
        source: source.into(),
        level: level.into(),
        message: cut(message).to_owned(),
    }
}

/// The lines of one attempt, as they came in at `at`.
///
/// # Errors
/// [`ProtocolError::Field`] when the attempt is none, or a line claims to be the coordinator's.
pub fn log_lines_from_wire(lines: v1::AttemptLogLines, at: Stamp) -> Result<(Work, Vec<LogLine>), ProtocolError> {
    let work = work_from_wire(&lines.execution_id, lines.attempt)?;
    let lines: Result<Vec<LogLine>, ProtocolError> = lines
        .lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            line_from_wire(line, work.1, at).map_err(|error| error.under(format_args!("lines[{index}]")))
        })
        .collect();
    Ok((work, lines?))
}

fn line_from_wire(line: v1::RunnerLogLine, attempt: Attempt, at: Stamp) -> Result<LogLine, ProtocolError> {
    let source = match line.source() {
        v1::LogSource::Unspecified | v1::LogSource::Runner => LogSource::Runner,
        v1::LogSource::Connector => LogSource::Connector,
        v1::LogSource::Coordinator => {
            return Err(ProtocolError::field(
                "source",
                "a runner does not speak for the coordinator: say `runner` or `connector`",
            ));
        }
    };
    let level = match line.level() {
        v1::LogLevel::Debug => LogLevel::Debug,
        v1::LogLevel::Unspecified | v1::LogLevel::Info => LogLevel::Info,
        v1::LogLevel::Warn => LogLevel::Warn,
        v1::LogLevel::Error => LogLevel::Error,
    };
    let mut message = line.message;
    message.truncate(cut(&message).len());
    Ok(LogLine {
        at,
        source,
        level,
        message,
        attempt: Some(attempt),
    })
}

fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(LogLine::BYTES_MAX)]
}
