//! What a person says about an integration: judged field by field, and then against what its connector says about itself.

use std::collections::BTreeSet;

use muster_connector::{Fault, Invalid, secret, validate};
use muster_core::entity::PerDataType;
use muster_core::time::Interval;
use muster_core::words::{
    AccessSchema, Configuration, ConnectorName, DataType, DisplayName, Notifications, PoolName, Recipients,
};
use muster_process::nearest;
use muster_proto::v1;
use muster_session::wire::json_from_struct;
use prost_types::{FieldMask, Struct};
use serde_json::Value;

use super::FieldFault;
use super::connector::schema_of;
use super::notifications::notifications;
use super::shown::shown;
use super::time::interval;

/// The pool of an integration that names none.
const POOL_DEFAULT: &str = "default";

/// The most data types of an integration.
const DATA_TYPES_MAX: usize = 32;

/// What is to be collected, in the order asked; `None` for the connector's interval. Empty for all that the connector offers.
pub(crate) type Asked = Vec<(DataType, Option<Interval>)>;

/// A new integration, each field for itself in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct New {
    pub(crate) display_name: DisplayName,
    pub(crate) connector: ConnectorName,
    pub(crate) access_schema: Option<AccessSchema>,
    pub(crate) configuration: Configuration,
    pub(crate) pool: PoolName,
    pub(crate) data_types: Asked,
    pub(crate) notifications: Notifications,
}

/// Changes of an integration, each field for itself in order; `None` for what stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Changes {
    pub(crate) display_name: Option<DisplayName>,
    pub(crate) access_schema: Option<Option<AccessSchema>>,
    pub(crate) configuration: Option<Configuration>,
    pub(crate) pool: Option<PoolName>,
    pub(crate) data_types: Option<Asked>,
    pub(crate) notifications: Option<Notifications>,
}

/// # Errors
/// All fields that are missing or out of bounds.
pub(crate) fn new(integration: &v1::Integration) -> Result<New, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut named = None;
    if integration.connector.is_empty() {
        faults.push(FieldFault::new(
            "integration.connector",
            "is missing: name the connector that reads the source",
        ));
    } else {
        named = kept(connector_name(&integration.connector), &mut faults);
    }
    let display_name = kept(display_name(&integration.display_name), &mut faults);
    let configuration = kept(configuration(integration.configuration.as_ref()), &mut faults);
    let pool = kept(pool(&integration.pool), &mut faults);
    let data_types = data_types("integration.data_types", &integration.data_types, &mut faults);
    let access_schema = kept(access_schema(&integration.access_schema), &mut faults);
    let notifications = all_kept(notifications(integration.error_notifications.as_ref()), &mut faults);
    match (display_name, named, access_schema, configuration, pool, notifications) {
        (
            Some(display_name),
            Some(connector),
            Some(access_schema),
            Some(configuration),
            Some(pool),
            Some(notifications),
        ) if faults.is_empty() => Ok(New {
            display_name,
            connector,
            access_schema,
            configuration,
            pool,
            data_types,
            notifications,
        }),
        _ => Err(faults),
    }
}

/// # Errors
/// All fields that the mask names and that are out of bounds, and all of the mask that names none.
pub(crate) fn changes(integration: &v1::Integration, mask: Option<&FieldMask>) -> Result<Changes, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut changes = Changes::default();
    let all = FieldMask {
        paths: vec!["*".to_owned()],
    };
    let paths = &mask.filter(|mask| !mask.paths.is_empty()).unwrap_or(&all).paths;
    for (index, path) in paths.iter().enumerate() {
        let is_all = path == "*";
        let mut is_known = is_all;
        let mut is = |field: &str| {
            is_known |= path == field;
            is_all || path == field
        };
        if is("display_name") {
            changes.display_name = kept(display_name(&integration.display_name), &mut faults);
        }
        if is("access_schema") {
            changes.access_schema = kept(access_schema(&integration.access_schema), &mut faults);
        }
        if is("configuration") {
            changes.configuration = kept(configuration(integration.configuration.as_ref()), &mut faults);
        }
        if is("pool") {
            changes.pool = kept(pool(&integration.pool), &mut faults);
        }
        if is("data_types") {
            changes.data_types = Some(data_types(
                "integration.data_types",
                &integration.data_types,
                &mut faults,
            ));
        }
        if is("error_notifications") {
            changes.notifications = all_kept(notifications(integration.error_notifications.as_ref()), &mut faults);
        }
        if !is_known {
            faults.push(unchangeable(index, path));
        }
    }
    if faults.is_empty() { Ok(changes) } else { Err(faults) }
}

