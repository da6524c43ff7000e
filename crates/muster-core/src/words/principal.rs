//! Who causes a command.

use std::fmt;

use smol_str::SmolStr;

use super::RunnerId;

/// Who causes a command, and so every event that follows from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// A person or a program with an operator's rights, by the name that the authentication gave.
    Operator(SmolStr),
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
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(name) => write!(f, "operator {name}"),
            Self::Runner(id) => write!(f, "runner {id}"),
            Self::Coordinator => f.write_str("coordinator"),
        }
    }
}
