//! Why work on an execution has failed.

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

    /// What a person does about it, where nothing more is known.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Permission => "verify the credentials and the permissions that the source grants to this integration",
            Self::Configuration => "correct the integration's configuration, then run it again",
            Self::Communication => {
                "check that the runner can reach the source: name resolution, firewall, proxy and TLS"
            }
            Self::Connector => "read the execution's log lines and report the fault to the connector's author",
            Self::Timeout => "check how fast the source answers, or give the runner a longer time-out per execution",
            Self::RunnerLost => "check the runner's host: its service, memory and connection to the coordinator",
            Self::Landing => "check the coordinator's landing: its free space, permissions and reachability",
            Self::Canceled => "nothing: run it again when it is wanted",
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
    /// What to do next, where the connector knows better than [`Category::remedy`]; `None` means that the category's text applies.
    pub remedy: Option<String>,
}

impl Failure {
    /// The most bytes of a message, and of a remedy: a failure is kept in the journal and in history, so it is bounded.
    pub const MESSAGE_BYTES_MAX: usize = 2_048;

    /// A failure with the category's own remedy. A longer message is cut.
    #[must_use]
    pub fn new(category: Category, message: impl Into<String>) -> Self {
        Self {
            category,
            message: cut(message.into()),
            remedy: None,
        }
    }

    /// The same failure with a remedy of its own. A longer one is cut.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(cut(remedy.into()));
        self
    }

    /// What a person does about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        self.remedy.as_deref().unwrap_or(self.category.remedy())
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

    #[test]
    fn a_message_is_bounded_at_a_character() {
        let failure = Failure::new(Category::Connector, "ä".repeat(2_000));
        assert!(failure.message.len() <= Failure::MESSAGE_BYTES_MAX);
        assert!(failure.message.ends_with("ä…"));
    }

    #[test]
    fn the_connectors_remedy_goes_before_the_categorys() {
        let failure = Failure::new(Category::Permission, "403");
        assert_eq!(failure.remedy(), Category::Permission.remedy());
        assert_eq!(failure.with_remedy("grant devices.read").remedy(), "grant devices.read");
    }
}
