//! The newest check of an integration, as its entity keeps it.

use crate::time::Stamp;
use crate::words::{Failure, Revision, RunnerId};

/// The newest check of an integration by a runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// When its result came.
    pub at: Stamp,
    /// By which runner.
    pub runner: RunnerId,
    /// Of which configuration.
    pub revision: Revision,
    /// Why the source could not be read; `None` when it could.
    pub failure: Option<Failure>,
    /// Since when checks fail and nothing else has shown that the source can be read; `None` when this counts for nothing any more: an execution has
    /// completed since, the configuration is another, or the integration was switched on anew.
    pub failing_since: Option<Stamp>,
}

impl Checked {
    /// What it says against the source, as long as that counts.
    #[must_use]
    pub fn trouble(&self) -> Option<&Failure> {
        self.failure.as_ref().filter(|_| self.failing_since.is_some())
    }
}
