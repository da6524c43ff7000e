//! Records: the ledger's entities as bytes, each stamped with the batch of the last event that was applied to it.
//!
//! They are written behind the journal, a few at a time, so what stands here is of no single moment (a fuzzy
//! checkpoint); the stamps make it whole at replay. The tally of the whole tree is written in the same batch as each
//! change: an engine that loses a record is found out at the start.

use std::collections::HashSet;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::words::Sequence;
use muster_failpoint::failpoint;

use crate::StoreError;
use crate::backend::{Backend, Change, Direction, Tree};
use crate::tally::{Tally, fingerprint};
use crate::value::{self, Assembler, Flaw};

const PLACE: &str = "records";

/// The key of the tally. It sorts before all records.
const TALLY_KEY: &[u8] = &[0];

/// The first byte of the keys of records.
const RECORD_PREFIX: u8 = 1;

/// The most bytes of a record's id: more than a name of the domain and an identifier together, and its length fits into
/// a byte.
pub const RECORD_ID_BYTES_MAX: usize = 200;

/// The most bytes of a record: an integration's configuration arrives in a message of at most 256 KiB, so four of these
/// are ample.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// The most changes of one write. It is atomic, and the committer's next batch waits for it.
pub const RECORD_CHANGES_MAX: usize = 512;

/// Which record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The kind of entity, by the number that its codec gives it.
    pub kind: u8,
    /// The entity's own key. At most [`RECORD_ID_BYTES_MAX`] bytes.
    pub id: Vec<u8>,
}

/// A record as it is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which one.
    pub key: RecordKey,
    /// The batch of the last event that was applied to the entity.
    pub stamp: Sequence,
    /// The entity. At most [`RECORD_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
}

/// A change of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// The record is this from now on.
    Put(Record),
    /// The record is no more; nothing happens when there is none.
    Remove {
        /// Which one.
        key: RecordKey,
        /// The batch of the event that ended the entity.
        sequence: Sequence,
    },
}

impl RecordChange {
    fn key(&self) -> &RecordKey {
        match self {
            Self::Put(record) => &record.key,
            Self::Remove { key, .. } => key,
        }
    }

    fn stamp(&self) -> Sequence {
        match self {
            Self::Put(record) => record.stamp,
            Self::Remove { sequence, .. } => *sequence,
        }
    }
}

/// A record as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// The kind of entity.
    pub kind: u8,
    /// The entity's own key.
    pub id: &'a [u8],
    /// The batch of the last event that was applied to the entity.
    pub stamp: Sequence,
    /// The entity.
    pub bytes: &'a [u8],
}

/// What has been written of the tree as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sum {
    /// How many writes there were. A copy of the sum stands in another tree, so that a page which falls back to an
    /// earlier state as a whole shows.
    writes: u64,
    tally: Tally,
}

/// A walk through all records while they are written: those before `next` were seen.
#[derive(Debug, Clone)]
struct Walk {
    next: Vec<u8>,
    /// What those are now that were seen.
    tally: Tally,
}

#[derive(Debug, Clone)]
struct State {
    sum: Sum,
    /// `None` when none is under way.
    walk: Option<Walk>,
}

/// The records of a shard. One thread writes; all may read.
pub struct Records {
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
}

impl Records {
    pub(crate) fn open(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        let sum = read_sum(&*backend, Tree::Records)?;
        let copy = read_sum(&*backend, Tree::Meta)?;
        // The copy is written after the sum, so it may be a write behind, and never ahead.
        if copy.writes > sum.writes || (copy.writes == sum.writes && copy != sum) {
            return Err(StoreError::damaged(
                format!(
                    "they are as of write {}, and write {} was made",
                    sum.writes, copy.writes
                ),
                PLACE,
            ));
        }
        Ok(Self {
            backend,
            state: Mutex::new(State { sum, walk: None }),
        })
    }

