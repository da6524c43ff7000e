//! Secrets are given as references, or sealed: what browsers and people are told, so that none leaves the browser as it is. The API refuses all else.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::schema::whole;

/// How deep a schema is looked through: also an end for one that refers to itself.
const DEPTH_MAX: usize = 8;

/// What references begin with, and what is sealed.
const BEGINNINGS: [&str; 4] = ["env:MUSTER_SECRET_", "file:", "exec:", "sealed:"];

/// What is said of what is none.
pub(super) const TITLE: &str = "A reference such as env:MUSTER_SECRET_NAME, file:NAME or exec:NAME, or what muster seal has printed; never the secret itself";

/// Whether a text begins as a reference.
pub(super) fn is_reference(text: &str) -> bool {
    BEGINNINGS.iter().any(|begin| text.starts_with(begin))
}

/// What a reference looks like, as a browser's regular expression.
pub(super) fn pattern() -> String {
    format!("({}).+", BEGINNINGS.join("|"))
}

/// The secrets in a part of a configuration that no field can show, so that it is typed as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// The keys of those that have one.
    keys: BTreeSet<String>,
    /// Whether each text in it is one.
    all: bool,
}

impl Hidden {
    /// Those of a part of the schema `root`.
    pub(super) fn of(root: &Value, schema: &Map<String, Value>) -> Self {
        let mut hidden = Self::default();
        let inner = schema.get("items").or_else(|| schema.get("additionalProperties"));
        hidden.all = !schema.contains_key("properties") && inner.is_some_and(|inner| is_secret(&whole(root, inner, 0)));
        hidden.gather(root, schema, 0);
        hidden
    }

    /// Those of what a part of the schema `root` takes beside what it names.
    pub(super) fn of_rest(root: &Value, schema: &Map<String, Value>) -> Self {
        let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
        let Some(rest) = rest.map(|rest| whole(root, rest, 0)) else {
            return Self::default();
        };
        let mut hidden = Self {
            all: is_secret(&rest),
            ..Self::default()
        };
        hidden.gather(root, &rest, 0);
        hidden
    }

    fn gather(&mut self, root: &Value, schema: &Map<String, Value>, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, property) in properties.into_iter().flatten() {
            let property = whole(root, property, 0);
            let item = property.get("items").map(|item| whole(root, item, 0));
            if is_secret(&property) || item.is_some_and(|item| is_secret(&item)) {
                self.keys.insert(key.clone());
            }
            self.gather(root, &property, depth + 1);
        }
        let of_all = ["items", "additionalProperties"]
            .into_iter()
            .filter_map(|name| schema.get(name));
        let ways = ["prefixItems", "oneOf", "anyOf"]
            .into_iter()
            .filter_map(|name| schema.get(name)?.as_array());
        for part in of_all.chain(ways.flatten()) {
            self.gather(root, &whole(root, part, 0), depth + 1);
        }
    }

    /// Whether there are any.
    pub(crate) fn is_some(&self) -> bool {
        self.all || !self.keys.is_empty()
    }

    /// Both together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.keys.extend(other.keys);
        self.all |= other.all;
        self
    }

    /// What a text that is typed looks like when one of them stands in it as it is, as a browser's regular expression; `None` where there are none.
    pub(super) fn pattern(&self) -> Option<String> {
        let before = match self.all {
            true => r"[\[,:]".to_owned(),
            false if self.keys.is_empty() => return None,
            false => {
                let keys: Vec<String> = self.keys.iter().map(|key| escaped(key)).collect();
                format!(r#""(?:{})"\s*:(?:\s*\[)?"#, keys.join("|"))
            }
        };
        Some(format!(r#"{before}\s*"(?!(?:{}).)[^"]"#, BEGINNINGS.join("|")))
    }
}

fn is_secret(schema: &Map<String, Value>) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
}

/// A key as it stands in a regular expression.
fn escaped(key: &str) -> String {
    let mut escaped = String::new();
    for letter in key.chars() {
        if !letter.is_alphanumeric() && !matches!(letter, '_' | '-') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
