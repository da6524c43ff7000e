//! What a connector that is here says about itself, as the API says it of those that runners offer.

use muster_connector::Spec;
use muster_proto::v1::Connector;
use muster_runner::specification;

use crate::error::Error;

/// It as a connector of the API: without a resource name's organization, and offered by no pool.
///
/// # Errors
/// [`Error::Connector`] for a configuration schema that is no object, or that the wire cannot carry.
pub fn connector(spec: &Spec) -> Result<Connector, Error> {
    let specification = specification(spec).map_err(|error| Error::Connector {
        reason: format!("the configuration schema of `{}` is {error}", spec.name),
        next: "mend the connector".to_owned(),
    })?;
    Ok(Connector {
        name: format!("connectors/{}", spec.name),
        specification: Some(specification),
        pools: Vec::new(),
    })
}
