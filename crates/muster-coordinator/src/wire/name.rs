//! Resource names: `organizations/{organization}/integrations/{integration}/executions/{execution}`, and the like.

use std::fmt::Display;
use std::str::FromStr;

use muster_core::words::{
    ConnectorName, EnrollmentTokenId, ExecutionId, IncidentId, IntegrationId, OrganizationId, RunnerId,
};

use super::FieldFault;

/// How much of a wrong name an error repeats.
const SHOWN_CHARS_MAX: usize = 100;

/// The length of a UUID's text in its one canonical form.
const UUID_CHARS: usize = 36;

const ORGANIZATION: Pattern<1> = Pattern {
    collections: ["organizations"],
    form: "organizations/{organization}",
};
const INTEGRATION: Pattern<2> = Pattern {
    collections: ["organizations", "integrations"],
    form: "organizations/{organization}/integrations/{integration}",
};
const EXECUTION: Pattern<3> = Pattern {
    collections: ["organizations", "integrations", "executions"],
    form: "organizations/{organization}/integrations/{integration}/executions/{execution}",
};
const RUNNER: Pattern<2> = Pattern {
    collections: ["organizations", "runners"],
    form: "organizations/{organization}/runners/{runner}",
};
const INCIDENT: Pattern<2> = Pattern {
    collections: ["organizations", "incidents"],
    form: "organizations/{organization}/incidents/{incident}",
};
const CONNECTOR: Pattern<2> = Pattern {
    collections: ["organizations", "connectors"],
    form: "organizations/{organization}/connectors/{connector}",
};

const ENROLLMENT_TOKEN: Pattern<2> = Pattern {
    collections: ["organizations", "enrollmentTokens"],
    form: "organizations/{organization}/enrollmentTokens/{token}",
};
const HOSTED_ENROLLMENT_TOKEN: Pattern<1> = Pattern {
    collections: ["enrollmentTokens"],
    form: "enrollmentTokens/{token}",
};
const HOSTED_RUNNER: Pattern<1> = Pattern {
    collections: ["runners"],
    form: "runners/{runner}",
};

/// Stands for all integrations in a parent.
const ALL: &str = "-";

/// Names an execution with all that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExecutionName {
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
    pub(crate) execution: ExecutionId,
}

/// Names whose executions are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) organization: OrganizationId,
    /// `None` for those of all integrations.
    pub(crate) integration: Option<IntegrationId>,
}

pub(crate) fn organization(field: &str, name: &str) -> Result<OrganizationId, FieldFault> {
    let [organization] = ORGANIZATION.ids(field, name)?;
    part(field, "organization", organization)
}

pub(crate) fn integration(field: &str, name: &str) -> Result<(OrganizationId, IntegrationId), FieldFault> {
    let [organization, integration] = INTEGRATION.ids(field, name)?;
    let organization = part(field, "organization", organization)?;
    Ok((organization, uuid(field, "integration", integration)?))
}

pub(crate) fn execution(field: &str, name: &str) -> Result<ExecutionName, FieldFault> {
    let [organization, integration, execution] = EXECUTION.ids(field, name)?;
    Ok(ExecutionName {
        organization: part(field, "organization", organization)?,
        integration: uuid(field, "integration", integration)?,
        execution: uuid(field, "execution", execution)?,
    })
}

/// An execution to be read: by the name of its integration, or by `-`, of which the execution's own id makes one.
pub(crate) fn execution_anywhere(field: &str, name: &str) -> Result<(Scope, ExecutionId), FieldFault> {
    let [organization, integration, execution] = EXECUTION.ids(field, name)?;
    let integration = match integration {
        ALL => None,
        id => Some(uuid(field, "integration", id)?),
    };
    let scope = Scope {
        organization: part(field, "organization", organization)?,
        integration,
    };
    Ok((scope, uuid(field, "execution", execution)?))
}

pub(crate) fn runner(field: &str, name: &str) -> Result<(OrganizationId, RunnerId), FieldFault> {
    let [organization, runner] = RUNNER.ids(field, name)?;
    Ok((
        part(field, "organization", organization)?,
        uuid(field, "runner", runner)?,
    ))
}

pub(crate) fn enrollment_token(field: &str, name: &str) -> Result<(OrganizationId, EnrollmentTokenId), FieldFault> {
    let [organization, token] = ENROLLMENT_TOKEN.ids(field, name)?;
    let organization = part(field, "organization", organization)?;
    Ok((organization, uuid(field, "token", token)?))
}

pub(crate) fn hosted_enrollment_token(field: &str, name: &str) -> Result<EnrollmentTokenId, FieldFault> {
    let [token] = HOSTED_ENROLLMENT_TOKEN.ids(field, name)?;
    uuid(field, "token", token)
}

