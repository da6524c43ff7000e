//! A configuration's schema as a table of keys.

use prost_types::Struct;
use serde_json::{Map, Value};

use crate::configuration::from_wire;
use crate::error::Error;
use crate::output::Output;
use crate::output::table::{Column, Table};

/// How deep objects within a configuration are shown: more is for `--output json`.
const SCHEMA_DEPTH_MAX: usize = 4;

/// Prints what a schema asks for: a table of keys, or that there is nothing to be said.
pub fn print(output: &mut Output, title: &str, schema: Option<&Struct>) -> Result<(), Error> {
    let mut keys = Vec::new();
    if let Some(schema) = schema {
        collect(&from_wire(schema), "", 0, &mut keys);
    }
    output.line("")?;
    if keys.is_empty() {
        return output.line(format!("{title}: nothing to set"));
    }
    output.line(format!("{title}:"))?;
    let mut table = Table::new([
        Column::text("KEY", 28),
        Column::text("TYPE", 10),
        Column::text("REQUIRED", 8),
        Column::text("DEFAULT", 12),
        Column::text("WHAT FOR", 34),
    ]);
    for key in keys {
        let required = if key.required { "yes" } else { "no" };
        table.row([
            key.path.into(),
            key.kind.into(),
            required.into(),
            key.default.into(),
            key.purpose.into(),
        ]);
    }
    output.table(&table)
}

/// A key of a configuration.
struct Key {
    path: String,
    kind: String,
    required: bool,
    default: String,
    purpose: String,
}

/// Takes the keys out of a JSON Schema's `properties`, with those of objects within.
fn collect(schema: &Map<String, Value>, prefix: &str, depth: usize, keys: &mut Vec<Key>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required = schema.get("required").and_then(Value::as_array);
    for (name, property) in properties {
        let Some(property) = property.as_object() else { continue };
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let text = |field| property.get(field).and_then(Value::as_str);
        keys.push(Key {
            path: path.clone(),
            kind: kind(property.get("type")),
            required: required.is_some_and(|names| names.iter().any(|one| one == name)),
            default: property.get("default").map(ToString::to_string).unwrap_or_default(),
            purpose: text("title").or(text("description")).unwrap_or_default().to_owned(),
        });
        if depth < SCHEMA_DEPTH_MAX {
            collect(property, &path, depth + 1, keys);
        }
    }
}

/// A schema's `type`: one word, or several with `or` between them; `any` where it does not say.
fn kind(kind: Option<&Value>) -> String {
    match kind {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Some(_) | None => "any".to_owned(),
    }
}
