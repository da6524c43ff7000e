//! A JSON Schema as fields.

use serde_json::{Map, Value};

use super::fields::{Choice, Field, Kind, plain};
use super::secret::Hidden;

/// How deep a schema is followed; what lies deeper is JSON in a text area. Also an end for one that refers to itself.
const DEPTH_MAX: usize = 6;

/// How many ways of a choice are shown; a choice of more is JSON.
const WAYS_MAX: usize = 8;

impl Field {
    /// The field of a part of the schema `root`.
    pub(crate) fn of(root: &Value, schema: &Value, key: &str) -> Self {
        Self::made(root, schema, key, 0)
    }

    fn made(root: &Value, schema: &Value, key: &str, depth: usize) -> Self {
        let schema = whole(root, schema, 0);
        let text = |name: &str| {
            let text = schema.get(name).and_then(Value::as_str).unwrap_or_default();
            text.to_owned()
        };
        let title = Some(text("title")).filter(|title| !title.is_empty());
        let example = schema.get("examples").and_then(|examples| examples.get(0));
        let placeholder = match (schema.get("default"), example) {
            (Some(default), _) => plain(default),
            (None, Some(example)) => format!("such as {}", plain(example)),
            (None, None) => String::new(),
        };
        let kind = if depth > DEPTH_MAX {
            Kind::Json
        } else {
            kind(root, &schema, depth)
        };
        let hidden = match kind {
            Kind::Json => Hidden::of(root, &schema),
            Kind::Group { .. } | Kind::Ways { .. } => Hidden::of_rest(root, &schema),
            _ => Hidden::default(),
        };
        Self {
            title: title.unwrap_or_else(|| words(key)),
            help: text("description"),
            placeholder,
            is_required: false,
            kind,
            hidden,
            key: key.to_owned(),
        }
    }
}

/// A key as words: `bind_dn` is `Bind dn`.
fn words(key: &str) -> String {
    let spaced = key.replace(['_', '-'], " ");
    let mut letters = spaced.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect());
    first.unwrap_or_default()
}

/// A part of a schema with what it refers to and all that must hold together in one object.
pub(super) fn whole(root: &Value, schema: &Value, depth: usize) -> Map<String, Value> {
    let mut merged = schema.as_object().cloned().unwrap_or_default();
    if depth > DEPTH_MAX {
        return merged;
    }
    let reference = merged.remove("$ref");
    let referred = reference.as_ref().and_then(Value::as_str);
    let referred = referred.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let all = merged.remove("allOf");
    let all = all.as_ref().and_then(Value::as_array).into_iter().flatten();
    for part in referred.into_iter().chain(all) {
        for (name, value) in whole(root, part, depth + 1) {
            match (merged.get_mut(&name), value) {
                (Some(Value::Object(known)), Value::Object(more)) if name == "properties" => {
                    more.into_iter().for_each(|(key, schema)| {
                        known.entry(key).or_insert(schema);
                    });
                }
                (Some(Value::Array(known)), Value::Array(more)) if name == "required" => known.extend(more),
                (Some(_), _) => {}
                (None, value) => {
                    merged.insert(name, value);
                }
            }
        }
    }
    merged
}

fn kind(root: &Value, schema: &Map<String, Value>, depth: usize) -> Kind {
    if schema.get("writeOnly") == Some(&Value::Bool(true)) {
        return Kind::Secret;
    }
    if let Some(value) = schema.get("const") {
        return Kind::Fixed(value.clone());
    }
    if let Some(choices) = choices(root, schema) {
        return Kind::One(choices);
    }
    if let Some(ways) = ways(root, schema, depth) {
        return ways;
    }
    match kind_name(schema) {
        Some("string") => text(schema),
        Some("integer") => Kind::Number { is_whole: true },
        Some("number") => Kind::Number { is_whole: false },
        Some("boolean") => Kind::Flag {
            default: schema.get("default") == Some(&Value::Bool(true)),
        },
        Some("array") => list(root, schema, depth),
        Some("object") => group(root, schema, depth),
        Some(_) | None => Kind::Json,
    }
}

/// The one kind of values beside `null`; `None` where there are several, or none is said.
fn kind_name(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => Some(kind),
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            let first = kinds.next()?;
            kinds.next().is_none().then_some(first)
        }
        Some(_) => None,
        None => schema.contains_key("properties").then_some("object"),
    }
}

