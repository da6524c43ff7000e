//! The door of runners: messages on the stream of a check-in.
//!
//! `clients/breaches.py` holds the coordinator to every breach of `docs/runner-protocol.md`, by code and reason. Here is what the author of a
//! runner reads, and what only breaks by its size.

use bytes::Bytes;
use futures_util::stream;
use muster_proto::v1;
use muster_tests::ORGANIZATION;
use prost::Message as _;
use serde_json::{Value, json};
use tokio_stream::StreamExt as _;

use super::raw::{self, encoded};
use super::scene::Scene;
use super::told::answer_text;

/// What is said.
enum Said {
    /// A hello: a good one, but with these fields.
    Hello(&'static str),
    /// A good hello, but with so many connectors.
    Connectors(usize),
    /// After a good hello, this message.
    Then(&'static str),
    /// This message, with no hello before it.
    First(&'static str),
    /// Bytes that are no message, after a good hello.
    Bytes(&'static [u8]),
}
use Said::{First, Hello, Then};

// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, Said)] = &[
    ("the first message is no hello", First(r#"{"heartbeat": {}}"#)),
    ("two hellos", Then(r#"{"hello": {"displayName": "again"}}"#)),
    ("a message of no known kind", Then("{}")),
    ("bytes that are no message", Said::Bytes(b"\xff\xff\xff\xff")),
    ("an id that is none", Hello(r#"{"runnerId": "bWU="}"#)),
    ("no id", Hello(r#"{"runnerId": ""}"#)),
    ("slots of 0", Hello(r#"{"slots": 0}"#)),
    ("slots of 2³²−1", Hello(r#"{"slots": 4294967295}"#)),
    ("no connectors", Hello(r#"{"connectors": []}"#)),
    ("101 connectors", Said::Connectors(101)),
    ("10⁶ connectors", Said::Connectors(1_000_000)),
    ("a connector twice", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b"}]}, {"connector": "a", "version": "1", "dataTypes": [{"dataType": "b"}]}]}"#)),
    ("a connector without data types", Hello(r#"{"connectors": [{"connector": "a", "version": "1"}]}"#)),
    ("a connector whose name is none", Hello(r#"{"connectors": [{"connector": "A B", "version": "1", "dataTypes": [{"dataType": "b"}]}]}"#)),
    ("a connector without a version", Hello(r#"{"connectors": [{"connector": "a", "dataTypes": [{"dataType": "b"}]}]}"#)),
    ("a data type whose name is none", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "B b"}]}]}"#)),
    ("a data type twice", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b"}, {"dataType": "b"}]}]}"#)),
    ("a default interval of 59 s", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b", "defaultInterval": "59s"}]}]}"#)),
    ("a default interval below nothing", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b", "defaultInterval": "-3600s"}]}]}"#)),
    ("a default interval of 10,000 years", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b", "defaultInterval": "315576000000s"}]}]}"#)),
    ("a configuration schema that is none", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b"}], "configurationSchema": {"properties": {"url": {"type": "strnig"}}}}]}"#)),
    ("a configuration schema with a pattern that is none", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b"}], "configurationSchema": {"properties": {"url": {"pattern": "("}}}}]}"#)),
    ("a configuration schema that lies elsewhere", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b"}], "configurationSchema": {"$ref": "https://example.com/schema.json"}}]}"#)),
    ("an access schema that is none", Hello(r#"{"connectors": [{"connector": "a", "version": "1", "dataTypes": [{"dataType": "b"}], "accessSchemas": [{"accessSchema": "one", "configurationSchema": {"required": "url"}}]}]}"#)),
    ("a name with a right-to-left mark", Hello(r#"{"displayName": "\u202Espotpal"}"#)),
    ("no name", Hello(r#"{"displayName": ""}"#)),
    ("a pool that cannot be one", Hello(r#"{"pool": "Not A Pool"}"#)),
    ("the service's own pool, with an organization", Hello(r#"{"pool": "hosted"}"#)),
    ("an organization that there is not", Hello(r#"{"organization": "organizations/nobody"}"#)),
    ("an organization that is no name", Hello(r#"{"organization": "default"}"#)),
    ("an attempt that it holds of nothing", Hello(r#"{"running": [{"executionId": "", "attempt": 1}]}"#)),
    ("a report of attempt 0", Then(r#"{"reports": {"reports": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 0, "started": {}}]}}"#)),
    ("an attempt 0 that it holds", Hello(r#"{"running": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 0}]}"#)),
    ("log lines of attempt 0", Then(r#"{"logLines": {"attempts": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 0, "lines": [{"source": "LOG_SOURCE_RUNNER", "message": "m"}]}]}}"#)),
    ("a report on nothing", Then(r#"{"reports": {"reports": [{"attempt": 1, "started": {}}]}}"#)),
    ("a report without a kind", Then(r#"{"reports": {"reports": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 1}]}}"#)),
    ("a failure without a message", Then(r#"{"reports": {"reports": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 1, "failed": {"category": "ERROR_CATEGORY_CONNECTOR"}}]}}"#)),
    ("a failure that is the coordinator's to say", Then(r#"{"reports": {"reports": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 1, "failed": {"category": "ERROR_CATEGORY_CANCELED", "message": "no"}}]}}"#)),
    ("a check's result without a check", Then(r#"{"checkResult": {}}"#)),
    ("a check's failure without a message", Then(r#"{"checkResult": {"checkId": "AZNrHgAAcACAAAAAAAAAAQ==", "failure": {"category": "ERROR_CATEGORY_CONNECTOR"}}}"#)),
    ("a check's failure that is the coordinator's to say", Then(r#"{"checkResult": {"checkId": "AZNrHgAAcACAAAAAAAAAAQ==", "failure": {"category": "ERROR_CATEGORY_RUNNER_LOST", "message": "no"}}}"#)),
    ("a check's failure of 1 MiB", Then(r#"{"checkResult": {"checkId": "AZNrHgAAcACAAAAAAAAAAQ==", "failure": {"category": "ERROR_CATEGORY_CONNECTOR", "message": "<1 MiB>"}}}"#)),
    ("a cursor of 1 MiB", Then(r#"{"reports": {"reports": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 1, "completed": {"cursor": "<1 MiB>"}}]}}"#)),
    ("a cursor of 17 KiB", Then(r#"{"reports": {"reports": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 1, "completed": {"cursor": "<17 KiB>"}}]}}"#)),
    ("a log line in the coordinator's name", Then(r#"{"logLines": {"attempts": [{"executionId": "AZNrHgAAcACAAAAAAAAAAQ==", "attempt": 1, "lines": [{"source": "LOG_SOURCE_COORDINATOR", "message": "all is well"}]}]}}"#)),
];

impl Said {
    fn messages(&self) -> Vec<Bytes> {
        match *self {
            Self::Hello(fields) => vec![hello(fields)],
            Self::Connectors(count) => vec![offering(count)],
            Self::Then(json) => vec![hello("{}"), encoded("RunnerMessage", meant(json))],
            Self::First(json) => vec![encoded("RunnerMessage", meant(json))],
            Self::Bytes(bytes) => vec![hello("{}"), Bytes::from_static(bytes)],
        }
    }
}

fn meant(text: &str) -> Value {
    let text = text.replace("<17 KiB>", &"x".repeat(17 * 1024));
    let text = text.replace("<1 MiB>", &"x".repeat(1024 * 1024));
    serde_json::from_str(&text).expect("a row is JSON")
}

/// A hello that offers the same connector so many times.
fn offering(count: usize) -> Bytes {
    let message = v1::RunnerMessage::decode(hello("{}")).expect("it is one");
    let Some(v1::runner_message::Kind::Hello(mut hello)) = message.kind else {
        panic!("a hello is one");
    };
    hello.connectors = vec![hello.connectors[0].clone(); count];
    let kind = Some(v1::runner_message::Kind::Hello(hello));
    v1::RunnerMessage { kind }.encode_to_vec().into()
}

/// A hello of a new runner, good but for these fields.
fn hello(fields: &str) -> Bytes {
    let Value::Object(fields) = meant(fields) else {
        panic!("fields: {fields}");
    };
    let names_an_id = fields.contains_key("runnerId");
    let connector = json!({"connector": "a", "version": "1.0.0", "dataTypes": [{"dataType": "b"}]});
    let mut hello = json!({
        "displayName": "breaker", "organization": ORGANIZATION, "pool": "breakers", "version": "1.0.0", "slots": 1,
        "connectors": [connector],
    });
    for (name, value) in fields {
        hello[name] = value;
    }
    let mut hello = v1::Hello::decode(encoded("Hello", hello)).expect("it is one");
    if !names_an_id {
        hello.runner_id = fastrand::Rng::new().u128(..).to_be_bytes().to_vec().into();
    }
    let kind = Some(v1::runner_message::Kind::Hello(hello));
    v1::RunnerMessage { kind }.encode_to_vec().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_breach_of_a_check_in_ends_it_with_what_was_wrong_and_changes_nothing() {
    let mut scene = Scene::with_programs(&[]).await;
    let before = scene.standing().await;
    let mut told = scene.told();
    for (row, said) in ROWS {
        // The runner's half stays open until the coordinator ends the stream.
        let messages = tokio_stream::iter(said.messages()).chain(stream::pending());
        let channel = scene.world.client().channel();
        let ended = raw::call(channel, "/muster.v1.RunnerService/CheckIn", messages).await;
        told.add(row, &answer_text(ended));
        assert_eq!(scene.standing().await, before, "`{row}` has changed something");
    }
    scene.nobody_has_panicked();
    let online = scene.world.client().until_online("my-runner").await;
    assert_eq!(online.display_name, "my-runner");
    told.is_as_reviewed("check_in");
}
