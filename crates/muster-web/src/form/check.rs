//! What can be told of what was typed before the API is asked: what is no JSON is nothing that it could look for secrets in.

use serde_json::Value;

use super::Typed;
use super::fields::{Field, Kind};
use super::read::ITEMS_MAX;
use super::typed::Faults;

const NO_JSON: &str = "is no JSON: look for a bracket, a quotation mark or a comma that is missing";
const NO_OBJECT: &str = "has other settings that are no JSON object, such as {\"key\": \"value\"}";

/// Tells what is wrong with the JSON that was typed in the input `name`, and in those below it, whose value the API calls `path`.
pub(crate) fn check(field: &Field, (name, path): (&str, &str), typed: &Typed, faults: &mut Faults) {
    match &field.kind {
        Kind::Json => {
            let text = typed.get(name).trim();
            let is_meant = field.hidden.is_some() || text.starts_with(['{', '[']);
            if is_meant && !text.is_empty() && serde_json::from_str::<Value>(text).is_err() {
                faults.add(path, NO_JSON);
            }
        }
        Kind::Group { fields, .. } => {
            all(fields, (name, path), typed, faults);
            rest((name, path), typed, faults);
        }
        Kind::Items(fields) => {
            let count = typed.get(&format!("{name}#")).parse().unwrap_or(0).min(ITEMS_MAX);
            for at in 0..count {
                all(
                    fields,
                    (&format!("{name}/{at}"), &format!("{path}[{at}]")),
                    typed,
                    faults,
                );
            }
        }
        Kind::Ways { common, ways, .. } => {
            all(common, (name, path), typed, faults);
            let at = typed.get(&format!("{name}?")).parse::<usize>().ok();
            if let Some((at, way)) = at.and_then(|at| Some((at, ways.get(at)?))) {
                check(way, (&format!("{name}|{at}"), path), typed, faults);
            }
            rest((name, path), typed, faults);
        }
        Kind::Text { .. }
        | Kind::Secret
        | Kind::Number { .. }
        | Kind::Flag { .. }
        | Kind::One(_)
        | Kind::Many(_)
        | Kind::Lines { .. }
        | Kind::Fixed(_) => {}
    }
}

fn all(fields: &[Field], (name, path): (&str, &str), typed: &Typed, faults: &mut Faults) {
    for field in fields {
        let (name, path) = field.within((name, path));
        check(field, (&name, &path), typed, faults);
    }
}

fn rest((name, path): (&str, &str), typed: &Typed, faults: &mut Faults) {
    let text = typed.get(&format!("{name}*")).trim();
    let is_object = || serde_json::from_str(text).is_ok_and(|value: Value| value.is_object());
    if !text.is_empty() && !is_object() {
        faults.add(path, NO_OBJECT);
    }
}
