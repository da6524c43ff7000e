//! Judges the lines of an upload, and notes which fields they have.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{LineFault, StageError};

/// The most bytes of a line with its line feed: a line must fit into one message of the upload.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// The most fields of which a manifest tells: enough for what people have in tables, little enough to keep for each upload.
const FIELDS_MAX: usize = 256;

/// The most bytes of a field's name in a manifest; longer ones are left out.
const FIELD_NAME_BYTES_MAX: usize = 128;

/// The fields that were seen on the records' top level, with the JSON types of their values: a hint for whoever makes a table of them.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// In the order in which they were first seen.
    pub seen: Vec<(String, Kinds)>,
    /// Where in it the next field most likely is: the records of a collection mostly have the same fields in the same order.
    next: usize,
    /// There were more, or longer ones, than are kept.
    pub incomplete: bool,
}

impl Fields {
    /// The place for the types of a field's values; `None` when it is not kept.
    fn kinds(&mut self, name: &str) -> Option<&mut Kinds> {
        let mut places = (self.next..self.seen.len()).chain(0..self.next);
        let place = match places.find(|place| self.seen[*place].0 == name) {
            Some(place) => place,
            None if self.seen.len() >= FIELDS_MAX || name.len() > FIELD_NAME_BYTES_MAX => {
                self.incomplete = true;
                return None;
            }
            None => {
                self.seen.push((name.to_owned(), Kinds::default()));
                self.seen.len() - 1
            }
        };
        self.next = place + 1;
        Some(&mut self.seen[place].1)
    }
}

/// A set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(u8);

/// A JSON type, with whole numbers told from others, as in JSON Schema.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Null,
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl Kinds {
    fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }

    /// The types' names, in a fixed order.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        Kind::ALL
            .into_iter()
            .filter(move |kind| self.0 & 1 << *kind as u8 != 0)
            .map(Kind::name)
    }
}

/// Judges a chunk of whole lines that follows `lines_before` others, and says how many lines it has.
pub(super) fn judge(chunk: &[u8], lines_before: u64, fields: &mut Fields) -> Result<u64, StageError> {
    let mut number = lines_before;
    let mut rest = chunk;
    while !rest.is_empty() {
        number += 1;
        let (line, after) = rest.split_at(memchr::memchr(b'\n', rest).map_or(rest.len(), |place| place + 1));
        judge_line(line, fields).map_err(|fault| StageError::Line { number, fault })?;
        rest = after;
    }
    Ok(number - lines_before)
}

fn judge_line(line: &[u8], fields: &mut Fields) -> Result<(), LineFault> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LineFault::TooLong { bytes: line.len() });
    }
    let record = line.strip_suffix(b"\n").ok_or(LineFault::Unended)?;
    if record.trim_ascii().is_empty() {
        return Err(LineFault::Empty);
    }
    let text = std::str::from_utf8(record).map_err(|error| LineFault::NotUtf8 {
        byte: error.valid_up_to() + 1,
    })?;
    let mut parser = serde_json::Deserializer::from_str(text);
    Record(fields)
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|error| {
            let text = error.to_string();
            LineFault::NotAnObject {
                // The parser's own place always says line 1.
                reason: text
                    .split_once(" at line ")
                    .map_or(text.as_str(), |(reason, _)| reason)
                    .to_owned(),
                byte: error.column().max(1),
            }
        })
}

/// Reads an object and notes its fields.
struct Record<'f>(&'f mut Fields);

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(kinds) = map.next_key_seed(Name(&mut *self.0))? {
            let kind = map.next_value_seed(Value)?;
            if let Some(kinds) = kinds {
                kinds.add(kind);
            }
        }
        Ok(())
    }
}

/// Reads a field's name and gives the place for the types of its values, if it is kept.
struct Name<'f>(&'f mut Fields);

impl<'de, 'f> DeserializeSeed<'de> for Name<'f> {
    type Value = Option<&'f mut Kinds>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'f> Visitor<'_> for Name<'f> {
    type Value = Option<&'f mut Kinds>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.kinds(name))
    }
}

