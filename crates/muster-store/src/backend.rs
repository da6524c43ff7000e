//! What the store asks of an engine: ordered trees of small values, in bytes. Everything that has a meaning is built on
//! top of it.

use std::ops::{Bound, ControlFlow};

use crate::StoreError;

/// The most bytes of one value. A page of sled's above a quarter of its segment (512 KiB / 4) becomes a file of its own
/// that sled never syncs; its leaves hold at most 16 values, so values of this size stay far below.
pub const VALUE_BYTES_MAX: usize = 4 * 1024;

/// The trees of a store. Each is an ordered map of its own; a write is atomic within one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// What the store knows about itself.
    Meta,
    /// Commit batches.
    Journal,
    /// Entities of the ledger.
    Records,
    /// Finished executions.
    History,
    /// Log lines of executions.
    LogLines,
    /// Entries of audit logs.
    Audit,
}

impl Tree {
    /// All trees, in the order of their declaration: `ALL[tree as usize] == tree`.
    pub const ALL: [Self; 6] = [
        Self::Meta,
        Self::Journal,
        Self::Records,
        Self::History,
        Self::LogLines,
        Self::Audit,
    ];

    /// Its name in the engine and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Journal => "journal",
            Self::Records => "records",
            Self::History => "history",
            Self::LogLines => "log lines",
            Self::Audit => "audit logs",
        }
    }
}

/// One change of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this value from now on.
    Put {
        /// The key.
        key: Vec<u8>,
        /// Its value: at most [`VALUE_BYTES_MAX`] bytes.
        value: Vec<u8>,
    },
    /// The key is no more. Removing what is not there changes nothing.
    Remove {
        /// The key.
        key: Vec<u8>,
    },
}

/// The keys that a scan visits.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// In which order a scan visits them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the least key.
    Forward,
    /// From the greatest key.
    Backward,
}

/// What a visitor says: it wants more, it has enough (`Break`), or it has failed, which ends the visit with its error.
pub type Flow = Result<ControlFlow<()>, StoreError>;

/// What a scan does with a key and its value.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Flow + 'a;

/// An engine. All of its methods may be called from any thread at any time.
pub trait Backend: Send + Sync + 'static {
    /// Makes all of the changes or none of them; keys must be distinct. Readers see them at once; they survive a power
    /// cut only after a [`Backend::flush`] that begins later, and no later write survives without the earlier ones.
    ///
    /// # Errors
    /// [`StoreError`] of the engine; then nothing is known about what will be found after the next start.
    fn write(&self, tree: Tree, changes: Vec<Change>) -> Result<(), StoreError>;

    /// The value of `key`; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the keys of `range` in order. `visit` must not call the engine. Writes that happen meanwhile may be seen
    /// or not.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or what `visit` returned.
    fn scan(
        &self,
        tree: Tree,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError>;

    /// Returns once every write that returned before this call survives a power cut.
    ///
    /// # Errors
    /// [`StoreError`] of the engine; then none of those writes may be told to anybody.
    fn flush(&self) -> Result<(), StoreError>;

    /// Keeps `note` outside of the trees, in place of the one before. It is not made durable (it need not be: a power
    /// cut may bring back an earlier one), but it survives the process.
    ///
    /// # Errors
    /// [`StoreError`] of the file system.
    fn keep_note(&self, note: &Note) -> Result<(), StoreError>;

    /// The note that was kept; `None` when none ever was.
    ///
    /// # Errors
    /// [`StoreError`], also when it cannot be read any more.
    fn note(&self) -> Result<Option<Note>, StoreError>;
}

/// A few bytes that an engine keeps apart from the trees. The journal notes its head here, so that an engine that
/// silently loses its latest writes is found out.
pub type Note = [u8; 40];
