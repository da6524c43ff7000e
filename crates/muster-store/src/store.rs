//! The store of one shard: its parts together, speaking the domain's types.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use muster_core::entity::EntityKey;
use muster_core::event::{Event, Recorded};
use muster_core::ledger::Entity;
use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, LogLine, OrganizationId, Sequence};

use crate::StoreError;
use crate::audit::{AuditLogs, CarriedBatch};
use crate::backend::{Backend, Flow};
use crate::codec::{event, history, log_line, record};
use crate::history::{History, PruneCursor, PruneStep};
use crate::journal::Journal;
use crate::log_lines::{LineCounts, LogLines};
use crate::memory::MemoryBackend;
use crate::records::{Record, RecordChange, Records};
use crate::sled::SledBackend;

/// How many batches with notes are carried into the audit logs at a time.
const CARRIED_MAX: usize = 16;

/// Where a store keeps what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In memory: it ends with the process.
    Memory,
    /// In this folder, which is made when it does not exist, and must be empty or a store's.
    Folder(PathBuf),
}

/// The store of one shard. Cheap to clone; clones are the same store, and all of it may be used from any thread.
///
/// The order of things: open, [`recover`](Store::recover), and then
/// - one thread appends batches and flushes them ([`append`](Store::append), [`flush`](Store::flush));
/// - one thread puts finished executions into history ([`put_finished`](Store::put_finished)), checkpoints and prunes
///   it, and carries notes into the audit logs ([`carry_audit`](Store::carry_audit));
/// - one thread writes entities behind the journal ([`write_entities`](Store::write_entities)) and trims it
///   ([`trim`](Store::trim)).
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) journal: Journal,
    pub(crate) records: Records,
    pub(crate) history: History,
    pub(crate) log_lines: LogLines,
    pub(crate) audit: AuditLogs,
    /// The batches that have notes for the audit logs, and were not carried yet; in order.
    pub(crate) noted: Mutex<VecDeque<Sequence>>,
    /// Through which batch the audit logs survive a power cut.
    audit_durable: AtomicU64,
    /// Through which batch history survives a power cut with its tallies.
    history_durable: AtomicU64,
    /// Held by whoever trims or removes records of what has ended, and by a backup.
    pub(crate) forgetting: Mutex<()>,
    /// Held by a backup and by a verification: there is one at a time.
    pub(crate) walking: Mutex<()>,
}

/// A change of what the records hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityChange {
    /// The entity is this, as of batch `stamp` with all of its events.
    Put {
        /// The entity, boxed since it is much larger than a key.
        entity: Box<Entity>,
        /// The batch of the last event that was applied to it.
        stamp: Sequence,
    },
    /// The entity is no more.
    Remove {
        /// Which one.
        key: EntityKey,
        /// The batch of the event that ended it.
        sequence: Sequence,
    },
}

