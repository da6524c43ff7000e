//! Notes and entries of the audit log.

use std::net::IpAddr;

use muster_core::audit::{Entry, FieldChange, Note, Outcome};
use muster_core::time::Stamp;
use muster_core::words::{OrganizationId, Sequence};
use prost::Message;
use smol_str::SmolStr;

use super::word::{EmptyMessage, PrincipalMessage, organization};
use super::{CodecError, judged, required};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NoteMessage {
    /// Absent: the service's own.
    #[prost(string, optional, tag = "1")]
    log: Option<String>,
    #[prost(string, tag = "2")]
    method: String,
    /// 4 bytes or 16; none: not known.
    #[prost(bytes = "vec", tag = "3")]
    peer: Vec<u8>,
    #[prost(string, tag = "4")]
    request: String,
    #[prost(string, tag = "5")]
    resource: String,
    #[prost(oneof = "OutcomeMessage", tags = "6, 7, 8")]
    outcome: Option<OutcomeMessage>,
    #[prost(message, repeated, tag = "9")]
    changes: Vec<ChangeMessage>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OutcomeMessage {
    #[prost(message, tag = "6")]
    Done(EmptyMessage),
    #[prost(message, tag = "7")]
    Refused(RefusedMessage),
    /// How many.
    #[prost(uint64, tag = "8")]
    MoreRefused(u64),
}

#[derive(Clone, PartialEq, prost::Message)]
struct RefusedMessage {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ChangeMessage {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, optional, tag = "2")]
    before: Option<String>,
    #[prost(string, optional, tag = "3")]
    after: Option<String>,
}

/// Its log and its number are in its key, its batch in its stamp.
#[derive(Clone, PartialEq, prost::Message)]
struct EntryMessage {
    #[prost(uint64, tag = "1")]
    at_ms: u64,
    #[prost(message, optional, tag = "2")]
    by: Option<PrincipalMessage>,
    #[prost(message, optional, tag = "3")]
    note: Option<NoteMessage>,
    #[prost(bytes = "vec", tag = "4")]
    batch_hash: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    previous: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    hash: Vec<u8>,
}

/// The bytes of an entry.
pub(crate) fn encode(entry: &Entry) -> Vec<u8> {
    let note = NoteMessage {
        log: None,
        ..NoteMessage::from(&entry.note)
    };
    let message = EntryMessage {
        at_ms: entry.at.millis(),
        by: Some((&entry.by).into()),
        note: Some(note),
        batch_hash: entry.batch_hash.to_vec(),
        previous: entry.previous.to_vec(),
        hash: entry.hash.to_vec(),
    };
    message.encode_to_vec()
}

/// The entry of these bytes, which stood there.
pub(crate) fn decode(
    log: Option<OrganizationId>,
    number: u64,
    batch: Sequence,
    bytes: &[u8],
) -> Result<Entry, CodecError> {
    let message = EntryMessage::decode(bytes)?;
    let hash = |bytes: Vec<u8>| {
        let count = bytes.len();
        judged(bytes.try_into().map_err(|_| format!("{count} bytes, not 32")), "hash")
    };
    let note: Note = required(message.note, "note")?.try_into()?;
    Ok(Entry {
        number,
        at: Stamp::from_millis(message.at_ms),
        by: required(message.by, "caller")?.try_into()?,
        note: Note { log, ..note },
        batch,
        batch_hash: hash(message.batch_hash)?,
        previous: hash(message.previous)?,
        hash: hash(message.hash)?,
    })
}

impl From<&Note> for NoteMessage {
    fn from(note: &Note) -> Self {
        Self {
            log: note.log.as_ref().map(ToString::to_string),
            method: note.method.to_string(),
            peer: match note.peer {
                None => Vec::new(),
                Some(IpAddr::V4(address)) => address.octets().to_vec(),
                Some(IpAddr::V6(address)) => address.octets().to_vec(),
            },
            request: note.request.clone(),
            resource: note.resource.clone(),
            outcome: Some(match &note.outcome {
                Outcome::Done => OutcomeMessage::Done(EmptyMessage {}),
                Outcome::Refused { reason, message } => OutcomeMessage::Refused(RefusedMessage {
                    reason: reason.to_string(),
                    message: message.clone(),
                }),
                Outcome::MoreRefused { count } => OutcomeMessage::MoreRefused(*count),
            }),
            changes: note.changes.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<NoteMessage> for Note {
    type Error = CodecError;

    fn try_from(message: NoteMessage) -> Result<Self, CodecError> {
        Ok(Self {
            log: message.log.as_deref().map(organization).transpose()?,
            method: SmolStr::from(message.method),
            peer: peer(&message.peer)?,
            request: message.request,
            resource: message.resource,
            outcome: match message.outcome.ok_or(CodecError::Unknown("outcome of a call"))? {
                OutcomeMessage::Done(EmptyMessage {}) => Outcome::Done,
                OutcomeMessage::Refused(RefusedMessage { reason, message }) => Outcome::Refused {
                    reason: SmolStr::from(reason),
                    message,
                },
                OutcomeMessage::MoreRefused(count) => Outcome::MoreRefused { count },
            },
            changes: message.changes.into_iter().map(Into::into).collect(),
        })
    }
}

fn peer(bytes: &[u8]) -> Result<Option<IpAddr>, CodecError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    judged(address.map_err(|_| format!("{} bytes", bytes.len())), "address").map(Some)
}

impl From<&FieldChange> for ChangeMessage {
    fn from(change: &FieldChange) -> Self {
        Self {
            field: change.field.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
        }
    }
}

impl From<ChangeMessage> for FieldChange {
    fn from(message: ChangeMessage) -> Self {
        Self {
            field: message.field,
            before: message.before,
            after: message.after,
        }
    }
}
