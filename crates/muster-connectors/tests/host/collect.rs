//! Runs a collection to its end.

use std::time::Duration;

use muster_connector::{
    CancellationToken, Collection, Connector, DataType, Failure, LogLevel, Network, SinkItem, run, sink,
};
use muster_connectors::host::Host;
use serde_json::{Value, json};

/// No collection of a test takes longer; it only ends one that would hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// What came out of a collection that ended well.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) records: Vec<Value>,
    pub(crate) warnings: Vec<String>,
}

impl Collected {
    /// The record whose `field` is `value`.
    pub(crate) fn one(&self, field: &str, value: &str) -> &Value {
        let mut all = self.records.iter().filter(|record| record[field] == value);
        let first = all
            .next()
            .unwrap_or_else(|| panic!("no {field} is {value}: {:?}", self.records));
        assert!(all.next().is_none(), "more than one {field} is {value}");
        first
    }
}

pub(crate) fn collection(data_type: &str, root: &str) -> Collection {
    Collection {
        config: json!({"root": root}),
        data_type: DataType::new(data_type).expect("a name"),
        cursor: None,
        network: Network::by_hand(),
    }
}

pub(crate) async fn collect(data_type: &str, root: &str) -> Result<Collected, Failure> {
    let collection = collection(data_type, root);
    let host = Host::new();
    let (sink, mut items) = sink(CancellationToken::new());
    let mut collected = Collected {
        records: Vec::new(),
        warnings: Vec::new(),
    };
    let read = async {
        while let Some(item) = items.next().await {
            match item {
                SinkItem::Records { lines, .. } => {
                    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                        collected
                            .records
                            .push(serde_json::from_slice(line).expect("a JSON line"));
                    }
                }
                SinkItem::Log { level, message } => {
                    assert_eq!(level, LogLevel::Warn);
                    collected.warnings.push(message);
                }
                SinkItem::Progress { .. } => {}
            }
        }
    };
    let both = async { tokio::join!(run(&host, &collection, sink), read) };
    let (done, ()) = tokio::time::timeout(LIMIT, both).await.expect("the collection ends");
    let done = done?;
    assert_eq!(done.counts.records, collected.records.len() as u64);
    assert_keys(
        host.spec()
            .data_type(&collection.data_type)
            .expect("offered")
            .primary_key
            .as_slice(),
        &collected.records,
    );
    Ok(collected)
}

/// A primary key has no null, and no two records share one.
fn assert_keys(fields: &[String], records: &[Value]) {
    let mut seen = std::collections::BTreeSet::new();
    for record in records {
        let key: Vec<_> = fields.iter().map(|field| record[field].clone()).collect();
        assert!(key.iter().all(|value| !value.is_null()), "a null in {key:?}");
        assert!(seen.insert(format!("{key:?}")), "{key:?} is there twice");
    }
}