impl Store {
    /// Opens the store at `location`, and makes one when there is none.
    ///
    /// # Errors
    /// [`StoreError`] says why not, and what to do: in use, not a store, of a format that is not known here, damaged.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        match location {
            Location::Memory => Self::on(Arc::new(MemoryBackend::new())),
            Location::Folder(folder) => Self::on(Arc::new(SledBackend::open(folder)?)),
        }
    }

    /// The store that an engine holds.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub fn on(backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        let journal = Journal::open(Arc::clone(&backend))?;
        let records = Records::open(Arc::clone(&backend))?;
        let history = History::open(Arc::clone(&backend))?;
        let history_durable = AtomicU64::new(history.marked().0);
        let log_lines = LogLines::open(Arc::clone(&backend));
        let audit = AuditLogs::open(backend)?;
        let audit_durable = AtomicU64::new(audit.marked().0);
        Ok(Self {
            inner: Arc::new(Inner {
                journal,
                records,
                history,
                log_lines,
                audit,
                noted: Mutex::default(),
                audit_durable,
                history_durable,
                forgetting: Mutex::new(()),
                walking: Mutex::new(()),
            }),
        })
    }

    /// The journal, in bytes.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// The records, in bytes.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.inner.records
    }

    /// The history, in bytes.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.inner.history
    }

    /// The log lines, in bytes.
    #[must_use]
    pub fn log_lines(&self) -> &LogLines {
        &self.inner.log_lines
    }

    /// The audit logs.
    #[must_use]
    pub fn audit(&self) -> &AuditLogs {
        &self.inner.audit
    }

    /// Appends commit batches by one write; see [`Journal::append`].
    ///
    /// # Errors
    /// As there.
    pub fn append<'a>(&self, batches: impl IntoIterator<Item = (Sequence, &'a [Recorded])>) -> Result<(), StoreError> {
        let mut noted = Vec::new();
        let encoded = batches.into_iter().map(|(sequence, events)| {
            if events
                .iter()
                .any(|recorded| matches!(recorded.event, Event::Audited(_)))
            {
                noted.push(sequence);
            }
            (sequence, event::encode_batch(events))
        });
        let encoded: Vec<_> = encoded.collect();
        self.inner.journal.append(&encoded)?;
        if !noted.is_empty() {
            self.noted().extend(noted);
        }
        Ok(())
    }

    /// Carries some of the notes of batches that are flushed from the journal into the audit logs. Returns through which batch all is carried; there may be
    /// more. Durable with the next flush.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`]: then the process must stop.
    pub fn carry_audit(&self) -> Result<Sequence, StoreError> {
        let flushed = self.inner.journal.flushed();
        let next: Vec<Sequence> = {
            let noted = self.noted();
            let ready = noted.iter().take_while(|sequence| **sequence <= flushed);
            ready.take(CARRIED_MAX).copied().collect()
        };
        let Some(last) = next.last().copied() else {
            return Ok(flushed);
        };
        let mut batches = Vec::with_capacity(next.len());
        for sequence in &next {
            let read = self.inner.journal.get(*sequence, |batch| {
                let recorded = event::decode_batch(batch.events).collect::<Result<_, _>>();
                recorded.map(|recorded| CarriedBatch {
                    sequence: batch.sequence,
                    hash: batch.hash,
                    recorded,
                })
            })?;
            let batch = read.ok_or_else(|| StoreError::damaged(format!("batch {sequence} is missing"), "journal"))?;
            batches.push(batch.map_err(|error| error.into_error(format!("journal, batch {sequence}")))?);
        }
        self.inner.audit.carry(last, batches)?;
        let mut noted = self.noted();
        noted.drain(..next.len());
        Ok(if noted.front().is_none_or(|next| *next > flushed) {
            flushed
        } else {
            last
        })
    }

    /// Carries all notes of batches through `through`, and says so; see [`Store::carry_audit`].
    ///
    /// # Errors
    /// As there.
    pub fn carry_audit_through(&self, through: Sequence) -> Result<(), StoreError> {
        while self.noted().front().is_some_and(|next| *next <= through) {
            self.carry_audit()?;
        }
        self.inner.audit.carry(through, Vec::new())
    }

    pub(crate) fn noted(&self) -> std::sync::MutexGuard<'_, VecDeque<Sequence>> {
        // Nothing that can panic halfway through a change runs under the lock.
        self.inner.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything durable that was written before this call: batches, and also entities, history and its mark.
    /// Returns the newest batch that survives a power cut from now on; what depends on it and on those before it may be
    /// told.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing of it may be told, and the process must stop.
    pub fn flush(&self) -> Result<Sequence, StoreError> {
        let marked = self.inner.history.marked();
        let carried = self.inner.audit.marked();
        let head = self.inner.journal.flush()?;
        self.inner.history_durable.fetch_max(marked.0, Ordering::AcqRel);
        self.inner.audit_durable.fetch_max(carried.0, Ordering::AcqRel);
        Ok(head)
    }

    /// Hands the batches from number `from` on to `visit`, until it breaks or there are no more.
    ///
    /// # Errors
    /// As [`Journal::read_from`]; [`StoreError::Damaged`] or [`StoreError::Format`] when an event cannot be read.
    pub fn read_batches(
        &self,
        from: Sequence,
        visit: &mut dyn FnMut(Sequence, Vec<Recorded>) -> Flow,
    ) -> Result<(), StoreError> {
        self.inner.journal.read_from(from, &mut |batch| {
            let events = event::decode_batch(batch.events).collect::<Result<_, _>>();
            let events = events.map_err(|error| error.into_error(format!("journal, batch {}", batch.sequence)))?;
            visit(batch.sequence, events)
        })
    }

    /// Writes entities behind the journal, all of them or none, at most
    /// [`RECORD_CHANGES_MAX`](crate::records::RECORD_CHANGES_MAX) at a time. Durable with the next flush.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when a batch is not flushed yet that made a change, or when an execution is removed
    /// before history durably holds its end: [`Store::history_durable`] has not reached that batch.
    pub fn write_entities(&self, changes: &[EntityChange]) -> Result<(), StoreError> {
        let history_durable = self.history_durable();
        let mut records = Vec::with_capacity(changes.len());
        for change in changes {
            records.push(match change {
                EntityChange::Put { entity, stamp } => RecordChange::Put(Record {
                    key: record::record_key(&record::entity_key(entity)),
                    stamp: *stamp,
                    bytes: record::encode(entity),
                }),
                EntityChange::Remove { key, sequence } => {
                    if matches!(key, EntityKey::Execution(_)) && *sequence > history_durable {
                        return Err(StoreError::misuse(format!(
                            "an execution that batch {sequence} has ended was to be removed, but history is \
                             durable through batch {history_durable}"
                        )));
                    }
                    RecordChange::Remove {
                        key: record::record_key(key),
                        sequence: *sequence,
                    }
                }
            });
        }
        self.inner.records.write(self.inner.journal.flushed(), &records)
    }

    /// Through which batch history holds all finished executions so that they survive a power cut: what
    /// [`History::checkpoint`] returned before the newest [`Store::flush`].
    #[must_use]
    pub fn history_durable(&self) -> Sequence {
        Sequence(self.inner.history_durable.load(Ordering::Acquire))
    }

    /// Forgets the batches up to and including `through`. The newest batch always stays, since it tells a restart what
    /// time it was. The caller knows that all entities which these batches have changed are written and flushed. Notes that are in none of the audit logs
    /// yet are carried before.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when history still needs one of them; [`StoreError`] of the engine.
    pub fn trim(&self, through: Sequence) -> Result<(), StoreError> {
        let history_durable = self.history_durable();
        if through > history_durable {
            return Err(StoreError::misuse(format!(
                "the journal was to be trimmed through batch {through}, but history is durable through batch \
                 {history_durable}"
            )));
        }
        let newest = self.inner.journal.flushed();
        let through = through.min(Sequence(newest.0.saturating_sub(1)));
        if through.0 > self.inner.audit_durable.load(Ordering::Acquire) {
            self.carry_audit_through(through)?;
            self.flush()?;
        }
        self.inner.journal.trim(through)
    }

    /// Appends log lines to those of an execution. Longer messages than [`LogLine::BYTES_MAX`] are cut, more lines than
    /// [`LogLine::LINES_MAX`] are only counted.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub fn append_log_lines(&self, execution: ExecutionId, lines: &[LogLine]) -> Result<LineCounts, StoreError> {
        let encoded: Vec<_> = lines.iter().map(log_line::encode).collect();
        self.inner.log_lines.append(execution, &encoded)
    }

    /// At most `limit` log lines of an execution, from number `from` (counted from 0) on.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub fn read_log_lines(&self, execution: ExecutionId, from: u32, limit: usize) -> Result<Vec<LogLine>, StoreError> {
        let mut lines = Vec::new();
        if limit == 0 {
            return Ok(lines);
        }
        self.inner.log_lines.read_from(execution, from, &mut |number, bytes| {
            let line = log_line::decode(bytes);
            lines.push(line.map_err(|error| error.into_error(format!("log line {number} of execution {execution}")))?);
            let is_full = lines.len() == limit;
            Ok(if is_full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(lines)
    }

    /// Removes some of the oldest entries of an organization's audit log (`None`: the service's own) that are older than `before`; returns how many.
    /// Nothing is removed while a backup is made.
    ///
    /// # Errors
    /// [`StoreError`] of the engine, or [`StoreError::Damaged`].
    pub fn prune_audit(&self, log: &Option<OrganizationId>, before: Stamp) -> Result<usize, StoreError> {
        match self.try_forget() {
            Some(_forgetting) => self.inner.audit.prune(log, before),
            None => Ok(0),
        }
    }

    /// Prunes a few integrations of history, and the log lines of what goes; see [`History::prune_step`]. `oldest` says before which time what an
    /// organization has goes, and is asked for a pruning by owners.
    ///
    /// # Errors
    /// [`StoreError`] of the engine.
    pub fn prune_step(
        &self,
        cursor: PruneCursor,
        oldest: &dyn Fn(&OrganizationId) -> Stamp,
    ) -> Result<PruneStep, StoreError> {
        let oldest_of = |integration, execution, bytes: &[u8]| {
            let finished = history::decode(execution, integration, bytes);
            let finished = finished.map_err(|error| error.into_error(format!("execution {execution}")))?;
            Ok(oldest(&finished.organization))
        };
        let log_lines = &self.inner.log_lines;
        self.inner
            .history
            .prune_step(cursor, &oldest_of, &mut |executions| log_lines.remove(executions))
    }
}