/// The fields of an integration that a person changes by an update.
const CHANGEABLE: [&str; 6] = [
    "display_name",
    "access_schema",
    "configuration",
    "pool",
    "data_types",
    "error_notifications",
];

/// The others, by who or what changes them.
const UNCHANGEABLE: [(&str, &str); 13] = [
    ("name", "names the integration, and never changes"),
    ("connector", "never changes: create another integration"),
    ("enablement", "is changed by enabling and disabling"),
    ("status", "is output only"),
    ("status_message", "is output only"),
    ("status_remedy", "is output only"),
    ("status_time", "is output only"),
    ("revision", "is output only"),
    ("create_time", "is output only"),
    ("update_time", "is output only"),
    ("error_rate", "is output only"),
    ("open_incident", "is output only"),
    (
        "etag",
        "is no field to change: give it in `integration.etag` as a guard",
    ),
];

/// A path of the mask that names nothing that can be changed.
fn unchangeable(index: usize, path: &str) -> FieldFault {
    let field = format!("update_mask.paths[{index}]");
    let known = format!("`{}` or `*`", CHANGEABLE.join("`, `"));
    if let Some((_, why)) = UNCHANGEABLE.iter().find(|(name, _)| *name == path) {
        return FieldFault::new(field, format_args!("`{path}` {why}; an update changes {known}"));
    }
    let first = path.split(['.', '[']).next().unwrap_or(path);
    let shown = shown(path, 100);
    if first != path && CHANGEABLE.contains(&first) {
        let problem = format_args!("`{shown}` names a part of `{first}`, which is changed as a whole: name `{first}`");
        return FieldFault::new(field, problem);
    }
    let hint = nearest(path, CHANGEABLE).map(|name| format!("; did you mean `{name}`?"));
    let problem = format_args!(
        "`{shown}` is no field that an update changes: these are {known}{}",
        hint.unwrap_or_default()
    );
    FieldFault::new(field, problem)
}

/// Which data types to run, from a request's list.
///
/// # Errors
/// All that are no data types, or stand there twice.
pub(crate) fn data_type_names(names: &[String]) -> Result<Vec<DataType>, Vec<FieldFault>> {
    if names.len() > DATA_TYPES_MAX {
        return Err(vec![too_many("data_types", names.len())]);
    }
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        let field = format!("data_types[{index}]");
        match DataType::new(name) {
            Ok(data_type) if seen.contains(&data_type) => faults.push(twice(field, &data_type)),
            Ok(data_type) => {
                seen.insert(data_type);
            }
            Err(error) => faults.push(FieldFault::new(field, error)),
        }
    }
    if faults.is_empty() {
        Ok(names.iter().filter_map(|name| DataType::new(name).ok()).collect())
    } else {
        Err(faults)
    }
}

/// Data types with their intervals, from a request's list; those of the data types where none is given.
///
/// # Errors
/// All that are no data types or intervals, or stand there twice.
pub(crate) fn schedules(schedules: &[v1::CollectionSchedule]) -> Result<Vec<(DataType, Interval)>, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let asked = data_types("data_types", schedules, &mut faults);
    if !faults.is_empty() {
        return Err(faults);
    }
    let asked = asked.into_iter().map(|(data_type, interval)| {
        let interval = interval.unwrap_or_else(|| interval_of(data_type.as_str()));
        (data_type, interval)
    });
    Ok(asked.collect())
}

/// The intervals of what is asked for: where none is given, the connector's, and otherwise that of the data type.
///
/// # Errors
/// All data types that the connector does not offer.
pub(crate) fn intervals(
    specification: &v1::ConnectorSpecification,
    asked: &Asked,
) -> Result<PerDataType<Interval>, Vec<FieldFault>> {
    let offered: PerDataType<Interval> = specification
        .data_types
        .iter()
        .filter_map(|offered| Some((DataType::new(&offered.data_type).ok()?, default_interval(offered))))
        .collect();
    if asked.is_empty() {
        return Ok(offered);
    }
    let mut faults = Vec::new();
    let mut intervals = PerDataType::new();
    for (index, (data_type, interval)) in asked.iter().enumerate() {
        match offered.get(data_type) {
            Some(default) => {
                intervals.insert(data_type.clone(), interval.unwrap_or(*default));
            }
            None => {
                let connector = &specification.connector;
                let known = offered
                    .keys()
                    .map(|one| format!("`{one}`"))
                    .collect::<Vec<_>>()
                    .join(", ");
                let problem =
                    format!("is `{data_type}`, which the connector `{connector}` does not offer: it offers {known}");
                faults.push(FieldFault::new(
                    format!("integration.data_types[{index}].data_type"),
                    problem,
                ));
            }
        }
    }
    if faults.is_empty() { Ok(intervals) } else { Err(faults) }
}