/// Reads any value to its end and tells its type. Unlike serde's `IgnoredAny` it judges what is inside as a reader would: escapes, the range
/// of numbers, and the parser's limit of 128 levels.
struct Value;

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Boolean)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Integer)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Integer)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Number)
    }

    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Kind, A::Error> {
        while values.next_element_seed(Self)?.is_some() {}
        Ok(Kind::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        while map.next_key_seed(Self)?.is_some() {
            map.next_value_seed(Self)?;
        }
        Ok(Kind::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(chunk: &[u8]) -> (u64, LineFault) {
        match judge(chunk, 10, &mut Fields::default()) {
            Err(StageError::Line { number, fault }) => (number, fault),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_line_is_one_object() {
        for (line, byte) in [
            ("[1]", 1),
            ("7", 1),
            ("null", 4),
            ("{\"a\":1", 6),
            ("{\"a\":1} {\"b\":2}", 9),
            ("{\"a\":}", 6),
            ("{\"a\":\"\\ud800\"}", 12),
            ("{\"a\":{\"b\":1e999}}", 15),
            ("{a:1}", 2),
        ] {
            let (number, fault) = fault(format!("{{}}\n{line}\n{{}}\n").as_bytes());
            assert_eq!(number, 12, "{line}");
            assert!(
                matches!(fault, LineFault::NotAnObject { byte: at, .. } if at.abs_diff(byte) <= 1),
                "{line}: {fault:?}"
            );
        }
    }

    #[test]
    fn a_fault_is_told_in_a_sentence() {
        let error = judge(b"{}\n[]\n", 0, &mut Fields::default()).expect_err("an array");
        assert_eq!(
            error.to_string(),
            "line 2 of the upload is no JSON object (invalid type: sequence, expected a JSON object, near its byte 1): send one JSON object a line"
        );
    }

    #[test]
    fn lines_are_whole_filled_and_utf8() {
        assert_eq!(fault(b"{}\n{}"), (12, LineFault::Unended));
        assert_eq!(fault(b"{}\n \r\n"), (12, LineFault::Empty));
        assert_eq!(fault(b"{\"a\":\"\xff\"}\n"), (11, LineFault::NotUtf8 { byte: 7 }));
    }

    #[test]
    fn a_line_of_a_mebibyte_is_the_longest() {
        let line = |bytes: usize| format!("{{\"a\":\"{}\"}}\n", "x".repeat(bytes - 9)).into_bytes();
        assert!(judge(&line(LINE_BYTES_MAX), 0, &mut Fields::default()).is_ok());
        let bytes = LINE_BYTES_MAX + 1;
        assert_eq!(fault(&line(bytes)), (11, LineFault::TooLong { bytes }));
    }

    #[test]
    fn fields_are_noted_with_all_their_types() {
        let mut fields = Fields::default();
        let chunk =
            b"{\"id\":1,\"name\":\"a\",\"tags\":[{\"inner\":1}]}\n{\"name\":null,\"up\":true,\"id\":1.5,\"more\":{}}\n";
        assert_eq!(judge(chunk, 0, &mut fields).expect("lines"), 2);
        let seen: Vec<_> = fields
            .seen
            .iter()
            .map(|(name, kinds)| (name.as_str(), kinds.names().collect::<Vec<_>>()))
            .collect();
        let expected = [
            ("id", vec!["integer", "number"]),
            ("name", vec!["null", "string"]),
            ("tags", vec!["array"]),
            ("up", vec!["boolean"]),
            ("more", vec!["object"]),
        ];
        assert_eq!(seen, expected);
        assert!(!fields.incomplete);
    }

    #[test]
    fn fields_without_end_are_not_kept() {
        let mut fields = Fields::default();
        let lines: String = (0..2 * FIELDS_MAX)
            .map(|number| format!("{{\"field{number}\":1}}\n"))
            .collect();
        judge(lines.as_bytes(), 0, &mut fields).expect("lines");
        assert_eq!((fields.seen.len(), fields.incomplete), (FIELDS_MAX, true));
    }
}
