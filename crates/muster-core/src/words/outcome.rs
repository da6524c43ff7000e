//! How an execution ended.

use std::fmt;

use super::Failure;

/// How much was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records.
    pub records: u64,
    /// Their bytes as JSON lines, before compression.
    pub bytes: u64,
}

/// Where an incremental collection goes on: opaque text that only the connector reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Box<str>);

/// A cursor that is too long to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cursor has {bytes} bytes: at most {} are kept, so the connector must make it smaller",
    Cursor::BYTES_MAX
)]
pub struct CursorError {
    /// How many it has.
    pub bytes: usize,
}

impl Cursor {
    /// The most bytes of a cursor: it is kept in the journal.
    pub const BYTES_MAX: usize = 16 * 1024;

    /// The cursor of this text.
    ///
    /// # Errors
    /// [`CursorError`] when it is longer than [`Cursor::BYTES_MAX`].
    pub fn new(text: impl Into<String>) -> Result<Self, CursorError> {
        let text = text.into();
        if text.len() > Self::BYTES_MAX {
            return Err(CursorError { bytes: text.len() });
        }
        Ok(Self(text.into()))
    }

    /// The connector's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something that a good end has to say, so that a failure is not taken for a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// No records, where the collection before had some.
    ZeroRecords {
        /// How many it had.
        before: u64,
    },
    /// Less than half of the records that the collection before had.
    FewerRecords {
        /// How many it had.
        before: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroRecords { before } => {
                write!(
                    f,
                    "no records, where the collection before had {before}: check what the source shows to this integration"
                )
            }
            Self::FewerRecords { before } => {
                write!(
                    f,
                    "less than half of the {before} records that the collection before had: check what the source shows to this integration"
                )
            }
        }
    }
}

/// The final outcome of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All was collected, and has landed.
    Completed {
        /// How much.
        counts: Counts,
        /// What there is to say about it all the same.
        warning: Option<Warning>,
    },
    /// It has failed for good.
    Error(Failure),
}

impl Outcome {
    /// Why it has failed; `None` when it has not.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Completed { .. } => None,
            Self::Error(failure) => Some(failure),
        }
    }
}
