//! The last lines that a program wrote on standard error: mostly why it failed.

use std::collections::VecDeque;
use std::fmt;

/// How many lines are kept, and how much of each: a failure's message holds 2 KiB, and this should not be all of it.
const LINES_MAX: usize = 5;
const LINE_BYTES_MAX: usize = 240;

/// The last lines.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<String>);

impl Tail {
    pub(super) fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.0.len() == LINES_MAX {
            self.0.pop_front();
        }
        let end = line.floor_char_boundary(LINE_BYTES_MAX);
        let cut = if end < line.len() { "…" } else { "" };
        self.0.push_back(format!("{}{cut}", &line[..end]));
    }
}

/// `; its standard error ended with: …`, or nothing.
impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, line) in self.0.iter().enumerate() {
            let before = if place == 0 {
                "; its standard error ended with: "
            } else {
                " | "
            };
            write!(f, "{before}{}", line.trim())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_cut() {
        let mut tail = Tail::default();
        assert_eq!(tail.to_string(), "");
        for number in 0..7 {
            tail.push(&format!("  line {number}"));
            tail.push(" ");
        }
        tail.push(&"ä".repeat(1_000));
        let text = tail.to_string();
        let start = "; its standard error ended with: line 3 | line 4 | line 5 | line 6 | ää";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with("ä…") && text.len() < 400, "{text}");
    }
}
