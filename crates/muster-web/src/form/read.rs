//! A value of what was typed.

use serde_json::{Map, Value};

use super::Typed;
use super::fields::{Field, Kind};
use super::fill::fields_of;
use super::wire::WHOLE_MAX;

/// The most items of a list that are looked for.
pub(super) const ITEMS_MAX: usize = 200;

/// The value of the input `name` and those below it; `None` where nothing is said. What is not what the field is for, letters for a number, is the text
/// that was typed: the API says what it should be.
pub(crate) fn read(field: &Field, name: &str, typed: &Typed) -> Option<Value> {
    let text = typed.get(name);
    let said = (!text.is_empty()).then_some(text);
    match &field.kind {
        Kind::Text { .. } | Kind::Secret => said.map(Value::from),
        Kind::Number { .. } => said.map(|text| number(text.trim())),
        Kind::Flag { default } => {
            let is_set = typed.has(name, "true");
            let is_said = typed.has(name, "set") || field.is_required || is_set != *default;
            is_said.then_some(Value::Bool(is_set))
        }
        Kind::One(_) => said.map(json),
        Kind::Many(_) => {
            let chosen: Vec<Value> = typed
                .all(name)
                .iter()
                .filter(|one| !one.is_empty())
                .map(|one| json(one))
                .collect();
            (!chosen.is_empty() || field.is_required).then_some(Value::Array(chosen))
        }
        Kind::Lines { are_numbers } => {
            let lines = said.map(|text| lines(text, *are_numbers));
            lines.or_else(|| field.is_required.then(|| Value::Array(Vec::new())))
        }
        Kind::Group { fields, .. } => object(field, read_all(fields, name, typed), name, typed),
        Kind::Items(fields) => {
            let count = typed.get(&format!("{name}#")).parse().unwrap_or(0).min(ITEMS_MAX);
            let items = (0..count).map(|at| read_all(fields, &format!("{name}/{at}"), typed));
            let is_said = |item: &Map<String, Value>| {
                let of_itself = fields
                    .iter()
                    .filter(|field| !matches!(field.kind, Kind::Flag { .. } | Kind::Fixed(_)));
                of_itself.into_iter().any(|field| item.contains_key(&field.key))
            };
            let items: Vec<Value> = items.filter(is_said).map(Value::Object).collect();
            (!items.is_empty() || field.is_required).then_some(Value::Array(items))
        }
        Kind::Ways { common, ways, .. } => {
            let at = typed.get(&format!("{name}?")).parse::<usize>().ok();
            let way = at.and_then(|at| Some((format!("{name}|{at}"), ways.get(at)?)));
            let mut values = read_all(common, name, typed);
            match way {
                Some((name, way)) if matches!(way.kind, Kind::Group { .. }) => {
                    values.extend(read_all(fields_of(way), &name, typed));
                }
                Some((name, way)) => return read(way, &name, typed),
                None => {}
            }
            object(field, values, name, typed)
        }
        Kind::Fixed(value) => Some(value.clone()),
        Kind::Json => said.map(json),
    }
}

fn read_all(fields: &[Field], name: &str, typed: &Typed) -> Map<String, Value> {
    let values = fields.iter().filter_map(|field| {
        let value = read(field, &format!("{name}/{}", field.key), typed)?;
        Some((field.key.clone(), value))
    });
    values.collect()
}

/// With what has no field; `None` where nothing is said of a thing that need not be there.
fn object(field: &Field, mut values: Map<String, Value>, name: &str, typed: &Typed) -> Option<Value> {
    let is_fixed = |key: &String| fixed(field, key);
    let is_empty = values.keys().all(is_fixed) && !is_chosen(field, name, typed);
    match json(typed.get(&format!("{name}*"))) {
        Value::Object(rest) => values.extend(rest),
        // Half a text: the API shall say that it is none, instead of its being left out.
        Value::String(text) if !text.trim().is_empty() => return Some(Value::String(text)),
        // Of several ways none is the one that is meant as long as none is chosen.
        _ if is_empty && (!field.is_required || matches!(field.kind, Kind::Ways { .. })) => return None,
        _ => {}
    }
    Some(Value::Object(values))
}

fn is_chosen(field: &Field, name: &str, typed: &Typed) -> bool {
    matches!(field.kind, Kind::Ways { .. }) && !typed.get(&format!("{name}?")).is_empty()
}

fn fixed(field: &Field, key: &str) -> bool {
    let Kind::Group { fields, .. } = &field.kind else {
        return false;
    };
    fields
        .iter()
        .any(|field| field.key == key && matches!(field.kind, Kind::Fixed(_)))
}

/// JSON where it is JSON, and otherwise a text: as the command line takes `--set`.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn number(text: &str) -> Value {
    match serde_json::from_str(text) {
        // What the API would round stays a text, and is refused.
        Ok(Value::Number(number)) if number.as_f64().is_some_and(|one| one.abs() <= WHOLE_MAX) => Value::Number(number),
        Ok(_) | Err(_) => Value::String(text.to_owned()),
    }
}

fn lines(text: &str, are_numbers: bool) -> Value {
    if text.starts_with('[')
        && let list @ Value::Array(_) = json(text)
    {
        return list;
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let value = |line: &str| if are_numbers { number(line) } else { Value::from(line) };
    Value::Array(lines.map(value).collect())
}
