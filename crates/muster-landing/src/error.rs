//! What can go wrong with the landing.

use std::io;
use std::path::PathBuf;

use muster_core::words::{Counts, StagedId};

use super::LINE_BYTES_MAX;

/// Why the landing could not do what was asked. Everything but [`LandingError::Damaged`] may be gone when it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum LandingError {
    /// The folder can't be made, opened or written to.
    #[error("the landing {} can't be used: make it a folder in which this process may write", .folder.display())]
    Unusable {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the landing {} is open in another process: stop that one, or give this one a folder of its own", .folder.display())]
    InUse {
        /// Which folder.
        folder: PathBuf,
    },
    /// The file system said no.
    #[error("the landing can't {doing} {what}: check its free space, its permissions and the disk")]
    Folder {
        /// What was being done, such as `list`.
        doing: &'static str,
        /// To what.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The object store said no.
    #[error("the landing can't {doing} {what}: check its free space, its permissions and its reachability")]
    Store {
        /// What was being done, such as `read`.
        doing: &'static str,
        /// To what.
        what: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// A file is there, but not as it was written.
    #[error("{what} in the landing is damaged ({reason}): collect again, and check the disk")]
    Damaged {
        /// Which file.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The process is about to end, or the work panicked.
    #[error("the landing's work was interrupted: try again")]
    Interrupted {
        /// How it ended.
        source: tokio::task::JoinError,
    },
}

/// Why records were not staged. The stage is of no use after any of these: drop it.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The sender's fault: a line is no record.
    #[error("line {number} of the upload {fault}")]
    Line {
        /// Which line, counted from 1 over the whole upload.
        number: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// A newer upload of the same attempt has taken its place, or the attempt was discarded.
    #[error(
        "a newer upload of the same attempt has taken the place of this one, or the attempt has ended: stop this one"
    )]
    Replaced,
    /// An earlier write has failed, or was dropped before its end.
    #[error("an earlier write of this upload was not completed: upload again from the start")]
    Broken,
    /// The landing's fault.
    #[error(transparent)]
    Landing(#[from] LandingError),
}

/// Why a line is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// There is nothing on it.
    #[error("is empty: send one JSON object a line")]
    Empty,
    /// It does not end.
    #[error("does not end with a line feed: send whole lines, each ended by one")]
    Unended,
    /// It is too long.
    #[error(
        "has {bytes} bytes with its line feed: at most {} are allowed, so split the record or leave out what is not needed",
        LINE_BYTES_MAX
    )]
    TooLong {
        /// How many it has, with its line feed.
        bytes: usize,
    },
    /// It is not UTF-8.
    #[error("is not UTF-8 from its byte {byte} on: send JSON in UTF-8")]
    NotUtf8 {
        /// The first wrong byte, counted from 1.
        byte: usize,
    },
    /// It is no JSON object.
    #[error("is no JSON object ({reason}, near its byte {byte}): send one JSON object a line")]
    NotAnObject {
        /// What the parser says.
        reason: String,
        /// Where, counted from 1.
        byte: usize,
    },
}

/// Why staged records are not visible.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// They never will be.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// Not yet: publish again later.
    #[error(transparent)]
    Transient(LandingError),
}

/// Why staged records can never become visible.
#[derive(Debug, thiserror::Error)]
pub enum Impossible {
    /// They are not there.
    #[error("the staged records {} are gone: collect again", .0.0)]
    Gone(StagedId),
    /// They are not what was uploaded.
    #[error("the staged records {} are damaged ({reason}): collect again, and check the disk", .id.0)]
    Damaged {
        /// Which.
        id: StagedId,
        /// What is wrong with them.
        reason: String,
    },
    /// They are whole, but others than the ledger committed to.
    #[error(
        "the staged records {} are {} records ({} bytes) of {found}, but {} records ({} bytes) of {wanted} were committed to: collect again",
        .id.0, .there.records, .there.bytes, .committed.records, .committed.bytes
    )]
    Foreign {
        /// Which.
        id: StagedId,
        /// How much there is.
        there: Counts,
        /// How much there should be.
        committed: Counts,
        /// To what they belong.
        found: String,
        /// To what they should.
        wanted: String,
    },
    /// Other records of the execution are already visible.
    #[error("other records of the execution have already been published from {}: these ({}) are not needed", .by.0, .id.0)]
    Occupied {
        /// What was to be published.
        id: StagedId,
        /// What is.
        by: StagedId,
    },
}
