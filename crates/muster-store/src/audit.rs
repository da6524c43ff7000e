//! The audit logs: what calls have done and what they were refused, one log for each organization and one for the service, each a chain of hashes.
//!
//! Like history they are a projection of the journal: notes are carried over in the order of its batches, and after a restart from behind the
//! [mark](AuditLogs::marked) on. Entries, the ends of their logs and the mark are written together, so a note is carried once, whenever a stop comes.
//! What the journal has no more is only here.
//!
//! ```text
//! 0                  ->  the mark; its stamp: through which batch all notes were carried
//! 1 | log | 0        ->  the number of the first entry that is kept, the hash of the one before it, the number of the last entry, its hash
//! 2 | log | 0 | n    ->  the entry of number n; its stamp: the batch in which its note stands
//! ```
//!
//! A log is the name of its organization, and empty for the service's. The ends of a log stay when its entries have gone.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::audit::{Entry, log_name};
use muster_core::event::{Event, Recorded};
use muster_core::planted;
use muster_core::time::Stamp;
use muster_core::words::{OrganizationId, Sequence};
use muster_failpoint::failpoint;
use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::backend::{Backend, Change, Direction, Tree};
use crate::codec::audit as codec;
use crate::journal::Hash;
use crate::value::{self, Assembler, Flaw};

const MARK_KEY: &[u8] = &[0];
const CHAIN_PREFIX: u8 = 1;
const ENTRY_PREFIX: u8 = 2;

/// How many entries one write removes: a removal costs sled 8–17 µs, during which the committer's next batch waits.
const PRUNE_ENTRIES_MAX: usize = 64;

/// The bytes of the ends of a log.
const CHAIN_BYTES: usize = 8 + 32 + 8 + 32;

/// Whose log it is; `None` for the service's own.
pub type Log = Option<OrganizationId>;

/// The ends of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The number of the first entry that is kept; that of the next one when none is.
    pub first: u64,
    /// The hash of the entry before that; zeros before the first of all.
    pub before: Hash,
    /// The number of the last entry; 0 when there never was one.
    pub last: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Chain {
    /// The ends of a log that never had an entry.
    const EMPTY: Self = Self {
        first: 1,
        before: [0; 32],
        last: 0,
        hash: [0; 32],
    };

    fn bytes(&self) -> [u8; CHAIN_BYTES] {
        let mut bytes = [0; CHAIN_BYTES];
        bytes[..8].copy_from_slice(&self.first.to_be_bytes());
        bytes[8..40].copy_from_slice(&self.before);
        bytes[40..48].copy_from_slice(&self.last.to_be_bytes());
        bytes[48..].copy_from_slice(&self.hash);
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk::<8>()?;
        let (before, rest) = rest.split_first_chunk::<32>()?;
        let (last, hash) = rest.split_first_chunk::<8>()?;
        let chain = Self {
            first: u64::from_be_bytes(*first),
            before: *before,
            last: u64::from_be_bytes(*last),
            hash: hash.try_into().ok()?,
        };
        (chain.first >= 1 && chain.first <= chain.last.checked_add(1)?).then_some(chain)
    }
}

/// The audit logs of a shard. One thread carries and prunes; all may read.
pub struct AuditLogs {
    backend: Arc<dyn Backend>,
    state: Mutex<State>,
}

struct State {
    /// Through which batch all was carried; `None` in a store that has never carried anything.
    mark: Option<Sequence>,
    chains: BTreeMap<Log, Chain>,
}

impl AuditLogs {
    pub(crate) fn open(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        let broken = |flaw: Flaw| flaw.into_error("the mark", "audit logs");
        let mark = value::read(&*backend, Tree::Audit, MARK_KEY, broken)?.map(|value| Sequence(value.stamp));
        let chains = read_chains(&*backend)?;
        Ok(Self {
            backend,
            state: Mutex::new(State { mark, chains }),
        })
    }

    /// Compares with where the journal begins and ends.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when they know of batches that the journal does not have, or lack what it has no more.
    pub(crate) fn recover(&self, anchor: Sequence, head: Sequence) -> Result<(), StoreError> {
        let mut state = self.state();
        let mark = match state.mark {
            // A journal from before there were audit logs may have been trimmed.
            None if state.chains.is_empty() => anchor,
            None => return Err(StoreError::damaged("their mark is missing", "audit logs")),
            Some(mark) => mark,
        };
        if mark < anchor || mark > head {
            let what =
                format!("they go through batch {mark}, and the journal has the batches after {anchor} through {head}");
            return Err(StoreError::damaged(what, "audit logs"));
        }
        state.mark = Some(mark);
        Ok(())
    }

    /// Through which batch all notes were carried; durable with the flush after that.
    #[must_use]
    pub fn marked(&self) -> Sequence {
        self.state().mark.unwrap_or_default()
    }

