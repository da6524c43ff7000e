//! Who causes a command.

use std::fmt;

use smol_str::SmolStr;

use super::{PersonId, RunnerId, TokenId};

/// Who causes a command, and so every event that follows from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Somebody with an operator's rights who showed no token: whoever reaches a coordinator without authentication, by a name for that.
    Operator(SmolStr),
    /// A person or a program, by its token.
    Token {
        /// Which.
        token: TokenId,
        /// Whose it is; `None` for a program's.
        person: Option<PersonId>,
        /// What the person or the program was called then.
        name: SmolStr,
    },
    /// A runner, by its own report.
    Runner(RunnerId),
    /// The coordinator's own timers and its dispatcher.
    Coordinator,
}

impl Principal {
    /// Whoever reaches the loopback listener of a coordinator without authentication.
    #[must_use]
    pub fn local() -> Self {
        Self::Operator(SmolStr::new_static("local"))
    }

    /// Somebody who has not said who they are. They cause nothing; what they were refused names them so.
    #[must_use]
    pub fn nobody() -> Self {
        Self::Operator(SmolStr::new_static("nobody"))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(name) => write!(f, "operator {name}"),
            Self::Token {
                person: Some(_), name, ..
            } => write!(f, "person {name}"),
            Self::Token { name, .. } => write!(f, "program {name}"),
            Self::Runner(id) => write!(f, "runner {id}"),
            Self::Coordinator => f.write_str("coordinator"),
        }
    }
}