fn access_schema(name: &str) -> Result<Option<AccessSchema>, FieldFault> {
    let name = Some(name).filter(|name| !name.is_empty());
    let chosen = name.map(AccessSchema::new).transpose();
    chosen.map_err(|error| FieldFault::new("integration.access_schema", error))
}

/// Judges which of the connector's ways of being configured is chosen.
///
/// # Errors
/// [`FieldFault`] when the connector has no such way, or has several and none is chosen.
pub(crate) fn judge_access_schema(
    specification: &v1::ConnectorSpecification,
    access_schema: Option<&AccessSchema>,
) -> Result<(), FieldFault> {
    let connector = &specification.connector;
    let offered: Vec<&str> = specification
        .access_schemas
        .iter()
        .map(|one| one.access_schema.as_str())
        .collect();
    let problem = match access_schema {
        Some(chosen) if offered.contains(&chosen.as_str()) => return Ok(()),
        None if offered.is_empty() => return Ok(()),
        Some(_) if offered.is_empty() => {
            format!("must be empty: the connector `{connector}` has one way of being configured")
        }
        Some(_) | None => format!(
            "must be one that the connector `{connector}` has: {}",
            offered.join(", ")
        ),
    };
    Err(FieldFault::new("integration.access_schema", problem))
}

/// Judges a configuration by the connector's schema, and by that of the way of being configured that was chosen.
///
/// # Errors
/// Every place that does not fit. A schema that is none is told as a fault of the connector that was chosen.
pub(crate) fn judge_configuration(
    specification: &v1::ConnectorSpecification,
    access_schema: Option<&AccessSchema>,
    configuration: &Configuration,
) -> Result<(), Vec<FieldFault>> {
    let value = value_of(configuration)?;
    for schema in schemas(specification, access_schema)? {
        match validate(&schema, &value) {
            Ok(()) => judge_no_plain_secret(&schema, &value)?,
            Err(Invalid::Schema { reason }) => return Err(broken(&reason)),
            Err(Invalid::Configuration { faults }) => return Err(told(faults)),
        }
    }
    Ok(())
}

/// Judges only that no secret stands in a configuration: a draft may be anything else, and is kept all the same.
///
/// # Errors
/// Every secret that is no reference.
pub(crate) fn judge_secrets(
    specification: &v1::ConnectorSpecification,
    access_schema: Option<&AccessSchema>,
    configuration: &Configuration,
) -> Result<(), Vec<FieldFault>> {
    let value = value_of(configuration)?;
    for schema in schemas(specification, access_schema)? {
        judge_no_plain_secret(&schema, &value)?;
    }
    Ok(())
}

/// Who can open what is sealed in a configuration; `None` when nothing is.
///
/// # Errors
/// Nobody can.
pub(crate) fn sealed_to(
    specification: &v1::ConnectorSpecification,
    access_schema: Option<&AccessSchema>,
    configuration: &Configuration,
) -> Result<Option<Recipients>, Vec<FieldFault>> {
    let value = value_of(configuration)?;
    let mut all: Option<Recipients> = None;
    for schema in schemas(specification, access_schema)? {
        let of_schema = secret::recipients(&schema, &value).map_err(|fault| told(vec![fault]))?;
        all = match (all, of_schema) {
            (Some(all), Some(others)) => Some(all.common(&others).ok_or_else(|| {
                let problem = "has secrets that are sealed to different runners: seal all of them to the same ones";
                vec![FieldFault::new("integration.configuration", problem)]
            })?),
            (one, other) => one.or(other),
        };
    }
    Ok(all)
}

fn judge_no_plain_secret(schema: &Value, value: &Value) -> Result<(), Vec<FieldFault>> {
    let faults = secret::faults(schema, value);
    if faults.is_empty() { Ok(()) } else { Err(told(faults)) }
}

/// The schemas that a configuration has to fit: the connector's, and that of its way of being configured.
fn schemas(
    specification: &v1::ConnectorSpecification,
    access_schema: Option<&AccessSchema>,
) -> Result<Vec<Value>, Vec<FieldFault>> {
    let ways = specification.access_schemas.iter();
    let chosen = ways.filter(|way| access_schema.is_some_and(|chosen| chosen.as_str() == way.access_schema));
    let of_way = chosen.filter_map(|way| way.configuration_schema.as_ref());
    let all = specification.configuration_schema.iter().chain(of_way);
    all.map(|schema| schema_of(schema).map_err(|error| broken(&error)))
        .collect()
}

