//! With which code the command ends. The codes are part of what a script may rely on.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked to.
    Success,
    /// It failed; standard error says why.
    Failure,
    /// It did what it was asked to, and what it was asked about is in Error.
    InError,
    /// Its command line was wrong, so it did nothing.
    Usage,
    /// Ctrl-C has ended it before it was done.
    Interrupted,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::InError => 2,
            Self::Usage => 64,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// All codes with what they mean. `docs/cli.md` has the same list, as a test sees to.
pub const CODES: [(u8, &str); 7] = [
    (0, "it did what it was asked to"),
    (1, "it failed; standard error says why, and what to type next"),
    (2, "it did so, and what it was asked about is in Error"),
    (4, "`dev` was stopped, and some of it did not end in time"),
    (64, "the command line is wrong; nothing was done"),
    (78, "`dev` cannot start with these settings"),
    (
        130,
        "ended by Ctrl-C; `execution watch` and `dev`, which go on until then, end with 0",
    ),
];

/// The list as help texts show it.
pub fn help() -> String {
    let mut help = "Exit codes:".to_owned();
    for (code, meaning) in CODES {
        // Writing into a `String` does not fail.
        let _ = write!(help, "\n  {code:>3}  {meaning}");
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_a_code_of_the_list() {
        let codes: Vec<u8> = CODES.iter().map(|(code, _)| *code).collect();
        for exit in [
            Exit::Success,
            Exit::Failure,
            Exit::InError,
            Exit::Usage,
            Exit::Interrupted,
        ] {
            assert!(codes.contains(&exit.code()), "{exit:?}");
        }
        for exit in [
            muster_process::Exit::Success,
            muster_process::Exit::Failure,
            muster_process::Exit::Lingering,
            muster_process::Exit::Configuration,
        ] {
            assert!(codes.contains(&exit.code()), "{exit:?}");
        }
    }

    #[test]
    fn the_page_has_the_same_list() {
        let page = include_str!("../../../docs/cli.md");
        let start = page.find("## Exit codes").expect("the chapter is there");
        let rows: Vec<&str> = page[start..]
            .lines()
            .filter(|line| line.starts_with("| "))
            .skip(2)
            .collect();
        let expected = CODES.map(|(code, meaning)| format!("| {code} | {meaning} |"));
        assert_eq!(rows, expected);
    }
}
