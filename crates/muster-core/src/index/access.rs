//! Who is there of a scope, whose tokens are whose, and by which tokens runners enroll.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::entity::{EnrollmentToken, Person, Token};
use crate::words::{EmailAddress, EnrollmentTokenId, PersonId, RequestId, Scope, TokenId};

/// The people and the tokens of each scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    people: BTreeMap<Scope, BTreeSet<PersonId>>,
    emails: BTreeMap<(Scope, String), PersonId>,
    tokens: BTreeMap<Scope, BTreeSet<TokenId>>,
    tokens_of: BTreeSet<(PersonId, TokenId)>,
    people_requested: BTreeMap<(Scope, RequestId), PersonId>,
    tokens_requested: BTreeMap<(Scope, RequestId), TokenId>,
    enrollment_tokens: BTreeMap<Scope, BTreeSet<EnrollmentTokenId>>,
}

impl Access {
    /// The people of a scope after `after`, oldest first.
    pub fn people(&self, scope: &Scope, after: Option<PersonId>) -> impl Iterator<Item = PersonId> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let theirs = self.people.get(scope).into_iter();
        theirs.flat_map(move |theirs| theirs.range((after, Bound::Unbounded)).copied())
    }

    /// How many people a scope has.
    #[must_use]
    pub fn people_count(&self, scope: &Scope) -> usize {
        self.people.get(scope).map_or(0, BTreeSet::len)
    }

    /// Who has this address, letter case aside.
    #[must_use]
    pub fn by_email(&self, scope: &Scope, email: &EmailAddress) -> Option<PersonId> {
        self.emails
            .get(&(scope.clone(), email.as_str().to_lowercase()))
            .copied()
    }

    /// The tokens of a scope after `after`, oldest first.
    pub fn tokens(&self, scope: &Scope, after: Option<TokenId>) -> impl Iterator<Item = TokenId> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let theirs = self.tokens.get(scope).into_iter();
        theirs.flat_map(move |theirs| theirs.range((after, Bound::Unbounded)).copied())
    }

    /// How many tokens a scope has.
    #[must_use]
    pub fn tokens_count(&self, scope: &Scope) -> usize {
        self.tokens.get(scope).map_or(0, BTreeSet::len)
    }

    /// The tokens of a person, oldest first.
    pub fn tokens_of(&self, person: PersonId) -> impl Iterator<Item = TokenId> {
        let theirs = self
            .tokens_of
            .range((person, TokenId(0))..=(person, TokenId(u128::MAX)));
        theirs.map(|(_, token)| *token)
    }

    /// The person that was made by the request of this id.
    #[must_use]
    pub fn person_requested(&self, scope: &Scope, id: RequestId) -> Option<PersonId> {
        self.people_requested.get(&(scope.clone(), id)).copied()
    }

    /// The token that was made by the request of this id.
    #[must_use]
    pub fn token_requested(&self, scope: &Scope, id: RequestId) -> Option<TokenId> {
        self.tokens_requested.get(&(scope.clone(), id)).copied()
    }

    /// The tokens after `after` by which runners of a scope enroll, oldest first.
    pub fn enrollment_tokens(
        &self,
        scope: &Scope,
        after: Option<EnrollmentTokenId>,
    ) -> impl Iterator<Item = EnrollmentTokenId> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let theirs = self.enrollment_tokens.get(scope).into_iter();
        theirs.flat_map(move |theirs| theirs.range((after, Bound::Unbounded)).copied())
    }

    pub(crate) fn put_enrollment_token(&mut self, token: &EnrollmentToken) {
        self.enrollment_tokens
            .entry(scope_of(token))
            .or_default()
            .insert(token.id);
    }

    pub(crate) fn take_enrollment_token(&mut self, token: &EnrollmentToken) {
        take(&mut self.enrollment_tokens, &scope_of(token), token.id);
    }

    pub(crate) fn put_person(&mut self, person: &Person) {
        self.people.entry(person.scope.clone()).or_default().insert(person.id);
        self.emails.insert(email_key(person), person.id);
        let request = person.request.map(|request| (person.scope.clone(), request.id));
        self.people_requested.extend(request.map(|key| (key, person.id)));
    }

    pub(crate) fn take_person(&mut self, person: &Person) {
        take(&mut self.people, &person.scope, person.id);
        self.emails.remove(&email_key(person));
        if let Some(request) = person.request {
            self.people_requested.remove(&(person.scope.clone(), request.id));
        }
    }

    pub(crate) fn put_token(&mut self, token: &Token) {
        self.tokens.entry(token.scope.clone()).or_default().insert(token.id);
        self.tokens_of.extend(token.person.map(|person| (person, token.id)));
        let request = token.request.map(|request| (token.scope.clone(), request.id));
        self.tokens_requested.extend(request.map(|key| (key, token.id)));
    }

    pub(crate) fn take_token(&mut self, token: &Token) {
        take(&mut self.tokens, &token.scope, token.id);
        if let Some(person) = token.person {
            self.tokens_of.remove(&(person, token.id));
        }
        if let Some(request) = token.request {
            self.tokens_requested.remove(&(token.scope.clone(), request.id));
        }
    }
}

fn scope_of(token: &EnrollmentToken) -> Scope {
    let owner = token.pool.organization.clone();
    owner.map_or(Scope::Service, Scope::Organization)
}

fn email_key(person: &Person) -> (Scope, String) {
    (person.scope.clone(), person.email.as_str().to_lowercase())
}

fn take<T: Ord>(of: &mut BTreeMap<Scope, BTreeSet<T>>, scope: &Scope, id: T) {
    if let Some(theirs) = of.get_mut(scope) {
        theirs.remove(&id);
        if theirs.is_empty() {
            of.remove(scope);
        }
    }
}
