//! From what a person types to the incident that is meant.

use muster_proto::v1::{GetIncidentRequest, Incident};

use super::{FRAGMENT_CHARS_MIN, ambiguous, id, missing, not_found, resource_name};
use crate::client::Client;
use crate::error::{Error, Kind};
use crate::list::incidents;

/// Among how many of the newest incidents a part of an identifier is looked for. Beyond them its full name is needed.
const SEARCHED_MAX: usize = 1_000;

/// The incident that a person means by its resource name, its identifier or the end of that.
///
/// # Errors
/// [`Error::Unknown`]; [`Error::Ambiguous`]; those of the calls.
pub async fn incident(client: &Client, given: &str) -> Result<Incident, Error> {
    if let Some(name) = resource_name(client, Kind::Incident, given) {
        let found = client.incidents().get_incident(GetIncidentRequest { name }).await;
        return match found {
            Ok(found) => Ok(found.into_inner()),
            Err(status) => not_found(client, Kind::Incident, given, &status, async || Ok(Vec::new())).await,
        };
    }
    let newest = incidents(client, SEARCHED_MAX, "").await?.items;
    let named = |one: &&Incident| given.len() >= FRAGMENT_CHARS_MIN && id(&one.name).ends_with(given);
    let found: Vec<&Incident> = newest.iter().filter(named).collect();
    match found[..] {
        [] => Err(missing(client, Kind::Incident, given, [])),
        [one] => Ok(one.clone()),
        [..] => Err(ambiguous(
            Kind::Incident,
            given,
            found.iter().map(|one| id(&one.name).to_owned()),
        )),
    }
}
