//! The tallies of history: what is written of them, and what has gathered since.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use muster_core::words::{ExecutionId, IntegrationId, Sequence};

use super::hours::{self, hour_of};
use super::pass::{Pass, Usage};
use super::{HistoryEntry, entry_key};
use crate::StoreError;
use crate::backend::{Backend, Change, Direction, Tree};
use crate::tally::{Tally, fingerprint};
use crate::value::{self, Assembler, Flaw};

const TOTAL_KEY: &[u8] = &[0];
const MARK_KEY: &[u8] = &[1];
pub(super) const SUM_PREFIX: u8 = 3;

/// How many entries may gather before a checkpoint is made without being asked for: some 30 MiB.
const PENDING_ENTRIES_MAX: usize = 524_288;

/// How many changes one write of a checkpoint holds: the committer's next batch waits for it, and so do readers.
const CHECKPOINT_CHANGES_MAX: usize = 32;

/// How many integrations are remembered as verified: some 2 MiB. Then all are forgotten, and verified again when they
/// are read.
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
    /// Up to this batch, written tallies may count entries that come again. `None` until the journal has been
    /// recovered.
    recovered: Option<Sequence>,
    total: Sum,
    /// What was put and is in no written tally of all.
    total_pending: Tally,
    /// What was put and is in no written tally of its integration.
    pending: BTreeMap<IntegrationId, Pending>,
    /// How many entries these have.
    pending_entries: usize,
    /// What a verification has seen so far; `None` when none is under way.
    pub(super) pass: Option<Pass>,
    /// What a walk has seen so far; `None` when none is under way.
    pub(super) walk: Option<Pass>,
    /// Bytes by the hour in which the executions were created; `None` until a verification has seen everything.
    pub(super) usage: Option<Usage>,
    verified: HashSet<IntegrationId>,
}

/// What a step of a checkpoint has written.
pub(super) struct Written {
    /// The integration to go on with; `None` after the last.
    pub(super) next: Option<IntegrationId>,
    /// For how many.
    pub(super) integrations: usize,
}

