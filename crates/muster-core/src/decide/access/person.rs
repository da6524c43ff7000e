//! People: who they are, and what they may do.

use super::{AccessRejection, PEOPLE_MAX, find_person, judge_grant, judge_way_in};
use crate::decide::{Answer, Decision, Rejection};
use crate::entity::Person;
use crate::event::{AccessEvent, Event};
use crate::planted;
use crate::state::State;
use crate::time::Now;
use crate::words::{DisplayName, EmailAddress, Grant, PersonId, Request, Role, Scope};

/// Let somebody do something, as soon as they have a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// What whoever asks may do.
    pub granter: Grant,
    /// Where.
    pub scope: Scope,
    /// What they are called.
    pub name: DisplayName,
    /// Where they are reached.
    pub email: EmailAddress,
    /// What they may do.
    pub role: Role,
    /// By what its caller knows the request again; `None` when it is not meant to be repeated.
    pub request: Option<Request>,
}

impl Create {
    /// A request that has made somebody before who is still there makes nobody: the first is the answer.
    ///
    /// # Errors
    /// [`AccessRejection::BeyondGranter`], [`AccessRejection::PersonRequestReused`], [`AccessRejection::EmailTaken`], [`AccessRejection::TooMany`].
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Result<Decision, Rejection> {
        let grant = Grant {
            role: self.role,
            scope: self.scope.clone(),
        };
        judge_grant(&self.granter, &grant)?;
        let made = self.request.filter(|_| !planted!("access-request-forgotten"));
        let made = made.and_then(|request| state.index().access().person_requested(&self.scope, request.id));
        if let Some(made) = made.and_then(|made| state.ledger().person(made)) {
            if made.request != self.request {
                return Err(AccessRejection::PersonRequestReused(made.id).into());
            }
            return Ok(unchanged(made));
        }
        judge_email(state, &self.scope, &self.email, None)?;
        if state.index().access().people_count(&self.scope) >= PEOPLE_MAX {
            return Err(AccessRejection::TooMany {
                what: "people",
                max: PEOPLE_MAX,
            }
            .into());
        }
        let person = PersonId::generate(now.stamp, chance);
        let created = AccessEvent::PersonCreated {
            person,
            scope: self.scope,
            name: self.name,
            email: self.email,
            role: self.role,
            request: self.request,
        };
        Ok(Decision {
            events: vec![Event::Access(created)],
            answer: Answer::Person(person),
            ..Decision::default()
        })
    }
}

/// Change a person. What is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// What whoever asks may do.
    pub granter: Grant,
    /// Where.
    pub scope: Scope,
    /// Who.
    pub person: PersonId,
    /// What they are called.
    pub name: Option<DisplayName>,
    /// Where they are reached.
    pub email: Option<EmailAddress>,
    /// What they may do. Their tokens open no more than that from now on.
    pub role: Option<Role>,
}

impl Update {
    /// # Errors
    /// [`AccessRejection::PersonNotFound`], [`AccessRejection::BeyondGranter`], [`AccessRejection::EmailTaken`], [`AccessRejection::LastAdmin`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let person = find_person(state, &self.scope, self.person)?;
        judge_grant(&self.granter, &person.grant())?;
        let role = self.role.unwrap_or(person.role);
        let grant = Grant { role, ..person.grant() };
        judge_grant(&self.granter, &grant)?;
        let email = self.email.unwrap_or_else(|| person.email.clone());
        judge_email(state, &self.scope, &email, Some(person.id))?;
        if role < person.role {
            judge_way_in(state, now.stamp, |token| token.person == Some(person.id))?;
        }
        let name = self.name.unwrap_or_else(|| person.name.clone());
        if (&name, &email, role) == (&person.name, &person.email, person.role) {
            return Ok(unchanged(person));
        }
        Ok(changed(
            person,
            AccessEvent::PersonUpdated {
                person: person.id,
                name,
                email,
                role,
            },
        ))
    }
}

/// Let none of a person's tokens open anything, or let them do so again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// What whoever asks may do.
    pub granter: Grant,
    /// Where.
    pub scope: Scope,
    /// Who.
    pub person: PersonId,
    /// Whether they may do something.
    pub enabled: bool,
}

impl Switch {
    /// # Errors
    /// [`AccessRejection::PersonNotFound`], [`AccessRejection::BeyondGranter`], [`AccessRejection::LastAdmin`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let person = find_person(state, &self.scope, self.person)?;
        judge_grant(&self.granter, &person.grant())?;
        if self.enabled == person.disabled.is_none() {
            return Ok(unchanged(person));
        }
        if self.enabled {
            return Ok(changed(person, AccessEvent::PersonEnabled { person: person.id }));
        }
        judge_way_in(state, now.stamp, |token| token.person == Some(person.id))?;
        Ok(changed(person, AccessEvent::PersonDisabled { person: person.id }))
    }
}

/// Let a person go, with all their tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// What whoever asks may do.
    pub granter: Grant,
    /// Where.
    pub scope: Scope,
    /// Who.
    pub person: PersonId,
}

impl Delete {
    /// # Errors
    /// [`AccessRejection::PersonNotFound`], [`AccessRejection::BeyondGranter`], [`AccessRejection::LastAdmin`].
    pub fn decide(self, state: &State, now: Now) -> Result<Decision, Rejection> {
        let person = find_person(state, &self.scope, self.person)?;
        judge_grant(&self.granter, &person.grant())?;
        judge_way_in(state, now.stamp, |token| token.person == Some(person.id))?;
        let tokens = state.index().access().tokens_of(person.id);
        let tokens = tokens.map(|token| AccessEvent::TokenForgotten { token });
        let gone = AccessEvent::PersonDeleted { person: person.id };
        Ok(Decision {
            events: tokens.chain([gone]).map(Event::Access).collect(),
            ..Decision::default()
        })
    }
}

fn judge_email(
    state: &State,
    scope: &Scope,
    email: &EmailAddress,
    of: Option<PersonId>,
) -> Result<(), AccessRejection> {
    match state.index().access().by_email(scope, email) {
        Some(person) if Some(person) != of => Err(AccessRejection::EmailTaken {
            email: email.clone(),
            person,
        }),
        _ => Ok(()),
    }
}

fn unchanged(person: &Person) -> Decision {
    Decision {
        answer: Answer::Person(person.id),
        ..Decision::default()
    }
}

fn changed(person: &Person, event: AccessEvent) -> Decision {
    Decision {
        events: vec![Event::Access(event)],
        ..unchanged(person)
    }
}
