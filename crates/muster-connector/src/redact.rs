//! Takes the secrets of a configuration out of whatever is said about its source: a secret never shows.
//!
//! It goes by value: a [`Redactor`] knows the secrets themselves, and finds them as they are, percent- and form-encoded, escaped as in JSON,
//! in base64 and in hex, also one of these within another. A connector need not know that it is there. What it is *not* for are records: what the
//! source holds is its data, and lands as it is.
//!
//! What counts as a secret's value:
//! - The whole value, if it has [`SECRET_BYTES_MIN`] bytes or more. To take out "a" wherever it stands would spoil every text and hide nothing.
//! - Each of its lines with [`PART_BYTES_MIN`] bytes or more: keys have many lines, and logs are read line by line.
//! - Each text with as many bytes that stands in it, if it is JSON: keys of cloud services are.
//! - What is left of it where a text was cut, at an `…`.
//!
//! What a program makes of a secret otherwise (a part that it cuts out, a hash, a signature) is not known here.

mod view;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aho_corasick::AhoCorasick;
use memchr::memmem;
use muster_core::words::{Failure, Reason};
use serde_json::Value;

use self::view::{CUT, View};

/// What stands in the place of a secret.
pub const MARK: &str = "[redacted]";

/// The fewest bytes of a secret that is looked for.
pub const SECRET_BYTES_MIN: usize = 4;

/// The fewest bytes of a part of a secret, a line or a text within JSON, that is looked for by itself.
pub const PART_BYTES_MIN: usize = 8;

/// The fewest bytes of a secret's beginning that are taken out before a cut.
const CUT_BYTES_MIN: usize = 2;

/// The fewest bytes that are taken for a piece of a secret where base64 or hex was wrapped into lines.
const WRAPPED_BYTES_MIN: usize = 9;

/// How many encodings within each other are undone: base64 within a URL within JSON.
const DEPTH_MAX: usize = 3;

/// Those that are there: what the process logs is held against all of them.
static KNOWN: Mutex<Vec<Weak<Secrets>>> = Mutex::new(Vec::new());

/// Takes secrets out of texts. Cheap to clone; costs nothing when there are no secrets.
#[derive(Clone, Default)]
pub struct Redactor {
    /// `None`: there are none.
    secrets: Option<Arc<Secrets>>,
}

struct Secrets {
    patterns: Vec<Vec<u8>>,
    search: AhoCorasick,
}

/// Never a value.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// One for these secrets.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut patterns = BTreeSet::new();
        for secret in secrets {
            for value in [secret, secret.trim()] {
                add(value, SECRET_BYTES_MIN, &mut patterns);
            }
        }
        let patterns: Vec<Vec<u8>> = patterns.into_iter().collect();
        if patterns.is_empty() {
            return Self::default();
        }
        // It fails for more patterns or bytes than 32 bits can count, which no configuration has.
        let search = AhoCorasick::new(&patterns).expect("a configuration has no gigabytes of secrets");
        let secrets = Arc::new(Secrets { patterns, search });
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|one| one.strong_count() > 0);
        known.push(Arc::downgrade(&secrets));
        Self { secrets: Some(secrets) }
    }

    /// The text with [`MARK`] in the place of each secret in it.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.secrets {
            Some(secrets) => secrets.redact(text),
            None => Cow::Borrowed(text),
        }
    }

    /// The same for a text that is one's own.
    #[must_use]
    pub fn redact_own(&self, text: String) -> String {
        match self.redact(&text) {
            Cow::Owned(redacted) => redacted,
            Cow::Borrowed(_) => text,
        }
    }

    /// The failure without secrets in any of its texts.
    #[must_use]
    pub fn failure(&self, failure: Failure) -> Failure {
        if self.secrets.is_none() {
            return failure;
        }
        let mut redacted = Failure::new(failure.category, self.redact_own(failure.message));
        if let Some(reason) = failure.reason {
            let mut told = Reason::new(reason.kind, self.redact(&reason.subject));
            if let Some(issuer) = &reason.issuer {
                told = told.with_issuer(self.redact(issuer));
            }
            redacted = redacted.with_reason(told);
        }
        match failure.remedy {
            Some(remedy) => redacted.with_remedy(self.redact_own(remedy)),
            None => redacted,
        }
    }
}

/// A text without the secrets of any redactor that is still there: for what a process logs.
#[must_use]
pub fn redact_known(text: &str) -> Cow<'_, str> {
    let known: Vec<Arc<Secrets>> = {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter_map(Weak::upgrade).collect()
    };
    known
        .iter()
        .fold(Cow::Borrowed(text), |text, secrets| match secrets.redact(&text) {
            Cow::Owned(redacted) => Cow::Owned(redacted),
            Cow::Borrowed(_) => text,
        })
}

