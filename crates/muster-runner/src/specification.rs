//! What a runner's connectors say about themselves, as the wire says it.

use muster_connector::{DataTypeSpec, Permission, Spec};
use muster_connectors::Registry;
use muster_proto::v1;
use muster_session::wire::{JsonError, struct_from_json};

use crate::error::RunnerError;

/// The specifications of all connectors of a registry.
///
/// # Errors
/// [`RunnerError::Specification`] when a configuration schema is no JSON object, or nested too deeply for the wire.
pub(crate) fn specifications(registry: &Registry) -> Result<Vec<v1::ConnectorSpecification>, RunnerError> {
    let told = registry.iter().map(|connector| {
        let spec = connector.spec();
        specification(spec).map_err(|error| RunnerError::Specification {
            connector: spec.name.to_string(),
            problem: format!("its configuration schema is {error}"),
        })
    });
    told.collect()
}

/// What a connector says about itself, as the wire says it.
///
/// # Errors
/// [`JsonError`] when its configuration schema is no JSON object, or nested too deeply for the wire.
pub fn specification(spec: &Spec) -> Result<v1::ConnectorSpecification, JsonError> {
    let schema = struct_from_json(&spec.config_schema.to_string())?;
    Ok(v1::ConnectorSpecification {
        connector: spec.name.to_string(),
        version: spec.version.clone(),
        title: spec.title.clone(),
        description: spec.description.clone(),
        configuration_schema: Some(schema),
        access_schemas: Vec::new(),
        data_types: spec.data_types.iter().map(data_type).collect(),
        permissions: spec.permissions.iter().map(permission).collect(),
    })
}

fn data_type(spec: &DataTypeSpec) -> v1::DataTypeSpecification {
    v1::DataTypeSpecification {
        data_type: spec.name.to_string(),
        default_interval: Some(prost_types::Duration {
            // An interval is at most 366 days, and whole seconds.
            seconds: i64::try_from(spec.default_interval.length().as_secs()).unwrap_or(i64::MAX),
            nanos: 0,
        }),
        primary_key: spec.primary_key.clone(),
        title: spec.title.clone(),
        incremental: spec.incremental,
    }
}

fn permission(permission: &Permission) -> v1::SourcePermission {
    v1::SourcePermission {
        permission: permission.name.clone(),
        purpose: permission.purpose.clone(),
        required: permission.required,
        data_types: permission.data_types.iter().map(ToString::to_string).collect(),
    }
}
