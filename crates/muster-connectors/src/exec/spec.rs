//! What a program says about itself, judged: it goes to the coordinator, and from there into forms and tables.

use std::collections::BTreeSet;

use muster_connector::{ConnectorName, DataType, DataTypeSpec, Permission, Spec, judge_schema};
use muster_core::time::Interval;
use serde_json::Value;

use super::protocol::{DataTypeMessage, PROTOCOL, PermissionMessage, SpecMessage, span};

/// The most bytes of a version, a title and a name at the source: what stands in a column of a table.
const LABEL_BYTES_MAX: usize = 64;
const TITLE_BYTES_MAX: usize = 200;

/// The most bytes of a description or a purpose: some sentences.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// The most bytes of a configuration schema. All specifications of a runner travel in one message of at most 256 KiB.
const SCHEMA_BYTES_MAX: usize = 32 * 1024;

/// The most data types, permissions and fields of a key: many times what any source has.
const LIST_MAX: usize = 64;

/// The specification of the connector `name` that a program has sent.
///
/// # Errors
/// Everything that is wrong with it, each with its field; never empty.
pub(super) fn judge(name: &ConnectorName, message: SpecMessage) -> Result<Spec, Vec<String>> {
    let mut faults = Vec::new();
    if message.protocol != PROTOCOL {
        // What else it says would be judged by the wrong rules.
        let theirs = message.protocol;
        return Err(vec![format!(
            "`protocol` is {theirs}: this runner speaks {PROTOCOL}; use a program or a runner that fits"
        )]);
    }
    label(&mut faults, "version", &message.version, LABEL_BYTES_MAX);
    label(&mut faults, "title", &message.title, TITLE_BYTES_MAX);
    text(&mut faults, "description", &message.description);
    schema(&mut faults, &message.config_schema);
    if message.data_types.is_empty() {
        faults.push("`data_types` are none: a connector collects at least one".to_owned());
    }
    few(&mut faults, "data_types", message.data_types.len());
    few(&mut faults, "permissions", message.permissions.len());
    let data_types: Vec<DataTypeSpec> = message
        .data_types
        .into_iter()
        .take(LIST_MAX)
        .enumerate()
        .filter_map(|(place, one)| data_type(&mut faults, &format!("data_types[{place}]"), one))
        .collect();
    let mut seen = BTreeSet::new();
    for twice in data_types.iter().filter(|one| !seen.insert(one.name.clone())) {
        faults.push(format!("`data_types` have `{}` twice", twice.name));
    }
    let permissions = message
        .permissions
        .into_iter()
        .take(LIST_MAX)
        .enumerate()
        .map(|(place, one)| permission(&mut faults, &format!("permissions[{place}]"), one, &data_types))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Spec {
        name: name.clone(),
        version: message.version,
        title: message.title,
        description: message.description,
        config_schema: message.config_schema,
        data_types,
        permissions,
    })
}

fn data_type(faults: &mut Vec<String>, place: &str, message: DataTypeMessage) -> Option<DataTypeSpec> {
    let name = DataType::new(&message.name)
        .map_err(|error| faults.push(format!("`{place}.name`: {error}")))
        .ok();
    label(faults, &format!("{place}.title"), &message.title, TITLE_BYTES_MAX);
    let default_interval = match message.default_interval.as_deref() {
        None => Some(Interval::HOUR),
        Some(text) => interval(text)
            .map_err(|problem| faults.push(format!("`{place}.default_interval` {problem}")))
            .ok(),
    };
    let key = format!("{place}.primary_key");
    few(faults, &key, message.primary_key.len());
    if message.primary_key.is_empty() || message.primary_key.iter().any(String::is_empty) {
        faults.push(format!(
            "`{key}`: name the fields that tell a record from all others, at least one"
        ));
    }
    Some(DataTypeSpec {
        name: name?,
        title: message.title,
        default_interval: default_interval?,
        primary_key: message.primary_key,
        incremental: message.incremental,
    })
}

fn interval(text: &str) -> Result<Interval, String> {
    let length = span(text).ok_or_else(|| format!("is `{text}`: write a time such as `1h` or `24h`"))?;
    Interval::new(length).map_err(|error| format!("is `{text}`: {error}"))
}

