//! People and tokens.

use muster_proto::v1::{EnrollmentToken, Person, Token};

use super::{NEAREST_AMONG_MAX, ambiguous, id};
use crate::client::Client;
use crate::error::{Error, Kind};
use crate::list::{enrollment_tokens, people, tokens};
use crate::output::text::clean;
use muster_process::nearest;

/// The person that somebody means by their e-mail address, their name, their resource name, their identifier or the end of that.
///
/// # Errors
/// [`Error::Unknown`] with the nearest address; [`Error::Ambiguous`]; those of the calls.
pub async fn person(client: &Client, parent: &str, given: &str) -> Result<Person, Error> {
    let all = people(client, parent, NEAREST_AMONG_MAX).await?.items;
    let is_meant =
        |one: &&Person| one.email.eq_ignore_ascii_case(given) || one.display_name == given || is_id(&one.name, given);
    let emails = all.iter().map(|one| one.email.as_str());
    let nearest = nearest(given, emails).map(clean);
    let found: Vec<&Person> = all.iter().filter(is_meant).collect();
    one_of(Kind::Person, parent, given, nearest, found, |one| &one.name).cloned()
}

/// The token that somebody means by its resource name, its identifier or the end of that.
///
/// # Errors
/// [`Error::Unknown`]; [`Error::Ambiguous`]; those of the calls.
pub async fn token(client: &Client, parent: &str, given: &str) -> Result<Token, Error> {
    // As many as there can be.
    let all = tokens(client, parent, "", usize::MAX).await?.items;
    let found: Vec<&Token> = all.iter().filter(|one| is_id(&one.name, given)).collect();
    one_of(Kind::Token, parent, given, None, found, |one| &one.name).cloned()
}

/// The enrollment token that somebody means in the same way; `hosted`: among those for the service's own pool.
///
/// # Errors
/// [`Error::Unknown`]; [`Error::Ambiguous`]; those of the calls.
pub async fn enrollment_token(client: &Client, hosted: bool, given: &str) -> Result<EnrollmentToken, Error> {
    let all = enrollment_tokens(client, hosted, usize::MAX).await?.items;
    let found: Vec<&EnrollmentToken> = all.iter().filter(|one| is_id(&one.name, given)).collect();
    let parent = if hosted { String::new() } else { client.parent() };
    one_of(Kind::EnrollmentToken, &parent, given, None, found, |one| &one.name).cloned()
}

/// Whether the resource of this name is meant: by all of it, by its identifier, or by the end of that as tables show it.
fn is_id(name: &str, given: &str) -> bool {
    name == given || (given.len() >= super::FRAGMENT_CHARS_MIN && id(name).ends_with(&given.to_ascii_lowercase()))
}

fn one_of<'a, T>(
    kind: Kind,
    parent: &str,
    given: &str,
    nearest: Option<String>,
    found: Vec<&'a T>,
    name: impl Fn(&T) -> &str,
) -> Result<&'a T, Error> {
    match found[..] {
        [one] => Ok(one),
        [] => Err(Error::Unknown {
            kind,
            given: clean(given),
            place: match parent.strip_prefix("organizations/") {
                Some(organization) => format!("in organization `{}`", clean(organization)),
                None => "among the service's staff".to_owned(),
            },
            nearest,
            next: format!("muster {kind} list"),
        }),
        _ => Err(ambiguous(kind, given, found.iter().map(|one| id(name(one)).to_owned()))),
    }
}