/// Adds what is looked for because of a secret, or of a part of one.
fn add(secret: &str, bytes_min: usize, patterns: &mut BTreeSet<Vec<u8>>) {
    if secret.len() < bytes_min {
        return;
    }
    patterns.insert(secret.as_bytes().to_vec());
    patterns.insert(secret.encode_utf16().flat_map(u16::to_le_bytes).collect());
    if !secret.is_ascii() {
        // As a program prints it that does not know of UTF-8, and as that reads where UTF-8 is expected.
        if let Some(latin) = secret.chars().map(|it| u8::try_from(it).ok()).collect() {
            patterns.insert(latin);
        }
        let unreadable = |it: char| if it.is_ascii() { it } else { char::REPLACEMENT_CHARACTER };
        patterns.insert(secret.chars().map(unreadable).collect::<String>().into_bytes());
    }
    let parts = secret.lines().map(str::trim).filter(|part| *part != secret);
    for part in parts {
        add(part, PART_BYTES_MIN, patterns);
    }
    if let Ok(value) = serde_json::from_str::<Value>(secret) {
        add_texts(&value, patterns);
    }
}

fn add_texts(value: &Value, patterns: &mut BTreeSet<Vec<u8>>) {
    match value {
        Value::String(text) => add(text, PART_BYTES_MIN, patterns),
        Value::Array(items) => items.iter().for_each(|item| add_texts(item, patterns)),
        Value::Object(fields) => fields.values().for_each(|item| add_texts(item, patterns)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Secrets {
    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = Vec::new();
        self.look(&View::of(text), DEPTH_MAX, &mut found);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|range| range.start);
        let mut redacted = String::with_capacity(text.len());
        let mut told = 0;
        for range in found {
            // A value in bytes that are no text may begin or end within a character.
            let start = text.floor_char_boundary(range.start);
            let start = before_escape(text, start).max(told);
            let end = text.ceil_char_boundary(range.end);
            if end <= told {
                continue;
            }
            if start > told || told == 0 {
                redacted.push_str(&text[told..start]);
                redacted.push_str(MARK);
            }
            told = end;
        }
        redacted.push_str(&text[told..]);
        Cow::Owned(redacted)
    }

    /// Gathers where secrets stand in the text that a view is of: as the view reads, and as it does with more encodings undone.
    fn look(&self, view: &View, depth: usize, found: &mut Vec<Range<usize>>) {
        self.search(view, found);
        self.search_cuts(view, found);
        if depth == 0 {
            return;
        }
        for inner in view.texts() {
            self.look(&inner, depth - 1, found);
        }
        for packed in view.packed() {
            self.search(&packed, found);
            self.search_cuts(&packed, found);
            self.search_wrapped(&packed, found);
            for inner in packed.texts() {
                self.look(&inner, 0, found);
            }
        }
    }

    fn search(&self, view: &View, found: &mut Vec<Range<usize>>) {
        let all = self.search.find_overlapping_iter(view.bytes());
        found.extend(all.map(|one| view.source(one.range())));
    }

    /// Before each cut, the beginning of a secret.
    fn search_cuts(&self, view: &View, found: &mut Vec<Range<usize>>) {
        for cut in memmem::find_iter(view.bytes(), CUT) {
            let mut before = &view.bytes()[..cut];
            // What was cut within a character.
            while let Some(whole) = before.strip_suffix("\u{fffd}".as_bytes()) {
                before = whole;
            }
            let length = self.patterns.iter().map(|one| beginning(one, before)).max();
            if let Some(length) = length.filter(|length| *length >= CUT_BYTES_MIN) {
                found.push(view.source(before.len() - length..cut));
            }
        }
    }

    /// Pieces of a secret that reach to the ends of a view of what was wrapped into lines.
    fn search_wrapped(&self, view: &View, found: &mut Vec<Range<usize>>) {
        let bytes = view.bytes();
        if bytes.len() < WRAPPED_BYTES_MIN {
            return;
        }
        for secret in self.patterns.iter().filter(|secret| secret.len() > WRAPPED_BYTES_MIN) {
            let first = beginning(secret, bytes);
            if first >= WRAPPED_BYTES_MIN {
                found.push(view.source(bytes.len() - first..bytes.len()));
            }
            // It may be followed by what came after the secret.
            let last = ending(secret, bytes);
            if last >= WRAPPED_BYTES_MIN {
                found.push(view.source(0..last));
            }
            if secret.len() > bytes.len() && memmem::find(secret, bytes).is_some() {
                found.push(view.source(0..bytes.len()));
            }
        }
    }
}

/// How many bytes of a secret's beginning end `text`.
fn beginning(secret: &[u8], text: &[u8]) -> usize {
    let tail = &text[text.len().saturating_sub(secret.len())..];
    let starts = memchr::memchr_iter(secret[0], tail);
    let found = starts.map(|start| &tail[start..]).find(|rest| secret.starts_with(rest));
    found.map_or(0, <[u8]>::len)
}

/// How many bytes of a secret's end begin `text`.
fn ending(secret: &[u8], text: &[u8]) -> usize {
    let head = &text[..text.len().min(secret.len())];
    let ends = memchr::memrchr_iter(secret[secret.len() - 1], head);
    let found = ends.map(|end| &head[..=end]).find(|rest| secret.ends_with(rest));
    found.map_or(0, <[u8]>::len)
}

/// The same place, or that of a backslash before it which escapes what stands there: by itself it would escape the mark.
fn before_escape(text: &str, place: usize) -> usize {
    let backslashes = text[..place].bytes().rev().take_while(|byte| *byte == b'\\').count();
    place - backslashes % 2
}

#[cfg(test)]
mod tests;
