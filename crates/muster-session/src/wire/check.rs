//! Checks: whether a source can be read, and how that has ended.

use muster_core::decide::CheckOrder;
use muster_core::words::{AccessSchema, CheckId, Configuration, ConnectorName, Failure, Revision};
use muster_proto::v1;

use super::assignment::integration_from_wire;
use super::json::{JsonError, json_from_struct, struct_from_json};
use super::{duration, failure_from_wire, failure_to_wire, id_from_wire, span};
use crate::error::ProtocolError;

/// A check as the wire asks for it.
///
/// # Errors
/// [`JsonError`] when the configuration has no form on the wire: it is no JSON object, or nested too deeply.
pub fn check_to_wire(order: CheckOrder) -> Result<v1::Check, JsonError> {
    let configuration = struct_from_json(order.configuration.as_str())?;
    Ok(v1::Check {
        check_id: order.check.to_bytes().to_vec().into(),
        integration: format!(
            "organizations/{}/integrations/{}",
            order.organization, order.integration
        ),
        connector: order.connector.as_str().to_owned(),
        access_schema: order
            .access_schema
            .map_or_else(String::new, |name| name.as_str().to_owned()),
        configuration: Some(configuration),
        configuration_revision: order.revision.0,
        time_limit: Some(duration(order.time_limit)),
    })
}

/// Names the check that the wire asks for.
pub(crate) fn check_id_from_wire(check_id: &[u8]) -> Result<CheckId, ProtocolError> {
    Ok(CheckId::from_bytes(id_from_wire("check_id", check_id)?))
}

/// The check that the wire asks for.
///
/// # Errors
/// [`ProtocolError::Field`] names the field that this runner does not understand.
pub fn check_from_wire(check: v1::Check) -> Result<CheckOrder, ProtocolError> {
    let (organization, integration) = integration_from_wire(&check.integration)?;
    let connector = ConnectorName::new(&check.connector).map_err(|error| ProtocolError::field("connector", error))?;
    let json = json_from_struct(&check.configuration.unwrap_or_default())
        .map_err(|error| ProtocolError::field("configuration", error))?;
    let configuration = Configuration::new(&json).map_err(|error| ProtocolError::field("configuration", error))?;
    let access_schema = Some(check.access_schema).filter(|name| !name.is_empty());
    let access_schema = access_schema.map(|name| AccessSchema::new(&name)).transpose();
    let access_schema = access_schema.map_err(|error| ProtocolError::field("access_schema", error))?;
    let time_limit = span("time_limit", check.time_limit)?.filter(|limit| !limit.is_zero());
    Ok(CheckOrder {
        check: check_id_from_wire(&check.check_id)?,
        organization,
        integration,
        connector,
        access_schema,
        configuration,
        revision: Revision(check.configuration_revision),
        time_limit: time_limit.ok_or_else(|| ProtocolError::field("time_limit", "must be longer than nothing"))?,
    })
}

pub(crate) fn check_result_to_wire(check: CheckId, failure: Option<&Failure>) -> v1::CheckResult {
    v1::CheckResult {
        check_id: check.to_bytes().to_vec().into(),
        failure: failure.map(failure_to_wire),
    }
}

pub(crate) fn check_result_from_wire(result: v1::CheckResult) -> Result<(CheckId, Option<Failure>), ProtocolError> {
    let check = check_id_from_wire(&result.check_id)?;
    let failure = result.failure.map(failure_from_wire).transpose();
    Ok((check, failure.map_err(|error| error.under("failure"))?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use muster_core::words::{Category, IntegrationId, OrganizationId};

    use super::*;

    fn order() -> CheckOrder {
        CheckOrder {
            check: CheckId(7),
            organization: OrganizationId::new("acme").expect("a name"),
            integration: IntegrationId(3),
            connector: ConnectorName::new("ldap").expect("a name"),
            access_schema: Some(AccessSchema::new("single-domain").expect("a name")),
            configuration: Configuration::new(r#"{"hosts":["dc1"],"port":636}"#).expect("small"),
            revision: Revision(4),
            time_limit: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_check_and_its_result_survive_the_wire() {
        let wire = check_to_wire(order()).expect("its configuration is an object");
        assert_eq!(check_from_wire(wire), Ok(order()));
        for failure in [None, Some(Failure::new(Category::Permission, "403"))] {
            let wire = check_result_to_wire(CheckId(7), failure.as_ref());
            assert_eq!(check_result_from_wire(wire), Ok((CheckId(7), failure)));
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        type Spoil = fn(&mut v1::Check);
        let spoils: [(&str, Spoil); 5] = [
            ("check_id", |it| it.check_id.clear()),
            ("integration", |it| it.integration = "integrations/1".to_owned()),
            ("connector", |it| it.connector = "LDAP".to_owned()),
            ("access_schema", |it| it.access_schema = "LDAP".to_owned()),
            ("time_limit", |it| it.time_limit = None),
        ];
        for (place, spoil) in spoils {
            let mut wire = check_to_wire(order()).expect("its configuration is an object");
            spoil(&mut wire);
            let error = check_from_wire(wire).expect_err(place);
            assert!(
                matches!(&error, ProtocolError::Field { field, .. } if field == place),
                "{place}: {error}"
            );
        }
    }
}
