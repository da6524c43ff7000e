//! The messages of a backup.

use muster_core::words::{ExecutionId, IntegrationId, Sequence};
use prost::Message;

use crate::history::HistoryEntry;
use crate::journal::Head;
use crate::log_lines::Lines;
use crate::records::{Record, RecordKey};

/// One message.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Piece {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
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

impl Kind {
    pub(super) fn encode_into(self, bytes: &mut Vec<u8>) {
        let piece = Piece { kind: Some(self) };
        bytes.reserve(piece.encoded_len() + 5);
        // A vector takes as many bytes as there are.
        let _always_fits = piece.encode_length_delimited(bytes);
    }
}
