//! The tallies of history: what is written of them, and what has gathered since.

use std::collections::{BTreeMap, HashSet};

use muster_core::words::{ExecutionId, IntegrationId, Sequence};

use super::{HistoryEntry, entry_key};
use crate::StoreError;
use crate::backend::{Backend, Change, Tree};
use crate::tally::{Tally, fingerprint};
use crate::value::{self, Assembler, Flaw};

const TOTAL_KEY: &[u8] = &[0];
const MARK_KEY: &[u8] = &[1];
pub(super) const SUM_PREFIX: u8 = 2;

/// How many integrations may have gathered counts: some 5 MiB. Then a checkpoint is made without being asked for.
const PENDING_INTEGRATIONS_MAX: usize = 65_536;

/// How many tallies one write of a checkpoint holds: the committer's next batch waits for it.
const CHECKPOINT_SUMS_MAX: usize = 64;

/// How many integrations are remembered as verified: some 2 MiB. Then all are forgotten, and verified again when they are read.
const VERIFIED_INTEGRATIONS_MAX: usize = 65_536;

/// A tally that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) tally: Tally,
    /// It counts the entries of all batches up to this one.
    pub(super) through: Sequence,
}

/// What has gathered since the last checkpoint.
#[derive(Debug)]
pub(super) struct State {
    /// Everything through this batch was put, in this process or before it.
    absorbed: Sequence,
    /// Everything through this batch was put, and every written tally counts at least this far.
    marked: Sequence,
    /// Up to this batch, written tallies may count entries that come again. `None` until the journal has been recovered.
    recovered: Option<Sequence>,
    total: Sum,
    /// What was put and is in no written tally of all.
    total_pending: Tally,
    /// What was put and is in no written tally of its integration.
    pending: BTreeMap<IntegrationId, Pending>,
    /// What a verification has seen so far; `None` when none is under way.
    pub(super) pass: Option<Pass>,
    /// Bytes by the hour in which the executions were created; `None` until a verification has seen everything.
    pub(super) usage: Option<Usage>,
    verified: HashSet<IntegrationId>,
}

#[derive(Debug, Default)]
struct Pending {
    tally: Tally,
    /// Through which batch the written tally counts; looked up only while entries come again, zero otherwise.
    through: Sequence,
}

/// How far a verification has come.
#[derive(Debug)]
pub(super) struct Pass {
    /// All integrations before this one were seen.
    pub(super) next: IntegrationId,
    /// What stands in history for those.
    pub(super) tally: Tally,
    pub(super) usage: Usage,
}

/// Bytes by the hour (since the epoch) in which the executions were created.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Usage(BTreeMap<u64, u64>);

impl Usage {
    /// Counts an entry.
    pub(super) fn add(&mut self, execution: ExecutionId, bytes: usize) {
        let full = (super::ENTRY_KEY_BYTES + 2 + value::HEADER_BYTES + bytes) as u64;
        *self.0.entry(hour(execution)).or_default() += full;
    }

    /// Everything before this hour has been pruned.
    pub(super) fn forget_before(&mut self, hour: u64) {
        self.0 = self.0.split_off(&hour);
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.0.values().sum()
    }

    /// The first of the hours that may stay when at most `budget` bytes may; `None` when all of them may.
    pub(super) fn first_within(&self, budget: u64) -> Option<u64> {
        let mut left = budget;
        for (hour, bytes) in self.0.iter().rev() {
            match left.checked_sub(*bytes) {
                Some(rest) => left = rest,
                None => return Some(hour + 1),
            }
        }
        None
    }
}

/// The hour in which an execution was created: its id begins with the milliseconds since the epoch.
pub(super) fn hour(execution: ExecutionId) -> u64 {
    let millis = (execution.0 >> 80) as u64;
    millis / MILLIS_PER_HOUR
}

pub(super) const MILLIS_PER_HOUR: u64 = 60 * 60 * 1_000;

impl State {
    pub(super) fn read(backend: &dyn Backend) -> Result<Self, StoreError> {
        let marked = read_sum(backend, MARK_KEY, "the mark")?.through;
        Ok(Self {
            absorbed: marked,
            marked,
            recovered: None,
            total: read_sum(backend, TOTAL_KEY, "the tally of all")?,
            total_pending: Tally::default(),
            pending: BTreeMap::new(),
            pass: None,
            usage: None,
            verified: HashSet::new(),
        })
    }

