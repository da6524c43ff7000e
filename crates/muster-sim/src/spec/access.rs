//! People and tokens: nobody gives what they do not have, and somebody can always let others in.

use std::collections::BTreeMap;

use muster_core::event::AccessEvent;
use muster_core::time::Stamp;
use muster_core::words::{PersonId, Principal, Request, Role, Scope, TokenId};

use super::{Broken, Spec, must};

/// Who may do what, as the design remembers it.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub people: BTreeMap<PersonId, Person>,
    pub tokens: BTreeMap<TokenId, Token>,
}

#[derive(Debug, Clone)]
pub struct Person {
    pub scope: Scope,
    pub role: Role,
    pub disabled: bool,
    pub request: Option<Request>,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub scope: Scope,
    pub role: Role,
    pub person: Option<PersonId>,
    pub request: Option<Request>,
    expires: Option<Stamp>,
    revoked: bool,
}

impl Access {
    /// Whether somebody comes in everywhere, and may do everything there.
    fn has_way_in(&self, now: Stamp) -> bool {
        self.tokens.values().any(|token| {
            let may = |role: Role, scope: &Scope| role == Role::Admin && *scope == Scope::Service;
            let of_person = token.person.is_none_or(|person| {
                let person = self.people.get(&person);
                person.is_some_and(|person| !person.disabled && may(person.role, &person.scope))
            });
            let lasts = token.expires.is_none_or(|end| end > now);
            may(token.role, &token.scope) && of_person && lasts && !token.revoked
        })
    }
}

impl Spec {
    pub(super) fn take_access(
        &mut self,
        event: &AccessEvent,
        by: &Principal,
        at: Stamp,
    ) -> Result<&'static str, Broken> {
        let before = self.access.has_way_in(at);
        let done = self.change_access(event, by)?;
        must(!before || self.access.has_way_in(at), || {
            format!("nobody can let anybody in after {event:?}")
        })?;
        Ok(done)
    }

    fn change_access(&mut self, event: &AccessEvent, by: &Principal) -> Result<&'static str, Broken> {
        let gives = |scope: &Scope, role: Role| {
            // In this world the people of an organization are its admins, and the coordinator lets nobody in by itself.
            let own = matches!((scope, by), (Scope::Organization(organization), Principal::Operator(name)) if organization.as_str() == name);
            let is_staff = *by == Principal::local();
            must(own || is_staff, || format!("{by} gives the role {role} of {scope}"))
        };
        let unknown = || format!("this is of nobody: {event:?}");
        match event {
            AccessEvent::PersonCreated {
                person,
                scope,
                role,
                request,
                ..
            } => {
                gives(scope, *role)?;
                let mut others = self.access.people.values();
                let twice = others.find(|one| is_repeated((&one.scope, one.request), (scope, *request)));
                must(twice.is_none(), || format!("its request has made {twice:?} already"))?;
                let created = Person {
                    scope: scope.clone(),
                    role: *role,
                    disabled: false,
                    request: *request,
                };
                let there = self.access.people.insert(*person, created);
                must(there.is_none(), || format!("there was such a person: {there:?}"))?;
                Ok("person created")
            }
            AccessEvent::PersonUpdated { person, role, .. } => {
                let found = self.access.people.get_mut(person).ok_or_else(unknown)?;
                gives(&found.scope, *role)?;
                found.role = *role;
                Ok("person updated")
            }
            AccessEvent::PersonDisabled { person } | AccessEvent::PersonEnabled { person } => {
                let found = self.access.people.get_mut(person).ok_or_else(unknown)?;
                gives(&found.scope, found.role)?;
                let disabled = matches!(event, AccessEvent::PersonDisabled { .. });
                must(found.disabled != disabled, || "it was so already".to_owned())?;
                found.disabled = disabled;
                Ok("person switched")
            }
            AccessEvent::PersonDeleted { person } => {
                let found = self.access.people.remove(person).ok_or_else(unknown)?;
                gives(&found.scope, found.role)?;
                let left = self.access.tokens.values().find(|token| token.person == Some(*person));
                must(left.is_none(), || format!("their token stays: {left:?}"))?;
                Ok("person deleted")
            }
            AccessEvent::TokenCreated {
                token,
                scope,
                person,
                role,
                expires,
                request,
                ..
            } => {
                gives(scope, *role)?;
                let mut others = self.access.tokens.values();
                let twice = others.find(|one| is_repeated((&one.scope, one.request), (scope, *request)));
                must(twice.is_none(), || format!("its request has made {twice:?} already"))?;
                if let Some(person) = person {
                    let holder = self.access.people.get(person).ok_or_else(unknown)?;
                    must(holder.scope == *scope && holder.role >= *role, || {
                        format!("it is for more than its person: {holder:?}")
                    })?;
                }
                let created = Token {
                    scope: scope.clone(),
                    role: *role,
                    person: *person,
                    request: *request,
                    expires: *expires,
                    revoked: false,
                };
                let there = self.access.tokens.insert(*token, created);
                must(there.is_none(), || format!("there was such a token: {there:?}"))?;
                Ok("token created")
            }
            AccessEvent::TokenUsed { token, .. } => {
                must(self.access.tokens.contains_key(token), unknown)?;
                Ok("token used")
            }
            AccessEvent::TokenRevoked { token } => {
                let found = self.access.tokens.get_mut(token).ok_or_else(unknown)?;
                gives(&found.scope, found.role)?;
                must(!found.revoked, || "it was revoked already".to_owned())?;
                found.revoked = true;
                Ok("token revoked")
            }
            AccessEvent::TokenForgotten { token } => {
                self.access.tokens.remove(token).ok_or_else(unknown)?;
                Ok("token forgotten")
            }
        }
    }
}

/// Whether two things of the same scope were made by requests of the same id.
fn is_repeated(one: (&Scope, Option<Request>), other: (&Scope, Option<Request>)) -> bool {
    let id = |request: Option<Request>| request.map(|request| request.id);
    one.0 == other.0 && one.1.is_some() && id(one.1) == id(other.1)
}
