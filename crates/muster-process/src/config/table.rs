//! Tables of the file whose names the operator chooses: `[exec.NAME]`. No flag and no variable reaches into them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::fault::{Fault, Place, printable};
use super::setting::enumerated;
use crate::nearest;

/// The most characters of a key that a fault shows.
const KEY_CHARS_MAX: usize = 80;

/// A kind of tables that an operator may have as many of as he likes.
#[derive(Debug, Clone, Copy)]
pub struct OpenTable {
    /// What its header begins with: `exec` of `[exec.NAME]`.
    pub key: &'static str,
    /// What one is for, in paragraphs.
    pub documentation: &'static str,
    /// One of them as it may stand in a file, with its header and all its keys, each after a comment that says what it is for.
    pub example: &'static str,
}

/// One such table of a file, not yet looked into.
#[derive(Debug)]
pub(super) struct Unread<'i> {
    pub(super) name: String,
    pub(super) header: Place,
    pub(super) table: Spanned<DeTable<'i>>,
}

/// One such table, as its type has it.
#[derive(Debug, Clone)]
pub struct Named<T> {
    /// What the operator has called it.
    pub name: String,
    /// What stands in it.
    pub value: T,
    pub(super) place: TablePlace,
}

/// Where a table stands, and each of its keys.
#[derive(Debug, Clone)]
pub(super) struct TablePlace {
    pub(super) path: String,
    pub(super) header: Place,
    pub(super) fields: BTreeMap<String, Place>,
}

/// The names of the fields of a type that is a struct to serde.
#[must_use]
pub fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Ask<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(serde::de::Error::custom("only the names were asked for"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("this is no struct"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut fields: &'static [&'static str] = &[];
    // It always fails; what matters is what it was asked on the way.
    let _ = T::deserialize(Ask(&mut fields));
    fields
}

/// Reads a table as a `T`: every key that is unknown or has the wrong type is told, not the first alone. `outer` are the keys that stand outside of
/// all tables, since whoever writes one below a header has put it into the table.
pub(super) fn read<T: DeserializeOwned>(
    unread: Unread<'_>,
    open: &OpenTable,
    file: (&Path, &str),
    outer: &[&str],
    faults: &mut Vec<Fault>,
) -> Option<Named<T>> {
    let path = format!("{}.{}", open.key, in_path(&unread.name));
    let known = fields_of::<T>();
    let at = |offset| Place::in_file(file.0, file.1, offset);
    let fields = unread.table.get_ref().iter();
    let fields = fields
        .map(|(key, value)| (key.get_ref().to_string(), at(value.span().start)))
        .collect();
    let place = TablePlace {
        path,
        header: unread.header,
        fields,
    };
    let mut table = unread.table;
    for (key, offset) in take_unknown(&mut table, known) {
        faults.push(unknown(at(offset), Some(&place.path), &key, known, outer));
    }
    // Whatever does not fit is taken out and the rest tried again, until all that does not fit is known.
    let mut taken_out = Vec::new();
    loop {
        let again = Spanned::new(table.span(), DeValue::Table(table.get_ref().clone()));
        let error = match T::deserialize(ValueDeserializer::from(again)) {
            // Whatever was told already, more may be said of the rest.
            Ok(value) => {
                return Some(Named {
                    name: unread.name,
                    value,
                    place,
                });
            }
            Err(error) => error,
        };
        let offset = error.span().map_or(table.span().start, |span| span.start);
        let Some(key) = holder(&table, offset) else {
            // Something is missing; what was taken out is not.
            if !taken_out
                .iter()
                .any(|key| error.message().contains(&format!("`{key}`")))
            {
                faults.push(Fault::new(place.header, Some(&place.path), in_words(error.message())));
            }
            return None;
        };
        faults.push(Fault::new(
            at(offset),
            Some(&format!("{}.{key}", place.path)),
            in_words(error.message()),
        ));
        table.get_mut().remove(key.as_str());
        taken_out.push(key);
    }
}

/// What serde says, without the names of Rust's types.
fn in_words(message: &str) -> String {
    const NUMBERS: [&str; 10] = ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize"];
    match message.rsplit_once("expected ") {
        Some((before, number)) if NUMBERS.contains(&number) => format!("{before}expected a whole number in its bounds"),
        Some(_) | None => message.to_owned(),
    }
}

/// Takes the keys that are not `known` out of the table, and tells where they stood.
fn take_unknown(table: &mut Spanned<DeTable<'_>>, known: &[&str]) -> Vec<(String, usize)> {
    let keys = table
        .get_ref()
        .keys()
        .map(|key| (key.get_ref().to_string(), key.span().start));
    let unknown: Vec<(String, usize)> = keys.filter(|(key, _)| !known.contains(&key.as_str())).collect();
    for (key, _) in &unknown {
        table.get_mut().remove(key.as_str());
    }
    unknown
}

/// The key whose value holds the byte `offset`.
fn holder(table: &Spanned<DeTable<'_>>, offset: usize) -> Option<String> {
    let holds = |value: &Spanned<DeValue<'_>>| value.span().contains(&offset);
    let found = table.get_ref().iter().find(|(_, value)| holds(value));
    found.map(|(key, _)| key.get_ref().to_string())
}

/// A name as it stands in a path of keys: in quotes where it needs them.
pub(super) fn in_path(name: &str) -> String {
    let shown = printable(name, KEY_CHARS_MAX);
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if !shown.is_empty() && shown.chars().all(is_bare) {
        shown
    } else {
        format!("\"{shown}\"")
    }
}

/// A key that is not known: `table` is where it stands, `known` what may stand there, `outer` what may stand outside of all tables.
pub(super) fn unknown(place: Place, table: Option<&str>, key: &str, known: &[&str], outer: &[&str]) -> Fault {
    let shown = in_path(key);
    let full = table.map_or_else(|| shown.clone(), |table| format!("{table}.{shown}"));
    let problem = if table.is_some() && outer.contains(&key) {
        "this stands in a table, and belongs to none: move it above the first `[…]` of the file".to_owned()
    } else if let Some(meant) = nearest(key, known.iter().copied()) {
        format!("there is no such key: is `{meant}` meant?")
    } else if table.is_some() {
        format!("there is no such key: there are {}", enumerated(known))
    } else {
        "there is no such key: `--print-default-config` shows all that there are".to_owned()
    };
    Fault::new(place, Some(&full), problem)
}
