//! What was said while an execution was carried out.

use super::Attempt;
use crate::time::Stamp;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// The coordinator, about its own part.
    Coordinator,
    /// The runner.
    Runner,
    /// The connector, about the source.
    Connector,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the connector's author.
    Debug,
    /// The ordinary course of things.
    Info,
    /// Worth a look.
    Warn,
    /// Something has failed.
    Error,
}

/// One line of an execution's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When the coordinator took it in.
    pub at: Stamp,
    /// Who said it.
    pub source: LogSource,
    /// How much it matters.
    pub level: LogLevel,
    /// What was said. At most [`LogLine::BYTES_MAX`] bytes.
    pub message: String,
    /// The attempt that it belongs to; `None` where it belongs to none.
    pub attempt: Option<Attempt>,
}

impl LogLine {
    /// The most bytes of one line's message; what is longer is cut.
    pub const BYTES_MAX: usize = 8 * 1024;
    /// The most lines that are kept of one execution; the rest is only counted.
    pub const LINES_MAX: usize = 1_000;
}
