//! Walks through a configuration together with its schema.

use serde_json::Value;

/// How deep a schema is followed: more than anybody nests a configuration, and an end for one that refers to itself.
const DEPTH_MAX: usize = 64;

/// Calls `look` with every part of the schema that speaks of a value in `config`, that value, and its place as a JSON pointer. A value of which
/// several parts speak comes several times. Where `look` says `true`, what lies in the value is passed by.
pub(crate) fn each_field(schema: &Value, config: &Value, look: impl FnMut(&Value, &Value, &str) -> bool) {
    let mut walk = Walk {
        root: schema,
        place: String::new(),
        look,
    };
    walk.through(schema, config, 0);
}

struct Walk<'s, L> {
    root: &'s Value,
    place: String,
    look: L,
}

impl<L: FnMut(&Value, &Value, &str) -> bool> Walk<'_, L> {
    fn through(&mut self, schema: &Value, config: &Value, depth: usize) {
        if depth > DEPTH_MAX || (self.look)(schema, config, &self.place) {
            return;
        }
        if let Some(referred) = schema.get("$ref").and_then(Value::as_str) {
            let root = self.root;
            let referred = referred.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            if let Some(referred) = referred {
                self.through(referred, config, depth + 1);
            }
        }
        for choice in ["allOf", "anyOf", "oneOf"] {
            for schema in schema.get(choice).and_then(Value::as_array).into_iter().flatten() {
                self.through(schema, config, depth + 1);
            }
        }
        for branch in ["if", "then", "else"] {
            if let Some(schema) = schema.get(branch) {
                self.through(schema, config, depth + 1);
            }
        }
        match config {
            Value::Object(fields) => {
                for (key, value) in fields {
                    let property = schema.get("properties").and_then(|properties| properties.get(key));
                    if let Some(schema) = property.or_else(|| schema.get("additionalProperties")) {
                        self.inner(schema, key, value, depth);
                    }
                }
            }
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    let positional = schema.get("prefixItems").and_then(|schemas| schemas.get(place));
                    if let Some(schema) = positional.or_else(|| schema.get("items")) {
                        self.inner(schema, &place.to_string(), item, depth);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn inner(&mut self, schema: &Value, key: &str, value: &Value, depth: usize) {
        let before = self.place.len();
        self.place.push('/');
        self.place.push_str(&key.replace('~', "~0").replace('/', "~1"));
        self.through(schema, value, depth + 1);
        self.place.truncate(before);
    }
}
