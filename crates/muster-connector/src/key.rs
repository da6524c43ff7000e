//! Whether a record has all that tells it from others: each field of its data type's primary key, with one value in it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Looks for the primary key in a record, the text of a JSON object, of which nothing is kept.
///
/// The look ends with the last field of the key, which mostly stands first: what follows is not read. So of a field that is there twice, as no
/// writer of JSON makes it, the later one may have no value and is not found out.
///
/// # Errors
/// [`KeyFault`]: the first field of the key that the record lacks, or in which there is no single value.
pub fn judge_key(record: &str, key: &[String]) -> Result<(), KeyFault> {
    let mut found = vec![Found::Nothing; key.len()];
    let fields = Fields { key, found: &mut found };
    // Whether it is JSON is judged elsewhere: of what cannot be read, nothing is found.
    let _ = fields.deserialize(&mut serde_json::Deserializer::from_str(record));
    let fault = key.iter().zip(found).find(|(_, found)| *found != Found::Value);
    fault.map_or(Ok(()), |(field, found)| {
        Err(KeyFault {
            field: field.clone(),
            found,
        })
    })
}

/// What is wrong with a record's primary key. Says it as the end of a sentence about the record: ``has no `id`, …``.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}, which is of its primary key", InWords(.found, .field))]
pub struct KeyFault {
    /// The field of the key.
    pub field: String,
    found: Found,
}

struct InWords<'a>(&'a Found, &'a str);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(found, field) = self;
        match found {
            Found::Nothing | Found::Value => write!(f, "has no `{field}`"),
            Found::Null => write!(f, "has null as its `{field}`"),
            Found::List => write!(f, "has a list as its `{field}`"),
            Found::Object => write!(f, "has an object as its `{field}`"),
        }
    }
}

/// What a record has in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// There is no such field.
    Nothing,
    Null,
    List,
    Object,
    /// A text, a number, or true or false.
    Value,
}

/// Reads an object for what its fields of the key hold.
struct Fields<'a> {
    key: &'a [String],
    found: &'a mut [Found],
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, record: D) -> Result<(), D::Error> {
        record.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut record: A) -> Result<(), A::Error> {
        let mut left = self.found.len();
        while left > 0
            && let Some(place) = record.next_key_seed(Place(self.key))?
        {
            match place {
                Some(place) => {
                    left -= usize::from(self.found[place] == Found::Nothing);
                    self.found[place] = record.next_value()?;
                }
                None => drop(record.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Reads a field's name for its place in the key; `None` when it is not of it.
struct Place<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|field| field == name))
    }
}

impl<'de> serde::Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(Kind)
    }
}

/// Reads a value for what it is.
struct Kind;

impl<'de> Visitor<'de> for Kind {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Value)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Found, E> {
        Ok(Found::Value)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Found, E> {
        Ok(Found::Value)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Found, E> {
        Ok(Found::Value)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Found, E> {
        Ok(Found::Value)
    }

    fn visit_unit<E: Error>(self) -> Result<Found, E> {
        Ok(Found::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Found, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Found, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(record: &str, key: &[&str]) -> Option<String> {
        let key: Vec<String> = key.iter().map(ToString::to_string).collect();
        judge_key(record, &key).err().map(|fault| fault.to_string())
    }

    #[test]
    fn one_value_in_each_field_is_a_key_whatever_else_there_is() {
        for record in [
            r#"{"id": "a"}"#,
            r#"{"id": 0, "tags": [{"id": null}], "more": {"id": []}}"#,
            r#"{"more": {"id": [1, {"x": 2}]}, "id": -1.5e300}"#,
            r#"{"id": 123456789012345678901234567890}"#,
            r#"{"id": false}"#,
            &format!(r#"{{"deep": {}{}, "id": 1}}"#, "[".repeat(10_000), "]".repeat(10_000)),
            r#"{"\u0069d": "a name may be written in many ways"}"#,
        ] {
            assert_eq!(told(record, &["id"]), None, "{record}");
        }
        assert_eq!(told(r#"{"b": 1, "a": 2}"#, &["a", "b"]), None);
        assert_eq!(told("{}", &[]), None);
    }

    #[test]
    fn the_first_field_without_a_value_is_named_with_what_is_there() {
        for (record, fault) in [
            ("{}", "has no `id`, which is of its primary key"),
            (r#"{"ID": 1}"#, "has no `id`, which is of its primary key"),
            (r#"{"device": {"id": 1}}"#, "has no `id`, which is of its primary key"),
            (r#"{"id": null}"#, "has null as its `id`, which is of its primary key"),
            (r#"{"id": [1]}"#, "has a list as its `id`, which is of its primary key"),
            (
                r#"{"id": {"a": {}}}"#,
                "has an object as its `id`, which is of its primary key",
            ),
        ] {
            assert_eq!(told(record, &["id"]).as_deref(), Some(fault), "{record}");
        }
        let two = told(r#"{"id": 1, "site": null}"#, &["id", "region", "site"]);
        assert_eq!(two.as_deref(), Some("has no `region`, which is of its primary key"));
    }
}