    /// Carries the notes of these batches, which are in their order, and says that everything through `through` is carried. What was carried before is
    /// skipped, so a repeated call changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] of the engine: then the process must stop.
    pub(crate) fn carry(&self, through: Sequence, batches: Vec<CarriedBatch>) -> Result<(), StoreError> {
        let mut state = self.state();
        let mark = state.mark.unwrap_or_default();
        if through <= mark {
            return Ok(());
        }
        let mut changes = Vec::new();
        let mut chains: BTreeMap<Log, Chain> = BTreeMap::new();
        for batch in batches.into_iter().filter(|batch| batch.sequence > mark) {
            for recorded in batch.recorded {
                let Event::Audited(note) = recorded.event else { continue };
                if planted!("audit-note-not-carried") && batch.sequence.0.is_multiple_of(4) {
                    continue;
                }
                let log = note.log.clone();
                let chain = chains
                    .entry(log.clone())
                    .or_insert_with(|| state.chains.get(&log).copied().unwrap_or(Chain::EMPTY));
                let mut entry = Entry {
                    number: chain.last + 1,
                    at: recorded.at,
                    by: recorded.by,
                    note: *note,
                    batch: batch.sequence,
                    batch_hash: batch.hash,
                    previous: chain.hash,
                    hash: [0; 32],
                };
                entry.hash = hash(&entry);
                chain.last = entry.number;
                chain.hash = entry.hash;
                put_entry(&entry, &mut changes)?;
            }
        }
        for (log, chain) in &chains {
            put_chain(log, chain, &mut changes);
        }
        put_mark(through, &mut changes);
        self.backend.write(Tree::Audit, changes)?;
        failpoint!("audit-carried");
        state.chains.append(&mut chains);
        state.mark = Some(through);
        Ok(())
    }

    /// The ends of a log; `None` when it never had an entry.
    #[must_use]
    pub fn chain(&self, log: &Log) -> Option<Chain> {
        self.state().chains.get(log).copied()
    }

    /// All logs that ever had an entry, the service's own first, with their ends.
    #[must_use]
    pub fn chains(&self) -> Vec<(Log, Chain)> {
        let state = self.state();
        state.chains.iter().map(|(log, chain)| (log.clone(), *chain)).collect()
    }

    /// How many entries are kept.
    #[must_use]
    pub fn count(&self) -> u64 {
        let state = self.state();
        state.chains.values().map(|chain| chain.last + 1 - chain.first).sum()
    }

    /// At most `limit` entries of a log from number `from` on, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one is missing, or is not what was written.
    pub fn read(&self, log: &Log, from: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let Some(chain) = self.chain(log) else {
            return Ok(Vec::new());
        };
        let numbers = from.max(chain.first)..=chain.last;
        self.read_all(log, numbers.take(limit))
    }

    /// At most `limit` entries of a log before number `before` (`None`: the newest of all), newest first.
    ///
    /// # Errors
    /// As [`AuditLogs::read`].
    pub fn read_before(&self, log: &Log, before: Option<u64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let Some(chain) = self.chain(log) else {
            return Ok(Vec::new());
        };
        let end = before.unwrap_or(u64::MAX).min(chain.last.saturating_add(1));
        self.read_all(log, (chain.first..end).rev().take(limit))
    }