#[derive(Debug, Default)]
struct Pending {
    tally: Tally,
    /// Through which batch the written tally counts; looked up only while entries come again, zero otherwise.
    through: Sequence,
    executions: BTreeSet<ExecutionId>,
}

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
            pending_entries: 0,
            pass: None,
            walk: None,
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
        self.pending_entries >= PENDING_ENTRIES_MAX
    }

    /// Whether all that stands in history is counted: before that, what an earlier process put in its last moments
    /// comes again.
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
        let key = entry_key(entry.execution);
        let before = changes.len();
        let parts: [&[u8]; 2] = [&entry.integration.to_bytes(), &entry.bytes];
        let checksum = value::encode(&key, entry.sequence.0, &parts, changes)
            .ok_or_else(|| StoreError::misuse(format!("execution {} is too long", entry.execution)))?;
        let fingerprint = fingerprint(&key, checksum);
        if entry.sequence > self.total.through {
            self.total_pending.add(fingerprint);
        }
        let pending = match self.pending.entry(entry.integration) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) => {
                let mut pending = Pending::default();
                if comes_again {
                    pending.through = read_integration(backend, entry.integration)?.through;
                }
                free.insert(pending)
            }
        };
        if comes_again && entry.sequence <= pending.through {
            // It is there and counted, or has been pruned since.
            changes.truncate(before);
            return Ok(());
        }
        pending.tally.add(fingerprint);
        pending.executions.insert(entry.execution);
        self.pending_entries += 1;
        for pass in self.pass.iter_mut().chain(&mut self.walk) {
            pass.add(entry, fingerprint);
        }
        if let Some(usage) = &mut self.usage {
            usage.add(entry.execution, entry.bytes.len());
        }
        Ok(())
    }

    /// Writes what has gathered for the integrations from `from` on, some of them at once.
    pub(super) fn write_some(&mut self, backend: &dyn Backend, from: IntegrationId) -> Result<Written, StoreError> {
        let mut changes = Vec::with_capacity(CHECKPOINT_CHANGES_MAX);
        let mut integrations = 0;
        let next = loop {
            let Some(integration) = self.pending.range(from..).next().map(|(integration, _)| *integration) else {
                break None;
            };
            if changes.len() >= CHECKPOINT_CHANGES_MAX {
                break Some(integration);
            }
            let Some(pending) = self.pending.remove(&integration) else {
                break None;
            };
            self.pending_entries -= pending.executions.len();
            let written = read_integration(backend, integration)?;
            let sum = Sum {
                tally: written.tally.merged(pending.tally),
                through: self.absorbed.max(written.through),
            };
            encode_sum(&sum_key(integration), &sum, &mut changes);
            hours::add(backend, integration, pending.executions, &mut changes)?;
            integrations += 1;
        };
        if !changes.is_empty() {
            backend.write(Tree::History, changes)?;
        }
        Ok(Written { next, integrations })
    }

    /// Writes the tally of all and the mark, after everything through `through` is written. A stop before it makes the
    /// same entries come again, and each tally knows which of them it has. Returns the mark, which never goes back.
    pub(super) fn write_mark(&mut self, backend: &dyn Backend, through: Sequence) -> Result<Sequence, StoreError> {
        let through = through.max(self.marked);
        let mut changes = Vec::new();
        self.write_total(self.expected_total(), &mut changes);
        let mark = Sum {
            tally: Tally::default(),
            through,
        };
        encode_sum(MARK_KEY, &mark, &mut changes);
        backend.write(Tree::History, changes)?;
        self.marked = through;
        Ok(through)
    }

    /// The ids of an integration's newest `limit` entries that are older than `before`, newest first.
    pub(super) fn newest(
        &self,
        backend: &dyn Backend,
        integration: IntegrationId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let before = before.unwrap_or(ExecutionId(u128::MAX));
        let mut found = BTreeSet::new();
        if let Some(pending) = self.pending.get(&integration) {
            found.extend(pending.executions.range(..before).rev().take(limit));
        }
        // Each hour has at least one, and only the newest hour may have none that is older than `before`.
        let hours = hours::hours(
            backend,
            integration,
            (0, hour_of(before)),
            Direction::Backward,
            limit.saturating_add(1),
        )?;
        let mut seen = 0;
        for hour in hours {
            if seen >= limit {
                break;
            }
            let executions = hours::read(backend, integration, hour)?;
            let older: Vec<_> = executions.range(..before).rev().take(limit - seen).copied().collect();
            seen += older.len();
            found.extend(older);
        }
        Ok(found.into_iter().rev().take(limit).collect())
    }

    /// The ids of all entries of an integration.
    pub(super) fn all(
        &self,
        backend: &dyn Backend,
        integration: IntegrationId,
    ) -> Result<BTreeSet<ExecutionId>, StoreError> {
        let mut found = BTreeSet::new();
        for hour in hours::hours(backend, integration, (0, u32::MAX), Direction::Forward, usize::MAX)? {
            found.extend(hours::read(backend, integration, hour)?);
        }
        if let Some(pending) = self.pending.get(&integration) {
            found.extend(&pending.executions);
        }
        Ok(found)
    }

    /// Whether an execution is among an integration's entries.
    pub(super) fn has(
        &self,
        backend: &dyn Backend,
        integration: IntegrationId,
        execution: ExecutionId,
    ) -> Result<bool, StoreError> {
        let pending = self.pending.get(&integration);
        Ok(pending.is_some_and(|pending| pending.executions.contains(&execution))
            || hours::read(backend, integration, hour_of(execution))?.contains(&execution))
    }

    /// What an integration's entries must add up to.
    pub(super) fn expected(&self, backend: &dyn Backend, integration: IntegrationId) -> Result<Tally, StoreError> {
        let written = read_integration(backend, integration)?.tally;
        Ok(self
            .pending
            .get(&integration)
            .map_or(written, |pending| written.merged(pending.tally)))
    }

    /// For how many integrations something has gathered.
    pub(super) fn gathered(&self) -> usize {
        self.pending.len()
    }

    /// The integrations from `from` on that something has gathered for.
    pub(super) fn gathered_from(&self, from: IntegrationId) -> impl Iterator<Item = IntegrationId> {
        self.pending.range(from..).map(|(integration, _)| *integration)
    }

    /// How many executions an integration has by what is written of its hours, and by what has gathered.
    pub(super) fn count_ids(&self, backend: &dyn Backend, integration: IntegrationId) -> Result<u64, StoreError> {
        let gathered = self
            .pending
            .get(&integration)
            .map_or(0, |pending| pending.executions.len());
        Ok(hours::count(backend, integration)? + gathered as u64)
    }

    /// What all entries must add up to.
    pub(super) fn expected_total(&self) -> Tally {
        self.total.tally.merged(self.total_pending)
    }

    /// Takes entries out of the written tallies, and adds the writing of these to `changes`. Nothing may have gathered
    /// for the integration.
    pub(super) fn take_out(
        &mut self,
        backend: &dyn Backend,
        integration: IntegrationId,
        entries: &[(ExecutionId, usize, u64)],
        changes: &mut Vec<Change>,
    ) -> Result<(), StoreError> {
        let mut tally = self.expected(backend, integration)?;
        let mut total = self.expected_total();
        for (execution, bytes, fingerprint) in entries {
            tally.subtract(*fingerprint);
            total.subtract(*fingerprint);
            if let Some(usage) = &mut self.usage {
                usage.subtract(*execution, *bytes);
            }
            for pass in self.pass.iter_mut().chain(&mut self.walk) {
                pass.subtract(integration, (*execution, *bytes), *fingerprint);
            }
        }
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
            through: self.absorbed.max(self.total.through),
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

fn decode_sum(full_key: &[u8], piece: &[u8]) -> Result<Sum, Flaw> {
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
