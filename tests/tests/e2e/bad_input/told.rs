//! What people were told, row by row, and the snapshot that it must be the same as.

use std::fmt::Write as _;

use bytes::Bytes;
use tonic::Status;
use tonic_types::StatusExt as _;

/// The longest text that an answer may be: one that repeats 10 MiB helps nobody.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// The texts of a door.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What changes from one run to the next, and what stands for it.
    replaced: Vec<(String, String)>,
    rows: Vec<(String, String)>,
}

impl Told {
    /// Has something of this run stand in the snapshot as something that stays.
    pub(crate) fn replace(&mut self, changing: impl Into<String>, lasting: impl Into<String>) {
        self.replaced.push((changing.into(), lasting.into()));
    }

    /// Takes down what a row was told.
    ///
    /// # Panics
    /// When there is a row of this name already, or the text is too long to be read.
    pub(crate) fn add(&mut self, row: &str, text: &str) {
        assert!(
            self.rows.iter().all(|(known, _)| known != row),
            "two rows are called `{row}`"
        );
        let bytes = text.len();
        assert!(
            bytes <= TEXT_BYTES_MAX,
            "`{row}` was told {bytes} bytes: {}…",
            &text[..200]
        );
        let mut text = text.to_owned();
        for (changing, lasting) in &self.replaced {
            text = text.replace(changing, lasting);
        }
        let text = with_words_replaced(&text, "-", is_id, "<id>");
        let text = with_words_replaced(&text, "-:.", is_time, "<time>");
        self.rows.push((row.to_owned(), text));
    }

    /// All rows, one after the other.
    pub(crate) fn all(&self) -> String {
        let mut all = String::new();
        for (row, text) in &self.rows {
            let _ = writeln!(all, "## {row}\n\n{}\n", text.trim_end());
        }
        all
    }

    /// Compares with the snapshot of this door.
    ///
    /// # Panics
    /// When it is not the same.
    pub(super) fn is_as_reviewed(&self, door: &str) {
        let all = self.all();
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(door, all));
    }
}

/// What whoever called reads: the code, the reason and where it is explained, the message, and what the details say besides.
pub(super) fn answer_text(answer: Result<Vec<Bytes>, Status>) -> String {
    match answer {
        Ok(answers) => format!("served: {} messages", answers.len()),
        Err(status) => status_text(&status),
    }
}

/// The same of a refusal.
pub(super) fn status_text(status: &Status) -> String {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("no reason", |info| &info.reason);
    let help = details.help().and_then(|help| help.links.first());
    let page = help.map_or("no help", |link| link.url.rsplit('/').next().unwrap_or_default());
    let mut text = format!("{:?}, {reason}, {page}\n{}\n", status.code(), status.message());
    for fault in details.bad_request().map_or(&[][..], |bad| &bad.field_violations) {
        let told = format!("{}: {}", fault.field, fault.description);
        // Most messages are made of them.
        if !status.message().contains(&told) {
            let _ = writeln!(text, "  {told}");
        }
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        let _ = writeln!(text, "  again after {delay:?}");
    }
    text
}

/// The text with each wanted word replaced; words are made of letters, digits and these marks.
fn with_words_replaced(text: &str, marks: &str, wanted: impl Fn(&str) -> bool, lasting: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let is_of_a_word = |one: char| one.is_ascii_alphanumeric() || marks.contains(one);
    for piece in text.split_inclusive(|one| !is_of_a_word(one)) {
        let word = piece.trim_end_matches(|one| !is_of_a_word(one));
        replaced.push_str(if wanted(word) { lasting } else { word });
        replaced.push_str(&piece[word.len()..]);
    }
    replaced
}

fn is_id(word: &str) -> bool {
    word.len() == 36 && uuid::Uuid::try_parse(word).is_ok()
}

fn is_time(word: &str) -> bool {
    word.len() >= 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T' && word.starts_with("20")
}
