//! Connectors, as runners offer them.

use muster_core::entity::Offer;
use muster_core::words::{OrganizationId, PoolName};
use muster_proto::v1;
use muster_session::wire::{JsonError, json_from_struct, specification_from_json};
use prost_types::Struct;
use serde_json::Value;

use super::name;

/// What a connector says about itself.
///
/// # Errors
/// [`JsonError`] when the ledger's text is none: a fault of the coordinator.
pub(crate) fn specification(offer: &Offer) -> Result<v1::ConnectorSpecification, JsonError> {
    specification_from_json(&offer.specification)
}

/// All configuration schemas of a connector, each with the path of its field: its own, and those of its ways of being configured.
///
/// # Errors
/// [`JsonError`] when one has no form in JSON, which the check-in has judged.
pub(crate) fn schemas(specification: &v1::ConnectorSpecification) -> Result<Vec<(String, Value)>, JsonError> {
    let own = specification.configuration_schema.iter();
    let own = own.map(|schema| ("configuration_schema".to_owned(), schema));
    let ways = specification.access_schemas.iter().enumerate();
    let ways = ways.filter_map(|(index, way)| {
        let field = format!("access_schemas[{index}].configuration_schema");
        way.configuration_schema.as_ref().map(|schema| (field, schema))
    });
    own.chain(ways)
        .map(|(field, schema)| Ok((field, schema_of(schema)?)))
        .collect()
}

/// A schema as JSON.
///
/// # Errors
/// [`JsonError`] when it has no form in JSON.
pub(crate) fn schema_of(schema: &Struct) -> Result<Value, JsonError> {
    let text = json_from_struct(schema)?;
    serde_json::from_str(&text).map_err(|error| JsonError::NotAnObject(error.to_string()))
}

/// # Errors
/// As [`specification`].
pub(crate) fn connector(
    organization: &OrganizationId,
    offer: &Offer,
    pools: &[PoolName],
) -> Result<v1::Connector, JsonError> {
    Ok(v1::Connector {
        name: name::of_connector(organization, &offer.name),
        specification: Some(specification(offer)?),
        pools: pools.iter().map(ToString::to_string).collect(),
    })
}
