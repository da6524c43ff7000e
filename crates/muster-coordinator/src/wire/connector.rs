//! Connectors, as runners offer them.

use muster_core::entity::Offer;
use muster_core::words::{OrganizationId, PoolName};
use muster_proto::v1;
use muster_session::wire::{JsonError, specification_from_json};

use super::name;

/// What a connector says about itself.
///
/// # Errors
/// [`JsonError`] when the ledger's text is none: a fault of the coordinator.
pub(crate) fn specification(offer: &Offer) -> Result<v1::ConnectorSpecification, JsonError> {
    specification_from_json(&offer.specification)
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
