//! How far something is: one line of standard error, drawn anew as it changes, on a terminal only.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The least time between two drawings: faster than people read costs only.
const DRAWN_EVERY: Duration = Duration::from_millis(100);

/// The most columns: a line that a terminal breaks cannot be taken back.
const COLUMNS_MAX: usize = 79;

/// Back to the first column, and nothing right of it.
const TAKE_BACK: &str = "\r\u{1b}[K";

/// A line that says how far something is. It is taken back before anything else is printed, and at the end.
#[derive(Debug)]
pub struct Progress {
    /// Whether anybody sees it.
    seen: bool,
    drawn: Option<Instant>,
}

impl Progress {
    /// For work whose result goes to standard output. Nothing is drawn where standard error is no terminal, or one that cannot go back.
    #[must_use]
    pub fn new() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self {
            seen: io::stderr().is_terminal() && !dumb,
            drawn: None,
        }
    }

    /// For work whose result is drawn over by it as it comes: nothing where that goes to a terminal too.
    #[must_use]
    pub fn beside_output() -> Self {
        let beside = Self::new();
        Self {
            seen: beside.seen && !io::stdout().is_terminal(),
            ..beside
        }
    }

    /// For what comes between lines of the result: nothing where these do not go to a terminal too, and so tell it all themselves.
    #[must_use]
    pub fn between_lines() -> Self {
        let between = Self::new();
        Self {
            seen: between.seen && io::stdout().is_terminal(),
            ..between
        }
    }

    /// Whether anybody sees it.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// Draws the line that `text` makes, unless one was drawn a moment ago.
    pub fn tell(&mut self, text: impl FnOnce() -> String) {
        if !self.seen || self.drawn.is_some_and(|drawn| drawn.elapsed() < DRAWN_EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        draw(&format!("{TAKE_BACK}{}", cut(&text(), COLUMNS_MAX)));
    }

    /// Takes the line back, so that something else can be printed.
    pub fn clear(&mut self) {
        if self.drawn.take().is_some() {
            draw(TAKE_BACK);
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn draw(text: &str) {
    let mut stderr = io::stderr().lock();
    // Whoever has closed standard error does not want to be told.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// How many columns of a terminal the text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, cut to this many columns; what was cut shows as `…`.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken < columns
        })
        .collect();
    kept.push('…');
    kept
}
