//! What is wrong with a field of a request.

use std::fmt;

/// A field of a request that is missing or out of bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Where, as a path from the request on: `integration.data_types[2].interval`.
    pub field: String,
    /// What is wrong, and what was expected. Never a value that may be a secret.
    pub problem: String,
}

impl FieldFault {
    pub(crate) fn new(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self {
            field: field.into(),
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}
