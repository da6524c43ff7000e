//! Making a store of a backup.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use muster_core::time::Stamp;
use muster_core::words::Sequence;

use super::file::Unpacker;
use super::piece::{Begin, End, Kind};
use crate::audit::AuditLogs;
use crate::backend::Backend;
use crate::history::History;
use crate::journal::Journal;
use crate::log_lines::LogLines;
use crate::records::{RecordChange, Records};
use crate::sled::SledBackend;
use crate::verify::Told;
use crate::{Store, StoreError};

/// How many records are written at a time.
const RECORDS_AT_ONCE: usize = 256;

/// How many batches or entries lie between two flushes, so that what is not flushed stays small.
const FLUSH_EVERY: u64 = 20_000;

/// How many messages lie between two words on how far it is.
const TOLD_EVERY: u64 = 1_000;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Which version of the program made it.
    pub version: String,
    /// When.
    pub made: Stamp,
    /// The newest batch.
    pub head: Sequence,
    /// How many entities.
    pub records: u64,
    /// How many finished executions, but for those that the journal makes.
    pub finished: u64,
    /// How many bytes the file has.
    pub bytes: u64,
}

/// Makes a store of a backup, in a folder that does not exist or is empty. Whether the backup is whole is known only at its end: until this has
/// returned, nobody may take what is in the folder for a store.
///
/// # Errors
/// [`StoreError`] says what is wrong with the backup, and where; what was made until then is of no use.
pub fn restore(file: &Path, folder: &Path, tell: &mut dyn FnMut(Told)) -> Result<Restored, StoreError> {
    let backend: Arc<dyn Backend> = Arc::new(SledBackend::open(folder)?);
    restore_into(file, &backend, tell)
}

/// Reads a backup to its end, and judges whether it is whole, as [`restore`] does, but makes nothing of it.
///
/// # Errors
/// [`StoreError`] says what is wrong with the backup, and where.
pub fn check(file: &Path, tell: &mut dyn FnMut(Told)) -> Result<Restored, StoreError> {
    read(file, &mut |_, _| Ok(()), &mut |done, of| {
        tell(told("checking", done, of))
    })
}

/// How much of the bytes of a file is done.
fn told(part: &'static str, done: u64, of: u64) -> Told {
    let of = Some(of);
    Told::Progress { part, done, of }
}

pub(super) fn restore_into(
    file: &Path,
    backend: &Arc<dyn Backend>,
    tell: &mut dyn FnMut(Told),
) -> Result<Restored, StoreError> {
    let mut making = Making {
        journal: Journal::open(Arc::clone(backend))?,
        records: Records::open(Arc::clone(backend))?,
        history: History::open(Arc::clone(backend))?,
        log_lines: LogLines::open(Arc::clone(backend)),
        audit: AuditLogs::open(Arc::clone(backend))?,
        backend: Arc::clone(backend),
        absorbed: Sequence(0),
        carried: Sequence(0),
        changes: Vec::new(),
        unflushed: 0,
    };
    let mut take = |kind, damaged: Damaged<'_>| making.take(kind, damaged);
    let restored = read(file, &mut take, &mut |done, of| tell(told("restoring", done, of)))?;
    making.end()?;
    drop(making);
    // What was made must be what a start takes.
    Store::on(Arc::clone(backend))?.recover().map(drop)?;
    Ok(restored)
}

/// A store that is being made.
struct Making {
    backend: Arc<dyn Backend>,
    journal: Journal,
    records: Records,
    history: History,
    log_lines: LogLines,
    audit: AuditLogs,
    absorbed: Sequence,
    carried: Sequence,
    /// Records that are not written yet.
    changes: Vec<RecordChange>,
    unflushed: u64,
}

impl Making {
    fn begin(&mut self, begin: &Begin) -> Result<(), StoreError> {
        let anchor = begin
            .anchor()
            .ok_or_else(|| StoreError::misuse("a backup without an anchor was taken for one that was checked"))?;
        self.absorbed = Sequence(begin.absorbed);
        // A backup from before there were audit logs has none.
        self.carried = Sequence(begin.carried).max(anchor.sequence);
        self.journal.begin_restoring(anchor)
    }