    /// Makes all of the changes or none; of several changes of one record the last one counts. Durable with the next
    /// flush. `flushed` is how far the journal is: a record must not get onto the disk before the events that made it.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when a stamp is beyond `flushed`, or something is too long or too much; [`StoreError`] of
    /// the engine.
    pub fn write(&self, flushed: Sequence, changes: &[RecordChange]) -> Result<(), StoreError> {
        if changes.len() > RECORD_CHANGES_MAX {
            let count = changes.len();
            return Err(StoreError::misuse(format!(
                "{count} records were changed at once; the most is {RECORD_CHANGES_MAX}"
            )));
        }
        let mut state = self.state();
        let mut new = state.sum;
        let mut walked = Tally::default();
        let mut writes = Vec::with_capacity(changes.len() + 1);
        let mut seen = HashSet::with_capacity(changes.len());
        for change in changes.iter().rev() {
            if seen.insert(change.key()) {
                let mut changed = Tally::default();
                let key = self.change(change, flushed, &mut changed, &mut writes)?;
                new.tally = new.tally.merged(changed);
                if state.walk.as_ref().is_some_and(|walk| key < walk.next) {
                    walked = walked.merged(changed);
                }
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        new.writes += 1;
        encode_sum(&new, &mut writes);
        failpoint!("records-write");
        self.backend.write(Tree::Records, writes)?;
        failpoint!("records-sum");
        state.sum = new;
        if let Some(walk) = &mut state.walk {
            walk.tally = walk.tally.merged(walked);
        }
        let mut copy = Vec::with_capacity(1);
        encode_sum(&new, &mut copy);
        self.backend.write(Tree::Meta, copy)
    }

    /// Adds what has to be written for a change, and what it adds to the tally; returns its key.
    fn change(
        &self,
        change: &RecordChange,
        flushed: Sequence,
        tally: &mut Tally,
        writes: &mut Vec<Change>,
    ) -> Result<Vec<u8>, StoreError> {
        let stamp = change.stamp();
        if stamp > flushed {
            return Err(StoreError::misuse(format!(
                "a record of batch {stamp} was changed, but batch {flushed} is the last flushed"
            )));
        }
        let key = encode_key(change.key())?;
        let old = self.old(&key)?;
        if let Some((checksum, _)) = old {
            tally.subtract(fingerprint(&key, checksum));
        }
        let old_length = old.map(|(_, length)| length);
        match change {
            RecordChange::Put(record) => {
                let (kind, bytes) = (record.key.kind, record.bytes.len());
                if bytes > RECORD_BYTES_MAX {
                    return Err(StoreError::misuse(format!(
                        "a record of kind {kind} has {bytes} bytes; the most is {RECORD_BYTES_MAX}"
                    )));
                }
                let checksum = value::encode(&key, record.stamp.0, &[&record.bytes], writes)
                    .ok_or_else(|| StoreError::misuse(format!("a record of kind {kind} has {bytes} bytes")))?;
                tally.add(fingerprint(&key, checksum));
                if let Some(old) = old_length {
                    value::remove(&key, old, value::piece_count(bytes), writes);
                }
            }
            RecordChange::Remove { .. } => {
                if let Some(old) = old_length {
                    value::remove(&key, old, 0, writes);
                }
            }
        }
        Ok(key)
    }

    /// Begins a walk through all records, which goes on while they are written. One at a time: the one before ends.
    pub(crate) fn begin_walk(&self) {
        self.state().walk = Some(Walk {
            next: vec![RECORD_PREFIX],
            tally: Tally::default(),
        });
    }

    /// Goes on with the walk: hands records to `visit` until about so many bytes were seen; returns whether there are
    /// more. Each is as it is at this moment. Nothing is written meanwhile, so a step should be short. In the end all
    /// must add up.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names what is not as it was written; also what `visit` returns.
    pub(crate) fn walk_step(
        &self,
        bytes: usize,
        visit: &mut dyn FnMut(RecordView<'_>) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(mut walk) = state.walk.take() else {
            return Ok(false);
        };
        let mut assembler = Assembler::default();
        let (mut seen, mut next) = (0, None);
        let from = value::piece_key(&walk.next, 0);
        let range = (Bound::Included(&from[..]), Bound::Unbounded);
        self.backend
            .scan(Tree::Records, range, Direction::Forward, &mut |key, piece| {
                let broken = |flaw: Flaw| flaw.into_error(&subject(key), PLACE);
                if seen >= bytes && assembler.unfinished().is_none() {
                    next = value::split_key(key).map(|(key, _)| key.to_vec());
                    return Ok(ControlFlow::Break(()));
                }
                seen += piece.len();
                let Some(whole) = assembler.feed(key, piece).map_err(broken)? else {
                    return Ok(ControlFlow::Continue(()));
                };
                let (kind, id) = decode_key(whole.key)
                    .ok_or(Flaw::Broken("has a key that is no record's"))
                    .map_err(broken)?;
                walk.tally.add(fingerprint(whole.key, whole.checksum));
                visit(RecordView {
                    kind,
                    id,
                    stamp: Sequence(whole.stamp),
                    bytes: whole.body,
                })?;
                Ok(ControlFlow::Continue(()))
            })?;
        if let Some(next) = next {
            walk.next = next;
            state.walk = Some(walk);
            return Ok(true);
        }
        judge_tally(walk.tally, state.sum.tally)?;
        Ok(false)
    }

    /// The checksum and the length of the record that stands under `key`.
    fn old(&self, key: &[u8]) -> Result<Option<(u32, usize)>, StoreError> {
        let first = self.backend.get(Tree::Records, &value::piece_key(key, 0))?;
        let described = first.map(|piece| value::describe(&piece)).transpose();
        described.map_err(|flaw| flaw.into_error(&subject(key), PLACE))
    }

    /// Hands all records to `visit`, in the order of their kinds and ids, and verifies them: each checksum, each stamp
    /// against `head`, and the tally of all.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names what is not as it was written; also what `visit` returns.
    pub fn load(
        &self,
        head: Sequence,
        visit: &mut dyn FnMut(RecordView<'_>) -> Result<(), StoreError>,
    ) -> Result<Tally, StoreError> {
        let expected = self.tally();
        let mut assembler = Assembler::default();
        let mut tally = Tally::default();
        let range = (Bound::Included(&[RECORD_PREFIX][..]), Bound::Unbounded);
        self.backend
            .scan(Tree::Records, range, Direction::Forward, &mut |key, piece| {
                let broken = |flaw: Flaw| flaw.into_error(&subject(key), PLACE);
                let Some(whole) = assembler.feed(key, piece).map_err(broken)? else {
                    return Ok(ControlFlow::Continue(()));
                };
                let stamp = Sequence(whole.stamp);
                if stamp > head {
                    return Err(StoreError::damaged(
                        format!(
                            "{} is of batch {stamp}, and the journal ends at batch {head}",
                            subject(key)
                        ),
                        PLACE,
                    ));
                }
                let (kind, id) = decode_key(whole.key)
                    .ok_or(Flaw::Broken("has a key that is no record's"))
                    .map_err(broken)?;
                tally.add(fingerprint(whole.key, whole.checksum));
                visit(RecordView {
                    kind,
                    id,
                    stamp,
                    bytes: whole.body,
                })?;
                Ok(ControlFlow::Continue(()))
            })?;
        if let Some(key) = assembler.unfinished() {
            return Err(StoreError::damaged(
                format!("{} lacks its last pieces", subject(key)),
                PLACE,
            ));
        }
        judge_tally(tally, expected)?;
        Ok(tally)
    }

    /// How many there are, and their digest.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.state().sum.tally
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn judge_tally(tally: Tally, expected: Tally) -> Result<(), StoreError> {
    if tally == expected {
        return Ok(());
    }
    let (there, known) = (tally.count, expected.count);
    let what = if there == known {
        format!("the {there} that are there are not those that were written")
    } else {
        format!("{there} are there, and {known} were written")
    };
    Err(StoreError::damaged(what, PLACE))
}

fn encode_key(key: &RecordKey) -> Result<Vec<u8>, StoreError> {
    let bytes = key.id.len();
    let length = u8::try_from(bytes)
        .ok()
        .filter(|_| bytes <= RECORD_ID_BYTES_MAX)
        .ok_or_else(|| {
            StoreError::misuse(format!(
                "a record's id has {bytes} bytes; the most is {RECORD_ID_BYTES_MAX}"
            ))
        })?;
    let mut encoded = Vec::with_capacity(3 + bytes);
    encoded.extend_from_slice(&[RECORD_PREFIX, key.kind, length]);
    encoded.extend_from_slice(&key.id);
    Ok(encoded)
}

fn decode_key(key: &[u8]) -> Option<(u8, &[u8])> {
    let ([RECORD_PREFIX, kind, length], id) = key.split_first_chunk::<3>()? else {
        return None;
    };
    (id.len() == usize::from(*length)).then_some((*kind, id))
}

/// A record in a message, by as much of its key as is readable.
fn subject(key: &[u8]) -> String {
    let (kind, id) = (
        key.get(1).copied().unwrap_or_default(),
        key.get(3..).unwrap_or_default(),
    );
    let id: String = id.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("the record of kind {kind} with id {id}")
}

fn encode_sum(sum: &Sum, changes: &mut Vec<Change>) {
    // Sixteen bytes are never too long.
    let _checksum = value::encode(TALLY_KEY, sum.writes, &[&sum.tally.to_bytes()], changes);
}

fn read_sum(backend: &dyn Backend, tree: Tree) -> Result<Sum, StoreError> {
    let key = value::piece_key(TALLY_KEY, 0);
    let Some(piece) = backend.get(tree, &key)? else {
        return Ok(Sum::default());
    };
    let broken = |flaw: Flaw| flaw.into_error("the count of the records", PLACE);
    let mut assembler = Assembler::default();
    let whole = assembler.feed(&key, &piece).map_err(broken)?;
    let sum = whole.and_then(|whole| {
        let (tally, _) = Tally::from_bytes(whole.body).filter(|(_, rest)| rest.is_empty())?;
        Some(Sum {
            writes: whole.stamp,
            tally,
        })
    });
    sum.ok_or_else(|| broken(Flaw::Broken("has a wrong length")))
}

#[cfg(test)]
mod tests;