pub(crate) fn hosted_runner(field: &str, name: &str) -> Result<RunnerId, FieldFault> {
    let [runner] = HOSTED_RUNNER.ids(field, name)?;
    uuid(field, "runner", runner)
}

pub(crate) fn incident(field: &str, name: &str) -> Result<(OrganizationId, IncidentId), FieldFault> {
    let [organization, incident] = INCIDENT.ids(field, name)?;
    let organization = part(field, "organization", organization)?;
    Ok((organization, uuid(field, "incident", incident)?))
}

pub(crate) fn connector(field: &str, name: &str) -> Result<(OrganizationId, ConnectorName), FieldFault> {
    let [organization, connector] = CONNECTOR.ids(field, name)?;
    let organization = part(field, "organization", organization)?;
    Ok((organization, part(field, "connector", connector)?))
}

/// The parent of a list of executions: an integration, or `-` for all of the organization.
pub(crate) fn executions_of(field: &str, name: &str) -> Result<Scope, FieldFault> {
    let [organization, integration] = INTEGRATION.ids(field, name)?;
    let organization = part(field, "organization", organization)?;
    let integration = match integration {
        ALL => None,
        id => Some(uuid(field, "integration", id)?),
    };
    Ok(Scope {
        organization,
        integration,
    })
}

/// The parent of a watch: an organization, or one integration of it.
pub(crate) fn watched(field: &str, name: &str) -> Result<Scope, FieldFault> {
    if name.matches('/').count() > 1 {
        return executions_of(field, name);
    }
    let organization = organization(field, name)?;
    Ok(Scope {
        organization,
        integration: None,
    })
}

/// The integrations of a batch, all of one organization.
///
/// # Errors
/// [`FieldFault`] names the first that is none, or another organization's.
pub(crate) fn integrations_of(
    organization: &OrganizationId,
    field: &str,
    names: &[String],
) -> Result<Vec<IntegrationId>, FieldFault> {
    let prefix = format!("organizations/{organization}/integrations/");
    let ids = names.iter().enumerate().map(|(index, name)| {
        // The right ones cost no allocation: there are a thousand in a call.
        let id = name.strip_prefix(&prefix).and_then(canonical);
        id.ok_or_else(|| {
            let field = format!("{field}[{index}]");
            match integration(&field, name) {
                Ok(_) => FieldFault::new(
                    field,
                    format_args!("belongs to another organization than `{organization}`"),
                ),
                Err(fault) => fault,
            }
        })
    });
    ids.collect()
}

pub(crate) fn of_integration(organization: &OrganizationId, integration: IntegrationId) -> String {
    format!("organizations/{organization}/integrations/{integration}")
}

pub(crate) fn of_execution(
    organization: &OrganizationId,
    integration: IntegrationId,
    execution: ExecutionId,
) -> String {
    format!("organizations/{organization}/integrations/{integration}/executions/{execution}")
}

pub(crate) fn of_runner(organization: &OrganizationId, runner: RunnerId) -> String {
    format!("organizations/{organization}/runners/{runner}")
}

pub(crate) fn of_incident(organization: &OrganizationId, incident: IncidentId) -> String {
    format!("organizations/{organization}/incidents/{incident}")
}

pub(crate) fn of_connector(organization: &OrganizationId, connector: &ConnectorName) -> String {
    format!("organizations/{organization}/connectors/{connector}")
}

/// A form of names: collections, each with an id behind it.
struct Pattern<const N: usize> {
    collections: [&'static str; N],
    form: &'static str,
}

impl<const N: usize> Pattern<N> {
    /// The ids in a name, none of them empty.
    fn ids<'a>(&self, field: &str, name: &'a str) -> Result<[&'a str; N], FieldFault> {
        if name.is_empty() {
            return Err(FieldFault::new(
                field,
                format_args!("is missing: give it as `{}`", self.form),
            ));
        }
        let mut parts = name.split('/');
        let mut ids = [""; N];
        for (collection, id) in self.collections.iter().zip(&mut ids) {
            let found = parts
                .next()
                .filter(|part| part == collection)
                .and_then(|_| parts.next());
            *id = found
                .filter(|id| !id.is_empty())
                .ok_or_else(|| self.fault(field, name))?;
        }
        match parts.next() {
            None => Ok(ids),
            Some(_) => Err(self.fault(field, name)),
        }
    }

    fn fault(&self, field: &str, name: &str) -> FieldFault {
        FieldFault::new(field, format_args!("is `{}`: must be `{}`", shown(name), self.form))
    }
}

