//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// The longest text of a fault, in characters: it may quote what somebody has put into a value by accident.
const PROBLEM_CHARS_MAX: usize = 500;

/// The most faults that are told: whoever has given another kind of file gets the idea.
const TOLD_MAX: usize = 40;

/// Where a value has come from; in the order in which one goes before another, the last first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Nobody has said anything.
    Default,
    /// It stands in the configuration file.
    File {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The character in that line, from 1.
        column: usize,
    },
    /// An environment variable holds it: its name.
    Variable(String),
    /// It is a flag on the command line: the flag, with its dashes.
    Flag(String),
}

impl Place {
    /// The byte `offset` of a file with this text.
    pub(super) fn in_file(path: &Path, text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        Self::File {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// The key of the setting, as it stands in a file: `tls.certificate`; `None` where it is about no setting.
    pub key: Option<String>,
    /// What is wrong there, and what would be right.
    pub problem: String,
}

impl Fault {
    pub(super) fn new(place: Place, key: Option<&str>, problem: impl fmt::Display) -> Self {
        Self {
            place,
            key: key.map(|key| printable(key, PROBLEM_CHARS_MAX)),
            problem: printable(&problem.to_string(), PROBLEM_CHARS_MAX),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, &self.key) {
            (Place::Default, Some(key)) => write!(f, "`{key}`: {}", self.problem),
            (Place::File { .. }, Some(key)) => write!(f, "{}: `{key}`: {}", self.place, self.problem),
            // A variable or a flag has a name of its own, and that one is looked for.
            (place, _) => write!(f, "{place}: {}", self.problem),
        }
    }
}

/// The text in one line of at most `chars_max` characters, with nothing in it that a terminal would obey.
pub(super) fn printable(text: &str, chars_max: usize) -> String {
    let mut printable = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == chars_max {
            printable.push('…');
            break;
        }
        if letter.is_control() || is_direction(letter) {
            printable.extend(letter.escape_default());
        } else {
            printable.push(letter);
        }
    }
    printable
}

/// Whether it changes the direction of the text after it.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What is wrong with how the process was configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Values are wrong, or the file they should come from.
    #[error("the configuration is wrong, and nothing was started:{}", list(.faults))]
    Faults {
        /// All that is wrong, in the order of its places; never empty.
        faults: Vec<Fault>,
    },
    /// What was configured turned out to be unfit when it was used, and stays so until a person changes something.
    #[error("what is configured cannot be used")]
    Unfit {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ConfigError {
    pub(super) fn faults(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        Self::Faults { faults }
    }

    /// A setting is wrong, wherever it has come from.
    #[must_use]
    pub fn of(key: &str, problem: impl fmt::Display) -> Self {
        Self::faults(vec![Fault::new(Place::Default, Some(key), problem)])
    }

    /// What was configured is unfit, for this reason: whoever starts the process again without a change gets the same.
    pub fn unfit(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unfit { source: source.into() }
    }
}

fn list(faults: &[Fault]) -> String {
    let mut list: String = faults
        .iter()
        .take(TOLD_MAX)
        .map(|fault| format!("\n  {fault}"))
        .collect();
    if let Some(more) = faults.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        list.push_str(&format!("\n  and {more} more"));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_whatever_it_quotes() {
        let fault = Fault::new(
            Place::Flag("--pool".into()),
            Some("pool"),
            "is `a\nb\u{1b}[31m\u{202e}`",
        );
        assert_eq!(fault.to_string(), "--pool: is `a\\nb\\u{1b}[31m\\u{202e}`");
        let long = Fault::new(Place::Default, None, "x".repeat(1_000_000));
        assert_eq!(long.problem.chars().count(), PROBLEM_CHARS_MAX + 1);
    }

    #[test]
    fn of_very_many_faults_some_are_told() {
        let fault = |line| {
            let path = PathBuf::from("a.toml");
            Fault::new(Place::File { path, line, column: 1 }, None, "no")
        };
        let error = ConfigError::faults((1..=100).rev().map(fault).collect()).to_string();
        assert!(
            error.starts_with("the configuration is wrong, and nothing was started:\n  a.toml:1:1: no\n  a.toml:2:1:")
        );
        assert!(error.ends_with("\n  and 60 more"), "{error}");
    }
}
