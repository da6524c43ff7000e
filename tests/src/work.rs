//! What a runner was given, and what it may say about it.

use bytes::Bytes;
use muster_proto::v1;
use muster_proto::v1::report::Kind;
use uuid::Uuid;

/// An attempt at an execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Work {
    /// The execution.
    pub execution: Bytes,
    /// The attempt.
    pub attempt: u32,
}

impl Work {
    /// The id of the execution, as names have it.
    ///
    /// # Panics
    /// When the coordinator has sent something else than an id.
    #[must_use]
    pub fn id(&self) -> String {
        let id = Uuid::from_slice(&self.execution).expect("an id has 16 bytes");
        id.hyphenated().to_string()
    }

    /// The same execution, another attempt.
    #[must_use]
    pub fn attempt(&self, attempt: u32) -> Self {
        Self {
            execution: self.execution.clone(),
            attempt,
        }
    }

    /// A report on it.
    #[must_use]
    pub fn report(&self, kind: Kind) -> v1::Report {
        v1::Report {
            execution_id: self.execution.clone(),
            attempt: self.attempt,
            kind: Some(kind),
        }
    }

    /// The report that it has arrived.
    #[must_use]
    pub fn accepted(&self) -> v1::Report {
        self.report(Kind::Accepted(v1::Accepted {}))
    }

    /// The report that it has begun.
    #[must_use]
    pub fn started(&self) -> v1::Report {
        self.report(Kind::Started(v1::Started {}))
    }

    /// The report that it has ended well, with what was staged; with nothing when that is `None`.
    #[must_use]
    pub fn completed(&self, staged: Option<v1::Counts>) -> v1::Report {
        self.report(Kind::Completed(v1::Completed {
            counts: Some(staged.unwrap_or_default()),
            cursor: None,
            staged: staged.is_some(),
        }))
    }

    /// The report that it has failed.
    #[must_use]
    pub fn failed(&self, failure: v1::Failure) -> v1::Report {
        self.report(Kind::Failed(failure))
    }

    pub(crate) fn held(&self) -> v1::HeldAttempt {
        v1::HeldAttempt {
            execution_id: self.execution.clone(),
            attempt: self.attempt,
        }
    }
}

impl From<&v1::Assignment> for Work {
    fn from(assignment: &v1::Assignment) -> Self {
        Self {
            execution: assignment.execution_id.clone(),
            attempt: assignment.attempt,
        }
    }
}