    fn take(&mut self, kind: Kind, damaged: Damaged<'_>) -> Result<(), StoreError> {
        match kind {
            Kind::Record(piece) => {
                let record = piece.into_record().ok_or_else(|| damaged("a record in it is none"))?;
                self.changes.push(RecordChange::Put(record));
                if self.changes.len() >= RECORDS_AT_ONCE {
                    self.write_records()?;
                }
            }
            Kind::Finished(piece) => {
                let entry = piece
                    .into_entry()
                    .ok_or_else(|| damaged("a finished execution in it is none"))?;
                self.history.restore(&entry)?;
            }
            Kind::LogLines(piece) => {
                let lines = piece.into_lines().ok_or_else(|| damaged("log lines in it are none"))?;
                self.log_lines.restore(&lines)?;
            }
            Kind::AuditLog(piece) => {
                let beginning = piece.into_beginning();
                let (log, first, before) = beginning.ok_or_else(|| damaged("an audit log in it is none"))?;
                self.audit.begin_restoring(log, first, before)?;
            }
            Kind::AuditEntry(piece) => {
                let entry = piece
                    .into_entry()
                    .ok_or_else(|| damaged("an entry of an audit log in it is none"))?;
                self.audit.restore(&entry)?;
            }
            Kind::Batch(piece) => {
                self.journal
                    .restore(Sequence(piece.sequence), piece.epoch, &piece.events)?;
            }
            Kind::Begin(begin) => self.begin(&begin)?,
            Kind::End(_) => {}
        }
        self.unflushed += 1;
        if self.unflushed >= FLUSH_EVERY {
            self.unflushed = 0;
            self.backend.flush()?;
        }
        Ok(())
    }

    fn write_records(&mut self) -> Result<(), StoreError> {
        // The journal comes after them, and nothing of this is seen before all of it is there.
        self.records.write(Sequence(u64::MAX), &self.changes)?;
        self.changes.clear();
        Ok(())
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.write_records()?;
        self.history.end_restoring(self.absorbed)?;
        self.audit.end_restoring(self.carried)?;
        self.journal.flush().map(drop)
    }
}

/// What makes an error of what is wrong with a message.
type Damaged<'d> = &'d dyn Fn(&str) -> StoreError;

/// Hands the messages of a backup on to `take`, and judges that they are all that it says, in an order that can be.
fn read(
    path: &Path,
    take: &mut dyn FnMut(Kind, Damaged<'_>) -> Result<(), StoreError>,
    tell: &mut dyn FnMut(u64, u64),
) -> Result<Restored, StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    let of = fs::metadata(path).map_err(StoreError::io("look at", path))?.len();
    let mut unpacker = Unpacker::new(BufReader::with_capacity(256 * 1024, file))?;
    let Kind::Begin(begin) = unpacker.next()? else {
        return Err(unpacker.damaged("it does not begin as a backup does"));
    };
    if begin.anchor().is_none() {
        return Err(unpacker.damaged("it does not say where its journal begins"));
    }
    if begin.store_format != u32::from(crate::folder::FORMAT) {
        return Err(StoreError::Format {
            place: format!("in the backup {}", path.display()),
            found: begin.store_format.to_string(),
            known: crate::folder::FORMAT,
        });
    }
    take(Kind::Begin(begin.clone()), &|what| unpacker.damaged(what))?;
    let mut counted = End::default();
    let mut head = Sequence(begin.anchor);
    let mut messages = 0_u64;
    loop {
        let kind = unpacker.next()?;
        match &kind {
            Kind::Record(_) => counted.records += 1,
            Kind::Finished(_) => counted.finished += 1,
            Kind::LogLines(_) => counted.log_lines += 1,
            Kind::AuditLog(_) => {}
            Kind::AuditEntry(_) => counted.audit_entries += 1,
            Kind::Batch(batch) => {
                counted.batches += 1;
                head = head.next();
                if batch.sequence != head.0 {
                    return Err(unpacker.damaged(&format!("batch {head} of its journal is missing")));
                }
            }
            Kind::Begin(_) => return Err(unpacker.damaged("it begins twice")),
            Kind::End(end) => {
                if *end != counted {
                    return Err(unpacker.damaged("it has not as much in it as it says"));
                }
                break;
            }
        }
        take(kind, &|what| unpacker.damaged(what))?;
        messages += 1;
        if messages.is_multiple_of(TOLD_EVERY) {
            tell(unpacker.at(), of);
        }
    }
    let bytes = unpacker.at();
    unpacker.end()?;
    tell(of, of);
    Ok(Restored {
        version: begin.version,
        made: Stamp::from_millis(begin.made_ms),
        head,
        records: counted.records,
        finished: counted.finished,
        bytes,
    })
}
