//! From what a person types to the resource that is meant.

mod access;
mod display;
mod incident;

use muster_proto::v1::{
    Connector, ErrorReason, Execution, GetConnectorRequest, GetExecutionRequest, GetIntegrationRequest,
    GetRunnerRequest, Integration, Runner,
};

use crate::client::Client;
use crate::error::{Error, Kind};
use crate::list::PAGE_MAX;
use crate::list::{connectors, executions, integrations, runners};
use crate::output::text::clean;
use muster_process::nearest;

pub use access::{enrollment_token, person, token};
pub use display::DisplayNames;
pub use incident::incident;

/// The longest name of anything: 100 characters of at most 4 bytes.
const NAME_BYTES_MAX: usize = 400;

/// How many characters of an identifier's end tables show. The end of a UUID of version 7 is random, its beginning is the time: those
/// that were made together begin alike.
pub const SHORT_ID_CHARS: usize = 8;

/// The fewest characters by which an execution may be named: fewer are a slip more often than a name.
const FRAGMENT_CHARS_MIN: usize = 4;

/// Among how many of the newest executions a part of an identifier is looked for. Beyond them its full name is needed.
const EXECUTIONS_SEARCHED_MAX: usize = PAGE_MAX;

/// Among how many names the nearest one to a mistyped one is looked for.
const NEAREST_AMONG_MAX: usize = PAGE_MAX;

/// How many candidates an error names.
const CANDIDATES_MAX: usize = 5;

/// The last part of a resource's name: its identifier.
pub fn id(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, id)| id)
}

/// The end of the identifier, as tables show it; a command takes it as a name.
pub fn short_id(name: &str) -> &str {
    let id = id(name);
    let start = id.len().saturating_sub(SHORT_ID_CHARS);
    id.get(start..).unwrap_or(id)
}

/// The integration that an execution's name belongs to: `organizations/{o}/integrations/{i}`.
pub fn integration_of(execution: &str) -> &str {
    execution
        .split_once("/executions/")
        .map_or(execution, |(integration, _)| integration)
}

/// The integration that a person means by its display name, its identifier or its resource name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name; [`Error::Ambiguous`] where several have this display name; those of the calls.
pub async fn integration(client: &Client, given: &str) -> Result<Integration, Error> {
    if let Some(name) = resource_name(client, Kind::Integration, given) {
        let found = client
            .integrations()
            .get_integration(GetIntegrationRequest {
                name,
                ..Default::default()
            })
            .await;
        return match found {
            Ok(found) => Ok(found.into_inner()),
            Err(status) => {
                not_found(client, Kind::Integration, given, &status, async || {
                    Ok(integrations(client, NEAREST_AMONG_MAX, "")
                        .await?
                        .items
                        .into_iter()
                        .map(|one| one.display_name)
                        .collect())
                })
                .await
            }
        };
    }
    // Nothing has a longer name, and a filter would be refused for its length.
    let mut found = if given.len() > NAME_BYTES_MAX {
        Vec::new()
    } else {
        let filter = format!("display_name = {}", quoted(given));
        integrations(client, PAGE_MAX, &filter).await?.items
    };
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(last), false) => {
            found.push(last);
            Err(ambiguous(
                Kind::Integration,
                given,
                found.iter().map(|one| id(&one.name).to_owned()),
            ))
        }
        (None, _) => {
            let all = integrations(client, NEAREST_AMONG_MAX, "").await?.items;
            Err(missing(
                client,
                Kind::Integration,
                given,
                all.into_iter().map(|one| one.display_name),
            ))
        }
    }
}

/// The execution that a person means by its resource name, its identifier, or the end or the beginning of that.
///
/// # Errors
/// [`Error::Unknown`]; [`Error::Ambiguous`]; those of the calls.
pub async fn execution(client: &Client, given: &str) -> Result<Execution, Error> {
    let name = if given.starts_with("organizations/") {
        given.to_owned()
    } else {
        execution_name(client, given).await?
    };
    let found = client.executions().get_execution(GetExecutionRequest { name }).await;
    found
        .map(tonic::Response::into_inner)
        .map_err(|status| client.error(format!("show execution `{}`", clean(given)), &status))
}

async fn execution_name(client: &Client, given: &str) -> Result<String, Error> {
    let fragment = given.to_ascii_lowercase();
    if fragment.len() < FRAGMENT_CHARS_MIN || !fragment.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Err(missing(client, Kind::Execution, given, []));
    }
    let parent = format!("{}/integrations/-", client.parent());
    let (_, newest) = executions(client, &parent, EXECUTIONS_SEARCHED_MAX, "").await?;
    let newest = newest.items;
    if let Some(exact) = newest.iter().find(|one| id(&one.name) == fragment) {
        return Ok(exact.name.clone());
    }
    let ends = matches(&newest, |id| id.ends_with(&fragment));
    let found = if ends.is_empty() {
        matches(&newest, |id| id.starts_with(&fragment))
    } else {
        ends
    };
    match found[..] {
        [] => Err(missing(client, Kind::Execution, given, [])),
        [one] => Ok(one.to_owned()),
        [..] => Err(ambiguous(
            Kind::Execution,
            given,
            found.iter().map(|name| id(name).to_owned()),
        )),
    }
}

fn matches(executions: &[Execution], accept: impl Fn(&str) -> bool) -> Vec<&str> {
    let names = executions.iter().map(|one| one.name.as_str());
    names.filter(|name| accept(id(name))).collect()
}

