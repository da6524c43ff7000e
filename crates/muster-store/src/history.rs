//! History: finished executions, written once, behind the journal.
//!
//! It is a projection of the journal: whoever feeds it hands in the ends of all batches in their order, and after a restart begins again behind
//! [`History::marked`], so that what a stop has cut off is put again. What is put twice that way is the same entry and counts once.
//!
//! Each integration has a tally of its entries, and all of them have one together. Were a tally written with every entry, putting would cost twice as much; so
//! they gather in memory and are written by [`History::checkpoint`]. A tally says through which batch it counts: after a restart an entry of a
//! later batch counts again, and one of an earlier batch does not. No entry has to be looked up for that.
//!
//! ```text
//! 0                            ->  tally of all entries; its stamp: through which batch it counts
//! 1                            ->  the mark; its stamp: through which batch everything is written, tallies too
//! 2 | integration              ->  tally of the integration's entries; its stamp as above
//! 3 | integration | execution  ->  a finished execution; its stamp: the batch that it ended in
//! ```

mod prune;
mod sums;
mod verify;

use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::words::{ExecutionId, IntegrationId, Sequence};

pub use self::prune::{PruneCursor, PruneStep};
use self::sums::State;
pub use self::verify::VerifyStep;
use crate::StoreError;
use crate::backend::{Backend, Direction, Tree};
use crate::value::{self, Assembler, Flaw};

/// How many entries go into one write of the engine: the committer's next batch waits for it.
const PUT_ENTRIES_MAX: usize = 128;

/// The most entries of a page.
pub const PAGE_ENTRIES_MAX: usize = 1_000;

/// The most bytes of an entry: a failure's message and remedy, a cursor's length, and as much again.
pub const ENTRY_BYTES_MAX: usize = 64 * 1024;

const ENTRY_PREFIX: u8 = 3;
const ENTRY_KEY_BYTES: usize = 1 + 16 + 16;

/// A finished execution, as it is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Whose it was.
    pub integration: IntegrationId,
    /// Which one. An execution ends once, so it is put by one batch only.
    pub execution: ExecutionId,
    /// The batch that it ended in.
    pub sequence: Sequence,
    /// What there is to say of it. At most [`ENTRY_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
}

/// A finished execution, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryView<'a> {
    /// Whose it was.
    pub integration: IntegrationId,
    /// Which one.
    pub execution: ExecutionId,
    /// The batch that it ended in.
    pub sequence: Sequence,
    /// What there is to say of it.
    pub bytes: &'a [u8],
}

/// The history of a shard. One thread puts, checkpoints and prunes; all may read.
pub struct History {
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
    /// Copies of what stands in the state, for those who must not wait while it is locked.
    absorbed: AtomicU64,
    marked: AtomicU64,
}

impl History {
    pub(crate) fn open(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        let state = State::read(&*backend)?;
        Ok(Self {
            backend,
            absorbed: AtomicU64::new(state.absorbed().0),
            marked: AtomicU64::new(state.marked().0),
            state: Mutex::new(state),
        })
    }

    /// Tells where the journal ended at the start: up to there entries may be there that no tally counts yet.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when history knows of batches that the journal does not have.
    pub(crate) fn recover(&self, anchor: Sequence, head: Sequence) -> Result<(), StoreError> {
        self.state().recover(anchor, head)
    }

    /// Puts the finished executions of all batches after [`History::absorbed`] up to and including `through`, in the order of their batches. All of a
    /// batch are put by one call. What was absorbed before is skipped, so a repeated call changes nothing. Durable with the next flush.
    ///
    /// `flushed` is how far the journal is: an entry must not get onto the disk before the event that made it.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when `through` is beyond `flushed`, or an entry is beyond `through` or too long. [`StoreError`] of the engine: then
    /// the process must stop.
    pub fn put(&self, flushed: Sequence, through: Sequence, entries: &[HistoryEntry]) -> Result<(), StoreError> {
        let mut state = self.state();
        if through <= state.absorbed() {
            return Ok(());
        }
        if through > flushed {
            return Err(StoreError::misuse(format!(
                "history was to absorb batch {through}, but batch {flushed} is the last flushed"
            )));
        }
        check(through, entries)?;
        let absorbed = state.absorbed();
        for some in entries.chunks(PUT_ENTRIES_MAX) {
            let mut changes = Vec::with_capacity(some.len());
            for entry in some.iter().filter(|entry| entry.sequence > absorbed) {
                state.count(&*self.backend, entry, &mut changes)?;
            }
            if !changes.is_empty() {
                self.backend.write(Tree::History, changes)?;
            }
        }
        state.absorb(through);
        self.absorbed.store(through.0, Ordering::Release);
        if state.is_crowded() {
            self.write_tallies(&mut state).map(drop)
        } else {
            Ok(())
        }
    }

