//! The states of integrations and executions as people see them.

use std::fmt;

use super::{Principal, Revision};
use crate::time::Stamp;

/// The status of an execution, as a person sees it. What the coordinator itself keeps is [`Phase`](crate::entity::Phase).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutionStatus {
    /// Queued; stays so until a runner of its pool has checked in and claimed it.
    Created,
    /// Claimed by a runner.
    Pending,
    /// The runner is communicating with the platform.
    Executing,
    /// Ended well.
    Completed,
    /// Ended badly.
    Error,
}

impl ExecutionStatus {
    /// Whether it will change again.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Created | Self::Pending | Self::Executing => true,
            Self::Completed | Self::Error => false,
        }
    }

    /// Its name, as people read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Pending => "Pending",
            Self::Executing => "Executing",
            Self::Completed => "Completed",
            Self::Error => "Error",
        }
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The status of an integration, as a person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigurationStatus {
    /// Operating normally and collecting.
    Active,
    /// The coordinator or a runner had an error with the source.
    Error,
    /// Switched off by a person, or a draft that is not yet activated.
    Disabled,
}

impl fmt::Display for ConfigurationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "Active",
            Self::Error => "Error",
            Self::Disabled => "Disabled",
        })
    }
}

/// Whether an integration collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enablement {
    /// Saved, and never activated so far.
    Draft,
    /// It collects.
    Enabled,
    /// Switched off by a person.
    Disabled,
}

/// Why an execution was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The schedule: the nominal time, and the revision of the schedule that it belongs to.
    Schedule {
        /// The time on the interval's grid.
        nominal: Stamp,
        /// Which of the data type's schedules.
        revision: Revision,
    },
    /// The integration was activated: the first collection does not wait for the schedule.
    Activation,
    /// Somebody asked for it.
    RunNow(Principal),
}
