//! Why work on an execution has failed.

use super::Reason;

/// The kind of a failure: it decides whether the work is tried again, and what a person is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The source refused: a permission or credential is missing.
    Permission,
    /// The integration's configuration is wrong.
    Configuration,
    /// The source could not be reached, or the connection broke.
    Communication,
    /// A bug or a crash of the connector.
    Connector,
    /// The work took longer than it may.
    Timeout,
    /// The runner that held the execution was not heard of any more.
    RunnerLost,
    /// The records could not be put into the landing.
    Landing,
    /// A person, or the end of the integration, canceled it.
    Canceled,
}

impl Category {
    /// All categories, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Permission,
        Self::Configuration,
        Self::Communication,
        Self::Connector,
        Self::Timeout,
        Self::RunnerLost,
        Self::Landing,
        Self::Canceled,
    ];

    /// Whether trying again may help. The others need a person, so they are final at once.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Communication | Self::Timeout | Self::RunnerLost | Self::Landing => true,
            Self::Permission | Self::Configuration | Self::Connector | Self::Canceled => false,
        }
    }

    /// The category's name, as on the wire and in documentation: `runner_lost`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Configuration => "configuration",
            Self::Communication => "communication",
            Self::Connector => "connector",
            Self::Timeout => "timeout",
            Self::RunnerLost => "runner_lost",
            Self::Landing => "landing",
            Self::Canceled => "canceled",
        }
    }
}

/// What went wrong, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub category: Category,
    /// What happened, to what: "connection refused by dc1:636". At most [`Failure::MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
    /// What exactly has failed, where somebody knows. Its kind is one of the category's.
    pub reason: Option<Box<Reason>>,
    /// What to do next, where the connector knows better than the [catalogue](crate::remedy); `None` means that the catalogue says it.
    pub remedy: Option<String>,
}

impl Failure {
    /// The most bytes of a message, and of a remedy: a failure is kept in the journal and in history, so it is bounded.
    pub const MESSAGE_BYTES_MAX: usize = 2_048;

    /// A failure of which nothing more is known. A longer message is cut.
    #[must_use]
    pub fn new(category: Category, message: impl Into<String>) -> Self {
        Self {
            category,
            message: cut(message.into()),
            reason: None,
            remedy: None,
        }
    }

    /// A failure of which it is known what exactly has failed. A longer message is cut.
    #[must_use]
    pub fn because(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(reason.kind.category(), message).with_reason(reason)
    }

    /// The same failure with what exactly has failed. A reason of another category is left out: it could only mislead.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        if reason.kind.category() == self.category {
            self.reason = Some(Box::new(reason));
        }
        self
    }

    /// The same failure with a remedy of its own. A longer one is cut.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(cut(remedy.into()));
        self
    }
}

fn cut(mut text: String) -> String {
    if text.len() > Failure::MESSAGE_BYTES_MAX {
        let end = text.floor_char_boundary(Failure::MESSAGE_BYTES_MAX - '…'.len_utf8());
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::ReasonKind;

    #[test]
    fn a_message_is_bounded_at_a_character() {
        let failure = Failure::new(Category::Connector, "ä".repeat(2_000));
        assert!(failure.message.len() <= Failure::MESSAGE_BYTES_MAX);
        assert!(failure.message.ends_with("ä…"));
    }

    #[test]
    fn a_reason_of_another_category_is_left_out() {
        let failure = Failure::new(Category::Timeout, "too slow");
        let misled = failure.clone().with_reason(Reason::new(ReasonKind::Refused, "dc1:636"));
        assert_eq!(misled, failure);
        let because = Failure::because(Reason::new(ReasonKind::Refused, "dc1:636"), "dc1:636 refuses");
        assert_eq!(because.category, Category::Communication);
        assert!(because.reason.is_some());
    }
}
