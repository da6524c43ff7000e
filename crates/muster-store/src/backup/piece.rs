//! The messages of a backup.

use muster_core::audit::Entry;
use muster_core::words::{ExecutionId, IntegrationId, OrganizationId, Sequence};
use prost::Message;

use crate::audit::{Chain, Log};
use crate::codec::audit;
use crate::history::HistoryEntry;
use crate::journal::{Hash, Head};
use crate::log_lines::Lines;
use crate::records::{Record, RecordKey};

/// One message.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Piece {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub(super) kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    #[prost(message, tag = "1")]
    Begin(Begin),
    #[prost(message, tag = "2")]
    Record(RecordPiece),
    #[prost(message, tag = "3")]
    Finished(FinishedPiece),
    #[prost(message, tag = "4")]
    LogLines(LogLinesPiece),
    #[prost(message, tag = "5")]
    Batch(BatchPiece),
    #[prost(message, tag = "6")]
    End(End),
    #[prost(message, tag = "7")]
    AuditLog(AuditLogPiece),
    #[prost(message, tag = "8")]
    AuditEntry(AuditEntryPiece),
}

/// What it is a backup of.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Begin {
    /// Of which format the store is that it was made of.
    #[prost(uint32, tag = "1")]
    pub(super) store_format: u32,
    /// Which version of the program made it, and when; for people.
    #[prost(string, tag = "2")]
    pub(super) version: String,
    #[prost(uint64, tag = "3")]
    pub(super) made_ms: u64,
    /// The batch before the first.
    #[prost(uint64, tag = "4")]
    pub(super) anchor: u64,
    #[prost(bytes = "vec", tag = "5")]
    pub(super) anchor_hash: Vec<u8>,
    #[prost(uint64, tag = "6")]
    pub(super) anchor_epoch: u64,
    /// Through which batch history is copied.
    #[prost(uint64, tag = "7")]
    pub(super) absorbed: u64,
    /// Through which batch the audit logs are copied.
    #[prost(uint64, tag = "8")]
    pub(super) carried: u64,
}

/// The beginning of an audit log, before its entries.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AuditLogPiece {
    /// Empty: the service's own.
    #[prost(string, tag = "1")]
    log: String,
    #[prost(uint64, tag = "2")]
    first: u64,
    #[prost(bytes = "vec", tag = "3")]
    before: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AuditEntryPiece {
    #[prost(string, tag = "1")]
    log: String,
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(uint64, tag = "3")]
    batch: u64,
    #[prost(bytes = "vec", tag = "4")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RecordPiece {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(uint64, tag = "3")]
    stamp: u64,
    #[prost(bytes = "vec", tag = "4")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FinishedPiece {
    #[prost(bytes = "vec", tag = "1")]
    integration: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    execution: Vec<u8>,
    #[prost(uint64, tag = "3")]
    sequence: u64,
    #[prost(bytes = "vec", tag = "4")]
    bytes: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LogLinesPiece {
    #[prost(bytes = "vec", tag = "1")]
    execution: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    lines: Vec<Vec<u8>>,
    #[prost(uint64, tag = "3")]
    dropped: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BatchPiece {
    #[prost(uint64, tag = "1")]
    pub(super) sequence: u64,
    #[prost(uint64, tag = "2")]
    pub(super) epoch: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) events: Vec<u8>,
}

/// How much it must have been.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct End {
    #[prost(uint64, tag = "1")]
    pub(super) records: u64,
    #[prost(uint64, tag = "2")]
    pub(super) finished: u64,
    #[prost(uint64, tag = "3")]
    pub(super) log_lines: u64,
    #[prost(uint64, tag = "4")]
    pub(super) batches: u64,
    #[prost(uint64, tag = "5")]
    pub(super) audit_entries: u64,
}

impl Begin {
    /// The anchor; `None` when it is none.
    pub(super) fn anchor(&self) -> Option<Head> {
        Some(Head {
            sequence: Sequence(self.anchor),
            hash: self.anchor_hash.as_slice().try_into().ok()?,
            epoch: self.anchor_epoch,
        })
    }
}

impl RecordPiece {
    pub(super) fn new(kind: u8, id: &[u8], stamp: Sequence, bytes: &[u8]) -> Self {
        Self {
            kind: kind.into(),
            id: id.to_vec(),
            stamp: stamp.0,
            bytes: bytes.to_vec(),
        }
    }

    /// The record; `None` when it is none.
    pub(super) fn into_record(self) -> Option<Record> {
        Some(Record {
            key: RecordKey {
                kind: self.kind.try_into().ok()?,
                id: self.id,
            },
            stamp: Sequence(self.stamp),
            bytes: self.bytes,
        })
    }
}

impl FinishedPiece {
    pub(super) fn new(integration: IntegrationId, execution: ExecutionId, sequence: Sequence, bytes: &[u8]) -> Self {
        Self {
            integration: integration.to_bytes().to_vec(),
            execution: execution.to_bytes().to_vec(),
            sequence: sequence.0,
            bytes: bytes.to_vec(),
        }
    }

    /// The entry; `None` when it is none.
    pub(super) fn into_entry(self) -> Option<HistoryEntry> {
        Some(HistoryEntry {
            integration: IntegrationId::from_bytes(self.integration.try_into().ok()?),
            execution: ExecutionId::from_bytes(self.execution.try_into().ok()?),
            sequence: Sequence(self.sequence),
            bytes: self.bytes,
        })
    }
}

impl LogLinesPiece {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            execution: lines.execution.to_bytes().to_vec(),
            lines: lines.lines,
            dropped: lines.dropped,
        }
    }

    /// The lines; `None` when they are none.
    pub(super) fn into_lines(self) -> Option<Lines> {
        Some(Lines {
            execution: ExecutionId::from_bytes(self.execution.try_into().ok()?),
            lines: self.lines,
            dropped: self.dropped,
        })
    }
}

fn log_named(name: &str) -> Option<Log> {
    match name {
        "" => Some(None),
        name => OrganizationId::new(name).ok().map(Some),
    }
}

fn log_name(log: &Log) -> String {
    log.as_ref().map(ToString::to_string).unwrap_or_default()
}

impl AuditLogPiece {
    pub(super) fn new(log: &Log, chain: &Chain) -> Self {
        Self {
            log: log_name(log),
            first: chain.first,
            before: chain.before.to_vec(),
        }
    }

    /// Whose log, the number of its first entry, and the hash before that; `None` when it is none.
    pub(super) fn into_beginning(self) -> Option<(Log, u64, Hash)> {
        let first = Some(self.first).filter(|first| *first > 0)?;
        Some((log_named(&self.log)?, first, self.before.try_into().ok()?))
    }
}

impl AuditEntryPiece {
    pub(super) fn new(entry: &Entry) -> Self {
        Self {
            log: log_name(&entry.note.log),
            number: entry.number,
            batch: entry.batch.0,
            bytes: audit::encode(entry),
        }
    }

    /// The entry; `None` when it is none.
    pub(super) fn into_entry(self) -> Option<Entry> {
        let log = log_named(&self.log)?;
        audit::decode(log, self.number, Sequence(self.batch), &self.bytes).ok()
    }
}

impl Kind {
    pub(super) fn encode_into(self, bytes: &mut Vec<u8>) {
        let piece = Piece { kind: Some(self) };
        bytes.reserve(piece.encoded_len() + 5);
        // A vector takes as many bytes as there are.
        let _always_fits = piece.encode_length_delimited(bytes);
    }
}
