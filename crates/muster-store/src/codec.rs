//! The disk's own messages, and the one place where each of them becomes a type of the domain and back.
//!
//! Rules, so that a later version reads what this one has written:
//! - a field keeps its number and its meaning for ever; a new field gets a new number, and its absence means what was
//!   true before it;
//! - a number that is no longer used is never used again;
//! - a kind of event, a status or a reason that this version does not know is an error, never skipped: an old
//!   coordinator must not run a newer ledger.
//!
//! `tests/golden/` holds bytes of every message as earlier versions wrote them; see its `README.md`.

mod access;
mod alert;
pub(crate) mod audit;
mod description;
pub(crate) mod event;
mod evidence;
pub(crate) mod history;
mod identity;
pub(crate) mod log_line;
mod organization;
pub(crate) mod record;
mod seal;
mod word;

use crate::StoreError;

/// Why bytes are no message of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodecError {
    /// They are no such message, although their checksum matches.
    Wrong(String),
    /// They have something in them that a later version has invented.
    Unknown(&'static str),
}

impl CodecError {
    /// The error that a reader of `place` returns: "batch 17".
    pub(crate) fn into_error(self, place: impl Into<String>) -> StoreError {
        match self {
            Self::Wrong(what) => StoreError::damaged(what, place),
            Self::Unknown(what) => StoreError::Format {
                place: place.into(),
                found: format!("newer than this version (an unknown {what})"),
                known: crate::folder::FORMAT,
            },
        }
    }
}

impl From<prost::DecodeError> for CodecError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Wrong(format!("a message cannot be decoded: {error}"))
    }
}

/// A field that must be there.
fn required<T>(field: Option<T>, name: &'static str) -> Result<T, CodecError> {
    field.ok_or_else(|| CodecError::Wrong(format!("a message lacks its {name}")))
}

/// A field whose text or number the domain has to judge.
fn judged<T, E: std::fmt::Display>(result: Result<T, E>, name: &'static str) -> Result<T, CodecError> {
    result.map_err(|error| CodecError::Wrong(format!("a message has a wrong {name}: {error}")))
}
