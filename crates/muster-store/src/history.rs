//! History: finished executions, written once, behind the journal.
//!
//! It is a projection of the journal: whoever feeds it hands in the ends of all batches in their order, and after a
//! restart begins again behind [`History::marked`], so that what a stop has cut off is put again. What is put twice
//! that way is the same entry and counts once.
//!
//! An entry's key is the execution's id alone. Ids are time-ordered, so entries go to the end of the tree, which costs
//! less than half of putting them all over it (measured: 10 µs of processor against 25 µs, with 50,000 integrations).
//! What makes "newest first of this integration" a range, and each integration's tally, gather in memory and are
//! written by [`History::checkpoint`], many entries at a time.
//!
//! A tally says through which batch it counts: after a restart an entry of a later batch counts again, and one of an
//! earlier batch does not. No entry has to be looked up for that.
//!
//! ```text
//! 0                         ->  tally of all entries; its stamp: through which batch it counts
//! 1                         ->  the mark; its stamp: through which batch everything is written, tallies and hours too
//! 2 | execution             ->  a finished execution: its integration, and what there is to say;
//!                               its stamp: the batch that it ended in
//! 3 | integration           ->  tally of the integration's entries; its stamp as above
//! 4 | integration | hour    ->  the ids of its executions that were created in that hour (since the epoch), in order
//! ```

mod hours;
mod pass;
mod prune;
mod sums;
mod verify;

use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::words::{ExecutionId, IntegrationId, Sequence};
use muster_failpoint::failpoint;

pub use self::prune::{PruneCursor, PruneStep};
use self::sums::{SUM_PREFIX, State, sum_integration, sum_key};
pub use self::verify::VerifyStep;
use crate::StoreError;
use crate::backend::{Backend, Direction, Flow, Tree};
use crate::tally::{Tally, fingerprint};
use crate::value::{self, Assembler, Flaw};

/// The most entries of a page: a thousand, and the one that tells that there are more.
pub const PAGE_ENTRIES_MAX: usize = 1_001;

/// The most bytes of an entry: a failure's message and remedy, and as much again several times over.
pub const ENTRY_BYTES_MAX: usize = 64 * 1024;

const ENTRY_PREFIX: u8 = 2;
const ENTRY_KEY_BYTES: usize = 1 + 16;

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

/// Where a checkpoint that is made step by step goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointCursor {
    through: Sequence,
    next: IntegrationId,
    /// How many integrations are left, about: puts go on meanwhile.
    pub left: usize,
}

