//! Text as it may appear on a terminal: cleaned, cut, padded, coloured.

pub use muster_process::progress::{cut, width};

/// What a word's colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Somebody should look.
    Bad,
    /// Something is going on.
    Busy,
    /// Nothing is going on.
    Quiet,
}

impl Tone {
    /// The text between the escape codes of the colour.
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Busy => "36",
            Self::Quiet => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// The text in one line, without characters that would act on a terminal instead of being shown: what the coordinator passes on was
/// said by sources and runners, and may hold anything.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() || changes_direction(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Marks by which a text can be made to read as another one.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The longest word that an error repeats whole: longer than a path or an address that somebody has typed on purpose.
const WORD_COLUMNS_MAX: usize = 1_000;

/// How much is shown of a word that is longer.
const WORD_COLUMNS_CUT: usize = 80;

/// The text with each word cut that is too long to be meant; what ends it (a quotation mark, a colon) stays.
pub fn cut_words(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        if width(word) <= WORD_COLUMNS_MAX {
            return word.to_owned();
        }
        let end = word.trim_end_matches(|c: char| c.is_ascii_punctuation()).len();
        cut(&word[..end], WORD_COLUMNS_CUT) + &word[end..]
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The text in exactly this many columns: cut, or followed by blanks.
pub fn pad(text: &str, columns: usize) -> String {
    let mut padded = cut(text, columns);
    let missing = columns.saturating_sub(width(&padded));
    padded.extend(std::iter::repeat_n(' ', missing));
    padded
}

/// A number with its thousands apart: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes in the unit that suits it: `45.2 KB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if number < 1_000 {
        return format!("{number} B");
    }
    // Tenths of the unit, so that no float rounds 999.96 KB up to 1000.0 KB.
    let mut tenths = number / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `1 record`, `2 records`.
pub fn count(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", thousands(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_a_terminal_is_shown_instead() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb c\u{fffd}d");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("東京都庁", 5), "東京…");
        assert_eq!(pad("東京", 6), "東京  ");
        assert_eq!(pad("laptops", 5), "lapt…");
    }

    #[test]
    fn only_words_that_nobody_means_are_cut() {
        let long = "x".repeat(WORD_COLUMNS_MAX);
        assert_eq!(cut_words(&format!("a {long} b")), format!("a {long} b"));
        let cut = format!("a `{}…`: b", "x".repeat(WORD_COLUMNS_CUT - 2));
        assert_eq!(cut_words(&format!("a `{long}`: b")), cut);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(45_230), "45.2 KB");
        assert_eq!(bytes(999_960), "999.9 KB");
        assert_eq!(bytes(1_000_000), "1.0 MB");
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(2_000, "record"), "2,000 records");
    }
}