    pub(super) fn recover(&mut self, anchor: Sequence, head: Sequence) -> Result<(), StoreError> {
        let known = self.marked.max(self.total.through);
        if known > head {
            return Err(StoreError::damaged(
                format!("it counts through batch {known}, and the journal ends at batch {head}"),
                "history",
            ));
        }
        if self.marked < anchor {
            let marked = self.marked;
            return Err(StoreError::damaged(
                format!("it is complete through batch {marked}, and the journal is trimmed through batch {anchor}"),
                "history",
            ));
        }
        self.recovered = Some(head);
        Ok(())
    }

    pub(super) fn absorbed(&self) -> Sequence {
        self.absorbed
    }

    pub(super) fn marked(&self) -> Sequence {
        self.marked
    }

    pub(super) fn absorb(&mut self, through: Sequence) {
        self.absorbed = through;
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.pending.len() >= PENDING_INTEGRATIONS_MAX
    }

    /// Whether all that stands in history is counted: before that, what an earlier process put in its last moments comes again.
    pub(super) fn is_caught_up(&self) -> bool {
        self.recovered.is_some_and(|recovered| self.absorbed >= recovered)
    }

    /// Counts an entry that is not absorbed yet, and adds what has to be written for it.
    pub(super) fn count(
        &mut self,
        backend: &dyn Backend,
        entry: &HistoryEntry,
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let comes_again = self.recovered.is_none_or(|recovered| entry.sequence <= recovered);
        let key = entry_key(entry.integration, entry.execution);
        let before = changes.len();
        let checksum = value::encode(&key, entry.sequence.0, &[&entry.bytes], changes)
            .ok_or_else(|| StoreError::misuse(format!("execution {} is too long", entry.execution)))?;
        let fingerprint = fingerprint(&key, checksum);
        if entry.sequence > self.total.through {
            self.total_pending.add(fingerprint);
        }
        let pending = match self.pending.entry(entry.integration) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(free) => {
                let through = if comes_again {
                    read_integration(backend, entry.integration)?.through
                } else {
                    Sequence(0)
                };
                let tally = Tally::default();
                free.insert(Pending { tally, through })
            }
        };
        if comes_again && entry.sequence <= pending.through {
            // It is there and counted, or has been pruned since.
            changes.truncate(before);
            return Ok(());
        }
        pending.tally.add(fingerprint);
        if let Some(pass) = self.pass.as_mut().filter(|pass| entry.integration < pass.next) {
            pass.tally.add(fingerprint);
            pass.usage.add(entry.execution, entry.bytes.len());
        }
        if let Some(usage) = &mut self.usage {
            usage.add(entry.execution, entry.bytes.len());
        }
        Ok(())
    }

    pub(super) fn checkpoint(&mut self, backend: &dyn Backend) -> Result<Sequence, StoreError> {
        if self.absorbed == self.marked {
            return Ok(self.marked);
        }
        let mut changes = Vec::with_capacity(CHECKPOINT_SUMS_MAX);
        for (integration, pending) in std::mem::take(&mut self.pending) {
            let written = read_integration(backend, integration)?;
            let sum = Sum {
                tally: written.tally.merged(pending.tally),
                through: self.absorbed,
            };
            encode_sum(&sum_key(integration), &sum, &mut changes);
            if changes.len() == CHECKPOINT_SUMS_MAX {
                backend.write(Tree::History, std::mem::take(&mut changes))?;
            }
        }
        // The mark last: a stop before it makes the same entries come again, and each tally knows which of them it has.
        self.write_total(self.total.tally.merged(self.total_pending), &mut changes);
        let mark = Sum {
            tally: Tally::default(),
            through: self.absorbed,
        };
        encode_sum(MARK_KEY, &mark, &mut changes);
        backend.write(Tree::History, changes)?;
        self.marked = self.absorbed;
        Ok(self.marked)
    }

    /// What an integration's entries must add up to.
    pub(super) fn expected(&self, backend: &dyn Backend, integration: IntegrationId) -> Result<Tally, StoreError> {
        let written = read_integration(backend, integration)?.tally;
        Ok(self.with_pending(integration, written))
    }

    /// The written tally of an integration together with what has gathered.
    pub(super) fn with_pending(&self, integration: IntegrationId, written: Tally) -> Tally {
        self.pending
            .get(&integration)
            .map_or(written, |pending| written.merged(pending.tally))
    }

    /// The integrations from `from` on that have gathered counts.
    pub(super) fn pending_from(&self, from: IntegrationId) -> impl Iterator<Item = IntegrationId> {
        self.pending.range(from..).map(|(integration, _)| *integration)
    }

    /// What all entries must add up to.
    pub(super) fn expected_total(&self) -> Tally {
        self.total.tally.merged(self.total_pending)
    }

    /// Takes entries out of the tallies, and adds the writing of these to `changes`.
    pub(super) fn take_out(
        &mut self,
        backend: &dyn Backend,
        integration: IntegrationId,
        fingerprints: &[u64],
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let mut tally = self.expected(backend, integration)?;
        let mut total = self.expected_total();
        for fingerprint in fingerprints {
            tally.subtract(*fingerprint);
            total.subtract(*fingerprint);
            if let Some(pass) = self.pass.as_mut().filter(|pass| integration < pass.next) {
                pass.tally.subtract(*fingerprint);
            }
        }
        self.pending.remove(&integration);
        let key = sum_key(integration);
        if tally == Tally::default() && self.absorbed == self.marked {
            // Nothing of what it counted comes again, so nothing needs to know how far it counted.
            changes.push(Change::Remove {
                key: value::piece_key(&key, 0),
            });
        } else {
            let through = self.absorbed;
            encode_sum(&key, &Sum { tally, through }, changes);
        }
        self.write_total(total, changes);
        Ok(())
    }

    /// Whether this integration has to be verified before it is read; from now on it counts as verified.
    pub(super) fn begin_verifying(&mut self, integration: IntegrationId) -> bool {
        if self.verified.len() >= VERIFIED_INTEGRATIONS_MAX {
            self.verified.clear();
        }
        self.is_caught_up() && self.verified.insert(integration)
    }

    /// Its verification has failed: it is verified, and refused, again.
    pub(super) fn distrust(&mut self, integration: IntegrationId) {
        self.verified.remove(&integration);
    }

    fn write_total(&mut self, tally: Tally, changes: &mut Vec<Change>) {
        self.total = Sum {
            tally,
            through: self.absorbed,
        };
        self.total_pending = Tally::default();
        encode_sum(TOTAL_KEY, &self.total, changes);
    }
}

