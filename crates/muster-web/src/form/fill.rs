//! What stands in the fields for a value.

use serde_json::{Map, Value};

use super::Typed;
use super::fields::{Field, Kind};
use super::read::ITEMS_MAX;

/// Says in the input `name`, and those below it, what a value is; `None` for one that is not there.
pub(crate) fn fill(field: &Field, name: &str, value: Option<&Value>, typed: &mut Typed) {
    let value = value.filter(|value| !value.is_null());
    match &field.kind {
        Kind::Text { .. } | Kind::Secret | Kind::Number { .. } => {
            typed.set(name, value.map(super::fields::plain).unwrap_or_default());
        }
        Kind::Flag { default } => {
            // The first value is always sent, and says whether the second one is there because somebody said so.
            typed.set(name, if value.is_some() { "set" } else { "unset" });
            if value.map_or(*default, |value| value == &Value::Bool(true)) {
                typed.add(name, "true");
            }
        }
        Kind::One(_) => typed.set(name, value.map(Value::to_string).unwrap_or_default()),
        Kind::Many(choices) => {
            typed.set(name, "");
            let stored = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            // In the order in which they stand in the form, as browsers send them.
            let offered = choices.iter().map(|choice| &choice.value);
            let strange = stored
                .iter()
                .filter(|one| choices.iter().all(|choice| choice.value != **one));
            for one in offered.filter(|one| stored.contains(one)).chain(strange) {
                typed.add(name, one.to_string());
            }
        }
        Kind::Lines { .. } => typed.set(name, value.map(lines).unwrap_or_default()),
        Kind::Group { fields, .. } => {
            let object = value.and_then(Value::as_object);
            fill_all(fields, name, object, typed);
            fill_rest(&|key| fields.iter().any(|field| field.key == key), name, object, typed);
        }
        Kind::Items(fields) => {
            let items = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            typed.set(format!("{name}#"), items.len().max(1).to_string());
            for at in 0..items.len().clamp(1, ITEMS_MAX) {
                let item = items.get(at).and_then(Value::as_object);
                fill_all(fields, &format!("{name}/{at}"), item, typed);
            }
        }
        Kind::Ways { common, ways, .. } => {
            let chosen = value.map(|value| best(ways, value));
            typed.set(format!("{name}?"), chosen.map(|at| at.to_string()).unwrap_or_default());
            let object = value.and_then(Value::as_object);
            fill_all(common, name, object, typed);
            for (at, way) in ways.iter().enumerate() {
                let value = value.filter(|_| chosen == Some(at));
                let name = format!("{name}|{at}");
                match (&way.kind, value) {
                    (Kind::Group { fields, .. }, value) => {
                        fill_all(fields, &name, value.and_then(Value::as_object), typed);
                    }
                    (_, value) => fill(way, &name, value, typed),
                }
            }
            let of_way = |key: &str| {
                let way = chosen.and_then(|at| ways.get(at));
                common
                    .iter()
                    .chain(way.map_or(&[][..], fields_of))
                    .any(|field| field.key == key)
            };
            fill_rest(&of_way, name, object, typed);
        }
        Kind::Fixed(_) => {}
        Kind::Json => typed.set(name, value.map(pretty).unwrap_or_default()),
    }
}

fn fill_all(fields: &[Field], name: &str, object: Option<&Map<String, Value>>, typed: &mut Typed) {
    for field in fields {
        let value = object.and_then(|object| object.get(&field.key));
        fill(field, &format!("{name}/{}", field.key), value, typed);
    }
}

/// What has no field of its own.
fn fill_rest(is_known: &dyn Fn(&str) -> bool, name: &str, object: Option<&Map<String, Value>>, typed: &mut Typed) {
    let rest = object.into_iter().flatten().filter(|(key, _)| !is_known(key));
    let rest: Map<String, Value> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
    let text = if rest.is_empty() {
        String::new()
    } else {
        pretty(&Value::Object(rest))
    };
    typed.set(format!("{name}*"), text);
}

pub(super) fn fields_of(way: &Field) -> &[Field] {
    match &way.kind {
        Kind::Group { fields, .. } => fields,
        _ => &[],
    }
}

/// One a line; as JSON where that would not be the same again.
fn lines(value: &Value) -> String {
    let texts = value.as_array().map(|items| items.iter().map(super::fields::plain));
    let is_plain =
        |text: &String| !text.is_empty() && text.trim() == text && !text.contains('\n') && !text.starts_with('[');
    match texts.map(Iterator::collect::<Vec<String>>) {
        Some(texts) if texts.iter().all(is_plain) => texts.join("\n"),
        Some(_) | None => value.to_string(),
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The way that a value goes: that whose constants and keys it has most of.
fn best(ways: &[Field], value: &Value) -> usize {
    let score = |way: &Field| -> i64 {
        match (&way.kind, value) {
            (Kind::Group { fields, .. }, Value::Object(object)) => fields
                .iter()
                .map(|field| match (&field.kind, object.get(&field.key)) {
                    (Kind::Fixed(fixed), Some(value)) => {
                        if fixed == value {
                            100
                        } else {
                            -100
                        }
                    }
                    (_, Some(_)) => 2,
                    (_, None) if field.is_required => -10,
                    (_, None) => 0,
                })
                .sum(),
            (Kind::Text { .. } | Kind::Secret, Value::String(_))
            | (Kind::Number { .. }, Value::Number(_))
            | (Kind::Flag { .. }, Value::Bool(_))
            | (Kind::Lines { .. } | Kind::Items(_) | Kind::Many(_), Value::Array(_)) => 1,
            (Kind::One(choices), value) if choices.iter().any(|choice| choice.value == *value) => 1,
            _ => -1_000,
        }
    };
    let scored = ways
        .iter()
        .enumerate()
        .map(|(at, way)| (score(way), std::cmp::Reverse(at)));
    scored.max().map_or(0, |(_, std::cmp::Reverse(at))| at)
}
