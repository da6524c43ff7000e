//! Log lines.

use muster_core::words::{LogLevel, LogLine, LogSource};
use muster_proto::v1;

use super::time::timestamp;

/// The lines from number `from` (counted from 0) on.
pub(crate) fn log_lines(from: u32, lines: Vec<LogLine>) -> Vec<v1::LogLine> {
    (from.saturating_add(1)..)
        .zip(lines)
        .map(|(number, line)| log_line(number, line))
        .collect()
}

fn log_line(number: u32, line: LogLine) -> v1::LogLine {
    let source = match line.source {
        LogSource::Coordinator => v1::LogSource::Coordinator,
        LogSource::Runner => v1::LogSource::Runner,
        LogSource::Connector => v1::LogSource::Connector,
    };
    let level = match line.level {
        LogLevel::Debug => v1::LogLevel::Debug,
        LogLevel::Info => v1::LogLevel::Info,
        LogLevel::Warn => v1::LogLevel::Warn,
        LogLevel::Error => v1::LogLevel::Error,
    };
    v1::LogLine {
        number,
        time: Some(timestamp(line.at)),
        source: source.into(),
        level: level.into(),
        message: line.message,
        attempt: line.attempt.map_or(0, |attempt| attempt.0),
    }
}
