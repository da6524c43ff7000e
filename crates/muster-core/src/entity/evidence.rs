//! What an incident is told with: as it was when that was decided, since a mail that is sent again must be the same mail.

use std::time::Duration;

use smol_str::SmolStr;

use crate::explain::how_to_add;
use crate::health::Tally;
use crate::time::Stamp;
use crate::words::{DataType, DisplayName, ExecutionId, Failure, Percent, PoolName, Release, RunnerId};

/// What an incident is told with, by its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// How an integration's executions end.
    ErrorRate(RateEvidence),
    /// How a pool stands.
    PoolOffline(PoolEvidence),
    /// Which version a runner has.
    RunnerOutdated(RunnerEvidence),
    /// Which runner is locked.
    RunnerCloned(CloneEvidence),
}

impl Evidence {
    /// What a person calls that which it is about: an integration, a pool or a runner.
    #[must_use]
    pub fn called(&self) -> &str {
        match self {
            Self::ErrorRate(rate) => rate.display_name.as_str(),
            Self::PoolOffline(pool) => pool.pool.as_str(),
            Self::RunnerOutdated(runner) => runner.display_name.as_str(),
            Self::RunnerCloned(runner) => runner.display_name.as_str(),
        }
    }

    /// What to do about it; `None` where each error has its own remedy.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::ErrorRate(_) => None,
            Self::PoolOffline(PoolEvidence { pool, last, .. }) => {
                let other = format!("add another runner to this pool: {}", how_to_add(pool));
                Some(match last {
                    Some(last) => format!(
                        "look at the service `muster-runner` on the host of `{}`, which was heard last, and at its way to the coordinator; or {other}",
                        last.display_name
                    ),
                    None => other,
                })
            }
            Self::RunnerCloned(_) => Some(
                "find out who has the copy and remove its data folder, then enroll the machine that is to stay anew: `muster-runner enroll --again`, with a new \
                 token. If nobody has copied it, think of what that machine could read as known to others"
                    .to_owned(),
            ),
            Self::RunnerOutdated(runner) => Some(format!(
                "install release {} or a newer one on the host of `{}`, and restart the runner: it goes on with what it has",
                runner.expected, runner.display_name
            )),
        }
    }
}

/// How an integration's executions end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateEvidence {
    /// What the integration was called.
    pub display_name: DisplayName,
    /// How its executions ended.
    pub tally: Tally,
    /// Within which time.
    pub window: Duration,
    /// At which error rate the incident opens.
    pub threshold: Percent,
    /// Below which it closes.
    pub recovery: Percent,
    /// What is wrong, the newest first. At most [`RateEvidence::ERRORS_MAX`].
    pub errors: Vec<ErrorSeen>,
}

impl RateEvidence {
    /// The most errors that are told.
    pub const ERRORS_MAX: usize = 3;
}

/// The newest error of a data type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorSeen {
    /// Of which data type.
    pub data_type: DataType,
    /// In which execution.
    pub execution: ExecutionId,
    /// When.
    pub at: Stamp,
    /// What.
    pub failure: Failure,
}

/// How a pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolEvidence {
    /// Which pool, as its organization calls it.
    pub pool: PoolName,
    /// The runner of it that was heard last, or that has come back; `None` when all that it had serve other pools now, or may not check
    /// in any more.
    pub last: Option<LastRunner>,
    /// How many enabled integrations of the organization rely on it.
    pub integrations: u32,
    /// How many of their executions are queued.
    pub executions: u32,
}

/// A runner, and when it was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRunner {
    /// Which.
    pub runner: RunnerId,
    /// What people call it.
    pub display_name: DisplayName,
    /// When it was heard last, or has checked in.
    pub heard: Stamp,
}

/// Which version a runner has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerEvidence {
    /// What people call it.
    pub display_name: DisplayName,
    /// Which pool it serves.
    pub pool: PoolName,
    /// Which version it has.
    pub version: SmolStr,
    /// The least release that the coordinator expects.
    pub expected: Release,
    /// When it checked in last.
    pub checked_in: Stamp,
}

/// Which runner is locked, since its key is used at two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneEvidence {
    /// What people call it.
    pub display_name: DisplayName,
    /// Which pool it served.
    pub pool: PoolName,
    /// Since when it is locked.
    pub locked: Stamp,
}
