//! Forms: what can be said, as fields; what is said, as a value; and what was typed, as it was typed.
//!
//! A JSON Schema becomes [`Field`]s once, and these are walked three times: [`fill`] says what stands in the fields for a value, [`read`] makes a value of
//! what was typed, and [`Draw`] shows the fields. What no field can show is JSON in a text area. A form whose fields are always the same is made of
//! [`Input`]s. Either way each input is drawn in one place, with what it is for and what is wrong with it (`control`). Nothing is judged here but whether
//! JSON is JSON: what is typed is sent as what it is, and the API says where it does not fit.

mod check;
mod control;
mod draw;
mod fields;
mod fill;
mod read;
mod schema;
mod secret;
mod simple;
pub(crate) mod span;
mod typed;
mod wire;

use serde_json::Value;

pub(crate) use check::check;
pub(crate) use control::id_of;
pub(crate) use draw::Draw;
pub(crate) use fields::{Field, Kind};
pub(crate) use fill::fill;
pub(crate) use read::{read, read_changed};
pub(crate) use simple::{Filled, Input, choice, confirmed, once, reason};
pub(crate) use typed::{Faults, Merge, Typed};
pub(crate) use wire::{struct_of, value_of};

/// What the API calls a configuration.
pub(crate) const CONFIGURATION: &str = "integration.configuration";

/// What the names of all inputs of a configuration begin with.
pub(crate) const ROOT: &str = "v";

/// The field of a configuration that has to fit all of these schemas.
pub(crate) fn configuration(schemas: &[Value]) -> Field {
    let fields = schemas.iter().map(|schema| Field::of(schema, schema, ""));
    let mut root = fields
        .reduce(Field::and)
        .unwrap_or_else(|| Field::json("Configuration"));
    root.is_required = true;
    root
}

#[cfg(test)]
mod tests;
