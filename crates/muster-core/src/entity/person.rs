//! A person who may do something.

use crate::event::AccessEvent;
use crate::time::Stamp;
use crate::words::{DisplayName, EmailAddress, Grant, PersonId, Request, Role, Scope};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Where they may do something.
    pub scope: Scope,
    /// What they are called.
    pub name: DisplayName,
    /// Where they are reached. No two of a scope have the same, letter case aside.
    pub email: EmailAddress,
    /// What they may do.
    pub role: Role,
    /// Since when they are there.
    pub created: Stamp,
    /// When they were changed last.
    pub updated: Stamp,
    /// Since when none of their tokens opens anything; `None` while they do.
    pub disabled: Option<Stamp>,
    /// Counts the changes that others have made to them.
    pub version: u32,
    /// The request that made them; `None` when its caller gave no id.
    pub request: Option<Request>,
}

impl Person {
    /// What they may do, and where, while they are not disabled.
    #[must_use]
    pub fn grant(&self) -> Grant {
        Grant {
            role: self.role,
            scope: self.scope.clone(),
        }
    }

    pub(crate) fn created(at: Stamp, event: &AccessEvent) -> Option<Self> {
        let AccessEvent::PersonCreated {
            person,
            scope,
            name,
            email,
            role,
            request,
        } = event
        else {
            return None;
        };
        Some(Self {
            id: *person,
            scope: scope.clone(),
            name: name.clone(),
            email: email.clone(),
            role: *role,
            created: at,
            updated: at,
            disabled: None,
            version: 1,
            request: *request,
        })
    }

    /// Applies an event that keeps them. One that does not concern a person changes nothing.
    pub(crate) fn apply(&mut self, at: Stamp, event: &AccessEvent) {
        match event {
            AccessEvent::PersonUpdated { name, email, role, .. } => {
                self.name = name.clone();
                self.email = email.clone();
                self.role = *role;
            }
            AccessEvent::PersonDisabled { .. } => self.disabled = Some(at),
            AccessEvent::PersonEnabled { .. } => self.disabled = None,
            AccessEvent::PersonCreated { .. }
            | AccessEvent::PersonDeleted { .. }
            | AccessEvent::TokenCreated { .. }
            | AccessEvent::TokenUsed { .. }
            | AccessEvent::TokenRevoked { .. }
            | AccessEvent::TokenForgotten { .. } => return,
        }
        self.version += 1;
        self.updated = at;
    }
}
