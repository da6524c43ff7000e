//! What commands print: tables and facts for people, JSON for programs.

pub mod json;
pub mod records;
pub mod table;
pub mod text;
pub mod time;
pub mod words;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use table::Table;
use text::Tone;

/// How a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Tables and sentences, for people
    Table,
    /// One JSON document; what goes on, such as `execution watch`, is one in a line each
    Json,
    /// JSON lines: one document a line, also of a list
    Jsonl,
}

impl Format {
    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
        }
    }

    /// Whether the result is for a program.
    pub fn is_for_programs(self) -> bool {
        match self {
            Self::Json | Self::Jsonl => true,
            Self::Table => false,
        }
    }
}

/// Standard output, in the format that was asked for.
#[derive(Debug)]
pub struct Output {
    /// What was asked for.
    pub format: Format,
    painted: bool,
    out: BufWriter<Stdout>,
}

impl Output {
    /// Standard output; colours where people see them.
    pub fn new(format: Format) -> Self {
        let out = io::stdout();
        let painted = painted(out.is_terminal(), |name| std::env::var_os(name));
        Self {
            format,
            painted,
            out: BufWriter::new(out),
        }
    }

    /// Whether the result is for a program.
    pub fn is_for_programs(&self) -> bool {
        self.format.is_for_programs()
    }

    /// Prints one line of text.
    ///
    /// # Errors
    /// [`Error::Output`]; so do all that print.
    pub fn line(&mut self, line: impl AsRef<str>) -> Result<(), Error> {
        writeln!(self.out, "{}", line.as_ref()).map_err(Error::Output)
    }

    /// Prints a table.
    pub fn table(&mut self, table: &Table) -> Result<(), Error> {
        write!(self.out, "{}", table.render(self.painted)).map_err(Error::Output)
    }

    /// Prints the one thing that was asked for, as a JSON document.
    pub fn document(&mut self, document: &impl Serialize) -> Result<(), Error> {
        match self.format {
            Format::Jsonl => self.document_line(document),
            Format::Json | Format::Table => {
                serde_json::to_writer_pretty(&mut self.out, document).map_err(|error| Error::Output(error.into()))?;
                self.line("")
            }
        }
    }

    /// Prints the things that were asked for: as one array, or each in a line of its own.
    pub fn documents(&mut self, documents: &[impl Serialize]) -> Result<(), Error> {
        match self.format {
            Format::Jsonl => documents.iter().try_for_each(|one| self.document_line(one)),
            Format::Json | Format::Table => self.document(&documents),
        }
    }

    /// Prints a JSON document as one line, for those that follow each other.
    pub fn document_line(&mut self, document: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, document).map_err(|error| Error::Output(error.into()))?;
        self.line("")
    }

    /// Prints bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(Error::Output)
    }

    /// Empties the terminal, before what stands on it is told anew. Elsewhere what was told stays.
    pub fn clear(&mut self) -> Result<(), Error> {
        if self.out.get_ref().is_terminal() && !self.is_for_programs() {
            return self.bytes(b"\x1b[2J\x1b[H");
        }
        Ok(())
    }

    /// Lets out what was printed so far. Whoever waits for more calls it first.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::Output)
    }

    /// The text in its tone's colour, where colours are wanted.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if self.painted {
            tone.paint(text)
        } else {
            text.to_owned()
        }
    }
}

/// Whether there are colours: on a terminal that can show them, unless `NO_COLOR` is set; elsewhere only where `CLICOLOR_FORCE` asks for
/// them. As clap does it for the help texts. Such a variable counts as not set when it is empty, and `CLICOLOR_FORCE=0` asks for nothing.
fn painted(terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    terminal && set("TERM").is_some_and(|value| value != "dumb")
}

/// Tells something beside the result: on standard error, so that a pipe does not get it.
pub fn note(text: impl AsRef<str>) {
    // Whoever has closed standard error does not want to be told.
    let _ = writeln!(io::stderr(), "{}", text.as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_and_for_those_who_ask() {
        let with = |terminal, set: &[(&str, &str)]| {
            painted(terminal, |name| {
                let value = set.iter().find(|(one, _)| *one == name);
                value.map(|(_, value)| OsString::from(value))
            })
        };
        let xterm = ("TERM", "xterm-256color");
        assert!(with(true, &[xterm]));
        assert!(!with(false, &[xterm]));
        assert!(!with(true, &[]));
        assert!(!with(true, &[("TERM", "dumb")]));
        assert!(!with(true, &[xterm, ("NO_COLOR", "1")]));
        assert!(with(true, &[xterm, ("NO_COLOR", "")]));
        assert!(with(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!with(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!with(true, &[xterm, ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }
}
