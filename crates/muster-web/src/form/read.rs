//! A value of what was typed.

use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::{Map, Value};

use super::Typed;
use super::fields::{Field, Kind};
use super::fill::fields_of;
use super::wire::WHOLE_MAX;

/// The most items of a list that are shown, and looked for: more than the 64 KiB of a configuration hold, unless next to nothing is in each. Those beyond it
/// stay as they are stored.
pub(super) const ITEMS_MAX: usize = 8_192;

/// The value of the input `name` and those below it; `None` where nothing is said. What is not what the field is for, letters for a number, is the text
/// that was typed: the API says what it should be.
pub(crate) fn read(field: &Field, name: &str, typed: &Typed) -> Option<Value> {
    Reading { typed, stored: None }.value(field, name, None)
}

/// The same where `stored` is what is stored, and `base` is what stood in the form for it: what nobody has changed is said as it is stored, also what no input
/// tells apart, such as an empty text and none.
pub(crate) fn read_changed(
    field: &Field,
    name: &str,
    (typed, base): (&Typed, &Typed),
    stored: Option<&Value>,
) -> Option<Value> {
    let changed = typed.differences(base);
    let reading = Reading {
        typed,
        stored: Some((base, changed)),
    };
    reading.value(field, name, stored)
}

/// A form that is read.
struct Reading<'a> {
    typed: &'a Typed,
    /// What stood in it for what is stored, and the inputs that say something else now; `None`: nothing is stored.
    stored: Option<(&'a Typed, BTreeSet<&'a str>)>,
}

impl Reading<'_> {
    fn value(&self, field: &Field, name: &str, stored: Option<&Value>) -> Option<Value> {
        // What must be there and is not stored is said at least as empty, where a field can say so.
        let is_kept = stored.is_some() || !field.is_required;
        if is_kept && !matches!(field.kind, Kind::Fixed(_)) && self.is_unchanged(name) {
            return stored.cloned();
        }
        let text = self.typed.get(name);
        let said = (!text.is_empty()).then_some(text);
        match &field.kind {
            Kind::Text { .. } | Kind::Secret => said.map(Value::from),
            Kind::Number { .. } => said.map(|text| number(text.trim())),
            Kind::Flag { default } => {
                let is_set = self.typed.has(name, "true");
                let is_said = self.typed.has(name, "set") || field.is_required || is_set != *default;
                is_said.then_some(Value::Bool(is_set))
            }
            Kind::One(_) => said.map(json),
            Kind::Many(_) => {
                let chosen: Vec<Value> = self
                    .typed
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
            Kind::Group { fields, .. } => self.object(field, self.all(fields, name, stored), name),
            Kind::Items(fields) => {
                let items = self.items(fields, name, stored);
                (!items.is_empty() || field.is_required).then_some(Value::Array(items))
            }
            Kind::Ways { common, ways, .. } => self.way(field, (common, ways), name, stored),
            Kind::Fixed(value) => Some(value.clone()),
            Kind::Json => said.map(json),
        }
    }

    /// Whether neither an input nor one of those below it says something else than what is stored.
    fn is_unchanged(&self, name: &str) -> bool {
        let Some((_, changed)) = &self.stored else { return false };
        let is_below = |other: &str| {
            let rest = &other[name.len()..];
            rest.is_empty() || rest.starts_with(['/', '|', '?', '#', '*'])
        };
        let from_there = changed.range::<str, _>((Bound::Included(name), Bound::Unbounded));
        let mut alike = from_there.take_while(|other| other.starts_with(name));
        !alike.any(|other| is_below(other))
    }

    fn all(&self, fields: &[Field], name: &str, stored: Option<&Value>) -> Map<String, Value> {
        let values = fields.iter().filter_map(|field| {
            let stored = stored.and_then(|object| object.get(&field.key));
            let value = self.value(field, &format!("{name}/{}", field.key), stored)?;
            Some((field.key.clone(), value))
        });
        values.collect()
    }

    fn items(&self, fields: &[Field], name: &str, stored: Option<&Value>) -> Vec<Value> {
        let stored = stored.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let count = self.typed.get(&format!("{name}#")).parse().unwrap_or(0).min(ITEMS_MAX);
        let shown = (0..count).filter_map(|at| self.item(fields, &format!("{name}/{at}"), stored.get(at)));
        shown.chain(stored.iter().skip(ITEMS_MAX).cloned()).collect()
    }

    /// One of a list; `None` where nothing is said in it.
    fn item(&self, fields: &[Field], name: &str, stored: Option<&Value>) -> Option<Value> {
        if let Some(stored) = stored.filter(|_| self.is_unchanged(name)) {
            return Some(stored.clone());
        }
        let item = self.all(fields, name, stored);
        let says = |value: Option<&Value>, field: &Field| match (&field.kind, value) {
            (Kind::Flag { .. } | Kind::Fixed(_), _) | (_, None | Some(Value::Null)) => false,
            (_, Some(Value::String(text))) => !text.is_empty(),
            (_, Some(Value::Array(list))) => !list.is_empty(),
            (_, Some(_)) => true,
        };
        let is_said = fields.iter().any(|field| says(item.get(&field.key), field));
        // One is taken away by being emptied, and a box beside that may stay as it is; one in which there never was more than a box is what the box says.
        let was_said = stored.is_some_and(|stored| fields.iter().any(|field| says(stored.get(&field.key), field)));
        let is_ticked = fields.iter().any(|field| match &field.kind {
            Kind::Flag { default } => item
                .get(&field.key)
                .is_some_and(|value| *value != Value::Bool(*default)),
            _ => false,
        });
        (is_said || is_ticked && !was_said).then_some(Value::Object(item))
    }

    fn way(
        &self,
        field: &Field,
        (common, ways): (&[Field], &[Field]),
        name: &str,
        stored: Option<&Value>,
    ) -> Option<Value> {
        let choice = format!("{name}?");
        let chosen = self.typed.get(&choice);
        let way = chosen.parse().ok().and_then(|at: usize| ways.get(at));
        // What is stored goes one way, and says nothing of another.
        let is_stored = self
            .stored
            .as_ref()
            .is_some_and(|(base, _)| base.get(&choice) == chosen);
        let of_way = stored.filter(|_| is_stored);
        let below = format!("{name}|{chosen}");
        let mut values = self.all(common, name, stored);
        match way {
            Some(way) if matches!(way.kind, Kind::Group { .. }) => {
                values.extend(self.all(fields_of(way), &below, of_way));
            }
            Some(way) => return self.value(way, &below, of_way),
            None => {}
        }
        self.object(field, values, name)
    }

    /// With what has no field; `None` where nothing is said of a thing that need not be there.
    fn object(&self, field: &Field, mut values: Map<String, Value>, name: &str) -> Option<Value> {
        let is_fixed = |key: &String| fixed(field, key);
        let is_chosen = matches!(field.kind, Kind::Ways { .. }) && !self.typed.get(&format!("{name}?")).is_empty();
        let is_empty = values.keys().all(is_fixed) && !is_chosen;
        match json(self.typed.get(&format!("{name}*"))) {
            Value::Object(rest) => values.extend(rest),
            // Half a text: the API shall say that it is none, instead of its being left out.
            Value::String(text) if !text.trim().is_empty() => return Some(Value::String(text)),
            // Of several ways none is the one that is meant as long as none is chosen.
            _ if is_empty && (!field.is_required || matches!(field.kind, Kind::Ways { .. })) => return None,
            _ => {}
        }
        Some(Value::Object(values))
    }
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
