//! The lines that a program and its runner tell each other: JSON objects, one a line.
//!
//! The runner writes one request; the program prints messages, each an object with one field that says what it is. `docs/exec.md` is this
//! module for people.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_connector::{Category, Cursor, Failure, LogLevel, Reason, ReasonKind};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The version of the protocol. It is in each request and in each specification, so that either end notices one that it does not speak.
pub const PROTOCOL: u32 = 1;

/// What a program is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    Spec,
    Check,
    Collect,
}

impl Command {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Check => "check",
            Self::Collect => "collect",
        }
    }
}

/// The one line that a program reads.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    pub(super) protocol: u32,
    pub(super) command: Command,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) config: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cursor: Option<&'a str>,
}

impl Request<'_> {
    pub(super) fn spec() -> Self {
        Self {
            protocol: PROTOCOL,
            command: Command::Spec,
            config: None,
            data_type: None,
            cursor: None,
        }
    }

    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("texts and JSON values always become JSON");
        line.push(b'\n');
        line
    }
}

/// What a program prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message<'a> {
    /// Checked to be JSON, and not looked into.
    #[serde(borrow)]
    Record(&'a RawValue),
    Cursor(String),
    Log(Log),
    Progress(Progress),
    End(End),
    Error(Error),
    Spec(Box<SpecMessage>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    #[serde(default)]
    pub(super) level: Level,
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    /// How many records there will be; `None` when the program does not know.
    #[serde(default)]
    pub(super) total: Option<u64>,
}

/// A good end.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    /// How many records it has sent. `None`: it did not say, which is right for a check only.
    #[serde(default)]
    pub(super) records: Option<u64>,
}

/// An end with a failure that the program understands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Error {
    category: ErrorCategory,
    message: String,
    #[serde(default)]
    remedy: Option<String>,
    #[serde(default, deserialize_with = "reason")]
    reason: Option<Reason>,
}

/// `{"missing_permission": "devices.read"}`, or with an `issuer` beside it. Of what this version does not know there is no reason: a program may be
/// written for a newer one.
fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Reason>, D::Error> {
    const EXPECTED: &str = "a `reason` must be null, or an object with one kind and the text that it is about";
    let Some(fields) = Option::<BTreeMap<String, Value>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let mut told = None;
    let mut issuer = None;
    for (name, value) in &fields {
        let Some(text) = value.as_str() else {
            return Err(D::Error::custom(EXPECTED));
        };
        match ReasonKind::of_name(name) {
            Some(_) if told.is_some() => return Err(D::Error::custom(EXPECTED)),
            Some(kind) => told = Some(Reason::new(kind, text)),
            None if name == "issuer" => issuer = Some(text),
            None => {}
        }
    }
    Ok(match (told, issuer) {
        (Some(told), Some(issuer)) => Some(told.with_issuer(issuer)),
        (told, _) => told,
    })
}

/// The categories that a program can know of.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ErrorCategory {
    Permission,
    Configuration,
    Communication,
    Connector,
    Timeout,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let category = match error.category {
            ErrorCategory::Permission => Category::Permission,
            ErrorCategory::Configuration => Category::Configuration,
            ErrorCategory::Communication => Category::Communication,
            ErrorCategory::Connector => Category::Connector,
            ErrorCategory::Timeout => Category::Timeout,
        };
        let mut failure = Failure::new(category, error.message);
        if let Some(reason) = error.reason {
            failure = failure.with_reason(reason);
        }
        match error.remedy {
            Some(remedy) => failure.with_remedy(remedy),
            None => failure,
        }
    }
}

/// What a program says about itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecMessage {
    pub(super) protocol: u32,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) config_schema: Value,
    pub(super) data_types: Vec<DataTypeMessage>,
    #[serde(default)]
    pub(super) permissions: Vec<PermissionMessage>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataTypeMessage {
    pub(super) name: String,
    pub(super) title: String,
    /// Such as `1h`; `None` means the default of its data type, an hour.
    #[serde(default)]
    pub(super) default_interval: Option<String>,
    pub(super) primary_key: Vec<String>,
    #[serde(default)]
    pub(super) incremental: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionMessage {
    pub(super) name: String,
    pub(super) purpose: String,
    pub(super) required: bool,
    pub(super) data_types: Vec<String>,
}

/// What a line of a program's standard output is.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Message(Message<'a>),
    /// No message: for the log.
    Text(String),
    /// Meant as a message, and none: to take it for a log line would lose a record or an end without a word.
    Wrong(String),
}

/// The names of all messages.
const MESSAGES: [&str; 7] = ["record", "cursor", "log", "progress", "end", "error", "spec"];

/// Tells what a line is, which comes without its line feed.
pub(super) fn read(line: &[u8]) -> Line<'_> {
    match serde_json::from_slice::<Message<'_>>(line) {
        Ok(Message::Record(record)) if !record.get().starts_with('{') => {
            Line::Wrong("is a `record` that is no JSON object".to_owned())
        }
        Ok(message) => Line::Message(message),
        Err(error) => match intended(line) {
            Some(name) => Line::Wrong(format!("is meant as a message `{name}`, but is none: {error}")),
            None => Line::Text(text(line)),
        },
    }
}

