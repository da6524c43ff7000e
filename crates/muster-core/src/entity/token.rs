//! A token: what a person or a program shows to be let in.

use crate::event::AccessEvent;
use crate::time::Stamp;
use crate::words::{DisplayName, Grant, PersonId, Principal, Request, Role, Scope, TokenHash, TokenId};

use super::Person;

/// A token. Its secret is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Where it opens something.
    pub scope: Scope,
    /// Whose it is; `None` for a program's.
    pub person: Option<PersonId>,
    /// What the program is called, or what the person calls the token.
    pub name: DisplayName,
    /// What it opens, at the most.
    pub role: Role,
    /// When it was made.
    pub created: Stamp,
    /// By whom.
    pub created_by: Principal,
    /// When it ends by itself; `None` for never.
    pub expires: Option<Stamp>,
    /// Since when it opens nothing; `None` while nobody has revoked it.
    pub revoked: Option<Stamp>,
    /// When it was used last, to the hour; `None` for not yet.
    pub used: Option<Stamp>,
    /// By what it is known again.
    pub hash: TokenHash,
    /// The request that made it; `None` when its caller gave no id.
    pub request: Option<Request>,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// Somebody has revoked it.
    Revoked,
    /// Its person is disabled, or gone.
    Disabled,
    /// Its time is over.
    Expired,
}

impl Token {
    /// What it opens now; `person` is the one whose it is.
    ///
    /// # Errors
    /// [`Shut`] when it opens nothing.
    pub fn opens(&self, person: Option<&Person>, now: Stamp) -> Result<Grant, Shut> {
        if self.revoked.is_some() {
            return Err(Shut::Revoked);
        }
        if self.expires.is_some_and(|end| end <= now) {
            return Err(Shut::Expired);
        }
        let role = match (self.person, person) {
            (None, _) => self.role,
            (Some(_), Some(person)) if person.disabled.is_none() => self.role.min(person.role),
            (Some(_), _) => return Err(Shut::Disabled),
        };
        Ok(Grant {
            role,
            scope: self.scope.clone(),
        })
    }

    /// Since when nobody can use it, whatever becomes of its person; `None` while somebody may.
    #[must_use]
    pub fn over(&self, now: Stamp) -> Option<Stamp> {
        let expired = self.expires.filter(|end| *end <= now);
        self.revoked.into_iter().chain(expired).min()
    }

    pub(crate) fn created(at: Stamp, by: &Principal, event: &AccessEvent) -> Option<Self> {
        let AccessEvent::TokenCreated {
            token,
            scope,
            person,
            name,
            role,
            expires,
            hash,
            request,
        } = event
        else {
            return None;
        };
        Some(Self {
            id: *token,
            scope: scope.clone(),
            person: *person,
            name: name.clone(),
            role: *role,
            created: at,
            created_by: by.clone(),
            expires: *expires,
            revoked: None,
            used: None,
            hash: *hash,
            request: *request,
        })
    }

    /// Applies an event that keeps it. One that does not concern a token changes nothing.
    pub(crate) fn apply(&mut self, at: Stamp, event: &AccessEvent) {
        match event {
            AccessEvent::TokenUsed { at, .. } => self.used = Some(*at),
            AccessEvent::TokenRevoked { .. } => self.revoked = Some(at),
            AccessEvent::TokenCreated { .. }
            | AccessEvent::TokenForgotten { .. }
            | AccessEvent::PersonCreated { .. }
            | AccessEvent::PersonUpdated { .. }
            | AccessEvent::PersonDisabled { .. }
            | AccessEvent::PersonEnabled { .. }
            | AccessEvent::PersonDeleted { .. } => {}
        }
    }
}
