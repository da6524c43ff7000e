//! A configuration judged before it is sent, or used here: each fault with its path as `--set` takes it, and where it was given.

use muster_connector::{Fault, Invalid, validate};
use serde_json::{Map, Value};

use crate::configuration::{Assignment, Source};
use muster_process::nearest;

/// Where a configuration's values come from, for its faults.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The file, if there is one.
    pub source: Option<&'a Source>,
    /// The flags.
    pub set: &'a [Assignment],
}

/// Judges a configuration by a connector's schema.
///
/// # Errors
/// The path of each fault and what is wrong there; never empty. A schema that is none makes no fault here: who made it must mend it, and
/// whoever runs the connector says so.
pub fn judge(
    schema: &Value,
    configuration: &Map<String, Value>,
    given: Given<'_>,
) -> Result<(), Vec<(String, String)>> {
    let faults = match validate(schema, &Value::Object(configuration.clone())) {
        Ok(()) | Err(Invalid::Schema { .. }) => return Ok(()),
        Err(Invalid::Configuration { faults }) => faults,
    };
    let told = faults.into_iter().map(|fault| {
        let mut message = fault.message.clone();
        if let Some(meant) = meant(schema, configuration, &fault, &keys(&fault.path)) {
            message.push_str(&format!("; did you mean `{meant}`?"));
        }
        given.told(&fault.path, message)
    });
    Err(told.collect())
}

impl Given<'_> {
    /// A fault at this JSON pointer: its path as `--set` takes it, and what is wrong there with where it was given.
    pub fn told(&self, pointer: &str, mut message: String) -> (String, String) {
        let keys = keys(pointer);
        if let Some(place) = self.place(&keys) {
            message.push_str(&format!(" ({place})"));
        }
        (path(&keys), message)
    }

    /// Where the value at this place was given; `None` where nothing says.
    fn place(&self, keys: &[String]) -> Option<String> {
        // The last one that has a say in this value, or in what is around or within it.
        let set = self.set.iter().rev().find(|set| {
            let within = set.keys().iter().zip(keys).all(|(one, other)| one == other);
            within && set.keys().len() <= keys.len()
        });
        match (set, self.source) {
            (Some(set), _) => Some(format!("--set {}", set.keys().join("."))),
            (None, Some(source)) => Some(format!("in {}", source.place())),
            (None, None) => None,
        }
    }
}

/// The keys on the way of a JSON pointer.
fn keys(pointer: &str) -> Vec<String> {
    let parts = pointer.split('/').skip(1);
    parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// The keys as `--set` takes them: `servers[0].port` for a place within an array, as the coordinator writes it too.
fn path(keys: &[String]) -> String {
    let mut path = String::new();
    for key in keys {
        if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{key}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
        }
    }
    if path.is_empty() {
        "configuration".to_owned()
    } else {
        path
    }
}

/// The key of the schema that a key which it does not know was probably meant to be: one that is not in the configuration already.
fn meant(schema: &Value, configuration: &Map<String, Value>, fault: &Fault, keys: &[String]) -> Option<String> {
    // A key that is missing, or whose value is wrong, is one that the schema knows.
    let (last, outer) = keys.split_last()?;
    let mut schema = schema;
    let mut object = configuration;
    for key in outer {
        schema = schema.get("properties")?.get(key)?;
        object = object.get(key)?.as_object()?;
    }
    let known = schema.get("properties")?.as_object()?;
    if known.contains_key(last) || !object.contains_key(last) || fault.path.is_empty() {
        return None;
    }
    let free = known
        .keys()
        .map(String::as_str)
        .filter(|key| !object.contains_key(*key));
    nearest(last, free).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["label"],
            "additionalProperties": false,
            "properties": {
                "label": {"type": "string"},
                "servers": {"type": "array", "items": {"type": "string"}},
                "bind": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {"port": {"type": "integer", "minimum": 1}},
                },
            },
        })
    }

    fn faults(configuration: &Value, set: &[&str]) -> Vec<String> {
        let set: Vec<Assignment> = set.iter().map(|flag| flag.parse().expect("a flag")).collect();
        let source = Source::from("directory.json");
        let given = Given {
            source: Some(&source),
            set: &set,
        };
        let configuration = configuration.as_object().expect("an object");
        match judge(&schema(), configuration, given) {
            Ok(()) => Vec::new(),
            Err(faults) => {
                let mut lines: Vec<String> = faults.iter().map(|(path, fault)| format!("{path}: {fault}")).collect();
                lines.sort();
                lines
            }
        }
    }

    #[test]
    fn what_fits_has_no_faults() {
        assert_eq!(faults(&json!({"label": "hq"}), &[]), Vec::<String>::new());
    }

    #[test]
    fn each_fault_says_where_it_was_given() {
        let configuration = json!({"servers": [1], "bind": {"port": 0}});
        let told = faults(&configuration, &["bind.port=0"]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with("bind.port: ") && told[0].ends_with(" (--set bind.port)"),
            "{told:?}"
        );
        assert_eq!(told[1], "label: is missing: it is required (in `directory.json`)");
        assert!(
            told[2].starts_with("servers[0]: ") && told[2].ends_with(" (in `directory.json`)"),
            "{told:?}"
        );
    }

    #[test]
    fn a_mistyped_key_gets_the_nearest_one() {
        let configuration = json!({"label": "hq", "bind": {"prot": 1}, "zone": 1});
        assert_eq!(
            faults(&configuration, &[]),
            [
                "bind.prot: is not a known property: remove it; did you mean `port`? (in `directory.json`)",
                "zone: is not a known property: remove it (in `directory.json`)",
            ]
        );
    }
}