/// The history of a shard. One thread puts, checkpoints and prunes; all may read.
pub struct History {
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
    /// Held over all the writes of a put, a checkpoint or a pruning; the state is locked for one write of theirs at a
    /// time.
    writing: Mutex<()>,
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
            writing: Mutex::new(()),
        })
    }

    /// Tells where the journal begins and ended at the start: up to there entries may be there that no tally counts
    /// yet.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when history knows of batches that the journal does not have, or lacks some that the
    /// journal has no more.
    pub(crate) fn recover(&self, anchor: Sequence, head: Sequence) -> Result<(), StoreError> {
        self.state().recover(anchor, head)
    }

    /// Puts an entry as it was put before, in any order. All are to be put before [`History::end_restoring`].
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub(crate) fn restore(&self, entry: &HistoryEntry) -> Result<(), StoreError> {
        let _writing = self.writing();
        let mut state = self.state();
        let mut changes = Vec::with_capacity(1);
        state.count(&*self.backend, entry, &mut changes)?;
        self.backend.write(Tree::History, changes)?;
        if state.is_crowded() {
            let mut next = Some(IntegrationId(0));
            while let Some(from) = next {
                next = state.write_some(&*self.backend, from)?.next;
            }
        }
        Ok(())
    }

    /// Everything through this batch was put.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub(crate) fn end_restoring(&self, through: Sequence) -> Result<(), StoreError> {
        let _writing = self.writing();
        self.state().absorb(through);
        self.absorbed.store(through.0, Ordering::Release);
        self.write_gathered().map(drop)
    }

    /// Puts the finished executions of all batches after [`History::absorbed`] up to and including `through`, in the
    /// order of their batches. All of a batch are put by one call. What was absorbed before is skipped, so a repeated
    /// call changes nothing. Durable with the next flush.
    ///
    /// `flushed` is how far the journal is: an entry must not get onto the disk before the event that made it.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when `through` is beyond `flushed`, or an entry is beyond `through` or too long.
    /// [`StoreError`] of the engine: then the process must stop.
    pub fn put(&self, flushed: Sequence, through: Sequence, entries: &[HistoryEntry]) -> Result<(), StoreError> {
        let _writing = self.writing();
        let absorbed = self.absorbed();
        if through <= absorbed {
            return Ok(());
        }
        if through > flushed {
            let what = format!("history was to absorb batch {through}, but batch {flushed} is the last flushed");
            return Err(StoreError::misuse(what));
        }
        check(through, entries)?;
        for entry in entries.iter().filter(|entry| entry.sequence > absorbed) {
            let mut state = self.state();
            let mut changes = Vec::with_capacity(1);
            state.count(&*self.backend, entry, &mut changes)?;
            if !changes.is_empty() {
                failpoint!("history-put");
                self.backend.write(Tree::History, changes)?;
                failpoint!("history-putting");
            }
        }
        let is_crowded = {
            let mut state = self.state();
            state.absorb(through);
            self.absorbed.store(through.0, Ordering::Release);
            state.is_crowded()
        };
        if is_crowded {
            self.write_gathered().map(drop)
        } else {
            Ok(())
        }
    }

    /// Through which batch history has taken everything; the next [`History::put`] goes on behind it.
    #[must_use]
    pub fn absorbed(&self) -> Sequence {
        Sequence(self.absorbed.load(Ordering::Acquire))
    }

    /// Writes what has gathered: tallies and hours. After the next flush everything through the returned batch is
    /// durable, and history does not need those batches of the journal any more. Costs some four times as much as a put
    /// for each integration that had one since the last time. It is also made by a put when too much has gathered.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub fn checkpoint(&self) -> Result<Sequence, StoreError> {
        let _writing = self.writing();
        self.write_gathered()
    }

    /// Begins a checkpoint that is made step by step, so that it can be spread over time; `None` when nothing was put
    /// since the last one. Puts go on in between: what they bring may be written too, and counts for the next one.
    #[must_use]
    pub fn begin_checkpoint(&self) -> Option<CheckpointCursor> {
        let through = self.absorbed();
        (through != self.marked()).then(|| CheckpointCursor {
            through,
            next: IntegrationId(0),
            left: self.state().gathered(),
        })
    }

    /// Goes on with a checkpoint, for some integrations; returns where the next step goes on, `None` when it is made.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub fn checkpoint_step(&self, mut cursor: CheckpointCursor) -> Result<Option<CheckpointCursor>, StoreError> {
        let _writing = self.writing();
        let step = self.state().write_some(&*self.backend, cursor.next)?;
        failpoint!("tallies-part");
        cursor.left = cursor.left.saturating_sub(step.integrations);
        if let Some(next) = step.next {
            cursor.next = next;
            return Ok(Some(cursor));
        }
        failpoint!("tallies-unmarked");
        let marked = self.state().write_mark(&*self.backend, cursor.through)?;
        self.marked.store(marked.0, Ordering::Release);
        failpoint!("tallies-marked");
        Ok(None)
    }

    /// The batch that the last [`History::checkpoint`] returned, also before a restart.
    #[must_use]
    pub fn marked(&self) -> Sequence {
        Sequence(self.marked.load(Ordering::Acquire))
    }

    /// Hands a finished execution to `visit`; returns what that returns, or `None` when the integration has no such
    /// execution.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn get<T>(
        &self,
        integration: IntegrationId,
        execution: ExecutionId,
        visit: impl FnOnce(HistoryView<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.find(execution, |entry| {
            (entry.integration == integration).then(|| visit(entry)).transpose()
        })
        .map(Option::flatten)
    }

    /// As [`History::get`], for a caller who does not know the integration.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn find<T>(
        &self,
        execution: ExecutionId,
        visit: impl FnOnce(HistoryView<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let broken = |flaw: Flaw| flaw.into_error(&format!("execution {execution}"), "history");
        let Some(value) = value::read(&*self.backend, Tree::History, &entry_key(execution), broken)? else {
            return Ok(None);
        };
        let entry = view(execution, value.stamp, &value.body).ok_or_else(|| broken(Flaw::Broken("is too short")))?;
        visit(entry).map(Some)
    }

    /// Hands the newest `limit` finished executions of an integration that are older than `before` (`None`: of all) to
    /// `visit`, newest first. Whether the integration's history is complete is checked when it is read for the first
    /// time.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn newest_first(
        &self,
        integration: IntegrationId,
        before: Option<ExecutionId>,
        limit: usize,
        visit: &mut dyn FnMut(HistoryView<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.verify_at_first_read(integration)?;
        let executions = self.state().newest(&*self.backend, integration, before, limit)?;
        for execution in executions {
            match self.get(integration, execution, &mut *visit) {
                Ok(Some(())) => {}
                // It may have been pruned since its id was read.
                other => {
                    if self.state().has(&*self.backend, integration, execution)? {
                        other?;
                        return Err(missing(integration, execution));
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands the newest `limit` finished executions of all integrations that are older than `before` (`None`: of all) to
    /// `visit`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn newest_of_all(
        &self,
        before: Option<ExecutionId>,
        limit: usize,
        visit: &mut dyn FnMut(HistoryView<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let end = before.map_or_else(|| vec![ENTRY_PREFIX + 1], |before| entry_key(before).to_vec());
        let mut executions = Vec::new();
        self.backend.scan(
            Tree::History,
            (Bound::Included(&[ENTRY_PREFIX]), Bound::Excluded(&end)),
            Direction::Backward,
            &mut |key, _| {
                let found = value::split_key(key).filter(|(_, piece)| *piece == 0);
                executions.extend(found.and_then(|(key, _)| execution_of(key)));
                Ok(if executions.len() < limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                })
            },
        )?;
        for execution in executions.into_iter().take(limit) {
            // `None`: it has been pruned since its id was read.
            self.find(execution, &mut *visit)?;
        }
        Ok(())
    }

    /// Whether there is such an entry, whole or not.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub fn has(&self, execution: ExecutionId) -> Result<bool, StoreError> {
        let first = value::piece_key(&entry_key(execution), 0);
        Ok(self.backend.get(Tree::History, &first)?.is_some())
    }

    /// What all entries must add up to.
    #[must_use]
    pub fn total(&self) -> Tally {
        self.state().expected_total()
    }

    /// Hands all entries to `visit`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or what `visit` returns.
    pub fn each(&self, visit: &mut dyn FnMut(HistoryView<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.entries(Bound::Included(&[ENTRY_PREFIX]), &mut |entry, _| {
            visit(entry).map(ControlFlow::Continue)
        })
    }

    /// Puts the entries from a key on together; `visit` also gets each entry's fingerprint.
    fn entries(
        &self,
        from: Bound<&[u8]>,
        visit: &mut dyn FnMut(HistoryView<'_>, u64) -> Flow,
    ) -> Result<(), StoreError> {
        let mut assembler = Assembler::default();
        let end = [ENTRY_PREFIX + 1];
        self.backend.scan(
            Tree::History,
            (from, Bound::Excluded(&end)),
            Direction::Forward,
            &mut |key, piece| {
                let broken = |flaw: Flaw| flaw.into_error(&subject(key), "history");
                let Some(whole) = assembler.feed(key, piece).map_err(broken)? else {
                    return Ok(ControlFlow::Continue(()));
                };
                let execution = execution_of(whole.key)
                    .ok_or(Flaw::Broken("has a wrong key"))
                    .map_err(broken)?;
                let entry = view(execution, whole.stamp, whole.body)
                    .ok_or(Flaw::Broken("is too short"))
                    .map_err(broken)?;
                visit(entry, fingerprint(whole.key, whole.checksum))
            },
        )?;
        match assembler.unfinished() {
            Some(key) => Err(Flaw::Broken("lacks its last pieces").into_error(&subject(key), "history")),
            None => Ok(()),
        }
    }

    /// The integrations from `from` on that have a written tally, at most so many, and the one to go on with.
    fn written_integrations(
        &self,
        from: IntegrationId,
        most: usize,
    ) -> Result<(Vec<IntegrationId>, Option<IntegrationId>), StoreError> {
        let (first, last) = (sum_key(from), [SUM_PREFIX + 1]);
        let mut found = Vec::new();
        let mut next = None;
        let range = (Bound::Included(&first[..]), Bound::Excluded(&last[..]));
        self.backend
            .scan(Tree::History, range, Direction::Forward, &mut |key, _| {
                let Some(integration) = sum_integration(key) else {
                    return Ok(ControlFlow::Continue(()));
                };
                if found.len() == most {
                    next = Some(integration);
                    return Ok(ControlFlow::Break(()));
                }
                found.push(integration);
                Ok(ControlFlow::Continue(()))
            })?;
        Ok((found, next))
    }

    fn write_gathered(&self) -> Result<Sequence, StoreError> {
        let through = self.absorbed();
        if through == self.marked() {
            return Ok(through);
        }
        let mut next = Some(IntegrationId(0));
        while let Some(from) = next {
            // There may be tens of thousands of integrations, and readers have their turn in between.
            next = self.state().write_some(&*self.backend, from)?.next;
        }
        let marked = self.state().write_mark(&*self.backend, through)?;
        self.marked.store(marked.0, Ordering::Release);
        Ok(marked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic with the lock held comes from a fault of ours in counting; what is read is verified, so going on
        // shows it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(through: Sequence, entries: &[HistoryEntry]) -> Result<(), StoreError> {
    for entry in entries {
        let (execution, sequence, bytes) = (entry.execution, entry.sequence, entry.bytes.len());
        if sequence > through {
            let what = format!("execution {execution} of batch {sequence} was put with those through {through}");
            return Err(StoreError::misuse(what));
        }
        if bytes > ENTRY_BYTES_MAX {
            let what = format!("execution {execution} has {bytes} bytes; the most is {ENTRY_BYTES_MAX}");
            return Err(StoreError::misuse(what));
        }
    }
    Ok(())
}

fn entry_key(execution: ExecutionId) -> [u8; ENTRY_KEY_BYTES] {
    let mut key = [ENTRY_PREFIX; ENTRY_KEY_BYTES];
    key[1..].copy_from_slice(&execution.to_bytes());
    key
}

fn execution_of(key: &[u8]) -> Option<ExecutionId> {
    key.strip_prefix(&[ENTRY_PREFIX])?
        .try_into()
        .ok()
        .map(ExecutionId::from_bytes)
}

fn view(execution: ExecutionId, stamp: u64, body: &[u8]) -> Option<HistoryView<'_>> {
    let (integration, bytes) = body.split_first_chunk::<16>()?;
    Some(HistoryView {
        integration: IntegrationId::from_bytes(*integration),
        execution,
        sequence: Sequence(stamp),
        bytes,
    })
}

/// An entry in a message, by its key with or without the number of a piece.
fn subject(key: &[u8]) -> String {
    let id = key.get(..ENTRY_KEY_BYTES).and_then(execution_of);
    id.map_or_else(|| "an entry".to_owned(), |id| format!("execution {id}"))
}

/// Where an integration's damage is said to be.
fn place(integration: IntegrationId) -> String {
    format!("history of integration {integration}")
}

fn missing(integration: IntegrationId, execution: ExecutionId) -> StoreError {
    StoreError::damaged(format!("execution {execution} is missing"), place(integration))
}

#[cfg(test)]
mod tests;