pub(super) fn sum_key(integration: IntegrationId) -> [u8; 17] {
    let mut key = [SUM_PREFIX; 17];
    key[1..].copy_from_slice(&integration.to_bytes());
    key
}

/// The integration whose tally stands under this key (with the number of its piece).
pub(super) fn sum_integration(full_key: &[u8]) -> Option<IntegrationId> {
    let (key, _) = value::split_key(full_key)?;
    key.strip_prefix(&[SUM_PREFIX])?
        .try_into()
        .ok()
        .map(IntegrationId::from_bytes)
}

fn read_integration(backend: &dyn Backend, integration: IntegrationId) -> Result<Sum, StoreError> {
    read_sum(backend, &sum_key(integration), "its tally").map_err(|error| match error {
        StoreError::Damaged { what, .. } => StoreError::damaged(what, super::place(integration)),
        other => other,
    })
}

fn read_sum(backend: &dyn Backend, key: &[u8], subject: &str) -> Result<Sum, StoreError> {
    let full_key = value::piece_key(key, 0);
    match backend.get(Tree::History, &full_key)? {
        Some(piece) => decode_sum(&full_key, &piece).map_err(|flaw| flaw.into_error(subject, "history")),
        None => Ok(Sum::default()),
    }
}

pub(super) fn decode_sum(full_key: &[u8], piece: &[u8]) -> Result<Sum, Flaw> {
    let mut assembler = Assembler::default();
    let whole = assembler
        .feed(full_key, piece)?
        .ok_or(Flaw::Broken("has more pieces than one"))?;
    let (tally, rest) = Tally::from_bytes(whole.body).ok_or(Flaw::Broken("is too short"))?;
    if !rest.is_empty() {
        return Err(Flaw::Broken("is too long"));
    }
    Ok(Sum {
        tally,
        through: Sequence(whole.stamp),
    })
}

fn encode_sum(key: &[u8], sum: &Sum, changes: &mut Vec<Change>) {
    // Sixteen bytes are never too long.
    let _checksum = value::encode(key, sum.through.0, &[&sum.tally.to_bytes()], changes);
}
