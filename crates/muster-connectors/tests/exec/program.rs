//! Programs of a few lines of shell, and what comes out when they collect.

use std::sync::Arc;
use std::time::Duration;

use muster_connector::{
    CancellationToken, Collection, Connector, ConnectorName, Cursor, DataType, Done, Failure, LogLevel, Network,
    SinkItem, run, sink,
};
use muster_connectors::exec::{Exec, Program};
use serde_json::{Value, json};

/// No program of a test takes longer; it only ends what would hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The specification that every program of these tests prints.
const SPEC: &str = r#"{"spec":{"protocol":1,"version":"1","title":"T","description":"D","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"],"incremental":true}]}}"#;

/// A program that answers `spec`, and does this when it is to collect; `$request` is the line that it was sent.
pub(crate) fn shell(collect: &str) -> Program {
    shell_with_check(collect, r#"echo '{"end":{}}'"#)
}

/// The same, with another answer to `check`.
pub(crate) fn shell_with_check(collect: &str, check: &str) -> Program {
    let script = format!(
        "read -r request\ncase \"$1\" in\nspec) echo '{SPEC}';;\ncheck) {check}\n;;\ncollect) {collect}\n;;\nesac"
    );
    Program {
        arguments: vec!["-c".into(), script, "connector".into()],
        ..Program::at("/bin/sh")
    }
}

/// The connector of a program.
pub(crate) async fn start(program: &Program) -> Exec {
    let launch = program.judge().expect("a good program");
    let name = ConnectorName::new("mine").expect("a name");
    Exec::start(name, launch).await.expect("it says what it is")
}

/// What came out of a collection.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// The records' own texts.
    pub(crate) records: Vec<String>,
    pub(crate) log: Vec<(LogLevel, String)>,
    /// The totals of its progress.
    pub(crate) totals: Vec<Option<u64>>,
}

pub(crate) fn collection(config: Value, cursor: Option<&str>) -> Collection {
    Collection {
        config,
        data_type: DataType::new("device").expect("a name"),
        cursor: cursor.map(|text| Cursor::new(text).expect("a short one")),
        network: Network::by_hand(),
    }
}

/// Has a program collect, to its end.
pub(crate) async fn collect(program: &Program) -> (Result<Done, Failure>, Collected) {
    collect_with(program, json!({}), None).await
}

pub(crate) async fn collect_with(
    program: &Program,
    config: Value,
    cursor: Option<&str>,
) -> (Result<Done, Failure>, Collected) {
    let exec: Arc<dyn Connector> = Arc::new(start(program).await);
    let collection = collection(config, cursor);
    let (sink, mut items) = sink(CancellationToken::new());
    let mut collected = Collected::default();
    let read = async {
        while let Some(item) = items.next().await {
            match item {
                SinkItem::Records { lines, .. } => {
                    let text = String::from_utf8(lines.to_vec()).expect("text");
                    collected.records.extend(text.lines().map(str::to_owned));
                }
                SinkItem::Log { level, message } => collected.log.push((level, message)),
                SinkItem::Progress { total, .. } => collected.totals.push(total),
            }
        }
    };
    let both = async { tokio::join!(run(exec.as_ref(), &collection, sink), read) };
    let (done, ()) = tokio::time::timeout(LIMIT, both).await.expect("the collection ends");
    (done, collected)
}

/// The failure of a program that must fail.
pub(crate) async fn failure(program: &Program) -> Failure {
    let (done, collected) = collect(program).await;
    match done {
        Ok(done) => panic!("it ended well: {done:?}, {collected:?}"),
        Err(failure) => failure,
    }
}
