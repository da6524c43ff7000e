//! The journal: the commit batches of a shard, densely numbered and chained by their hashes.
//!
//! A batch is one value, in pieces: its stamp is the epoch, its body the hash of the batch before it and then the
//! events, in bytes that mean nothing here. The hash of a batch covers its number, its epoch, the hash before it and
//! its events; so a batch that is missing, torn, changed or moved makes the chain break, and everything before the head
//! is as it was written.

use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::planted;
use muster_core::words::Sequence;
use muster_failpoint::failpoint;
use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::backend::{Backend, Change, Direction, Flow, Note, Tree};
use crate::value::{self, Assembler, Flaw, Whole};

/// Where damage is said to be.
const PLACE: &str = "journal";

/// The key of the trim anchor. It sorts before all batches.
const ANCHOR_KEY: &[u8] = &[0];

/// The first byte of the keys of batches.
const BATCH_PREFIX: u8 = 1;

/// How many pieces trimming looks up at a time. It removes them one by one: a removal costs sled 8–17 µs, during which the committer's next batch waits.
const TRIM_PIECES_MAX: usize = 64;

/// The most bytes of events in one batch, 64 MiB: far above what the writer gathers, and small enough to be read back
/// at once.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// SHA-256 of a batch.
pub type Hash = [u8; 32];

/// A place in the journal: a batch, by its number and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The batch's number; 0 before the first batch.
    pub sequence: Sequence,
    /// The batch's hash; zeros before the first batch.
    pub hash: Hash,
    /// The epoch that the batch was written in: how often the store has been opened for writing, until then.
    pub epoch: u64,
}

impl Head {
    /// Before the first batch.
    const ORIGIN: Self = Self {
        sequence: Sequence(0),
        hash: [0; 32],
        epoch: 0,
    };

    fn note(&self) -> Note {
        let mut note = [0; 40];
        note[..8].copy_from_slice(&self.sequence.0.to_be_bytes());
        note[8..].copy_from_slice(&self.hash);
        note
    }
}

/// A commit batch, as it is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Its number.
    pub sequence: Sequence,
    /// In which epoch it was written.
    pub epoch: u64,
    /// Its hash.
    pub hash: Hash,
    /// The events, as they were appended.
    pub events: &'a [u8],
}

/// The journal of a shard. One thread appends; all may read.
pub struct Journal {
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// The batch before the first that is kept.
    anchor: Head,
    /// The newest batch. `None` until [`Journal::replay`] has read and verified all: before that nothing may be
    /// appended.
    head: Option<Head>,
    /// What new batches are written in.
    epoch: u64,
    /// The newest batch that survives a power cut.
    flushed: Sequence,
}

impl Journal {
    /// The journal in `backend`. It has to be replayed once before it takes batches.
    ///
    /// # Errors
    /// [`StoreError`] when its anchor cannot be read.
    pub(crate) fn open(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        let anchor = read_anchor(&*backend)?;
        Ok(Self {
            backend,
            state: Mutex::new(State {
                anchor,
                head: None,
                epoch: 0,
                flushed: anchor.sequence,
            }),
        })
    }