/// The message that a line looks like: its first field has the name of one.
fn intended(line: &[u8]) -> Option<&'static str> {
    let rest = line.trim_ascii_start().strip_prefix(b"{")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
    MESSAGES.into_iter().find(|name| {
        let name = rest.strip_prefix(name.as_bytes());
        name.is_some_and(|after| after.first() == Some(&b'"'))
    })
}

/// A line as text, whatever its bytes are.
pub(super) fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.trim_ascii_end()).into_owned()
}

/// A cursor, if it is not too long.
pub(super) fn cursor(text: String) -> Result<Cursor, Failure> {
    Cursor::new(text).map_err(|error| Failure::new(Category::Connector, error.to_string()))
}

/// A time such as `1h`; `None` when it is none.
pub(super) fn span(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|span| span.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_has_only_what_its_command_needs() {
        let config = json!({"url": "https://x"});
        let collect = Request {
            command: Command::Collect,
            config: Some(&config),
            data_type: Some("device"),
            ..Request::spec()
        };
        assert_eq!(Request::spec().to_line(), b"{\"protocol\":1,\"command\":\"spec\"}\n");
        assert_eq!(
            String::from_utf8(collect.to_line()).expect("text"),
            "{\"protocol\":1,\"command\":\"collect\",\"config\":{\"url\":\"https://x\"},\"data_type\":\"device\"}\n"
        );
    }

    #[test]
    fn a_records_text_is_passed_on_as_it_is() {
        let Line::Message(Message::Record(record)) = read(br#" { "record" : {"b": 1.50, "a":"\u00e4"} } "#) else {
            panic!("no record");
        };
        assert_eq!(record.get(), r#"{"b": 1.50, "a":"\u00e4"}"#);
    }

    #[test]
    fn what_is_no_message_is_a_line_of_the_log() {
        for line in [
            &b"connecting"[..],
            b"",
            b"{}",
            b"{\"level\":\"info\",\"msg\":\"x\"}",
            b"[{\"record\":{}}]",
            b"{\"records\":{}}",
            b"null",
            b"\xff\xfe",
        ] {
            assert!(matches!(read(line), Line::Text(_)), "{:?}", read(line));
        }
        assert!(matches!(read(b"caf\xc3\xa9 \r"), Line::Text(text) if text == "caf\u{e9}"));
    }

    #[test]
    fn a_message_with_a_fault_is_never_taken_for_a_line_of_the_log() {
        for line in [
            &b"{\"record\":{\"a\":}}"[..],
            b"{\"record\":[1]}",
            b"{\"record\":null}",
            b"{\"record\":{\"a\":1}",
            b"{\"record\":{\"a\":\"\xff\"}}",
            b"{\"record\":{}} x",
            b"{\"record\":{},\"cursor\":\"c\"}",
            b"{\"end\":{\"record\":1}}",
            b"{\"end\":{\"records\":-1}}",
            b"{\"cursor\":7}",
            b"{\"error\":{\"category\":\"landing\",\"message\":\"x\"}}",
            b" { \"error\": \"x\"}",
        ] {
            let line_text = text(line);
            assert!(matches!(read(line), Line::Wrong(_)), "{line_text}: {:?}", read(line));
        }
    }

    #[test]
    fn an_errors_remedy_is_its_own() {
        let line = br#"{"error":{"category":"permission","message":"403","remedy":"grant devices.read"}}"#;
        let Line::Message(Message::Error(error)) = read(line) else {
            panic!("no error");
        };
        let failure = Failure::from(error);
        assert_eq!(failure.category, Category::Permission);
        assert_eq!(failure.remedy.as_deref(), Some("grant devices.read"));
    }

    fn reason_of(reason: &str) -> Option<Reason> {
        let line = format!(r#"{{"error":{{"category":"communication","message":"x","reason":{reason}}}}}"#);
        match read(line.as_bytes()) {
            Line::Message(Message::Error(error)) => Failure::from(error).reason.map(|reason| *reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reason_is_taken_and_one_that_is_not_known_is_left_out() {
        let refused = Reason::new(ReasonKind::Refused, "dc1:636");
        assert_eq!(reason_of(r#"{"refused": "dc1:636"}"#), Some(refused.clone()));
        assert_eq!(
            reason_of(r#"{"refused": "dc1:636", "of_the_future": "x"}"#),
            Some(refused)
        );
        let untrusted = Reason::new(ReasonKind::Untrusted, "crm").with_issuer("Corp Proxy CA");
        assert_eq!(
            reason_of(r#"{"untrusted": "crm", "issuer": "Corp Proxy CA"}"#),
            Some(untrusted)
        );
        for unknown in [
            "null",
            "{}",
            r#"{"phase_of_the_moon": "full"}"#,
            r#"{"issuer": "Corp Proxy CA"}"#,
        ] {
            assert_eq!(reason_of(unknown), None, "{unknown}");
        }
        // Of another category.
        assert_eq!(reason_of(r#"{"missing_permission": "devices.read"}"#), None);
    }

    #[test]
    fn a_reason_of_another_form_is_a_fault() {
        for wrong in [
            r#""refused""#,
            "7",
            r#"{"refused": 636}"#,
            r#"{"refused": "a", "tls": "b"}"#,
        ] {
            let line = format!(r#"{{"error":{{"category":"communication","message":"x","reason":{wrong}}}}}"#);
            let Line::Wrong(problem) = read(line.as_bytes()) else {
                panic!("{wrong} is taken");
            };
            assert!(problem.contains("meant as a message `error`"), "{problem}");
        }
    }
}