/// The runner that a person means by its display name, its resource name, its identifier or the end of that.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name; [`Error::Ambiguous`]; those of the calls.
pub async fn runner(client: &Client, given: &str) -> Result<Runner, Error> {
    if let Some(name) = resource_name(client, Kind::Runner, given) {
        let found = client.runners().get_runner(GetRunnerRequest { name }).await;
        return match found {
            Ok(found) => Ok(found.into_inner()),
            Err(status) => {
                not_found(client, Kind::Runner, given, &status, async || {
                    Ok(runners(client, NEAREST_AMONG_MAX)
                        .await?
                        .items
                        .into_iter()
                        .map(|one| one.display_name)
                        .collect())
                })
                .await
            }
        };
    }
    let all = runners(client, NEAREST_AMONG_MAX).await?.items;
    let named = |one: &&Runner| {
        one.display_name == given || (given.len() >= FRAGMENT_CHARS_MIN && id(&one.name).ends_with(given))
    };
    let found: Vec<&Runner> = all.iter().filter(named).collect();
    match found[..] {
        [] => Err(missing(
            client,
            Kind::Runner,
            given,
            all.into_iter().map(|one| one.display_name),
        )),
        [one] => Ok(one.clone()),
        [..] => Err(ambiguous(
            Kind::Runner,
            given,
            found.iter().map(|one| id(&one.name).to_owned()),
        )),
    }
}

/// The connector of this name or resource name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name; those of the calls.
pub async fn connector(client: &Client, given: &str) -> Result<Connector, Error> {
    let name = if given.starts_with("organizations/") {
        given.to_owned()
    } else {
        format!("{}/connectors/{given}", client.parent())
    };
    match client.connectors().get_connector(GetConnectorRequest { name }).await {
        Ok(found) => Ok(found.into_inner()),
        Err(status) => {
            not_found(client, Kind::Connector, given, &status, async || {
                Ok(connectors(client, NEAREST_AMONG_MAX)
                    .await?
                    .items
                    .iter()
                    .map(|one| id(&one.name).to_owned())
                    .collect())
            })
            .await
        }
    }
}

/// The resource name, where a whole one or an identifier was given; `None` for a display name.
fn resource_name(client: &Client, kind: Kind, given: &str) -> Option<String> {
    if given.starts_with("organizations/") {
        return Some(given.to_owned());
    }
    is_uuid(given).then(|| format!("{}/{kind}s/{}", client.parent(), given.to_ascii_lowercase()))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A string of the filter language.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The error of looking for something by its name: where the coordinator knows no such thing, with the nearest of the names that it
/// does know.
async fn not_found<T>(
    client: &Client,
    kind: Kind,
    given: &str,
    status: &tonic::Status,
    known: impl AsyncFnOnce() -> Result<Vec<String>, Error>,
) -> Result<T, Error> {
    let error = client.error(format!("show {kind} `{}`", clean(given)), status);
    let is_missing = match kind {
        Kind::Integration => error.has_reason(ErrorReason::IntegrationNotFound),
        Kind::Execution => error.has_reason(ErrorReason::ExecutionNotFound),
        Kind::Runner => error.has_reason(ErrorReason::RunnerNotFound),
        Kind::Incident => error.has_reason(ErrorReason::IncidentNotFound),
        Kind::Connector => error.has_reason(ErrorReason::ConnectorNotFound),
        // They are no resources.
        Kind::DataType | Kind::AccessSchema | Kind::Context => false,
        // They are looked for in their lists.
        Kind::Person | Kind::Token | Kind::EnrollmentToken => false,
    };
    if is_missing {
        return Err(missing(client, kind, given, known().await?));
    }
    Err(error)
}

fn missing(client: &Client, kind: Kind, given: &str, known: impl IntoIterator<Item = String>) -> Error {
    let known: Vec<String> = known.into_iter().collect();
    Error::Unknown {
        kind,
        given: clean(given),
        place: format!("in organization `{}`", client.organization()),
        nearest: nearest(given, known.iter().map(String::as_str)).map(clean),
        next: match kind {
            Kind::Incident => "muster alerts --all".to_owned(),
            _ => format!("muster {kind} list"),
        },
    }
}

fn ambiguous(kind: Kind, given: &str, candidates: impl IntoIterator<Item = String>) -> Error {
    let mut candidates: Vec<String> = candidates.into_iter().collect();
    if candidates.len() > CANDIDATES_MAX {
        candidates.truncate(CANDIDATES_MAX);
        candidates.push("…".to_owned());
    }
    Error::Ambiguous {
        kind,
        given: clean(given),
        candidates,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_parts() {
        let execution = "organizations/default/integrations/i/executions/01936b1e-2f3a-7c4d-8e5f-0123456789ab";
        assert_eq!(integration_of(execution), "organizations/default/integrations/i");
        assert_eq!(short_id(execution), "456789ab");
        assert_eq!(short_id("abc"), "abc");
        assert!(is_uuid(id(execution)));
        assert!(!is_uuid("01936b1e-2f3a-7c4d-8e5f-0123456789a"));
    }

    #[test]
    fn quotes_of_a_name_do_not_end_the_filters_string() {
        assert_eq!(quoted(r#"a "b" \"#), r#""a \"b\" \\""#);
    }
}
