//! What incidents are told with; events and records share their messages.

use std::time::Duration;

use muster_core::entity::{CloneEvidence, ErrorSeen, Evidence, LastRunner, PoolEvidence, RateEvidence, RunnerEvidence};
use muster_core::health::Tally;
use muster_core::time::Stamp;
use muster_core::words::{DisplayName, ExecutionId, PoolName, Release, RunnerId};

use super::alert::percent;
use super::word::{FailureMessage, IdMessage, data_type, id};
use super::{CodecError, judged, required};

/// Of an error rate, unless `pool`, `runner` or `clone` is there: there was nothing else when this was first written.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EvidenceMessage {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(uint32, tag = "2")]
    failed: u32,
    #[prost(uint32, tag = "3")]
    finished: u32,
    #[prost(uint64, tag = "4")]
    window_s: u64,
    /// In hundredths of a percent.
    #[prost(uint32, tag = "5")]
    threshold: u32,
    /// In hundredths of a percent.
    #[prost(uint32, tag = "6")]
    recovery: u32,
    #[prost(message, repeated, tag = "7")]
    errors: Vec<ErrorSeenMessage>,
    #[prost(message, optional, tag = "8")]
    pool: Option<PoolEvidenceMessage>,
    #[prost(message, optional, tag = "9")]
    runner: Option<RunnerEvidenceMessage>,
    #[prost(message, optional, tag = "10")]
    clone: Option<CloneEvidenceMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ErrorSeenMessage {
    #[prost(string, tag = "1")]
    data_type: String,
    #[prost(message, optional, tag = "2")]
    execution: Option<IdMessage>,
    #[prost(uint64, tag = "3")]
    at_ms: u64,
    #[prost(message, optional, tag = "4")]
    failure: Option<FailureMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PoolEvidenceMessage {
    #[prost(message, optional, tag = "1")]
    last: Option<LastRunnerMessage>,
    #[prost(uint32, tag = "2")]
    integrations: u32,
    #[prost(uint32, tag = "3")]
    executions: u32,
    #[prost(string, tag = "4")]
    pool: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LastRunnerMessage {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(string, tag = "2")]
    display_name: String,
    #[prost(uint64, tag = "3")]
    heard_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RunnerEvidenceMessage {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(string, tag = "2")]
    pool: String,
    #[prost(string, tag = "3")]
    version: String,
    #[prost(message, optional, tag = "4")]
    expected: Option<ReleaseMessage>,
    #[prost(uint64, tag = "5")]
    checked_in_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CloneEvidenceMessage {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(string, tag = "2")]
    pool: String,
    #[prost(uint64, tag = "3")]
    locked_ms: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct ReleaseMessage {
    #[prost(uint32, tag = "1")]
    major: u32,
    #[prost(uint32, tag = "2")]
    minor: u32,
}

impl From<Release> for ReleaseMessage {
    fn from(release: Release) -> Self {
        let Release { major, minor } = release;
        Self { major, minor }
    }
}

impl From<ReleaseMessage> for Release {
    fn from(message: ReleaseMessage) -> Self {
        let ReleaseMessage { major, minor } = message;
        Self { major, minor }
    }
}

impl From<&Evidence> for EvidenceMessage {
    fn from(evidence: &Evidence) -> Self {
        match evidence {
            Evidence::ErrorRate(rate) => rate.into(),
            Evidence::PoolOffline(pool) => Self {
                pool: Some(pool.into()),
                ..Self::default()
            },
            Evidence::RunnerOutdated(runner) => Self {
                runner: Some(runner.into()),
                ..Self::default()
            },
            Evidence::RunnerCloned(clone) => Self {
                clone: Some(clone.into()),
                ..Self::default()
            },
        }
    }
}

impl TryFrom<EvidenceMessage> for Evidence {
    type Error = CodecError;

    fn try_from(message: EvidenceMessage) -> Result<Self, CodecError> {
        match (message.pool, message.runner, message.clone) {
            (Some(pool), _, _) => Ok(Self::PoolOffline(pool.try_into()?)),
            (None, Some(runner), _) => Ok(Self::RunnerOutdated(runner.try_into()?)),
            (None, None, Some(clone)) => Ok(Self::RunnerCloned(clone.try_into()?)),
            (None, None, None) => {
                let errors = message.errors.into_iter().map(|error| {
                    Ok(ErrorSeen {
                        data_type: data_type(&error.data_type)?,
                        execution: id(error.execution, ExecutionId, "execution")?,
                        at: Stamp::from_millis(error.at_ms),
                        failure: required(error.failure, "failure")?.try_into()?,
                    })
                });
                Ok(Self::ErrorRate(RateEvidence {
                    display_name: display_name(&message.display_name)?,
                    tally: Tally {
                        failed: message.failed,
                        finished: message.finished,
                    },
                    window: Duration::from_secs(message.window_s),
                    threshold: percent(message.threshold)?,
                    recovery: percent(message.recovery)?,
                    errors: errors.collect::<Result<_, CodecError>>()?,
                }))
            }
        }
    }
}

impl From<&RateEvidence> for EvidenceMessage {
    fn from(evidence: &RateEvidence) -> Self {
        let errors = evidence.errors.iter().map(|error| ErrorSeenMessage {
            data_type: error.data_type.to_string(),
            execution: Some(IdMessage::new(error.execution.0)),
            at_ms: error.at.millis(),
            failure: Some((&error.failure).into()),
        });
        Self {
            display_name: evidence.display_name.to_string(),
            failed: evidence.tally.failed,
            finished: evidence.tally.finished,
            window_s: evidence.window.as_secs(),
            threshold: evidence.threshold.hundredths(),
            recovery: evidence.recovery.hundredths(),
            errors: errors.collect(),
            pool: None,
            runner: None,
            clone: None,
        }
    }
}

impl From<&PoolEvidence> for PoolEvidenceMessage {
    fn from(evidence: &PoolEvidence) -> Self {
        Self {
            last: evidence.last.as_ref().map(|last| LastRunnerMessage {
                runner: Some(IdMessage::new(last.runner.0)),
                display_name: last.display_name.to_string(),
                heard_ms: last.heard.millis(),
            }),
            integrations: evidence.integrations,
            executions: evidence.executions,
            pool: evidence.pool.to_string(),
        }
    }
}

impl TryFrom<PoolEvidenceMessage> for PoolEvidence {
    type Error = CodecError;

    fn try_from(message: PoolEvidenceMessage) -> Result<Self, CodecError> {
        let last = message.last.map(|last| {
            Ok::<_, CodecError>(LastRunner {
                runner: id(last.runner, RunnerId, "runner")?,
                display_name: display_name(&last.display_name)?,
                heard: Stamp::from_millis(last.heard_ms),
            })
        });
        Ok(Self {
            pool: pool_name(&message.pool)?,
            last: last.transpose()?,
            integrations: message.integrations,
            executions: message.executions,
        })
    }
}

impl From<&RunnerEvidence> for RunnerEvidenceMessage {
    fn from(evidence: &RunnerEvidence) -> Self {
        Self {
            display_name: evidence.display_name.to_string(),
            pool: evidence.pool.to_string(),
            version: evidence.version.to_string(),
            expected: Some(evidence.expected.into()),
            checked_in_ms: evidence.checked_in.millis(),
        }
    }
}

impl TryFrom<RunnerEvidenceMessage> for RunnerEvidence {
    type Error = CodecError;

    fn try_from(message: RunnerEvidenceMessage) -> Result<Self, CodecError> {
        Ok(Self {
            display_name: display_name(&message.display_name)?,
            pool: pool_name(&message.pool)?,
            version: message.version.into(),
            expected: required(message.expected, "release")?.into(),
            checked_in: Stamp::from_millis(message.checked_in_ms),
        })
    }
}

impl From<&CloneEvidence> for CloneEvidenceMessage {
    fn from(evidence: &CloneEvidence) -> Self {
        Self {
            display_name: evidence.display_name.to_string(),
            pool: evidence.pool.to_string(),
            locked_ms: evidence.locked.millis(),
        }
    }
}

impl TryFrom<CloneEvidenceMessage> for CloneEvidence {
    type Error = CodecError;

    fn try_from(message: CloneEvidenceMessage) -> Result<Self, CodecError> {
        Ok(Self {
            display_name: display_name(&message.display_name)?,
            pool: pool_name(&message.pool)?,
            locked: Stamp::from_millis(message.locked_ms),
        })
    }
}

fn pool_name(text: &str) -> Result<PoolName, CodecError> {
    judged(PoolName::new(text), "pool")
}

fn display_name(text: &str) -> Result<DisplayName, CodecError> {
    judged(DisplayName::new(text), "display name")
}
