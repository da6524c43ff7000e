//! An integration's configuration and schedule as they are typed: `--set path.to.key=value`, `--config FILE`, `--every device=1h`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::{Map, Value};

use crate::error::Error;

/// The most bytes of a configuration's file. The coordinator takes 64 KiB; more than this is not a configuration but the wrong file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The greatest whole number that the wire's numbers, IEEE doubles, hold together with all below it.
const WHOLE_MAX: u64 = 1 << 53;

/// `path.to.key=value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    path: KeyPath,
    value: Value,
}

/// The keys from the outermost object to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath(Vec<String>);

impl FromStr for KeyPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keys: Vec<String> = text.split('.').map(str::to_owned).collect();
        if keys.iter().any(String::is_empty) {
            return Err("it must be keys with single dots between them, such as `path.to.key`".to_owned());
        }
        Ok(Self(keys))
    }
}

impl Assignment {
    /// The keys from the outermost object to the value.
    pub fn keys(&self) -> &[String] {
        &self.path.0
    }
}

impl FromStr for Assignment {
    type Err = String;

    /// The value is JSON where it parses as JSON, else a string.
    fn from_str(text: &str) -> Result<Self, String> {
        let (path, value) = text
            .split_once('=')
            .ok_or("it must be `path.to.key=value`, where the value is JSON or a string")?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self {
            path: path.parse()?,
            value,
        })
    }
}

/// Where a configuration is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `-`.
    StandardInput,
    /// A file.
    File(PathBuf),
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        if text == "-" {
            Self::StandardInput
        } else {
            Self::File(PathBuf::from(text))
        }
    }
}

impl Source {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// [`Error::ConfigurationUnreadable`], [`Error::ConfigurationUnusable`].
    pub fn read(&self) -> Result<Map<String, Value>, Error> {
        let place = self.place();
        let text = match self {
            Self::StandardInput => bounded(io::stdin().lock()),
            Self::File(path) => open(path).and_then(bounded),
        };
        let text = text.map_err(|source| Error::ConfigurationUnreadable {
            place: place.clone(),
            source,
        })?;
        match serde_json::from_str(&text) {
            _ if text.trim_ascii().is_empty() => Err(Error::ConfigurationUnusable {
                place,
                reason: "it is empty".to_owned(),
            }),
            Ok(Value::Object(object)) => Ok(object),
            Ok(other) => Err(Error::ConfigurationUnusable {
                place,
                reason: format!("it is {}, not an object", kind(&other)),
            }),
            Err(error) => Err(Error::ConfigurationUnusable {
                place,
                reason: format!("it is not JSON: {error}"),
            }),
        }
    }

    /// What it is called in sentences.
    pub fn place(&self) -> String {
        match self {
            Self::StandardInput => "standard input".to_owned(),
            Self::File(path) => format!("`{}`", path.display()),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn bounded(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is longer than 1 MiB, so it is not a configuration",
        ));
    }
    Ok(text)
}

/// Sets these values, in this order; objects on the way are made.
///
/// # Errors
/// [`Error::Assignment`] when there is something else than an object on the way.
pub fn assign(configuration: &mut Map<String, Value>, assignments: &[Assignment]) -> Result<(), Error> {
    for Assignment { path, value } in assignments {
        let (object, key) = parent(configuration, path)?;
        object.insert(key.to_owned(), value.clone());
    }
    Ok(())
}

/// Removes what stands at these paths.
///
/// # Errors
/// [`Error::Assignment`] when nothing stands there.
pub fn remove(configuration: &mut Map<String, Value>, paths: &[KeyPath]) -> Result<(), Error> {
    for path in paths {
        let (object, key) = parent(configuration, path)?;
        if object.remove(key).is_none() {
            return Err(Error::Assignment {
                flag: format!("--unset {}", path.0.join(".")),
                reason: "there is no such key in the configuration".to_owned(),
            });
        }
    }
    Ok(())
}

/// The object that holds the path's last key, and that key.
fn parent<'a, 'p>(
    configuration: &'a mut Map<String, Value>,
    path: &'p KeyPath,
) -> Result<(&'a mut Map<String, Value>, &'p str), Error> {
    let (last, outer) = path.0.split_last().expect("a path has at least one key, by its parser");
    let mut object = configuration;
    for key in outer {
        let inner = object.entry(key).or_insert_with(|| Value::Object(Map::new()));
        let found = kind(inner);
        let Value::Object(inner) = inner else {
            return Err(Error::Assignment {
                flag: path.0.join("."),
                reason: format!("`{key}` is {found}, so there are no keys in it"),
            });
        };
        object = inner;
    }
    Ok((object, last))
}

/// The configuration as the wire carries it.
///
/// # Errors
/// [`Error::Assignment`] for a number that the wire cannot carry exactly.
pub fn to_wire(configuration: Map<String, Value>) -> Result<Struct, Error> {
    let fields = configuration.into_iter().map(|(key, value)| {
        let value = to_value(&key, value)?;
        Ok((key, value))
    });
    Ok(Struct {
        fields: fields.collect::<Result<_, Error>>()?,
    })
}

fn to_value(key: &str, value: Value) -> Result<prost_types::Value, Error> {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::String(value) => Kind::StringValue(value),
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if whole.is_some_and(|whole| whole > WHOLE_MAX) {
                return Err(Error::Assignment {
                    flag: key.to_owned(),
                    reason: format!("{number} is beyond 2^53, and would be rounded on the way: write it as a string"),
                });
            }
            // Every number without arbitrary precision has a double.
            Kind::NumberValue(number.as_f64().unwrap_or_default())
        }
        Value::Array(values) => {
            let values = values.into_iter().map(|value| to_value(key, value));
            Kind::ListValue(ListValue {
                values: values.collect::<Result<_, Error>>()?,
            })
        }
        Value::Object(object) => Kind::StructValue(to_wire(object)?),
    };
    Ok(prost_types::Value { kind: Some(kind) })
}