fn permission(
    faults: &mut Vec<String>,
    place: &str,
    message: PermissionMessage,
    offered: &[DataTypeSpec],
) -> Permission {
    label(faults, &format!("{place}.name"), &message.name, TITLE_BYTES_MAX);
    text(faults, &format!("{place}.purpose"), &message.purpose);
    let mut data_types = Vec::new();
    for name in message.data_types {
        match offered.iter().find(|one| one.name.as_str() == name) {
            Some(one) => data_types.push(one.name.clone()),
            None => faults.push(format!("`{place}.data_types`: `{name}` is not among `data_types`")),
        }
    }
    Permission {
        name: message.name,
        purpose: message.purpose,
        required: message.required,
        data_types,
    }
}

fn schema(faults: &mut Vec<String>, schema: &Value) {
    if !schema.is_object() {
        faults.push("`config_schema` is no JSON object: write a JSON Schema".to_owned());
        return;
    }
    if schema.to_string().len() > SCHEMA_BYTES_MAX {
        faults.push(format!("`config_schema` has more than {SCHEMA_BYTES_MAX} bytes"));
        return;
    }
    if let Err(invalid) = judge_schema(schema) {
        faults.push(format!("`config_schema`: {invalid}"));
    }
}

fn few(faults: &mut Vec<String>, place: &str, count: usize) {
    if count > LIST_MAX {
        faults.push(format!("`{place}` are {count}: at most {LIST_MAX} are allowed"));
    }
}

fn label(faults: &mut Vec<String>, place: &str, label: &str, bytes_max: usize) {
    if label.is_empty() || label.len() > bytes_max || label.chars().any(char::is_control) {
        faults.push(format!(
            "`{place}` must be 1 to {bytes_max} bytes of text without control characters"
        ));
    }
}

fn text(faults: &mut Vec<String>, place: &str, text: &str) {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        faults.push(format!("`{place}` must be 1 to {TEXT_BYTES_MAX} bytes of text"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(change: impl FnOnce(&mut Value)) -> Result<Spec, Vec<String>> {
        let mut spec = json!({
            "protocol": 1,
            "version": "1.0",
            "title": "CRM",
            "description": "Reads a CRM.",
            "config_schema": {"type": "object"},
            "data_types": [{"name": "device", "title": "Devices", "primary_key": ["id"], "default_interval": "2h"}],
            "permissions": [{"name": "read", "purpose": "to read", "required": true, "data_types": ["device"]}],
        });
        change(&mut spec);
        let message = serde_json::from_value(spec).map_err(|error| vec![error.to_string()])?;
        judge(&ConnectorName::new("crm").expect("a name"), message)
    }

    #[test]
    fn a_good_one_keeps_the_name_that_the_runner_gave_it() {
        let spec = judged(|_| {}).expect("good");
        assert_eq!(spec.name.as_str(), "crm");
        assert_eq!(spec.data_types[0].default_interval.length().as_secs(), 7_200);
        let hourly = judged(|spec| drop(spec["data_types"][0]["default_interval"].take())).expect("good");
        assert_eq!(hourly.data_types[0].default_interval, Interval::HOUR);
    }

    #[test]
    fn every_fault_is_told_with_its_field() {
        let faults = judged(|spec| {
            spec["version"] = json!("");
            spec["title"] = json!("a\nb");
            spec["config_schema"] = json!({"type": "no such type"});
            spec["data_types"][0]["primary_key"] = json!([]);
            spec["data_types"][0]["default_interval"] = json!("59s");
            spec["permissions"][0]["data_types"] = json!(["user"]);
        });
        let faults = faults.expect_err("many faults");
        let fields: Vec<&str> = faults.iter().filter_map(|fault| fault.split('`').nth(1)).collect();
        assert_eq!(
            fields,
            [
                "version",
                "title",
                "config_schema",
                "data_types[0].default_interval",
                "data_types[0].primary_key",
                "permissions[0].data_types",
            ],
            "{faults:?}"
        );
    }

    #[test]
    fn another_protocol_is_refused_before_anything_else() {
        let faults = judged(|spec| {
            spec["protocol"] = json!(2);
            spec["title"] = json!("");
        });
        assert_eq!(
            faults,
            Err(vec![
                "`protocol` is 2: this runner speaks 1; use a program or a runner that fits".to_owned()
            ])
        );
    }

    #[test]
    fn the_same_data_type_twice_and_none_at_all_are_refused() {
        let twice = judged(|spec| {
            let one = spec["data_types"][0].clone();
            spec["data_types"].as_array_mut().expect("a list").push(one);
        });
        assert_eq!(twice, Err(vec!["`data_types` have `device` twice".to_owned()]));
        let none = judged(|spec| {
            spec["data_types"] = json!([]);
            spec["permissions"] = json!([]);
        });
        assert_eq!(none.expect_err("none").len(), 1);
    }
}