fn value_of(configuration: &Configuration) -> Result<Value, Vec<FieldFault>> {
    serde_json::from_str(configuration.as_str()).map_err(|_| {
        // Not what the parser says: it may repeat a secret.
        vec![FieldFault::new("integration.configuration", "is no JSON: give it anew")]
    })
}

fn broken(reason: &dyn std::fmt::Display) -> Vec<FieldFault> {
    let problem = format_args!("has a configuration schema that cannot be used ({reason}): report it to its author");
    vec![FieldFault::new("integration.connector", problem)]
}

fn told(faults: Vec<Fault>) -> Vec<FieldFault> {
    let faults = faults.into_iter();
    faults
        .map(|fault| FieldFault::new(configuration_path(&fault.path), fault.message))
        .collect()
}

/// The way to a place in the configuration, from its JSON pointer: `/servers/0/port` is `integration.configuration.servers[0].port`.
fn configuration_path(pointer: &str) -> String {
    let mut path = String::from("integration.configuration");
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{part}]"));
        } else {
            path.push('.');
            path.push_str(&part);
        }
    }
    path
}

fn default_interval(offered: &v1::DataTypeSpecification) -> Interval {
    let said = offered
        .default_interval
        .and_then(|length| interval("default_interval", length).ok());
    said.unwrap_or_else(|| interval_of(&offered.data_type))
}

/// The interval of a data type of which nobody says more.
fn interval_of(data_type: &str) -> Interval {
    if data_type == "software" {
        Interval::DAY
    } else {
        Interval::HOUR
    }
}

fn connector_name(text: &str) -> Result<ConnectorName, FieldFault> {
    ConnectorName::new(text).map_err(|error| FieldFault::new("integration.connector", error))
}

fn kept<T>(judged: Result<T, FieldFault>, faults: &mut Vec<FieldFault>) -> Option<T> {
    judged.map_err(|fault| faults.push(fault)).ok()
}

/// The same of what is judged as a whole.
fn all_kept<T>(judged: Result<T, Vec<FieldFault>>, faults: &mut Vec<FieldFault>) -> Option<T> {
    judged.map_err(|others| faults.extend(others)).ok()
}

fn display_name(text: &str) -> Result<DisplayName, FieldFault> {
    DisplayName::new(text).map_err(|error| FieldFault::new("integration.display_name", error))
}

fn pool(text: &str) -> Result<PoolName, FieldFault> {
    let text = if text.is_empty() { POOL_DEFAULT } else { text };
    PoolName::new(text).map_err(|error| FieldFault::new("integration.pool", error))
}

fn configuration(object: Option<&Struct>) -> Result<Configuration, FieldFault> {
    let fault = |error: &dyn std::fmt::Display| FieldFault::new("integration.configuration", error);
    let json = match object {
        Some(object) => json_from_struct(object).map_err(|error| fault(&error))?,
        None => "{}".to_owned(),
    };
    Configuration::new(&json).map_err(|error| fault(&error))
}

fn data_types(list: &str, schedules: &[v1::CollectionSchedule], faults: &mut Vec<FieldFault>) -> Asked {
    if schedules.len() > DATA_TYPES_MAX {
        faults.push(too_many(list, schedules.len()));
        return Vec::new();
    }
    let mut asked: Asked = Vec::with_capacity(schedules.len());
    for (index, schedule) in schedules.iter().enumerate() {
        let field = format!("{list}[{index}]");
        let data_type = DataType::new(&schedule.data_type);
        let data_type = data_type.map_err(|error| FieldFault::new(format!("{field}.data_type"), error));
        let length = schedule
            .interval
            .map(|length| interval(&format!("{field}.interval"), length))
            .transpose();
        let (data_type, length) = (kept(data_type, faults), kept(length, faults));
        let (Some(data_type), Some(length)) = (data_type, length) else {
            continue;
        };
        if asked.iter().any(|(other, _)| *other == data_type) {
            faults.push(twice(format!("{field}.data_type"), &data_type));
        } else {
            asked.push((data_type, length));
        }
    }
    asked
}

fn too_many(field: &str, count: usize) -> FieldFault {
    FieldFault::new(field, format_args!("are {count}: at most {DATA_TYPES_MAX} are allowed"))
}

fn twice(field: String, data_type: &DataType) -> FieldFault {
    FieldFault::new(
        field,
        format_args!("is `{data_type}` a second time: name each data type once"),
    )
}

#[cfg(test)]
mod tests;
