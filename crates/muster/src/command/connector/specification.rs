//! What a connector that is here says about itself, as the API says it of those that runners offer.

use muster_connector::{DataTypeSpec, Permission, Spec};
use muster_proto::v1::{Connector, ConnectorSpecification, DataTypeSpecification, SourcePermission};
use serde_json::Value;

use crate::configuration::to_wire;
use crate::error::Error;

/// It as a connector of the API: without a resource name's organization, and offered by no pool.
///
/// # Errors
/// [`Error::Connector`] for a configuration schema that is no object, or that the wire cannot carry.
pub fn connector(spec: &Spec) -> Result<Connector, Error> {
    let unusable = |reason: String| Error::Connector {
        reason: format!("the configuration schema of `{}` cannot be used: {reason}", spec.name),
        next: "mend the connector".to_owned(),
    };
    let Value::Object(schema) = spec.config_schema.clone() else {
        return Err(unusable("it is no JSON object".to_owned()));
    };
    let schema = to_wire(schema).map_err(|error| unusable(error.to_string()))?;
    Ok(Connector {
        name: format!("connectors/{}", spec.name),
        specification: Some(ConnectorSpecification {
            connector: spec.name.to_string(),
            version: spec.version.clone(),
            title: spec.title.clone(),
            description: spec.description.clone(),
            configuration_schema: Some(schema),
            access_schemas: Vec::new(),
            data_types: spec.data_types.iter().map(data_type).collect(),
            permissions: spec.permissions.iter().map(permission).collect(),
        }),
        pools: Vec::new(),
    })
}

fn data_type(spec: &DataTypeSpec) -> DataTypeSpecification {
    DataTypeSpecification {
        data_type: spec.name.to_string(),
        // An interval is at most 366 days.
        default_interval: spec.default_interval.length().try_into().ok(),
        primary_key: spec.primary_key.clone(),
    }
}

fn permission(permission: &Permission) -> SourcePermission {
    SourcePermission {
        permission: permission.name.clone(),
        purpose: permission.purpose.clone(),
        required: permission.required,
        data_types: permission.data_types.iter().map(ToString::to_string).collect(),
    }
}
