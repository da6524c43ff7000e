//! What a connector says about itself is complete, and fit for people.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Verdict, wrong};
use crate::{Invalid, Spec};

pub(super) fn is_valid(spec: &Spec) -> Verdict {
    let mut faults = Vec::new();
    for (field, text) in [
        ("version", &spec.version),
        ("title", &spec.title),
        ("description", &spec.description),
    ] {
        if text.trim().is_empty() {
            faults.push(format!("`{field}` is empty"));
        }
    }
    if let Err(Invalid::Schema { reason }) = spec.validate(&Value::Null) {
        faults.push(format!("the configuration schema is no JSON Schema: {reason}"));
    }
    let properties = spec.config_schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        for field in ["title", "description"] {
            if property.get(field).and_then(Value::as_str).is_none_or(str::is_empty) {
                faults.push(format!(
                    "the property `{name}` has no `{field}`, of which forms are made"
                ));
            }
        }
    }
    data_types(spec, &mut faults);
    if !faults.is_empty() {
        return wrong(faults.join("; "));
    }
    let names: Vec<&str> = spec.data_types.iter().map(|one| one.name.as_str()).collect();
    Ok(format!("{} {} collects {}", spec.title, spec.version, names.join(", ")))
}

fn data_types(spec: &Spec, faults: &mut Vec<String>) {
    if spec.data_types.is_empty() {
        faults.push("it has no data types".to_owned());
    }
    let mut seen = BTreeSet::new();
    for data_type in &spec.data_types {
        let name = &data_type.name;
        if !seen.insert(name) {
            faults.push(format!("the data type `{name}` is there twice"));
        }
        if data_type.primary_key.is_empty() {
            faults.push(format!("the data type `{name}` has no primary key"));
        }
    }
    for permission in &spec.permissions {
        for data_type in permission.data_types.iter().filter(|one| spec.data_type(one).is_none()) {
            faults.push(format!(
                "the permission `{}` is for `{data_type}`, which is not offered",
                permission.name
            ));
        }
    }
}
