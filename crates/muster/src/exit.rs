//! With which code the command ends. The codes are part of what a script may rely on.

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
}

/// The table of the codes, as every help text that is asked for by `--help` at the top shows it.
pub const HELP: &str = "\
Exit codes:
    0  it did what it was asked to
    1  it failed; standard error says why, and what to type next
    2  it did so, and what it was asked about is in Error
   64  the command line is wrong
  130  ended by Ctrl-C (`execution watch`, which goes on until then, ends with 0)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::InError => 2,
            Exit::Usage => 64,
        })
    }
}
