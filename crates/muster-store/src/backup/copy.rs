//! Making a backup.

use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use muster_core::time::Stamp;
use muster_core::words::Sequence;

use super::file::Packer;
use super::piece::{
    AuditEntryPiece, AuditLogPiece, BatchPiece, Begin, End, FinishedPiece, Kind, LogLinesPiece, RecordPiece,
};
use crate::journal::Head;
use crate::{Store, StoreError};

/// How much is read at a time, in bytes: what is written has to wait for so long, which is some milliseconds at most.
const STEP_BYTES: usize = 128 * 1024;

/// How many finished executions are read at a time: about as long.
const STEP_ENTRIES: usize = 500;

/// How many times as long as it has worked a copy rests when others work beside it. Whoever puts finished executions into history waits for the same pages:
/// without a rest half as many lifecycles a second were carried meanwhile.
const RESTS: u32 = 4;

/// How long it works before it rests.
const WORKS: Duration = Duration::from_millis(2);

/// While this is held nothing of a store is forgotten: its journal is not trimmed, and no record of what has ended is removed.
pub struct Hold<'s> {
    _forgetting: MutexGuard<'s, ()>,
}

/// How much was copied so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Entities.
    pub records: u64,
    /// Finished executions.
    pub finished: u64,
    /// Executions with log lines.
    pub log_lines: u64,
    /// Executions whose log lines are damaged, and so left out.
    pub left_out: u64,
    /// Entries of audit logs.
    pub audit_entries: u64,
    /// Commit batches.
    pub batches: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// How many entities and finished executions there were when it began, together.
    pub of: u64,
}

impl Store {
    /// What lets somebody forget something of the store; `None` while a backup is made.
    pub fn try_forget(&self) -> Option<Hold<'_>> {
        match self.inner.forgetting.try_lock() {
            Ok(forgetting) => Some(Hold {
                _forgetting: forgetting,
            }),
            Err(TryLockError::Poisoned(poisoned)) => Some(Hold {
                _forgetting: poisoned.into_inner(),
            }),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Lets one at a time walk through all of the store.
    pub(crate) fn begin_walks(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        match self.inner.walking.try_lock() {
            Ok(only_one) => Ok(only_one),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(StoreError::BackupUnderWay),
        }
    }

    /// Copies all of the store, as of the newest batch that is durable when it has come so far, and gives the bytes of the backup out in their order,
    /// each time with how much was copied so far. `version` and `made` say to people where it is from. Reads only, a little at a time; the store may be
    /// served meanwhile. `give` may take its time, but while it does the journal grows.
    ///
    /// # Errors
    /// [`StoreError::BackupUnderWay`], [`StoreError::Damaged`] when something is not as it was written, and what `give` returns: what was given out until
    /// then is no backup.
    pub fn back_up(
        &self,
        version: &str,
        made: Stamp,
        give: &mut dyn FnMut(Vec<u8>, Copied) -> Result<(), StoreError>,
    ) -> Result<Copied, StoreError> {
        self.copy(version, made, 0, give)
    }

    /// The same, with rests: for a store that is served meanwhile.
    ///
    /// # Errors
    /// As [`Store::back_up`].
    pub fn back_up_served(
        &self,
        version: &str,
        made: Stamp,
        give: &mut dyn FnMut(Vec<u8>, Copied) -> Result<(), StoreError>,
    ) -> Result<Copied, StoreError> {
        self.copy(version, made, RESTS, give)
    }

    fn copy(
        &self,
        version: &str,
        made: Stamp,
        rests: u32,
        give: &mut dyn FnMut(Vec<u8>, Copied) -> Result<(), StoreError>,
    ) -> Result<Copied, StoreError> {
        let _only_one = self.begin_walks()?;
        // A trimming that is under way ends in some milliseconds.
        let _hold = self.inner.forgetting.lock().unwrap_or_else(PoisonError::into_inner);
        let (packer, first) = Packer::new();
        let mut copy = Copy {
            store: self,
            packer,
            copied: Copied {
                of: self.records().tally().count + self.history().total().count,
                ..Copied::default()
            },
            rests,
            rested: Instant::now(),
            give,
        };
        copy.give(first)?;
        let anchor = self.journal().anchor();
        let absorbed = self.history().absorbed();
        let carried = self.audit().marked();
        copy.begin(version, made, anchor, (absorbed, carried))?;
        copy.records()?;
        copy.finished(absorbed)?;
        copy.log_lines()?;
        copy.audit_logs(carried)?;
        copy.journal(anchor.sequence)?;
        copy.end()
    }
}

struct Copy<'c> {
    store: &'c Store,
    packer: Packer,
    copied: Copied,
    /// How many times as long as it works it rests, and when it last did.
    rests: u32,
    rested: Instant,
    give: &'c mut dyn FnMut(Vec<u8>, Copied) -> Result<(), StoreError>,
}

