//! Records as they come: a table of the first ones, one JSON array, or JSON lines.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

use super::table::{Cell, Column, Table};
use super::text::{clean, count, thousands, width};
use super::{Format, Output, note};
use crate::error::Error;

/// How many rows a table has when nobody says: what a person looks at. The others are counted.
pub const ROWS_DEFAULT: usize = 30;

/// The most rows of a table, whose records lie in memory: at most 1 GiB, and mostly a few MiB.
const ROWS_MAX: usize = 1_000;

/// The most columns of a terminal that a field takes.
const FIELD_COLUMNS_MAX: usize = 32;

/// The most columns of a terminal that the table takes, as all tables of this program.
const TABLE_COLUMNS_MAX: usize = 100;

/// The blanks between two columns of the table.
const GAP: usize = 2;

/// How many of the fields that found no place are named.
const NAMED_MAX: usize = 5;

/// One record: its fields in the order in which the source gave them.
#[derive(Debug, Clone, PartialEq)]
struct Record(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record, which is a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Record(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl Record {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }
}

/// Prints records in the format that was asked for.
#[derive(Debug)]
pub struct Records {
    format: Format,
    /// The fields that come first in a table.
    key: Vec<String>,
    rows_max: usize,
    rows: Vec<Record>,
    total: u64,
}

impl Records {
    /// None so far. `key` are the fields by which records are told apart, for a table's first columns; `rows` is how many a table has at
    /// most, if anybody said.
    pub fn new(format: Format, key: Vec<String>, rows: Option<u64>) -> Self {
        let rows = rows.map_or(ROWS_DEFAULT, |rows| usize::try_from(rows).unwrap_or(ROWS_MAX));
        Self {
            format,
            key,
            rows_max: rows.min(ROWS_MAX),
            rows: Vec::new(),
            total: 0,
        }
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Takes records, each a JSON object with a line feed behind it.
    ///
    /// # Errors
    /// [`Error::Output`], as all that print; also for what is no record.
    pub fn take(&mut self, output: &mut Output, lines: &[u8]) -> Result<(), Error> {
        match self.format {
            Format::Jsonl => {
                self.total += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
                output.bytes(lines)
            }
            Format::Json => {
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    output.bytes(if self.total == 0 { b"[\n  " } else { b",\n  " })?;
                    output.bytes(line.trim_ascii_end())?;
                    self.total += 1;
                }
                Ok(())
            }
            Format::Table => {
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    if self.rows.len() < self.rows_max {
                        let record = serde_json::from_slice(line).map_err(|error| Error::Output(error.into()))?;
                        self.rows.push(record);
                    }
                    self.total += 1;
                }
                Ok(())
            }
        }
    }

    /// Prints what is left to print, and notes what a table could not show. `all` is how many there are, where more are known of than
    /// were taken.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn finish(self, all: Option<u64>, output: &mut Output) -> Result<(), Error> {
        match self.format {
            Format::Jsonl => Ok(()),
            Format::Json => output.line(if self.total == 0 { "[]" } else { "\n]" }),
            Format::Table => self.print(all.map_or(self.total, |all| all.max(self.total)), output),
        }
    }

    fn print(&self, total: u64, output: &mut Output) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let (columns, left_out) = self.columns();
        let titles = columns.iter().map(|column| {
            if column.number {
                Column::number(column.title(), FIELD_COLUMNS_MAX)
            } else {
                Column::text(column.title(), FIELD_COLUMNS_MAX)
            }
        });
        let mut table = Table::new(titles.collect::<Vec<_>>());
        for record in &self.rows {
            let cells = columns.iter().map(|column| Cell::from(shown(record.get(column.name))));
            table.row(cells.collect::<Vec<_>>());
        }
        output.table(&table)?;
        output.flush()?;
        if total > self.rows.len() as u64 {
            let shown = thousands(self.rows.len() as u64);
            note(format!("the first {shown} of {}", count(total, "record")));
        }
        if !left_out.is_empty() {
            note(format!("{}; all of them with --output jsonl", named(&left_out)));
        }
        Ok(())
    }

    /// The fields that have something to show and find place, and those that found none.
    fn columns(&self) -> (Vec<Field<'_>>, Vec<&str>) {
        let mut names: Vec<&str> = self.key.iter().map(String::as_str).collect();
        for (name, _) in self.rows.iter().flat_map(|record| &record.0) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let mut columns = Vec::new();
        let mut left_out = Vec::new();
        let mut taken = 0;
        for name in names {
            let Some(field) = self.field(name) else { continue };
            let gap = if columns.is_empty() { 0 } else { GAP };
            if taken + gap + field.columns <= TABLE_COLUMNS_MAX {
                taken += gap + field.columns;
                columns.push(field);
            } else {
                left_out.push(name);
            }
        }
        (columns, left_out)
    }

    /// A field as a column; `None` where no row has anything in it.
    fn field<'a>(&'a self, name: &'a str) -> Option<Field<'a>> {
        let values = || {
            self.rows
                .iter()
                .filter_map(|record| record.get(name))
                .filter(|value| !value.is_null())
        };
        let widest = values().map(|value| width(&clean(&shown(Some(value))))).max()?;
        Some(Field {
            name,
            number: values().all(Value::is_number),
            columns: widest.max(width(name)).min(FIELD_COLUMNS_MAX),
        })
    }
}

