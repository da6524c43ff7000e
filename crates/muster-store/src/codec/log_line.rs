//! Log lines, as the store keeps them.

use muster_core::time::Stamp;
use muster_core::words::{Attempt, LogLevel, LogLine, LogSource};
use prost::Message;

use super::CodecError;

/// The bytes of a line. A message that is longer than [`LogLine::BYTES_MAX`] is cut at a character.
pub(crate) fn encode(line: &LogLine) -> Vec<u8> {
    let source = match line.source {
        LogSource::Coordinator => SourceMessage::Coordinator,
        LogSource::Runner => SourceMessage::Runner,
        LogSource::Connector => SourceMessage::Connector,
    };
    let level = match line.level {
        LogLevel::Debug => LevelMessage::Debug,
        LogLevel::Info => LevelMessage::Info,
        LogLevel::Warn => LevelMessage::Warn,
        LogLevel::Error => LevelMessage::Error,
    };
    let end = line.message.floor_char_boundary(LogLine::BYTES_MAX);
    let message = LineMessage {
        at_ms: line.at.millis(),
        source: source.into(),
        level: level.into(),
        message: line.message[..end].to_owned(),
        attempt: line.attempt.map_or(0, |attempt| attempt.0),
    };
    message.encode_to_vec()
}

/// The line of these bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<LogLine, CodecError> {
    let message = LineMessage::decode(bytes)?;
    let source = SourceMessage::try_from(message.source).map_err(|_| CodecError::Unknown("source of a log line"))?;
    let level = LevelMessage::try_from(message.level).map_err(|_| CodecError::Unknown("level of a log line"))?;
    Ok(LogLine {
        at: Stamp::from_millis(message.at_ms),
        source: match source {
            SourceMessage::Unspecified => return Err(CodecError::Unknown("source of a log line")),
            SourceMessage::Coordinator => LogSource::Coordinator,
            SourceMessage::Runner => LogSource::Runner,
            SourceMessage::Connector => LogSource::Connector,
        },
        level: match level {
            LevelMessage::Unspecified => return Err(CodecError::Unknown("level of a log line")),
            LevelMessage::Debug => LogLevel::Debug,
            LevelMessage::Info => LogLevel::Info,
            LevelMessage::Warn => LogLevel::Warn,
            LevelMessage::Error => LogLevel::Error,
        },
        message: message.message,
        attempt: Some(Attempt(message.attempt)).filter(|attempt| attempt.0 > 0),
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct LineMessage {
    #[prost(uint64, tag = "1")]
    at_ms: u64,
    #[prost(enumeration = "SourceMessage", tag = "2")]
    source: i32,
    #[prost(enumeration = "LevelMessage", tag = "3")]
    level: i32,
    #[prost(string, tag = "4")]
    message: String,
    /// 0 for a line that belongs to no attempt.
    #[prost(uint32, tag = "5")]
    attempt: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum SourceMessage {
    Unspecified = 0,
    Coordinator = 1,
    Runner = 2,
    Connector = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum LevelMessage {
    Unspecified = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}
