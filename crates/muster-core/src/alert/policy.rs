//! What is told of pools and runners, and to whom.

use std::time::Duration;

use crate::words::{EmailAddress, Release, Version};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is told of pools and runners, and to whom: that of the whole coordinator. How long a pool may be without runners stands in the roster's limits,
/// which are of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who gets it by mail. While there is nobody, incidents open and close all the same.
    pub recipients: Vec<EmailAddress>,
    /// How often it is told again that a pool is offline; `None` for never.
    pub reminder: Option<Duration>,
    /// The least release that a runner should be of.
    pub release: Release,
    /// How long a runner may be of an older one: long enough to update all of them after the coordinator. One that has been away for as long is not
    /// waited for.
    pub outdated_after: Duration,
    /// The least version of which a runner must be to get work; `None` for any.
    pub runner_version_min: Option<Version>,
}

impl Default for Policy {
    /// Nobody is told; again once a day; any release will do, and otherwise there is a day to update.
    fn default() -> Self {
        Self {
            recipients: Vec::new(),
            reminder: Some(DAY),
            release: Release::default(),
            outdated_after: DAY,
            runner_version_min: None,
        }
    }
}