    /// Reads the whole journal in order, verifies it, and hands each batch to `visit`. At the first time the journal
    /// becomes ready for appending.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the first batch that is not what was written; also what `visit` returns.
    pub fn replay(&self, visit: &mut dyn FnMut(Batch<'_>) -> Result<(), StoreError>) -> Result<Head, StoreError> {
        let anchor = self.state().anchor;
        let head = self.walk(anchor, &mut |batch| visit(batch).map(ControlFlow::Continue))?;
        let note = self.backend.note()?.unwrap_or(Head::ORIGIN.note());
        check_note(&note, &anchor, &head)?;
        let mut state = self.state();
        if state.head.is_none() {
            state.head = Some(head);
            state.epoch = head.epoch + 1;
            state.flushed = head.sequence;
        }
        Ok(head)
    }

    /// Verifies the whole journal: dense numbers, the chain, and every checksum. Calls `step` after each batch.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the first batch that is not what was written; also what `step` returns.
    pub fn verify(&self, step: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<Head, StoreError> {
        loop {
            let anchor = self.anchor();
            let result = self.walk(anchor, &mut |_| step().map(ControlFlow::Continue));
            // What is trimmed while it is read looks like damage.
            if !matches!(result, Err(StoreError::Damaged { .. })) || self.anchor() == anchor {
                return result;
            }
        }
    }

    /// Hands the batches from number `from` on to `visit`, in order, until it breaks or there are no more.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when `from` was trimmed; [`StoreError::Damaged`]; also what `visit` returns.
    pub fn read_from(&self, from: Sequence, visit: &mut dyn FnMut(Batch<'_>) -> Flow) -> Result<(), StoreError> {
        let anchor = self.state().anchor;
        if from <= anchor.sequence {
            let kept = anchor.sequence.next();
            return Err(StoreError::misuse(format!(
                "batch {from} was asked for, and the journal begins at batch {kept}"
            )));
        }
        let before = if from == anchor.sequence.next() {
            anchor
        } else {
            // The chain is entered in its middle: the batch before says what the first one must follow.
            let Some(before) = self.find(Sequence(from.0 - 1))? else {
                return Ok(());
            };
            before
        };
        let result = self.walk(before, visit).map(drop);
        if result.is_err() && self.anchor().sequence >= from {
            // What is trimmed while it is read looks like damage.
            return Err(StoreError::misuse(format!(
                "the journal was trimmed past batch {from} while it was read from there"
            )));
        }
        result
    }

    /// The newest batch; the anchor when none is kept.
    #[must_use]
    pub fn head(&self) -> Head {
        let state = self.state();
        state.head.unwrap_or(state.anchor)
    }

    /// The batch before the first that is kept.
    #[must_use]
    pub fn anchor(&self) -> Head {
        self.state().anchor
    }

    /// The newest batch that survives a power cut.
    #[must_use]
    pub fn flushed(&self) -> Sequence {
        self.state().flushed
    }

    /// Appends batches, all in one write of the engine, which takes one write at a time. They are durable only after a
    /// [`Journal::flush`]; many may be appended before one.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when they do not follow the head and each other, when the events of one are too many
    /// bytes, or before the journal was replayed; then none is appended. After an error of the engine the process must
    /// stop: what will be found at the next start is not known.
    pub fn append(&self, batches: &[(Sequence, Vec<u8>)]) -> Result<(), StoreError> {
        // Held while the engine writes, so that batches reach it in their order.
        let mut state = self.state();
        let Some(mut head) = state.head else {
            return Err(StoreError::misuse(
                "a batch was appended before the journal was replayed",
            ));
        };
        let mut changes = Vec::new();
        for (sequence, events) in batches {
            head = follow(&head, *sequence, state.epoch, events, &mut changes)?;
        }
        if !changes.is_empty() {
            self.backend.write(Tree::Journal, changes)?;
        }
        state.head = Some(head);
        Ok(())
    }

    /// Begins a journal that goes on from this place. Nothing may be in it yet.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub(crate) fn begin_restoring(&self, anchor: Head) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        encode_anchor(&anchor, &mut changes);
        self.backend.write(Tree::Journal, changes)?;
        let mut state = self.state();
        state.anchor = anchor;
        state.head = Some(anchor);
        state.flushed = anchor.sequence;
        Ok(())
    }

    /// Appends a batch as it was written before, in its own epoch.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub(crate) fn restore(&self, sequence: Sequence, epoch: u64, events: &[u8]) -> Result<(), StoreError> {
        let mut state = self.state();
        let before = state.head.unwrap_or(state.anchor);
        let mut changes = Vec::new();
        let head = follow(&before, sequence, epoch, events, &mut changes)?;
        self.backend.write(Tree::Journal, changes)?;
        state.head = Some(head);
        Ok(())
    }

    /// Makes all batches durable that were appended before this call, and everything else that was written before it.
    /// Returns the newest of them.
    ///
    /// # Errors
    /// [`StoreError`]; then none of these batches may be told to anybody, and the process must stop.
    pub fn flush(&self) -> Result<Sequence, StoreError> {
        let head = self.head();
        if !planted!("flush-does-nothing") {
            self.backend.flush()?;
        }
        self.backend.keep_note(&head.note())?;
        let mut state = self.state();
        state.flushed = state.flushed.max(head.sequence);
        Ok(head.sequence)
    }

    /// Forgets the batches up to and including `through`. The caller knows that nothing needs them: all records and all
    /// of history are durable up to there. What is left is durable with the next flush.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when `through` is not flushed; [`StoreError`] of the engine.
    pub fn trim(&self, through: Sequence) -> Result<(), StoreError> {
        let State { anchor, flushed, .. } = *self.state();
        if through <= anchor.sequence {
            return Ok(());
        }
        if through > flushed {
            return Err(StoreError::misuse(format!(
                "the journal was trimmed through batch {through}, but flushed only through {flushed}"
            )));
        }
        let new = self
            .find(through)?
            .ok_or_else(|| StoreError::damaged(format!("batch {through} is missing"), PLACE))?;
        let mut changes = vec![];
        encode_anchor(&new, &mut changes);
        // The anchor first: pieces that a stop leaves behind it are before the anchor, and nobody reads them.
        self.backend.write(Tree::Journal, changes)?;
        self.state().anchor = new;
        failpoint!("trim-anchor");
        self.remove_through(through)
    }

    /// Removes what a stop in the middle of trimming may have left before the anchor.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        let anchor = self.state().anchor.sequence;
        if anchor == Sequence(0) {
            Ok(())
        } else {
            self.remove_through(anchor)
        }
    }

