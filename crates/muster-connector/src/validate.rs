//! Judges a configuration by a connector's JSON Schema.

mod problem;

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Validator};
use muster_core::words::{Category, Failure};
use serde_json::Value;

/// The most faults that are told of one configuration: nobody mends more at once, and they travel in the details of an error.
pub const FAULTS_MAX: usize = 32;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its place as a JSON pointer, such as `/domain/port`; empty for the configuration as a whole. A property that is missing or that nobody
    /// knows is named itself, not the object around it.
    pub path: String,
    /// What is wrong there. Never the value: it may be a secret.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{place}: {}", self.message)
    }
}

/// Why a configuration was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It does not fit the schema.
    #[error("the configuration does not fit its schema: {}", list(.faults))]
    Configuration {
        /// All that is wrong, at most [`FAULTS_MAX`]; never empty.
        faults: Vec<Fault>,
    },
    /// The schema is no JSON Schema, or refers to another document, which is never loaded. A fault of the connector.
    #[error("the connector's configuration schema cannot be used: {reason}")]
    Schema {
        /// What is wrong with it, and where.
        reason: String,
    },
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        let category = match invalid {
            Invalid::Configuration { .. } => Category::Configuration,
            Invalid::Schema { .. } => Category::Connector,
        };
        Failure::new(category, invalid.to_string())
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// Judges `config` by `schema` (JSON Schema, draft 2020-12 unless its `$schema` says otherwise).
///
/// Schemas come from runners, so nothing is loaded from a network or disk, and patterns run in linear time.
///
/// # Errors
/// [`Invalid`] names every fault with its place, or says that the schema itself is none.
pub fn validate(schema: &Value, config: &Value) -> Result<(), Invalid> {
    let validator = compile(schema)?;
    let mut faults = Vec::new();
    for error in validator.iter_errors(config) {
        let place = error.instance_path().to_string();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => faults.extend(
                unexpected
                    .iter()
                    .map(|name| fault(&place, Some(name), "is not a known property: remove it".into())),
            ),
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                faults.push(fault(&place, Some(name), "is missing: it is required".into()));
            }
            _ => faults.push(fault(&place, None, problem::problem(&error))),
        }
        if faults.len() >= FAULTS_MAX {
            faults.truncate(FAULTS_MAX);
            break;
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Invalid::Configuration { faults })
    }
}

/// Judges a schema by itself.
///
/// # Errors
/// [`Invalid::Schema`]: it is none, or refers to another document.
pub fn judge_schema(schema: &Value) -> Result<(), Invalid> {
    compile(schema).map(drop)
}

fn compile(schema: &Value) -> Result<Validator, Invalid> {
    let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
    options.build(schema).map_err(|error| {
        let place = error.instance_path().to_string();
        let problem = problem::schema_problem(&error);
        let place = if place.is_empty() { "/" } else { &place };
        Invalid::Schema {
            reason: format!("{}: {problem}", problem::cut(place)),
        }
    })
}

fn fault(place: &str, property: Option<&str>, message: String) -> Fault {
    let path = match property {
        Some(name) => format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")),
        None => place.to_owned(),
    };
    Fault { path, message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["server"],
            "additionalProperties": false,
            "properties": {
                "server": {"type": "string"},
                "port": {"type": "integer", "minimum": 1},
                "bind": {
                    "type": "object",
                    "required": ["password"],
                    "properties": {"password": {"type": "string", "pattern": "^[a-z]+$"}},
                },
            },
        })
    }

    fn faults(config: Value) -> Vec<String> {
        match validate(&schema(), &config) {
            Ok(()) => Vec::new(),
            Err(Invalid::Configuration { faults }) => faults.iter().map(|fault| fault.path.clone()).collect(),
            Err(Invalid::Schema { reason }) => panic!("{reason}"),
        }
    }

    #[test]
    fn every_fault_has_its_place() {
        assert_eq!(faults(json!({"server": "dc1", "port": 636})), Vec::<String>::new());
        assert_eq!(faults(json!({"server": "dc1", "port": 0})), ["/port"]);
        assert_eq!(faults(json!({"server": "dc1", "bind": {}})), ["/bind/password"]);
        assert_eq!(faults(json!([])), [""]);
        let mut all = faults(json!({"port": "x", "a/b": 1, "c": 2}));
        all.sort();
        assert_eq!(all, ["/a~1b", "/c", "/port", "/server"]);
    }

    #[test]
    fn a_value_is_never_told() {
        let config = json!({"server": "dc1", "bind": {"password": "Hunter2"}, "port": "Hunter2"});
        let error = validate(&schema(), &config).expect_err("a bad password");
        assert!(!error.to_string().contains("Hunter2"), "{error}");
        assert!(error.to_string().contains("/bind/password"), "{error}");
    }

    #[test]
    fn faults_are_bounded() {
        let config: serde_json::Map<String, Value> = (0..1_000)
            .map(|place| (format!("unknown{place}"), Value::Null))
            .collect();
        assert_eq!(faults(Value::Object(config)).len(), FAULTS_MAX);
    }

    #[test]
    fn a_bad_schema_is_the_connectors_fault() {
        for schema in [
            json!({"type": "no such type"}),
            json!({"pattern": "("}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
        ] {
            let error = validate(&schema, &json!({})).expect_err("no schema");
            assert!(matches!(error, Invalid::Schema { .. }), "{error:?}");
            assert_eq!(Failure::from(error).category, Category::Connector);
        }
    }
}