    fn read_all(&self, log: &Log, numbers: impl Iterator<Item = u64>) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for number in numbers {
            match self.get(log, number)? {
                Some(entry) => entries.push(entry),
                // Its retention may have ended since.
                None if self.chain(log).is_some_and(|chain| number < chain.first) => {}
                None => return Err(missing(log, number)),
            }
        }
        Ok(entries)
    }

    /// Walks through what is kept of a log, and judges that it is one unbroken chain. Calls `step` after each entry.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the first entry that is not what was written; also what `step` returns.
    pub fn verify(
        &self,
        log: &Log,
        step: &mut dyn FnMut(&Entry) -> Result<(), StoreError>,
    ) -> Result<Chain, StoreError> {
        let Some(chain) = self.chain(log) else {
            return Ok(Chain::EMPTY);
        };
        let mut walk = Walk::new(log.clone(), chain);
        loop {
            if let Some(chain) = self.walk_on(&mut walk, &mut { usize::MAX }, step)? {
                return Ok(chain);
            }
        }
    }

    /// The beginning of a walk through the first log behind this one; through the first of all behind `None`. `None` when there is none.
    #[must_use]
    pub fn walk_after(&self, log: Option<&Log>) -> Option<Walk> {
        let behind = log.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let (log, chain) = state.chains.range((behind, Bound::Unbounded)).next()?;
        Some(Walk::new(log.clone(), *chain))
    }

    /// Goes on with a walk by so many entries, of which it leaves what it has not used. Returns the ends of the log when the walk is over.
    ///
    /// # Errors
    /// As [`AuditLogs::verify`].
    pub fn walk_on(
        &self,
        walk: &mut Walk,
        entries: &mut usize,
        step: &mut dyn FnMut(&Entry) -> Result<(), StoreError>,
    ) -> Result<Option<Chain>, StoreError> {
        let log = &walk.log;
        while walk.number <= walk.chain.last {
            if *entries == 0 {
                return Ok(None);
            }
            *entries -= 1;
            let number = walk.number;
            let entry = self.get(log, number);
            let now = self.chain(log).unwrap_or(Chain::EMPTY);
            if number < now.first {
                // Its retention has ended meanwhile.
                (walk.number, walk.previous) = (now.first, now.before);
                (walk.chain.first, walk.chain.before) = (now.first, now.before);
                if now.first > walk.chain.last + 1 {
                    // And that of all that there was to walk through.
                    return Ok(Some(now));
                }
                continue;
            }
            let entry = entry?.ok_or_else(|| missing(log, number))?;
            let wrong = |what: &str| StoreError::damaged(format!("entry {number} {what}"), place(log));
            if entry.number != number || entry.note.log != *log {
                return Err(wrong("is another one's"));
            }
            if entry.previous != walk.previous {
                return Err(wrong("does not follow the entry before it"));
            }
            if hash(&entry) != entry.hash {
                return Err(wrong("is not what its hash was made of"));
            }
            walk.previous = entry.hash;
            walk.number += 1;
            step(&entry)?;
        }
        if walk.previous != walk.chain.hash {
            let what = format!("it ends with another entry {} than was written", walk.chain.last);
            return Err(StoreError::damaged(what, place(log)));
        }
        Ok(Some(walk.chain))
    }

    /// Removes some of the oldest entries of a log that are older than `before`; returns how many. None are left when that is 0.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub(crate) fn prune(&self, log: &Log, before: Stamp) -> Result<usize, StoreError> {
        let mut state = self.state();
        let Some(mut chain) = state.chains.get(log).copied() else {
            return Ok(0);
        };
        let mut changes = Vec::new();
        let mut removed = 0;
        while removed < PRUNE_ENTRIES_MAX && chain.first <= chain.last {
            let key = entry_key(log, chain.first);
            let value = value::read(&*self.backend, Tree::Audit, &key, |flaw| broken(log, chain.first, flaw))?;
            let value = value.ok_or_else(|| missing(log, chain.first))?;
            let entry = decode(log, chain.first, value.stamp, &value.body)?;
            if entry.at >= before {
                break;
            }
            value::remove(&key, value.body.len(), 0, &mut changes);
            chain.before = entry.hash;
            chain.first += 1;
            removed += 1;
        }
        if removed > 0 {
            put_chain(log, &chain, &mut changes);
            self.backend.write(Tree::Audit, changes)?;
            state.chains.insert(log.clone(), chain);
        }
        Ok(removed)
    }

    /// Begins a log as it was, before [`AuditLogs::restore`] puts what was kept of it.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub(crate) fn begin_restoring(&self, log: Log, first: u64, before: Hash) -> Result<(), StoreError> {
        let chain = Chain {
            first,
            before,
            last: first.saturating_sub(1),
            hash: before,
        };
        self.write_chain(log, chain, Vec::new())
    }

    /// Puts an entry as it was, behind the one that was put last.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not follow; [`StoreError`] of the engine.
    pub(crate) fn restore(&self, entry: &Entry) -> Result<(), StoreError> {
        let log = &entry.note.log;
        let chain = self.chain(log).unwrap_or(Chain::EMPTY);
        if entry.number != chain.last + 1 || entry.previous != chain.hash || hash(entry) != entry.hash {
            let what = format!("entry {} does not follow the entry before it", entry.number);
            return Err(StoreError::damaged(what, place(log)));
        }
        let mut changes = Vec::new();
        put_entry(entry, &mut changes)?;
        let chain = Chain {
            last: entry.number,
            hash: entry.hash,
            ..chain
        };
        self.write_chain(log.clone(), chain, changes)
    }

    /// Says through which batch what was restored goes.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub(crate) fn end_restoring(&self, through: Sequence) -> Result<(), StoreError> {
        let mut changes = Vec::new();
        put_mark(through, &mut changes);
        self.backend.write(Tree::Audit, changes)?;
        self.state().mark = Some(through);
        Ok(())
    }

    fn write_chain(&self, log: Log, chain: Chain, mut changes: Vec<Change>) -> Result<(), StoreError> {
        put_chain(&log, &chain, &mut changes);
        self.backend.write(Tree::Audit, changes)?;
        self.state().chains.insert(log, chain);
        Ok(())
    }

    fn get(&self, log: &Log, number: u64) -> Result<Option<Entry>, StoreError> {
        let key = entry_key(log, number);
        let value = value::read(&*self.backend, Tree::Audit, &key, |flaw| broken(log, number, flaw))?;
        value
            .map(|value| decode(log, number, value.stamp, &value.body))
            .transpose()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is changed after all else has gone well.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far somebody has walked through a log: from its first entry to the one that was its last when the walk began.
#[derive(Debug)]
pub struct Walk {
    log: Log,
    /// The ends of the log when the walk began.
    chain: Chain,
    /// The next entry, and the hash that it must follow.
    number: u64,
    previous: Hash,
}

impl Walk {
    fn new(log: Log, chain: Chain) -> Self {
        Self {
            log,
            chain,
            number: chain.first,
            previous: chain.before,
        }
    }

    /// Through which log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }
}

/// A batch that has notes.
pub(crate) struct CarriedBatch {
    pub(crate) sequence: Sequence,
    pub(crate) hash: Hash,
    /// All that is recorded in it.
    pub(crate) recorded: Vec<Recorded>,
}

/// The hash of an entry.
#[must_use]
pub fn hash(entry: &Entry) -> Hash {
    Sha256::digest(entry.canonical()).into()
}

/// Where damage of a log is said to be.
pub(crate) fn place(log: &Log) -> String {
    format!("audit log of {}", log_name(log.as_ref()))
}

fn missing(log: &Log, number: u64) -> StoreError {
    StoreError::damaged(format!("entry {number} is missing"), place(log))
}

fn broken(log: &Log, number: u64, flaw: Flaw) -> StoreError {
    flaw.into_error(&format!("entry {number}"), place(log))
}

fn decode(log: &Log, number: u64, stamp: u64, body: &[u8]) -> Result<Entry, StoreError> {
    let entry = codec::decode(log.clone(), number, Sequence(stamp), body);
    entry.map_err(|error| error.into_error(format!("{}, entry {number}", place(log))))
}

fn read_chains(backend: &dyn Backend) -> Result<BTreeMap<Log, Chain>, StoreError> {
    let broken = |flaw: Flaw| flaw.into_error("the end of a log", "audit logs");
    let mut chains = BTreeMap::new();
    let mut assembler = Assembler::default();
    let range = (
        Bound::Included([CHAIN_PREFIX].as_slice()),
        Bound::Excluded([ENTRY_PREFIX].as_slice()),
    );
    backend.scan(Tree::Audit, range, Direction::Forward, &mut |key, piece| {
        if let Some(whole) = assembler.feed(key, piece).map_err(broken)? {
            let found = log_of(whole.key).zip(Chain::of_bytes(whole.body));
            let (log, chain) = found.ok_or_else(|| broken(Flaw::Broken("is none")))?;
            chains.insert(log, chain);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if assembler.unfinished().is_some() {
        return Err(broken(Flaw::Broken("lacks its last pieces")));
    }
    Ok(chains)
}

/// Whose ends stand under a key; `None` when it is no such key.
fn log_of(key: &[u8]) -> Option<Log> {
    let name = key.strip_prefix(&[CHAIN_PREFIX])?.strip_suffix(&[0])?;
    if name.is_empty() {
        return Some(None);
    }
    let name = std::str::from_utf8(name).ok()?;
    OrganizationId::new(name).ok().map(Some)
}

fn key_of(prefix: u8, log: &Log) -> Vec<u8> {
    let name = log.as_ref().map_or("", OrganizationId::as_str);
    let mut key = Vec::with_capacity(name.len() + 10);
    key.push(prefix);
    key.extend_from_slice(name.as_bytes());
    // No name has it, so no log's key begins another one's.
    key.push(0);
    key
}

fn entry_key(log: &Log, number: u64) -> Vec<u8> {
    let mut key = key_of(ENTRY_PREFIX, log);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn put_entry(entry: &Entry, changes: &mut Vec<Change>) -> Result<(), StoreError> {
    let log = &entry.note.log;
    let key = entry_key(log, entry.number);
    let put = value::encode(&key, entry.batch.0, &[&codec::encode(entry)], changes);
    put.map(drop)
        .ok_or_else(|| StoreError::misuse(format!("entry {} has more bytes than a value can", entry.number)))
}

fn put_chain(log: &Log, chain: &Chain, changes: &mut Vec<Change>) {
    // Eighty bytes are never too long.
    let _checksum = value::encode(&key_of(CHAIN_PREFIX, log), 0, &[&chain.bytes()], changes);
}

fn put_mark(through: Sequence, changes: &mut Vec<Change>) {
    // Nor are none.
    let _checksum = value::encode(MARK_KEY, through.0, &[], changes);
}

#[cfg(test)]
mod tests;
