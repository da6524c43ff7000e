//! Collections that are read to their end, and what is in them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use muster_core::words::{Counts, Cursor};
use serde_json::Value;
use tokio::time::timeout;

use super::{Fault, Settings, Verdict, collection, in_words, too_slow, wrong};
use crate::{CancellationToken, Connector, DataTypeSpec, SinkItem, judge_key, run, sink};

/// The most records of which keys are kept: 16 MB of them.
const RECORDS_MAX: usize = 1_000_000;

/// A collection that was read to its end.
pub(super) struct Collected {
    pub(super) counts: Counts,
    pub(super) cursor: Option<Cursor>,
    /// The hash of each record's text, by the hash of its key.
    pub(super) records: HashMap<u64, u64>,
}

/// Collects, and looks at every record.
pub(super) async fn collect(
    connector: &dyn Connector,
    settings: &Settings,
    data_type: &DataTypeSpec,
    cursor: Option<Cursor>,
) -> Result<Collected, Fault> {
    let collection = collection(settings, &data_type.name, cursor);
    let (sink, mut items) = sink(CancellationToken::new());
    let read = async {
        let mut seen = Counts::default();
        let mut records = HashMap::new();
        let mut fault = None;
        while let Some(item) = items.next().await {
            let SinkItem::Records { lines, .. } = item else {
                continue;
            };
            seen.bytes += lines.len() as u64;
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                seen.records += 1;
                if fault.is_none() {
                    fault = look(line, seen.records, &data_type.primary_key, &mut records).err();
                }
            }
        }
        (seen, records, fault)
    };
    let both = async { tokio::join!(run(connector, &collection, sink), read) };
    let Ok((done, (seen, records, fault))) = timeout(settings.step_within, both).await else {
        return too_slow("a collection", settings);
    };
    let done = match done {
        Ok(done) => done,
        Err(failure) => return wrong(format!("it fails with {}", in_words(&failure))),
    };
    if let Some(fault) = fault {
        return Err(fault);
    }
    if done.counts != seen {
        return wrong(format!(
            "it counts {} records of {} bytes, and {} of {} have come",
            done.counts.records, done.counts.bytes, seen.records, seen.bytes
        ));
    }
    Ok(Collected {
        counts: seen,
        cursor: done.cursor,
        records,
    })
}

/// Looks whether a record is whole and has a key of its own.
fn look(line: &[u8], ordinal: u64, key: &[String], records: &mut HashMap<u64, u64>) -> Result<(), Fault> {
    let record: Value = match serde_json::from_slice(line) {
        Ok(record @ Value::Object(_)) => record,
        Ok(_) => return wrong(format!("record {ordinal} is no JSON object")),
        Err(error) => return wrong(format!("record {ordinal} is no JSON: {error}")),
    };
    if let Err(fault) = judge_key(&String::from_utf8_lossy(line), key) {
        return wrong(format!("record {ordinal} {fault}"));
    }
    let mut hasher = DefaultHasher::new();
    for value in key.iter().filter_map(|field| record.get(field)) {
        value.to_string().hash(&mut hasher);
    }
    if records.len() >= RECORDS_MAX {
        return Ok(());
    }
    let mut text = DefaultHasher::new();
    line.hash(&mut text);
    match records.insert(hasher.finish(), text.finish()) {
        None => Ok(()),
        Some(_) => wrong(format!("record {ordinal} has the primary key of an earlier one")),
    }
}

/// Every record comes, is whole, and has a key of its own; the connector counts the same.
pub(super) async fn counts_match(connector: &dyn Connector, settings: &Settings, data_type: &DataTypeSpec) -> Verdict {
    let Counts { records, bytes } = collect(connector, settings, data_type, None).await?.counts;
    Ok(format!(
        "{records} records of {bytes} bytes, each with a primary key of its own"
    ))
}