fn text(schema: &Map<String, Value>) -> Kind {
    let input = match schema.get("format").and_then(Value::as_str) {
        Some("email") => "email",
        Some("uri" | "url") => "url",
        Some("multiline" | "textarea") => "textarea",
        Some(_) | None => "text",
    };
    let examples = schema.get("examples").and_then(Value::as_array);
    // A single one stands in the field as an example.
    let examples = examples.filter(|examples| examples.len() > 1).into_iter().flatten();
    Kind::Text {
        input,
        length_max: schema.get("maxLength").and_then(Value::as_u64),
        examples: examples.filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

/// The values of an `enum`, or of a choice among constants.
fn choices(root: &Value, schema: &Map<String, Value>) -> Option<Vec<Choice>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let choice = |value: &Value| Choice {
            title: plain(value),
            value: value.clone(),
        };
        return Some(values.iter().map(choice).collect());
    }
    let ways = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let choice = |way: &Value| {
        let way = whole(root, way, 0);
        let value = way.get("const")?.clone();
        let title = way.get("title").and_then(Value::as_str);
        Some(Choice {
            title: title.map_or_else(|| plain(&value), str::to_owned),
            value,
        })
    };
    ways.iter().map(choice).collect()
}

fn ways(root: &Value, schema: &Map<String, Value>, depth: usize) -> Option<Kind> {
    let ways = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    let is_null = |way: &&Value| way.get("type").and_then(Value::as_str) != Some("null");
    let ways: Vec<&Value> = ways.iter().filter(is_null).collect();
    if ways.is_empty() || ways.len() > WAYS_MAX {
        return Some(Kind::Json);
    }
    // What holds for all ways: the properties beside the choice, and a type that the ways need not repeat.
    let of_all = group(root, schema, depth);
    let Kind::Group {
        fields: common,
        has_rest,
    } = of_all
    else {
        return Some(Kind::Json);
    };
    let mut ways_rest = false;
    let ways = ways.into_iter().enumerate().map(|(at, way)| {
        let mut way = whole(root, way, 0);
        if !way.contains_key("type")
            && let Some(kind) = schema.get("type")
        {
            way.insert("type".to_owned(), kind.clone());
        }
        let required = way.get("required").cloned();
        let mut field = Field::made(root, &Value::Object(way), "", depth + 1);
        if let Kind::Group { fields, has_rest } = &mut field.kind {
            fields.retain(|field| !common.iter().any(|known| known.key == field.key));
            // What has no field is said once, below all.
            ways_rest |= std::mem::take(has_rest);
        }
        if field.title.is_empty() {
            let fixed = fixed_title(&field.kind);
            let first = required.as_ref().and_then(|keys| keys.get(0)?.as_str()).map(words);
            field.title = fixed.or(first).unwrap_or_else(|| format!("Way {}", at + 1));
        }
        field
    });
    let mut ways: Vec<Field> = ways.collect();
    if let [only] = &mut ways[..]
        && common.is_empty()
    {
        return Some(std::mem::replace(&mut only.kind, Kind::Json));
    }
    Some(Kind::Ways {
        common,
        ways,
        has_rest: has_rest && ways_rest,
    })
}

/// What tells a way from the others, where that is a constant.
fn fixed_title(kind: &Kind) -> Option<String> {
    let Kind::Group { fields, .. } = kind else { return None };
    fields.iter().find_map(|field| match &field.kind {
        Kind::Fixed(value) => Some(plain(value)),
        _ => None,
    })
}

fn list(root: &Value, schema: &Map<String, Value>, depth: usize) -> Kind {
    let Some(items) = schema.get("items").filter(|items| items.is_object()) else {
        return Kind::Json;
    };
    if schema.contains_key("prefixItems") {
        return Kind::Json;
    }
    match Field::made(root, items, "", depth + 1).kind {
        Kind::Text { .. } => Kind::Lines { are_numbers: false },
        Kind::Number { .. } => Kind::Lines { are_numbers: true },
        Kind::One(choices) => Kind::Many(choices),
        Kind::Group {
            fields,
            has_rest: false,
        } if fields.iter().all(|field| field.is_simple()) => Kind::Items(fields),
        _ => Kind::Json,
    }
}

fn group(root: &Value, schema: &Map<String, Value>, depth: usize) -> Kind {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |key: &str| required.is_some_and(|keys| keys.iter().any(|known| known == key));
    let fields = properties.iter().map(|(key, schema)| {
        let mut field = Field::made(root, schema, key, depth + 1);
        field.is_required = is_required(key);
        field
    });
    let mut fields: Vec<Field> = fields.collect();
    // JSON objects of the wire have no order of their own: what must be said stands first.
    let size = |field: &Field| match field.kind {
        Kind::Group { .. } | Kind::Ways { .. } => 1,
        Kind::Items(_) => 2,
        Kind::Json => 3,
        _ => 0,
    };
    fields.sort_by_key(|field| (!field.is_required, size(field)));
    Kind::Group {
        fields,
        has_rest: schema.get("additionalProperties") != Some(&Value::Bool(false)),
    }
}
