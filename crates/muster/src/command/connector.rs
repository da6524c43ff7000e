//! `muster connector`: what runners can collect, and what that needs.

use muster_proto::v1::{Connector, ConnectorSpecification};
use prost_types::Struct;
use serde_json::{Map, Value};

use super::{Limit, Session, note_more};
use crate::configuration::from_wire;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::{Json, list};
use crate::output::table::{Column, Facts, Table};
use crate::output::text::clean;
use crate::output::time;

/// How deep objects within a configuration are shown: more is for `--output json`.
const SCHEMA_DEPTH_MAX: usize = 4;

/// Show the connectors that runners offer
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster connector list
  muster connector show host")]
pub enum Command {
    /// List the connectors by name
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  muster connector list
  muster connector list --output json"
    )]
    List(Limit),
    /// Show what a connector collects, and what it needs to be told
    #[command(after_help = "\
Examples:
  muster connector show host
  muster connector show host --output json | jq '.specification.configuration_schema'")]
    Show {
        /// The connector's name
        connector: String,
    },
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::List(limit) => all(&limit, session).await,
        Command::Show { connector } => show(&connector, session).await,
    }
}

async fn all(limit: &Limit, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output } = session;
    let listed = crate::list::connectors(client, limit.limit).await?;
    if output.is_json() {
        output.document(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new([
        Column::text("NAME", 20),
        Column::text("TITLE", 26),
        Column::text("VERSION", 9),
        Column::text("DATA TYPES", 24),
        Column::text("POOLS", 13),
    ]);
    for connector in &listed.items {
        let specification = specification(connector);
        let data_types: Vec<&str> = specification
            .data_types
            .iter()
            .map(|one| one.data_type.as_str())
            .collect();
        table.row([
            names::id(&connector.name).into(),
            specification.title.into(),
            specification.version.into(),
            data_types.join(", ").into(),
            connector.pools.join(", ").into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, limit);
    Ok(Exit::Success)
}

async fn show(given: &str, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output } = session;
    let connector = names::connector(client, given).await?;
    if output.is_json() {
        output.document(&Json(&connector))?;
        return Ok(Exit::Success);
    }
    let specification = specification(&connector);
    let mut facts = Facts::default();
    facts.add("connector", names::id(&connector.name));
    facts.add("title", &specification.title);
    facts.add("description", &specification.description);
    facts.add("version", &specification.version);
    facts.add("pools", connector.pools.join(", "));
    let data_types = specification.data_types.iter();
    facts.add_lines(
        "data types",
        data_types.map(|one| match &one.default_interval {
            Some(interval) => format!("{}, every {}", one.data_type, time::interval(Some(interval))),
            None => one.data_type.clone(),
        }),
    );
    let permissions = specification.permissions.iter();
    facts.add_lines(
        "permissions",
        permissions.map(|one| {
            let need = if one.required { "required" } else { "optional" };
            format!("{} ({need}): {}", one.permission, one.purpose)
        }),
    );
    for line in facts.lines() {
        output.line(line)?;
    }
    configuration(session, "configuration", specification.configuration_schema.as_ref())?;
    for access in &specification.access_schemas {
        let title = format!(
            "access schema {}: {}",
            clean(&access.access_schema),
            clean(&access.title)
        );
        configuration(session, &title, access.configuration_schema.as_ref())?;
    }
    Ok(Exit::Success)
}

/// Prints what a schema asks for: a table of keys, or that there is nothing to be said.
fn configuration(session: &mut Session, title: &str, schema: Option<&Struct>) -> Result<(), Error> {
    let mut keys = Vec::new();
    if let Some(schema) = schema {
        collect(&from_wire(schema), "", 0, &mut keys);
    }
    session.output.line("")?;
    if keys.is_empty() {
        return session.output.line(format!("{title}: nothing to set"));
    }
    session.output.line(format!("{title}:"))?;
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
    session.output.table(&table)
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

fn specification(connector: &Connector) -> ConnectorSpecification {
    connector.specification.clone().unwrap_or_default()
}
