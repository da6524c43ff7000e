//! Assignments: work for a runner.

use std::time::Duration;

use muster_core::decide::Assignment;
use muster_core::words::{
    AccessSchema, Configuration, ConnectorName, Cursor, DataType, IntegrationId, OrganizationId, Revision,
};
use muster_proto::v1;

use super::json::{JsonError, json_from_struct, struct_from_json};
use super::{organization_from_wire, span, work_from_wire};
use crate::error::ProtocolError;

/// Work for the runner's executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What is to be done.
    pub assignment: Assignment,
    /// How long it may take; `None` leaves that to the runner. Where both have a limit the shorter one holds.
    pub time_limit: Option<Duration>,
}

/// An assignment as the wire says it.
///
/// # Errors
/// [`JsonError`] when the configuration has no form on the wire: it is no JSON object, or nested too deeply.
pub fn assignment_to_wire(assignment: Assignment) -> Result<v1::Assignment, JsonError> {
    let configuration = struct_from_json(assignment.configuration.as_str())?;
    Ok(v1::Assignment {
        execution_id: assignment.execution.to_bytes().to_vec().into(),
        attempt: assignment.attempt.0,
        integration: format!(
            "organizations/{}/integrations/{}",
            assignment.organization, assignment.integration
        ),
        connector: assignment.connector.as_str().to_owned(),
        access_schema: assignment
            .access_schema
            .map_or_else(String::new, |name| name.as_str().to_owned()),
        configuration: Some(configuration),
        configuration_revision: assignment.revision.0,
        data_type: assignment.data_type.as_str().to_owned(),
        cursor: assignment.cursor.map(|cursor| cursor.as_str().to_owned()),
        time_limit: None,
    })
}

/// The work that an assignment of the wire is.
///
/// # Errors
/// [`ProtocolError::Field`] names the field that this runner does not understand.
pub fn task_from_wire(assignment: v1::Assignment) -> Result<Task, ProtocolError> {
    let (execution, attempt) = work_from_wire(&assignment.execution_id, assignment.attempt)?;
    let (organization, integration) = integration_from_wire(&assignment.integration)?;
    let connector =
        ConnectorName::new(&assignment.connector).map_err(|error| ProtocolError::field("connector", error))?;
    let data_type = DataType::new(&assignment.data_type).map_err(|error| ProtocolError::field("data_type", error))?;
    let json = json_from_struct(&assignment.configuration.unwrap_or_default())
        .map_err(|error| ProtocolError::field("configuration", error))?;
    let configuration = Configuration::new(&json).map_err(|error| ProtocolError::field("configuration", error))?;
    let cursor = assignment.cursor.map(Cursor::new).transpose();
    let cursor = cursor.map_err(|error| ProtocolError::field("cursor", error))?;
    let access_schema = Some(assignment.access_schema).filter(|name| !name.is_empty());
    let access_schema = access_schema.map(|name| AccessSchema::new(&name)).transpose();
    let access_schema = access_schema.map_err(|error| ProtocolError::field("access_schema", error))?;
    Ok(Task {
        assignment: Assignment {
            execution,
            attempt,
            organization,
            integration,
            data_type,
            connector,
            access_schema,
            configuration,
            revision: Revision(assignment.configuration_revision),
            cursor,
        },
        time_limit: span("time_limit", assignment.time_limit)?,
    })
}

pub(super) fn integration_from_wire(name: &str) -> Result<(OrganizationId, IntegrationId), ProtocolError> {
    let wrong = || {
        ProtocolError::field(
            "integration",
            "must be `organizations/{organization}/integrations/{integration}`",
        )
    };
    let (organization, integration) = name.split_once("/integrations/").ok_or_else(wrong)?;
    let organization = organization_from_wire("integration", organization)?.ok_or_else(wrong)?;
    let integration = integration
        .parse()
        .map_err(|error| ProtocolError::field("integration", error))?;
    Ok((organization, integration))
}

#[cfg(test)]
mod tests {
    use muster_core::words::{Attempt, ExecutionId};

    use super::*;

    fn assignment() -> Assignment {
        Assignment {
            execution: ExecutionId(1),
            attempt: Attempt(2),
            organization: OrganizationId::new("acme").expect("a name"),
            integration: IntegrationId(3),
            data_type: DataType::new("user").expect("a name"),
            connector: ConnectorName::new("ldap").expect("a name"),
            access_schema: Some(AccessSchema::new("single-domain").expect("a name")),
            configuration: Configuration::new(r#"{"hosts":["dc1"],"port":636}"#).expect("small"),
            revision: Revision(4),
            cursor: Some(Cursor::new("page 7").expect("small")),
        }
    }

    #[test]
    fn an_assignment_survives_the_wire() {
        let wire = assignment_to_wire(assignment()).expect("its configuration is an object");
        let task = task_from_wire(wire).expect("understood");
        assert_eq!(task.assignment, assignment());
        assert_eq!(task.time_limit, None);
    }

    #[test]
    fn what_a_runner_does_not_understand_is_named() {
        type Spoil = fn(&mut v1::Assignment);
        let spoils: [(&str, Spoil); 6] = [
            ("execution_id", |it| it.execution_id.clear()),
            ("integration", |it| it.integration = "integrations/1".to_owned()),
            ("connector", |it| it.connector = "LDAP".to_owned()),
            ("data_type", |it| it.data_type.clear()),
            ("cursor", |it| it.cursor = Some("x".repeat(Cursor::BYTES_MAX + 1))),
            ("time_limit", |it| {
                it.time_limit = Some(prost_types::Duration { seconds: -1, nanos: 0 });
            }),
        ];
        for (place, spoil) in spoils {
            let mut wire = assignment_to_wire(assignment()).expect("its configuration is an object");
            spoil(&mut wire);
            let error = task_from_wire(wire).expect_err(place);
            assert!(
                matches!(&error, ProtocolError::Field { field, .. } if field == place),
                "{place}: {error}"
            );
        }
    }
}
