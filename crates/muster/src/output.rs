//! What commands print: tables and facts for people, JSON for programs.

pub mod json;
pub mod table;
pub mod text;
pub mod time;
pub mod words;

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::error::Error;
use table::Table;
use text::Tone;

/// How a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences, for people
    Table,
    /// One JSON document of what the API says; commands that follow something print one in a line each
    Json,
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
    /// Standard output. Colours only on a terminal, and only where `NO_COLOR` is unset or empty.
    pub fn new(format: Format) -> Self {
        let out = io::stdout();
        let painted = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            format,
            painted,
            out: BufWriter::new(out),
        }
    }

    /// Whether the result is for a program.
    pub fn is_json(&self) -> bool {
        match self.format {
            Format::Json => true,
            Format::Table => false,
        }
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

    /// Prints a JSON document over several lines.
    pub fn document(&mut self, document: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer_pretty(&mut self.out, document).map_err(|error| Error::Output(error.into()))?;
        self.line("")
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

/// Tells something beside the result: on standard error, so that a pipe does not get it.
pub fn note(text: impl AsRef<str>) {
    // Whoever has closed standard error does not want to be told.
    let _ = writeln!(io::stderr(), "{}", text.as_ref());
}
