//! What can have happened to people and their tokens.

use crate::entity::EntityKey;
use crate::time::Stamp;
use crate::words::{DisplayName, EmailAddress, PersonId, Request, Role, Scope, TokenHash, TokenId};

/// What has happened to a person or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessEvent {
    /// Somebody may do something from now on.
    PersonCreated {
        /// The person's id.
        person: PersonId,
        /// Where.
        scope: Scope,
        /// What they are called.
        name: DisplayName,
        /// Where they are reached.
        email: EmailAddress,
        /// What they may do.
        role: Role,
        /// The request that made them; `None` when its caller gave no id.
        request: Option<Request>,
    },
    /// A person was changed.
    PersonUpdated {
        /// Who.
        person: PersonId,
        /// What they are called now.
        name: DisplayName,
        /// Where they are reached now.
        email: EmailAddress,
        /// What they may do now.
        role: Role,
    },
    /// None of a person's tokens opens anything any more.
    PersonDisabled {
        /// Whose.
        person: PersonId,
    },
    /// They do again.
    PersonEnabled {
        /// Whose.
        person: PersonId,
    },
    /// A person is gone. Their tokens have gone before.
    PersonDeleted {
        /// Who.
        person: PersonId,
    },
    /// There is a token.
    TokenCreated {
        /// Its id.
        token: TokenId,
        /// Where it opens something.
        scope: Scope,
        /// Whose it is; `None` for a program's.
        person: Option<PersonId>,
        /// What the program is called, or what the person calls the token.
        name: DisplayName,
        /// What it opens, at the most: never more than its person may do.
        role: Role,
        /// When it ends by itself; `None` for never.
        expires: Option<Stamp>,
        /// By what it is known again.
        hash: TokenHash,
        /// The request that made it; `None` when its caller gave no id.
        request: Option<Request>,
    },
    /// Somebody has used a token. Recorded now and then only.
    TokenUsed {
        /// Which.
        token: TokenId,
        /// When last.
        at: Stamp,
    },
    /// A token opens nothing any more.
    TokenRevoked {
        /// Which.
        token: TokenId,
    },
    /// A token has been over for long, or its person is gone, and so is it.
    TokenForgotten {
        /// Which.
        token: TokenId,
    },
}

impl AccessEvent {
    /// The entity that it concerns.
    #[must_use]
    pub fn entity(&self) -> EntityKey {
        match self {
            Self::PersonCreated { person, .. }
            | Self::PersonUpdated { person, .. }
            | Self::PersonDisabled { person }
            | Self::PersonEnabled { person }
            | Self::PersonDeleted { person } => EntityKey::Person(*person),
            Self::TokenCreated { token, .. }
            | Self::TokenUsed { token, .. }
            | Self::TokenRevoked { token }
            | Self::TokenForgotten { token } => EntityKey::Token(*token),
        }
    }
}
