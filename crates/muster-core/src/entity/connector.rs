//! A connector, as runners offer it.

use std::sync::Arc;

use smol_str::SmolStr;

use crate::time::Stamp;
use crate::words::{ConnectorName, OrganizationId, Permission};

/// Names a connector among those that one owner's runners offer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorKey {
    /// Whose runners offer it; `None` for the service's own.
    pub organization: Option<OrganizationId>,
    /// Its name.
    pub name: ConnectorName,
}

/// What a runner says about a connector that it can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: ConnectorName,
    /// Its version.
    pub version: SmolStr,
    /// Its specification as JSON text: configuration schema, data types, permissions. The core does not read it.
    pub specification: Arc<str>,
    /// The permissions of the specification, which remedies name.
    pub permissions: Vec<Permission>,
}

/// A connector with the newest specification that a runner has offered. It outlives the runner, so that configurations can be judged when none
/// is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its name and owner.
    pub key: ConnectorKey,
    /// What was offered last.
    pub offer: Offer,
    /// When that was.
    pub offered_at: Stamp,
}