impl Copy<'_> {
    fn begin(
        &mut self,
        version: &str,
        made: Stamp,
        anchor: Head,
        (absorbed, carried): (Sequence, Sequence),
    ) -> Result<(), StoreError> {
        self.take(Kind::Begin(Begin {
            store_format: crate::folder::FORMAT.into(),
            version: version.to_owned(),
            made_ms: made.millis(),
            anchor: anchor.sequence.0,
            anchor_hash: anchor.hash.to_vec(),
            anchor_epoch: anchor.epoch,
            absorbed: absorbed.0,
            carried: carried.0,
        }))
    }

    fn records(&mut self) -> Result<(), StoreError> {
        let records = self.store.records();
        records.begin_walk();
        let mut step = Vec::new();
        loop {
            let more = records.walk_step(STEP_BYTES, &mut |view| {
                step.push(RecordPiece::new(view.kind, view.id, view.stamp, view.bytes));
                Ok(())
            })?;
            for piece in step.drain(..) {
                self.copied.records += 1;
                self.take(Kind::Record(piece))?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn finished(&mut self, absorbed: Sequence) -> Result<(), StoreError> {
        let history = self.store.history();
        history.begin_walk()?;
        let mut step = Vec::new();
        loop {
            let more = history.walk_step(STEP_ENTRIES, &mut |view| {
                // What has ended later is made by the journal.
                if view.sequence <= absorbed {
                    let piece = FinishedPiece::new(view.integration, view.execution, view.sequence, view.bytes);
                    step.push(piece);
                }
                Ok(())
            })?;
            for piece in step.drain(..) {
                self.copied.finished += 1;
                self.take(Kind::Finished(piece))?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn log_lines(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        while let Some((execution, lines)) = self.store.log_lines().next_after(after)? {
            after = Some(execution);
            match lines {
                Ok(lines) => {
                    self.copied.log_lines += 1;
                    self.take(Kind::LogLines(LogLinesPiece::new(lines)))?;
                }
                // Nothing but these lines is lost, and nothing was promised of them: that is no reason to be without a backup.
                Err(damage) => {
                    self.copied.left_out += 1;
                    tracing::warn!(%execution, %damage, "its log lines are left out of the backup");
                }
            }
        }
        Ok(())
    }

    /// Nothing of them is removed meanwhile. What is carried meanwhile is made by the journal.
    fn audit_logs(&mut self, carried: Sequence) -> Result<(), StoreError> {
        let audit = self.store.audit();
        for (log, chain) in audit.chains() {
            self.take(Kind::AuditLog(AuditLogPiece::new(&log, &chain)))?;
            let mut next = chain.first;
            loop {
                let entries = audit.read(&log, next, STEP_ENTRIES)?;
                for entry in entries.iter().take_while(|entry| entry.batch <= carried) {
                    self.copied.audit_entries += 1;
                    self.take(Kind::AuditEntry(AuditEntryPiece::new(entry)))?;
                }
                match entries.last() {
                    Some(last) if last.batch <= carried => next = last.number + 1,
                    Some(_) | None => break,
                }
            }
        }
        Ok(())
    }

    fn journal(&mut self, anchor: Sequence) -> Result<(), StoreError> {
        let journal = self.store.journal();
        let through = journal.flushed();
        let mut next = anchor.next();
        let mut step = Vec::new();
        while next <= through {
            let mut bytes = 0;
            journal.read_from(next, &mut |batch| {
                if batch.sequence > through || bytes >= STEP_BYTES {
                    return Ok(ControlFlow::Break(()));
                }
                bytes += batch.events.len();
                step.push(BatchPiece {
                    sequence: batch.sequence.0,
                    epoch: batch.epoch,
                    events: batch.events.to_vec(),
                });
                Ok(ControlFlow::Continue(()))
            })?;
            let Some(last) = step.last() else {
                return Err(StoreError::damaged(format!("batch {next} is missing"), "journal"));
            };
            next = Sequence(last.sequence).next();
            for piece in step.drain(..) {
                self.copied.batches += 1;
                self.take(Kind::Batch(piece))?;
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<Copied, StoreError> {
        let Copied {
            records,
            finished,
            log_lines,
            audit_entries,
            batches,
            ..
        } = self.copied;
        self.packer.take(Kind::End(End {
            records,
            finished,
            log_lines,
            batches,
            audit_entries,
        }));
        let last = self.packer.block()?;
        self.give(last)?;
        let Self {
            packer,
            mut copied,
            give,
            ..
        } = self;
        let sum = packer.end();
        copied.bytes += sum.len() as u64;
        give(sum, copied)?;
        Ok(copied)
    }

    fn take(&mut self, kind: Kind) -> Result<(), StoreError> {
        self.packer.take(kind);
        if self.packer.is_full() {
            let block = self.packer.block()?;
            self.give(block)?;
        }
        let worked = self.rested.elapsed();
        if self.rests > 0 && worked >= WORKS {
            // It may have waited for whoever takes the copy, and that was no work.
            std::thread::sleep(worked.min(WORKS * 5) * self.rests);
            self.rested = Instant::now();
        }
        Ok(())
    }

    fn give(&mut self, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.copied.bytes += bytes.len() as u64;
        (self.give)(bytes, self.copied)
    }
}
