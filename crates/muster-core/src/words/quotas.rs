//! How much an organization may have.

use std::fmt;

/// How much an organization may have of each thing. `None` is no limit of its own: the coordinator's limits for everybody still hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Integrations, whatever their state.
    pub integrations: Option<u32>,
    /// Runners that have ever checked in, and were not removed since.
    pub runners: Option<u32>,
    /// Executions that are open at the same time: queued, claimed, or being carried out.
    pub open_executions: Option<u32>,
    /// Uploads of records that begin within a second, on average.
    pub uploads_per_second: Option<u32>,
    /// MiB of the landing's disk that published records take.
    pub records_mib: Option<u32>,
}

impl Quotas {
    /// No limits: what the coordinator's first organization has.
    pub const NONE: Self = Self {
        integrations: None,
        runners: None,
        open_executions: None,
        uploads_per_second: None,
        records_mib: None,
    };
}

impl Default for Quotas {
    /// What an organization gets that is created without a word about it.
    fn default() -> Self {
        Self {
            integrations: Some(10_000),
            runners: Some(1_000),
            open_executions: Some(30_000),
            uploads_per_second: Some(100),
            records_mib: Some(100 * 1024),
        }
    }
}

/// Names one of the [`Quotas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quota {
    /// See [`Quotas::integrations`].
    Integrations,
    /// See [`Quotas::runners`].
    Runners,
    /// See [`Quotas::open_executions`].
    OpenExecutions,
    /// See [`Quotas::records_mib`].
    RecordsMib,
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integrations => "integrations",
            Self::Runners => "runners",
            Self::OpenExecutions => "open executions",
            Self::RecordsMib => "MiB of records",
        })
    }
}