    /// Through which batch history has taken everything; the next [`History::put`] goes on behind it.
    #[must_use]
    pub fn absorbed(&self) -> Sequence {
        Sequence(self.absorbed.load(Ordering::Acquire))
    }

    /// Writes the tallies. After the next flush everything through the returned batch is durable, and history does not need those batches of the
    /// journal any more. Costs as much as a put for each integration that had one since the last time.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub fn checkpoint(&self) -> Result<Sequence, StoreError> {
        self.write_tallies(&mut self.state())
    }

    /// The batch that the last [`History::checkpoint`] returned, also before a restart.
    #[must_use]
    pub fn marked(&self) -> Sequence {
        Sequence(self.marked.load(Ordering::Acquire))
    }

    /// Hands a finished execution to `visit`; returns what that returns, or `None` when there is no such execution.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn get<T>(
        &self,
        integration: IntegrationId,
        execution: ExecutionId,
        visit: impl FnOnce(HistoryView<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let key = entry_key(integration, execution);
        let (from, to) = (value::piece_key(&key, 0), value::piece_key(&key, u16::MAX));
        let mut visit = Some(visit);
        let mut found = None;
        let range = (Bound::Included(from.as_slice()), Bound::Included(to.as_slice()));
        self.entries(range, &mut |entry, _| {
            if let Some(visit) = visit.take() {
                found = Some(visit(entry)?);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Hands finished executions of an integration to `visit`, the newest first, until it breaks. Begins with the newest that is older than `before`;
    /// `None` begins with the newest of all. Whether the integration's history is complete is checked when it is read for the first time.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn newest_first(
        &self,
        integration: IntegrationId,
        before: Option<ExecutionId>,
        visit: &mut dyn FnMut(HistoryView<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        self.verify_at_first_read(integration)?;
        let from = entry_key(integration, ExecutionId(0));
        let to = match before {
            Some(before) => entry_key(integration, before).to_vec(),
            None => value::piece_key(&entry_key(integration, ExecutionId(u128::MAX)), u16::MAX),
        };
        // Pieces come with the last one first: they wait until the first one is there.
        let mut waiting: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut assembler = Assembler::default();
        let range = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        self.backend
            .scan(Tree::History, range, Direction::Backward, &mut |key, piece| {
                if value::split_key(key).is_some_and(|(_, ordinal)| ordinal > 0) {
                    waiting.push((key.to_vec(), piece.to_vec()));
                    return Ok(ControlFlow::Continue(()));
                }
                let broken = |flaw: Flaw| flaw.into_error(&subject(key), place(integration));
                if waiting.is_empty() {
                    let whole = assembler.feed(key, piece).map_err(broken)?;
                    return match whole.and_then(|whole| view(whole.key, whole.stamp, whole.body)) {
                        Some(entry) => visit(entry),
                        None => Err(broken(Flaw::Broken("lacks its last pieces"))),
                    };
                }
                assembler.feed(key, piece).map_err(broken)?;
                while let Some((key, piece)) = waiting.pop() {
                    let is_last = waiting.is_empty();
                    if let Some(whole) = assembler.feed(&key, &piece).map_err(broken)?
                        && is_last
                        && let Some(entry) = view(whole.key, whole.stamp, whole.body)
                    {
                        return visit(entry);
                    }
                }
                Err(broken(Flaw::Broken("lacks its last pieces")))
            })?;
        match waiting.last() {
            Some((key, _)) => Err(Flaw::Broken("lacks its first piece").into_error(&subject(key), place(integration))),
            None => Ok(()),
        }
    }

    /// Hands all finished executions to `visit`, by integration and then from the oldest on, until it breaks. Begins behind `after`; `None` begins with
    /// the first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn scan(
        &self,
        after: Option<(IntegrationId, ExecutionId)>,
        visit: &mut dyn FnMut(HistoryView<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let from = match after {
            Some((integration, execution)) => value::piece_key(&entry_key(integration, execution), u16::MAX),
            None => vec![ENTRY_PREFIX],
        };
        self.entries((Bound::Excluded(&from), Bound::Unbounded), &mut |entry, _| visit(entry))
    }

    /// Puts the entries of a range of keys together; `visit` also gets each entry's checksum.
    fn entries(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        visit: &mut dyn FnMut(HistoryView<'_>, u32) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut assembler = Assembler::default();
        self.backend
            .scan(Tree::History, range, Direction::Forward, &mut |key, piece| {
                let broken = |flaw: Flaw| flaw.into_error(&subject(key), "history");
                let Some(whole) = assembler.feed(key, piece).map_err(broken)? else {
                    return Ok(ControlFlow::Continue(()));
                };
                let entry = view(whole.key, whole.stamp, whole.body)
                    .ok_or(Flaw::Broken("has a key that is no execution's"))
                    .map_err(broken)?;
                visit(entry, whole.checksum)
            })?;
        match assembler.unfinished() {
            Some(key) => Err(Flaw::Broken("lacks its last pieces").into_error(&subject(key), "history")),
            None => Ok(()),
        }
    }

    fn write_tallies(&self, state: &mut State) -> Result<Sequence, StoreError> {
        let marked = state.checkpoint(&*self.backend)?;
        self.marked.store(marked.0, Ordering::Release);
        Ok(marked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic with the lock held comes from a fault of ours in counting; what is read is verified, so going on shows it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(through: Sequence, entries: &[HistoryEntry]) -> Result<(), StoreError> {
    for entry in entries {
        let (execution, sequence, bytes) = (entry.execution, entry.sequence, entry.bytes.len());
        if sequence > through {
            return Err(StoreError::misuse(format!(
                "execution {execution} of batch {sequence} was put with those through {through}"
            )));
        }
        if bytes > ENTRY_BYTES_MAX {
            return Err(StoreError::misuse(format!(
                "execution {execution} has {bytes} bytes; the most is {ENTRY_BYTES_MAX}"
            )));
        }
    }
    Ok(())
}

fn entry_key(integration: IntegrationId, execution: ExecutionId) -> [u8; ENTRY_KEY_BYTES] {
    let mut key = [ENTRY_PREFIX; ENTRY_KEY_BYTES];
    key[1..17].copy_from_slice(&integration.to_bytes());
    key[17..].copy_from_slice(&execution.to_bytes());
    key
}

/// An entry's key, also with the number of a piece behind it, as the two ids.
fn ids(key: &[u8]) -> Option<(IntegrationId, ExecutionId)> {
    let (integration, rest) = key.strip_prefix(&[ENTRY_PREFIX])?.split_first_chunk::<16>()?;
    let (execution, _) = rest.split_first_chunk::<16>()?;
    Some((
        IntegrationId::from_bytes(*integration),
        ExecutionId::from_bytes(*execution),
    ))
}

fn view<'a>(key: &[u8], stamp: u64, body: &'a [u8]) -> Option<HistoryView<'a>> {
    let (integration, execution) = ids(key).filter(|_| key.len() == ENTRY_KEY_BYTES)?;
    Some(HistoryView {
        integration,
        execution,
        sequence: Sequence(stamp),
        bytes: body,
    })
}

/// An entry in a message.
fn subject(key: &[u8]) -> String {
    ids(key).map_or_else(
        || "an entry".to_owned(),
        |(_, execution)| format!("execution {execution}"),
    )
}

/// Where an integration's damage is said to be.
fn place(integration: IntegrationId) -> String {
    format!("history of integration {integration}")
}

#[cfg(test)]
mod tests;
