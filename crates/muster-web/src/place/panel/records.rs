//! The first records of an execution, as a table.

use maud::{Markup, html};
use muster_proto::v1::{Execution, ReadRecordsRequest};
use serde_json::Value;

use super::Panel;
use crate::fault::Fault;
use crate::words::{clean, counted, number};

/// How many are shown; all of them lie in the landing.
const SHOWN: u64 = 100;

/// How much of them is read at most, since the table is made anew for as long as somebody looks: the part in which this is reached is the last.
const BYTES_MAX: usize = 1024 * 1024;

/// The most columns: a record may have any fields.
const COLUMNS_MAX: usize = 24;

/// The table.
pub(super) async fn table(panel: &Panel<'_>, one: &Execution) -> Result<Markup, Fault> {
    let request = ReadRecordsRequest {
        name: one.name.clone(),
        max_records: SHOWN,
    };
    let mut parts = panel.here.api.executions().read_records(request).await?.into_inner();
    let mut lines = Vec::new();
    while lines.len() < BYTES_MAX
        && let Some(part) = parts.message().await?
    {
        lines.extend_from_slice(&part.lines);
    }
    let records: Vec<Value> = serde_json::Deserializer::from_slice(&lines)
        .into_iter()
        .map_while(Result::ok)
        .collect();
    let columns = columns(&records);
    let all = one.counts.as_ref().map_or(0, |counts| counts.records);
    Ok(html! {
        div {
            p.help { "The first " (records.len()) " of " (counted(all, "record")) @if !one.landing_uri.is_empty() { ", which lie in " code { (one.landing_uri) } } "." }
            div.scroller tabindex="0" role="region" aria-label="Records" {
                table.records {
                    thead { tr { th scope="col" { "#" } @for column in &columns { th scope="col" { (clean(column)) } } } }
                    tbody {
                        @for (at, record) in (1_u64..).zip(&records) {
                            tr { th scope="row" { (number(at)) } @for column in &columns { td { bdi { (clean(&value(&record[column]))) } } } }
                        }
                    }
                }
            }
        }
    })
}

/// The fields that the records have, in the order in which they come.
fn columns(records: &[Value]) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in records
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|record| record.keys())
    {
        if columns.len() < COLUMNS_MAX && !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    columns
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
