//! `docs/records.md` says what is sent: each field, its type, and whether it may be null.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::collect::collect;
use crate::tree::whole_machine;

const PAGE: &str = include_str!("../../../../docs/records.md");

/// What the page says about a field.
struct Field {
    kind: String,
    may_be_null: bool,
}

/// The fields of the table below the heading of this data type: `| field | type | unit | null when | meaning |`.
fn documented(data_type: &str) -> BTreeMap<String, Field> {
    let heading = format!("## `{data_type}`\n");
    let (_, section) = PAGE
        .split_once(&heading)
        .unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, _unit, null_when, meaning] = cells[..] else {
            panic!("{row}")
        };
        assert!(!meaning.is_empty() && !null_when.is_empty(), "{row}");
        let field = Field {
            kind: kind.to_owned(),
            may_be_null: null_when != "never",
        };
        (name.trim_matches('`').to_owned(), field)
    })
    .collect()
}

/// Every field of a value, with `[]` for the elements of a list: `disks[].name`.
fn fields<'a>(path: &str, value: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    if let Value::Object(object) = value {
        for (name, inner) in object {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            found.push((path.clone(), inner));
            fields(&path, inner, found);
        }
    }
    if let Value::Array(elements) = value {
        for inner in elements {
            fields(&format!("{path}[]"), inner, found);
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(elements) if elements.iter().all(Value::is_object) && !elements.is_empty() => "array of objects",
        Value::Array(_) => "array of strings",
        Value::Object(_) => "object",
    }
}

async fn check(data_type: &str) {
    let documented = documented(data_type);
    let tree = whole_machine();
    let here = collect(data_type, "/").await.expect("this machine");
    let made_up = collect(data_type, tree.root()).await.expect("the made-up one");
    let mut seen = BTreeSet::new();
    for record in here.records.iter().chain(&made_up.records) {
        let mut found = Vec::new();
        fields("", record, &mut found);
        for (path, value) in found {
            let field = documented
                .get(&path)
                .unwrap_or_else(|| panic!("{path} of {data_type} is not documented"));
            let empty = value.as_array().is_some_and(Vec::is_empty) && field.kind.starts_with("array");
            let fits = kind(value) == field.kind || empty || (value.is_null() && field.may_be_null);
            assert!(fits, "{path} of {data_type} is {value}, documented as {}", field.kind);
            seen.insert(path);
        }
    }
    let unknown: Vec<_> = documented.keys().filter(|path| !seen.contains(*path)).collect();
    assert!(
        unknown.is_empty(),
        "documented, but never sent of {data_type}: {unknown:?}"
    );
}

#[tokio::test]
async fn device() {
    check("device").await;
}

#[tokio::test]
async fn user() {
    check("user").await;
}

#[tokio::test]
async fn software() {
    check("software").await;
}