/// A column of the table.
struct Field<'a> {
    name: &'a str,
    number: bool,
    columns: usize,
}

impl Field<'_> {
    fn title(&self) -> String {
        super::text::cut(&clean(self.name).to_uppercase(), self.columns)
    }
}

/// A value as a cell shows it.
fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) if values.iter().all(Value::is_string) => {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            texts.join(", ")
        }
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => value.to_string(),
    }
}

fn named(fields: &[&str]) -> String {
    let some: Vec<String> = fields.iter().take(NAMED_MAX).map(|name| clean(name)).collect();
    let more = if fields.len() > NAMED_MAX { ", …" } else { "" };
    format!(
        "{} not shown ({}{more})",
        count(fields.len() as u64, "field"),
        some.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &str) -> Records {
        let mut records = Records::new(Format::Table, vec!["id".to_owned()], None);
        let mut output = Output::new(Format::Table);
        records.take(&mut output, lines.as_bytes()).expect("records");
        records
    }

    fn titles(records: &Records) -> Vec<(&str, bool)> {
        let (columns, _) = records.columns();
        columns.iter().map(|column| (column.name, column.number)).collect()
    }

    #[test]
    fn the_key_comes_first_and_empty_fields_nowhere() {
        let records = records(concat!(
            "{\"zone\":\"a\",\"id\":1,\"empty\":null}\n",
            "{\"zone\":\"b\",\"id\":2,\"extra\":{\"x\":1}}\n"
        ));
        assert_eq!(titles(&records), [("id", true), ("zone", false), ("extra", false)]);
        assert_eq!(records.total(), 2);
    }

    #[test]
    fn what_finds_no_place_is_named() {
        let long = "x".repeat(80);
        let records = records(&format!(
            "{{\"id\":1,\"a\":\"{long}\",\"b\":\"{long}\",\"c\":\"{long}\",\"d\":\"{long}\",\"e\":5}}\n"
        ));
        let (_, left_out) = records.columns();
        assert_eq!(
            titles(&records),
            [("id", true), ("a", false), ("b", false), ("e", true)]
        );
        assert_eq!(named(&left_out), "2 fields not shown (c, d)");
    }

    #[test]
    fn rows_are_bounded_and_all_are_counted() {
        let lines: String = (0..100).map(|id| format!("{{\"id\":{id}}}\n")).collect();
        let records = records(&lines);
        assert_eq!((records.rows.len(), records.total()), (ROWS_DEFAULT, 100));
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        let value = |text: &str| shown(Some(&serde_json::from_str(text).expect("JSON")));
        assert_eq!(value("\"a\""), "a");
        assert_eq!(value("[\"a\",\"b\"]"), "a, b");
        assert_eq!(value("{\"a\":1}"), "{\"a\":1}");
        assert_eq!(value("true"), "true");
        assert_eq!(value("null"), "");
    }
}
