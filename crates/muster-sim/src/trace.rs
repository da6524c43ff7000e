//! What happened, for a person, and how often.

use std::collections::BTreeMap;
use std::fmt;

use crate::agenda::Millis;

/// What happened in one world.
#[derive(Debug, Default)]
pub struct Trace {
    text: Option<String>,
    /// Short names for what has long ids, in the order in which they appear.
    names: BTreeMap<u128, String>,
    counts: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<&'static str, u32>,
}

impl Trace {
    /// A trace that keeps its text if `on`; it always counts.
    pub fn new(on: bool) -> Self {
        Self {
            text: on.then(String::new),
            ..Self::default()
        }
    }

    /// Whether the text is kept.
    pub fn is_on(&self) -> bool {
        self.text.is_some()
    }

    /// Adds a line.
    pub fn line(&mut self, now: Millis, what: fmt::Arguments<'_>) {
        if let Some(text) = &mut self.text {
            use fmt::Write as _;
            let _ = writeln!(text, "{:>8}.{:03} {what}", now / 1_000, now % 1_000);
        }
    }

    /// Counts something that happened: a fault or a transition.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// How often each thing happened.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The short name of an id; the first time it is asked for, it gets one.
    pub fn name(&mut self, kind: &'static str, id: u128) -> String {
        if self.text.is_none() {
            return String::new();
        }
        if let Some(name) = self.names.get(&id) {
            return name.clone();
        }
        let number = self.kinds.entry(kind).or_default();
        *number += 1;
        let name = format!("{kind}{number}");
        self.names.insert(id, name.clone());
        name
    }

    /// A text with the short names in the place of the ids in it.
    pub fn shortened(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, name) in &self.names {
            let long = muster_core::words::ExecutionId(*id).to_string();
            text = text.replace(&long, name);
        }
        text
    }
}

/// Adds a line to a world's trace, if that is kept.
macro_rules! say {
    ($world:expr, $($what:tt)*) => {
        if $world.trace.is_on() {
            let now = $world.now;
            $world.trace.line(now, format_args!($($what)*));
        }
    };
}

/// Stops the world: a rule is broken.
macro_rules! broken {
    ($($what:tt)*) => {
        panic!($($what)*)
    };
}

pub(crate) use {broken, say};