fn part<T: FromStr<Err: Display>>(field: &str, what: &str, id: &str) -> Result<T, FieldFault> {
    id.parse()
        .map_err(|error| FieldFault::new(field, format_args!("has `{}` for {what}: {error}", shown(id))))
}

pub(crate) fn uuid<T: FromStr>(field: &str, what: &str, id: &str) -> Result<T, FieldFault> {
    canonical(id).ok_or_else(|| {
        let shown = shown(id);
        let problem = format_args!(
            "has `{shown}` for {what}: must be a UUID such as `01936b1e-2f3a-7c4d-8e5f-0123456789ab`, in lower case"
        );
        FieldFault::new(field, problem)
    })
}

/// The id of this text. Other writings of a UUID are refused, so that one thing has one name.
fn canonical<T: FromStr>(id: &str) -> Option<T> {
    let is_canonical = id.len() == UUID_CHARS && !id.bytes().any(|byte| byte.is_ascii_uppercase());
    is_canonical.then(|| id.parse().ok()).flatten()
}

fn shown(text: &str) -> String {
    super::shown::shown(text, SHOWN_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01936b1e-2f3a-7c4d-8e5f-0123456789ab";

    #[test]
    fn a_name_survives_its_text() {
        let text = format!("organizations/default/integrations/{ID}/executions/{ID}");
        let name = execution("name", &text).expect("a name");
        assert_eq!(of_execution(&name.organization, name.integration, name.execution), text);
        let text = format!("organizations/default/integrations/{ID}");
        let (organization, id) = integration("name", &text).expect("a name");
        assert_eq!(of_integration(&organization, id), text);
        let text = format!("organizations/default/runners/{ID}");
        let (organization, id) = runner("name", &text).expect("a name");
        assert_eq!(of_runner(&organization, id), text);
        let (organization, id) = connector("name", "organizations/default/connectors/host").expect("a name");
        assert_eq!(
            of_connector(&organization, &id),
            "organizations/default/connectors/host"
        );
    }

    #[test]
    fn a_wrong_name_is_told_with_its_form() {
        let upper = format!("organizations/default/integrations/{}", ID.to_uppercase());
        let braced = format!("organizations/default/integrations/{{{ID}}}");
        let longer = format!("organizations/default/integrations/{ID}/executions");
        for (name, expected) in [
            (
                "",
                "is missing: give it as `organizations/{organization}/integrations/{integration}`",
            ),
            (
                "default",
                "is `default`: must be `organizations/{organization}/integrations/{integration}`",
            ),
            ("organizations//integrations/1", "must be `organizations/{organization}"),
            (
                "organizations/a b/integrations/1",
                "has `a b` for organization: the name has the character ' '",
            ),
            (
                "organizations/default/integrations/7",
                "has `7` for integration: must be a UUID",
            ),
            (
                "organizations/default/runners/7",
                "must be `organizations/{organization}/integrations/",
            ),
            (&upper, "in lower case"),
            (&braced, "must be a UUID"),
            (&longer, "must be `organizations/"),
        ] {
            let fault = integration("name", name).expect_err(name);
            assert_eq!(fault.field, "name");
            assert!(fault.problem.contains(expected), "{name}: {}", fault.problem);
        }
    }

    #[test]
    fn a_long_name_is_cut_in_its_error() {
        let fault = integration("name", &"ä".repeat(10_000)).expect_err("no name");
        assert!(fault.problem.chars().count() < 300, "{}", fault.problem);
    }

    #[test]
    fn a_dash_is_all_integrations() {
        let scope = executions_of("parent", "organizations/default/integrations/-").expect("a parent");
        assert_eq!(scope.integration, None);
        assert!(integration("name", "organizations/default/integrations/-").is_err());
        assert_eq!(
            watched("parent", "organizations/default")
                .expect("a parent")
                .integration,
            None
        );
        let one = watched("parent", &format!("organizations/default/integrations/{ID}")).expect("a parent");
        assert_eq!(one.integration, ID.parse().ok());
        assert!(watched("parent", "default").is_err());
    }

    #[test]
    fn a_batch_names_the_first_fault() {
        let own = OrganizationId::new("default").expect("a name");
        let good = format!("organizations/default/integrations/{ID}");
        let foreign = format!("organizations/other/integrations/{ID}");
        let ids = integrations_of(&own, "names", &[good.clone(), good.clone()]).expect("all are its own");
        assert_eq!(ids.len(), 2);
        let fault = integrations_of(&own, "names", &[good.clone(), foreign]).expect_err("a foreign one");
        assert_eq!(fault.field, "names[1]");
        assert!(fault.problem.contains("another organization"), "{fault}");
        let fault = integrations_of(&own, "names", &[good, String::new()]).expect_err("an empty one");
        assert!(fault.problem.contains("is missing"), "{fault}");
    }
}
