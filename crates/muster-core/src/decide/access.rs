//! Who may do what: people, and the tokens that they and programs show. Everybody grants at most what they have.

pub mod person;
mod rejection;
pub mod token;

use std::time::Duration;

use crate::decide::{Decision, Rejection};
use crate::entity::{Person, Token};
use crate::event::{AccessEvent, Event};
use crate::planted;
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{Grant, PersonId, Scope, TokenId};

pub use rejection::AccessRejection;

/// The most people of a scope.
pub const PEOPLE_MAX: usize = 1_000;

/// The most tokens of a scope, those that are over and still remembered among them.
pub const TOKENS_MAX: usize = 2_000;

/// For how long a token is remembered that is over: so that whoever reads the journal finds it.
pub const TOKENS_REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// What is asked about people and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// See [`person::Create`].
    CreatePerson(person::Create),
    /// See [`person::Update`].
    UpdatePerson(person::Update),
    /// See [`person::Switch`].
    SwitchPerson(person::Switch),
    /// See [`person::Delete`].
    DeletePerson(person::Delete),
    /// See [`token::Create`].
    CreateToken(token::Create),
    /// See [`token::Revoke`].
    RevokeToken(token::Revoke),
    /// See [`token::NoteUsed`].
    NoteUsed(token::NoteUsed),
}

impl Access {
    /// # Errors
    /// [`Rejection`] says why it is refused.
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        match self {
            Self::CreatePerson(command) => command.decide(state, now, chance),
            Self::UpdatePerson(command) => command.decide(state, now),
            Self::SwitchPerson(command) => command.decide(state, now),
            Self::DeletePerson(command) => command.decide(state, now),
            Self::CreateToken(command) => command.decide(state, now),
            Self::RevokeToken(command) => command.decide(state, now),
            Self::NoteUsed(command) => Ok(command.decide(state)),
        }
    }
}

/// The person of this id, if they are of this scope: one of another scope and one who never was give the same answer.
///
/// # Errors
/// [`AccessRejection::PersonNotFound`].
pub fn find_person<'a>(state: &'a State, scope: &Scope, id: PersonId) -> Result<&'a Person, AccessRejection> {
    let found = state.ledger().person(id).filter(|found| found.scope == *scope);
    found.ok_or(AccessRejection::PersonNotFound(id))
}

/// The same of a token.
///
/// # Errors
/// [`AccessRejection::TokenNotFound`].
pub fn find_token<'a>(state: &'a State, scope: &Scope, id: TokenId) -> Result<&'a Token, AccessRejection> {
    let found = state.ledger().token(id).filter(|found| found.scope == *scope);
    found.ok_or(AccessRejection::TokenNotFound(id))
}

/// What follows when nobody of a scope is to be let in any more, and nothing of them to be remembered: its organization is deleted.
#[must_use]
pub fn forget_all(state: &State, scope: &Scope) -> Vec<Event> {
    let access = state.index().access();
    let tokens = access
        .tokens(scope, None)
        .map(|token| AccessEvent::TokenForgotten { token });
    let people = access
        .people(scope, None)
        .map(|person| AccessEvent::PersonDeleted { person });
    tokens.chain(people).map(Event::Access).collect()
}

/// Nobody gives or takes what they do not have.
fn judge_grant(granter: &Grant, granted: &Grant) -> Result<(), AccessRejection> {
    if granter.covers(granted) || planted!("gives-what-it-has-not") {
        return Ok(());
    }
    Err(AccessRejection::BeyondGranter {
        granter: granter.clone(),
        granted: granted.clone(),
    })
}

/// Somebody must be able to let others in again: so the last token that opens everything stays until there is another one.
fn judge_way_in(state: &State, now: Stamp, without: impl Fn(&Token) -> bool) -> Result<(), AccessRejection> {
    let ways_in = || ways_in(state, now);
    let is_lost = ways_in().next().is_some() && ways_in().all(without);
    if is_lost && !planted!("last-admin-goes") {
        return Err(AccessRejection::LastAdmin);
    }
    Ok(())
}

/// The tokens that open everything.
pub fn ways_in(state: &State, now: Stamp) -> impl Iterator<Item = &Token> {
    let tokens = state.index().access().tokens(&Scope::Service, None);
    let tokens = tokens.filter_map(|id| state.ledger().token(id));
    tokens.filter(move |token| {
        let person = token.person.and_then(|person| state.ledger().person(person));
        token.opens(person, now).is_ok_and(|grant| grant == Grant::MOST)
    })
}