    fn remove_through(&self, through: Sequence) -> Result<(), StoreError> {
        let end = batch_key(through.next());
        loop {
            let mut changes = Vec::with_capacity(TRIM_PIECES_MAX);
            self.backend.scan(
                Tree::Journal,
                (Bound::Included(&[BATCH_PREFIX]), Bound::Excluded(&end)),
                Direction::Forward,
                &mut |key, _| {
                    changes.push(Change::Remove { key: key.to_vec() });
                    Ok(if changes.len() < TRIM_PIECES_MAX {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    })
                },
            )?;
            if changes.is_empty() {
                return Ok(());
            }
            for change in changes {
                self.backend.write(Tree::Journal, vec![change])?;
                failpoint!("trim-piece");
            }
        }
    }

    /// The place of one batch; `None` when there is no such batch.
    fn find(&self, sequence: Sequence) -> Result<Option<Head>, StoreError> {
        self.get(sequence, |batch| Head {
            sequence,
            hash: batch.hash,
            epoch: batch.epoch,
        })
    }

    /// Hands one batch to `read`, and returns what that returns; `None` when there is no such batch.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn get<T>(&self, sequence: Sequence, read: impl Fn(Batch<'_>) -> T) -> Result<Option<T>, StoreError> {
        let mut found = None;
        let (from, to) = (batch_key(sequence), batch_key(sequence.next()));
        self.pieces((Bound::Included(&from), Bound::Excluded(&to)), sequence, &mut |whole| {
            let (before, events) = body(&whole).map_err(|flaw| flaw.into_error(&format!("batch {sequence}"), PLACE))?;
            found = Some(read(Batch {
                sequence,
                epoch: whole.stamp,
                hash: hash(sequence, whole.stamp, before, events),
                events,
            }));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Reads and verifies what follows `before`; returns the last batch that was read.
    fn walk(&self, mut before: Head, visit: &mut dyn FnMut(Batch<'_>) -> Flow) -> Result<Head, StoreError> {
        let first = before.sequence.next();
        let from = batch_key(first);
        let range = (Bound::Included(from.as_slice()), Bound::Unbounded);
        self.pieces(range, first, &mut |whole| {
            let expected = before.sequence.next();
            let sequence = sequence_of(whole.key).ok_or_else(|| {
                StoreError::damaged(format!("the key after batch {} is no batch's", before.sequence), PLACE)
            })?;
            if sequence != expected {
                return Err(StoreError::damaged(
                    format!("batch {expected} is missing, batch {sequence} is there"),
                    PLACE,
                ));
            }
            let (chained, events) =
                body(&whole).map_err(|flaw| flaw.into_error(&format!("batch {sequence}"), PLACE))?;
            if *chained != before.hash {
                return Err(StoreError::damaged(
                    format!("batch {sequence} does not follow the batch before it"),
                    PLACE,
                ));
            }
            let epoch = whole.stamp;
            if epoch < before.epoch {
                return Err(StoreError::damaged(
                    format!(
                        "batch {sequence} is of epoch {epoch}, the one before it of epoch {}",
                        before.epoch
                    ),
                    PLACE,
                ));
            }
            let hash = hash(sequence, epoch, chained, events);
            before = Head { sequence, hash, epoch };
            visit(Batch {
                sequence,
                epoch,
                hash,
                events,
            })
        })?;
        Ok(before)
    }

    /// Puts the batches of a range of keys together, and names the one that is not whole; `first` is the one that the
    /// range begins with.
    fn pieces(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        first: Sequence,
        visit: &mut dyn FnMut(Whole<'_>) -> Flow,
    ) -> Result<(), StoreError> {
        let mut assembler = Assembler::default();
        let mut last = first;
        self.backend
            .scan(Tree::Journal, range, Direction::Forward, &mut |key, piece| {
                if let Some(sequence) = value::split_key(key).and_then(|(key, _)| sequence_of(key)) {
                    last = sequence;
                }
                match assembler.feed(key, piece) {
                    Ok(Some(whole)) => visit(whole),
                    Ok(None) => Ok(ControlFlow::Continue(())),
                    Err(flaw) => Err(flaw.into_error(&format!("batch {last}"), PLACE)),
                }
            })?;
        match assembler.unfinished() {
            Some(_) => Err(StoreError::damaged(
                format!("batch {last} lacks its last pieces"),
                PLACE,
            )),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with the lock held had not changed it yet: it is changed after all else has gone well.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds what has to be written for a batch; returns its place.
fn follow(
    head: &Head,
    sequence: Sequence,
    epoch: u64,
    events: &[u8],
    changes: &mut Vec<Change>,
) -> Result<Head, StoreError> {
    if sequence != head.sequence.next() {
        return Err(StoreError::misuse(format!(
            "batch {sequence} was appended after batch {}",
            head.sequence
        )));
    }
    if events.len() > BATCH_BYTES_MAX {
        let bytes = events.len();
        return Err(StoreError::misuse(format!(
            "batch {sequence} has {bytes} bytes; the most is {BATCH_BYTES_MAX}"
        )));
    }
    value::encode(&batch_key(sequence), epoch, &[&head.hash, events], changes)
        .ok_or_else(|| StoreError::misuse(format!("batch {sequence} has more bytes than a value can")))?;
    Ok(Head {
        sequence,
        hash: hash(sequence, epoch, &head.hash, events),
        epoch,
    })
}

/// An engine that has lost its latest writes shows a journal that is whole, only shorter: the note tells.
fn check_note(note: &Note, anchor: &Head, head: &Head) -> Result<(), StoreError> {
    let noted = Sequence(u64::from_be_bytes([
        note[0], note[1], note[2], note[3], note[4], note[5], note[6], note[7],
    ]));
    if noted > head.sequence {
        return Err(StoreError::damaged(
            format!("it ends at batch {}, and batch {noted} was flushed", head.sequence),
            PLACE,
        ));
    }
    for known in [anchor, head] {
        if known.sequence == noted && known.note() != *note {
            return Err(StoreError::damaged(
                format!("batch {noted} is not the one that was flushed"),
                PLACE,
            ));
        }
    }
    Ok(())
}

fn batch_key(sequence: Sequence) -> [u8; 9] {
    let mut key = [BATCH_PREFIX; 9];
    key[1..].copy_from_slice(&sequence.0.to_be_bytes());
    key
}

fn sequence_of(key: &[u8]) -> Option<Sequence> {
    let (prefix, number) = key.split_first()?;
    let number = <[u8; 8]>::try_from(number).ok()?;
    (*prefix == BATCH_PREFIX).then(|| Sequence(u64::from_be_bytes(number)))
}

/// The hash before the batch, and its events.
fn body<'a>(whole: &Whole<'a>) -> Result<(&'a Hash, &'a [u8]), Flaw> {
    whole
        .body
        .split_first_chunk::<32>()
        .ok_or(Flaw::Broken("is too short for a batch"))
}

fn hash(sequence: Sequence, epoch: u64, before: &Hash, events: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([value::VERSION]);
    hasher.update(sequence.0.to_be_bytes());
    hasher.update(epoch.to_be_bytes());
    hasher.update(before);
    hasher.update(events);
    hasher.finalize().into()
}

fn encode_anchor(anchor: &Head, changes: &mut Vec<Change>) {
    let sequence = anchor.sequence.0.to_be_bytes();
    // Forty bytes are never too long.
    let _checksum = value::encode(ANCHOR_KEY, anchor.epoch, &[&sequence, &anchor.hash], changes);
}

fn read_anchor(backend: &dyn Backend) -> Result<Head, StoreError> {
    let key = value::piece_key(ANCHOR_KEY, 0);
    let Some(piece) = backend.get(Tree::Journal, &key)? else {
        return Ok(Head::ORIGIN);
    };
    let broken = |flaw: Flaw| flaw.into_error("the trim anchor", PLACE);
    let mut assembler = Assembler::default();
    let whole = assembler.feed(&key, &piece).map_err(broken)?;
    let anchor = whole.and_then(|whole| {
        let (sequence, hash) = whole.body.split_first_chunk::<8>()?;
        Some(Head {
            sequence: Sequence(u64::from_be_bytes(*sequence)),
            hash: hash.try_into().ok()?,
            epoch: whole.stamp,
        })
    });
    anchor.ok_or_else(|| broken(Flaw::Broken("has a wrong length")))
}

#[cfg(test)]
mod tests;
