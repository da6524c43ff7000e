//! With which code a process ends, and how it tells why.

use std::error::Error;
use std::process::{ExitCode, Termination};

use crate::ConfigError;

/// How a process ends. The codes are part of what an operator may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it did what it was asked to, or was told to stop and did so in time.
    Success,
    /// 1: it failed; the log says why.
    Failure,
    /// 3: it did what it was asked to, and what it looked at is damaged.
    Damage,
    /// 4: it was told to stop, and some tasks did not within the time that they had; the log names them.
    Lingering,
    /// 78: its configuration is wrong, so starting it again will not help.
    Configuration,
}

impl Exit {
    /// The code that the operating system gets. 2 is missing: that is the command line's parser's, for a wrong command line.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Damage => 3,
            Self::Lingering => 4,
            Self::Configuration => 78,
        }
    }

    /// How a process ends because of this error: the one that is told, or a cause of it, decides.
    #[must_use]
    pub fn because_of(error: &(dyn Error + 'static)) -> Self {
        let configuration = causes(error).any(|cause| cause.is::<ConfigError>());
        if configuration {
            Self::Configuration
        } else {
            Self::Failure
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}

/// The error and its causes in one line: `cannot read the file: permission denied`. A cause that says no more than what it caused, as in what other crates
/// pass on, is told once.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut told: Vec<String> = causes(error).map(ToString::to_string).collect();
    told.dedup();
    told.join(": ")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TaskError;
    use std::io;
    use std::path::Path;

    #[test]
    fn a_wrong_configuration_is_recognised_among_the_causes() {
        let wrong = crate::load::<String>(Path::new("/nowhere")).expect_err("no file");
        let error = TaskError::Failed {
            task: "main".into(),
            source: wrong.into(),
        };
        assert_eq!(Exit::because_of(&error), Exit::Configuration);
        assert_eq!(Exit::because_of(&io::Error::other("full")), Exit::Failure);
    }

    #[test]
    fn the_chain_tells_each_cause_once() {
        let error = TaskError::Failed {
            task: "listener".into(),
            source: io::Error::other("address in use").into(),
        };
        assert_eq!(chain(&error), "task `listener` has failed: address in use");

        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct PassedOn(#[source] io::Error);
        let error = PassedOn(io::Error::other("connection refused"));
        assert_eq!(chain(&error), "connection refused");
    }
}
