//! What a connector says about itself, and whether a definition fits it. Outside of the writer's turn: a schema takes its time.

use muster_core::entity::{Definition, PerDataType};
use muster_core::time::Interval;
use muster_core::words::{ConnectorName, OrganizationId, Pool, Recipients};
use muster_proto::v1;

use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::definition::{New, intervals, judge_access_schema, judge_configuration, judge_secrets, sealed_to};
use crate::wire::{FieldFault, connector};

/// How many known connectors an error names.
const KNOWN_SHOWN_MAX: usize = 10;

impl Services {
    /// What the organization's runners, or else the hosted ones, have said about a connector.
    ///
    /// # Errors
    /// [`ServiceError::ConnectorUnknown`] when none of them ever has.
    pub(super) async fn specification(
        &self,
        organization: &OrganizationId,
        connector: &ConnectorName,
    ) -> Result<v1::ConnectorSpecification, ServiceError> {
        let (of, named) = (organization.clone(), connector.clone());
        let found = self
            .shard
            .turn(move |turn| match turn.state().of(&of).offer(&named) {
                Some(offer) => Ok(offer.clone()),
                None => Err(ServiceError::ConnectorUnknown {
                    known: turn
                        .state()
                        .of(&of)
                        .offers()
                        .into_keys()
                        .take(KNOWN_SHOWN_MAX)
                        .cloned()
                        .collect(),
                    connector: named,
                }),
            })
            .await?;
        connector::specification(&found?).map_err(ServiceError::internal)
    }
}

/// The definition that a person means, and what it collects, by the connector's intervals where none are given. A draft's configuration may be anything so far.
///
/// # Errors
/// All fields that do not fit, and then all places of the configuration that do not.
pub(super) fn define(
    specification: &v1::ConnectorSpecification,
    organization: &OrganizationId,
    new: New,
    draft: bool,
) -> Result<(Definition, PerDataType<Interval>), ServiceError> {
    let mut faults = Vec::new();
    if let Err(fault) = judge_access_schema(specification, new.access_schema.as_ref()) {
        faults.push(fault);
    }
    let intervals = intervals(specification, &new.data_types).unwrap_or_else(|others| {
        faults.extend(others);
        Default::default()
    });
    if !faults.is_empty() {
        return Err(faults.into());
    }
    let mut definition = Definition {
        display_name: new.display_name,
        connector: new.connector,
        access_schema: new.access_schema,
        configuration: new.configuration,
        pool: Pool::named(organization, &new.pool),
        sealed_to: None,
        notifications: new.notifications,
    };
    if draft {
        secrets(specification, &definition)?;
    } else {
        configuration(specification, &definition)?;
    }
    definition.sealed_to = recipients(specification, &definition)?;
    Ok((definition, intervals))
}

/// # Errors
/// [`ServiceError::Configuration`] with all places that do not fit.
pub(super) fn configuration(
    specification: &v1::ConnectorSpecification,
    definition: &Definition,
) -> Result<(), ServiceError> {
    let Definition {
        access_schema,
        configuration,
        ..
    } = definition;
    judge_configuration(specification, access_schema.as_ref(), configuration)
        .map_err(|faults| misfit(definition, faults))
}

/// Judges what is not to be collected by, so far: it may be anything, but for a secret that stands in it.
///
/// # Errors
/// [`ServiceError::Configuration`] with all secrets that are no references.
pub(super) fn secrets(specification: &v1::ConnectorSpecification, definition: &Definition) -> Result<(), ServiceError> {
    let Definition {
        access_schema,
        configuration,
        ..
    } = definition;
    judge_secrets(specification, access_schema.as_ref(), configuration).map_err(|faults| misfit(definition, faults))
}

/// Who can open what is sealed in a definition whose secrets are in order; `None` when nothing is.
///
/// # Errors
/// [`ServiceError::Configuration`]: nobody can.
pub(super) fn recipients(
    specification: &v1::ConnectorSpecification,
    definition: &Definition,
) -> Result<Option<Recipients>, ServiceError> {
    let Definition {
        access_schema,
        configuration,
        ..
    } = definition;
    sealed_to(specification, access_schema.as_ref(), configuration).map_err(|faults| misfit(definition, faults))
}

fn misfit(definition: &Definition, faults: Vec<FieldFault>) -> ServiceError {
    ServiceError::Configuration {
        connector: definition.connector.clone(),
        faults,
    }
}
