//! What the other end may not say.

use muster_proto::v1::ErrorReason;

/// The other end has broken the protocol: the stream ends with this.
///
/// On the wire each is an `INVALID_ARGUMENT` with the reason that [`ProtocolError::reason`] gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A field is missing or out of bounds.
    #[error("{field}: {problem}")]
    Field {
        /// Where, as a path from the message on: `hello.connectors[2].version`.
        field: String,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// The stream has begun with something else.
    #[error("the first message of a check-in must be a hello: send it before anything else")]
    HelloMissing,
    /// The stream has begun, and nothing came.
    #[error("no hello came within {} s: send it as soon as the stream is open", crate::HELLO_WITHIN.as_secs())]
    HelloLate,
    /// A hello where there was one already.
    #[error("a second hello on one stream: open a new stream to check in anew")]
    HelloRepeated,
    /// The coordinator's stream has begun with something else.
    #[error("the coordinator's first message was no welcome: check that the address is a coordinator's")]
    WelcomeMissing,
    /// A welcome where there was one already.
    #[error("the coordinator has sent a second welcome on one stream: check in anew")]
    WelcomeRepeated,
    /// A message of none of the known kinds.
    #[error("a message of a kind that the coordinator does not know: update the coordinator, or send what it knows")]
    KindUnknown,
}

impl ProtocolError {
    pub(crate) fn field(field: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        Self::Field {
            field: field.into(),
            problem: problem.to_string(),
        }
    }

    /// The same error, with the way to its field prolonged to the front.
    #[must_use]
    pub(crate) fn under(self, prefix: impl std::fmt::Display) -> Self {
        match self {
            Self::Field { field, problem } => Self::Field {
                field: format!("{prefix}.{field}"),
                problem,
            },
            other => other,
        }
    }

    /// The reason in the status that ends the stream.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        match self {
            Self::Field { .. } => ErrorReason::InvalidField,
            Self::HelloMissing
            | Self::HelloLate
            | Self::HelloRepeated
            | Self::WelcomeMissing
            | Self::WelcomeRepeated
            | Self::KindUnknown => ErrorReason::ProtocolViolation,
        }
    }
}