/// What the wire carries as JSON.
pub fn from_wire(configuration: &Struct) -> Map<String, Value> {
    let fields = configuration.fields.iter();
    fields.map(|(key, value)| (key.clone(), from_value(value))).collect()
}

/// One value of it.
pub fn from_value(value: &prost_types::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(*value),
        Some(Kind::StringValue(value)) => Value::String(value.clone()),
        Some(Kind::NumberValue(number)) => from_number(*number),
        Some(Kind::ListValue(list)) => Value::Array(list.values.iter().map(from_value).collect()),
        Some(Kind::StructValue(object)) => Value::Object(from_wire(object)),
    }
}

/// Whole numbers without a point, so that 3 does not come back as 3.0.
fn from_number(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "a whole number within 2^53")]
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX as f64 {
        return Value::from(number as i64);
    }
    Value::from(number)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// `device=1h`: how often a data type is collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Every {
    /// The data type.
    pub data_type: String,
    /// How often. The coordinator judges it: 1 min to 366 days.
    pub interval: Duration,
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (data_type, interval) = text
            .split_once('=')
            .filter(|(data_type, _)| !data_type.is_empty())
            .ok_or("it must be `data_type=interval`, such as `device=1h`")?;
        Ok(Self {
            data_type: data_type.to_owned(),
            interval: parse_interval(interval)?,
        })
    }
}

/// Numbers with their units, the sum of which is the interval: `90s`, `15m`, `1h30m`, `7d`.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no interval: it must be such as `90s`, `15m`, `1h30m` or `7d`");
    let mut rest = text;
    let mut seconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = rest.split_at(digits);
        let unit_seconds = match unit.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some(_) | None => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(unit_seconds).ok_or_else(wrong)?;
        seconds = seconds.checked_add(part).ok_or_else(wrong)?;
        rest = &unit[1..];
    }
    // What the wire's durations can hold; far beyond what the coordinator takes.
    if text.is_empty() || i64::try_from(seconds).is_err() {
        return Err(wrong());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn assigned(base: Value, flags: &[&str]) -> Result<Value, Error> {
        let Value::Object(mut object) = base else {
            panic!("an object")
        };
        let flags: Vec<Assignment> = flags.iter().map(|flag| flag.parse().expect("a flag")).collect();
        assign(&mut object, &flags)?;
        Ok(Value::Object(object))
    }

    #[test]
    fn values_are_json_where_they_parse_and_strings_else() {
        let flags = [
            "a=1",
            "b=true",
            "c=text",
            "d=[1,2]",
            "e=\"7\"",
            "f=",
            "g=x=y",
            "h.i.j=null",
        ];
        let expected = json!({
            "a": 1, "b": true, "c": "text", "d": [1, 2], "e": "7", "f": "", "g": "x=y", "h": {"i": {"j": null}}
        });
        assert_eq!(assigned(json!({}), &flags).expect("assigned"), expected);
    }

    #[test]
    fn a_value_is_no_object() {
        let error = assigned(json!({"a": 1}), &["a.b=2"]).expect_err("a is a number");
        assert_eq!(
            error.to_string(),
            "cannot apply `a.b`: `a` is a number, so there are no keys in it"
        );
    }

    #[test]
    fn a_key_that_is_not_there_cannot_be_removed() {
        let Value::Object(mut object) = json!({"a": {"b": 1}}) else {
            panic!("an object")
        };
        remove(&mut object, &["a.b".parse().expect("a path")]).expect("removed");
        assert_eq!(Value::Object(object.clone()), json!({"a": {}}));
        let error = remove(&mut object, &["a.b".parse().expect("a path")]).expect_err("gone");
        assert!(error.to_string().starts_with("cannot apply `--unset a.b`"), "{error}");
    }

    #[test]
    fn the_wire_gives_back_what_it_was_given() {
        let value = json!({"a": [1, -2, 0.5, "x", null, true, {"b": 9_007_199_254_740_992_i64}]});
        let Value::Object(object) = value.clone() else {
            panic!("an object")
        };
        assert_eq!(Value::Object(from_wire(&to_wire(object).expect("fits"))), value);
    }

    #[test]
    fn a_number_that_would_be_rounded_is_refused() {
        let Value::Object(object) = json!({"id": 9_007_199_254_740_993_i64}) else {
            panic!("an object")
        };
        let error = to_wire(object).expect_err("rounded");
        assert!(error.to_string().contains("write it as a string"), "{error}");
    }

    #[test]
    fn intervals_are_sums() {
        let seconds = |text: &str| text.parse::<Every>().map(|every| every.interval.as_secs());
        assert_eq!(seconds("device=90s"), Ok(90));
        assert_eq!(seconds("device=1h30m"), Ok(5_400));
        assert_eq!(seconds("device=7d"), Ok(604_800));
        for wrong in [
            "device",
            "=1h",
            "device=",
            "device=1",
            "device=h",
            "device=1w",
            "device=-1h",
            "device=99999999999999999999d",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_have_no_empty_keys() {
        for wrong in ["=1", "a..b=1", ".a=1", "a"] {
            assert!(wrong.parse::<Assignment>().is_err(), "{wrong}");
        }
    }
}
