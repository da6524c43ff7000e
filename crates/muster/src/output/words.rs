//! The words of the API as people read them, each with what its colour says.

use muster_proto::v1::{
    ConfigurationStatus, Enablement, ErrorCategory, ExecutionStatus, LogLevel, LogSource, Origin, RunnerStatus, origin,
};

use super::table::Cell;
use super::text::Tone;
use super::time;

/// What stands for a word that this version does not know.
const UNKNOWN: &str = "unknown";

/// A word and what its colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: &'static str,
    /// Its colour.
    pub tone: Tone,
}

impl From<Word> for Cell {
    fn from(word: Word) -> Self {
        Self::toned(word.text, word.tone)
    }
}

const fn word(text: &'static str, tone: Tone) -> Word {
    Word { text, tone }
}

/// An execution's status.
pub fn execution(status: ExecutionStatus) -> Word {
    match status {
        ExecutionStatus::Unspecified => word(UNKNOWN, Tone::Quiet),
        ExecutionStatus::Created => word("Created", Tone::Quiet),
        ExecutionStatus::Pending => word("Pending", Tone::Busy),
        ExecutionStatus::Executing => word("Executing", Tone::Busy),
        ExecutionStatus::Completed => word("Completed", Tone::Good),
        ExecutionStatus::Error => word("Error", Tone::Bad),
    }
}

/// Whether an execution has ended. One of a status that this version does not know counts as open.
pub fn has_ended(status: ExecutionStatus) -> bool {
    match status {
        ExecutionStatus::Completed | ExecutionStatus::Error => true,
        ExecutionStatus::Unspecified
        | ExecutionStatus::Created
        | ExecutionStatus::Pending
        | ExecutionStatus::Executing => false,
    }
}

/// An integration's status.
pub fn configuration(status: ConfigurationStatus) -> Word {
    match status {
        ConfigurationStatus::Unspecified => word(UNKNOWN, Tone::Quiet),
        ConfigurationStatus::Active => word("Active", Tone::Good),
        ConfigurationStatus::Error => word("Error", Tone::Bad),
        ConfigurationStatus::Disabled => word("Disabled", Tone::Quiet),
    }
}

/// Whether an integration collects.
pub fn enablement(enablement: Enablement) -> &'static str {
    match enablement {
        Enablement::Unspecified => UNKNOWN,
        Enablement::Draft => "draft",
        Enablement::Enabled => "enabled",
        Enablement::Disabled => "disabled",
    }
}

/// What a runner is doing.
pub fn runner(status: RunnerStatus) -> Word {
    match status {
        RunnerStatus::Unspecified => word(UNKNOWN, Tone::Quiet),
        RunnerStatus::Ready => word("Ready", Tone::Good),
        RunnerStatus::Busy => word("Busy", Tone::Busy),
        RunnerStatus::Draining => word("Draining", Tone::Busy),
        RunnerStatus::Excluded => word("Excluded", Tone::Bad),
        RunnerStatus::TooOld => word("Too old", Tone::Bad),
        RunnerStatus::Offline => word("Offline", Tone::Bad),
        RunnerStatus::Unknown => word("Unknown", Tone::Quiet),
        RunnerStatus::Revoked => word("Revoked", Tone::Quiet),
    }
}

/// A failure's kind.
pub fn category(category: ErrorCategory) -> &'static str {
    match category {
        ErrorCategory::Unspecified => UNKNOWN,
        ErrorCategory::Permission => "permission",
        ErrorCategory::Configuration => "configuration",
        ErrorCategory::Communication => "communication",
        ErrorCategory::Connector => "connector",
        ErrorCategory::Timeout => "timeout",
        ErrorCategory::RunnerLost => "runner_lost",
        ErrorCategory::Landing => "landing",
        ErrorCategory::Canceled => "canceled",
    }
}

/// How much a log line matters.
pub fn log_level(level: LogLevel) -> Word {
    match level {
        LogLevel::Unspecified | LogLevel::Info => word("INFO", Tone::Good),
        LogLevel::Debug => word("DEBUG", Tone::Quiet),
        LogLevel::Warn => word("WARN", Tone::Busy),
        LogLevel::Error => word("ERROR", Tone::Bad),
    }
}

/// Who said a log line.
pub fn log_source(source: LogSource) -> &'static str {
    match source {
        LogSource::Coordinator => "coordinator",
        LogSource::Unspecified | LogSource::Runner => "runner",
        LogSource::Connector => "connector",
    }
}

/// Why an execution was created; empty when that is not said.
pub fn origin(origin: Option<&Origin>) -> String {
    match origin.and_then(|origin| origin.kind.as_ref()) {
        None => String::new(),
        Some(origin::Kind::Schedule(schedule)) => {
            format!("schedule, due at {}", time::exact(schedule.nominal_time.as_ref()))
        }
        Some(origin::Kind::Activation(_)) => "activation of the integration".to_owned(),
        Some(origin::Kind::RunNow(run_now)) => format!("run now, by {}", run_now.principal),
    }
}
