//! What is told: a line for each figure for people, and one line of JSON for programs.

use std::fmt;

use serde_json::{Map, Value, json};

use super::arguments::Scale;

/// A figure with its name, what it counts, and what it should be.
pub(crate) struct Row {
    key: &'static str,
    what: String,
    value: Option<f64>,
    digits: usize,
    target: Option<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    AtMost(f64),
    LessThan(f64),
}

/// A figure of three digits after the point; `None` is what was left out.
pub(crate) fn row(key: &'static str, what: impl Into<String>, value: Option<f64>) -> Row {
    let what = what.into();
    let (digits, target) = (3, None);
    Row {
        key,
        what,
        value,
        digits,
        target,
    }
}

impl Row {
    pub(crate) fn digits(self, digits: usize) -> Self {
        Self { digits, ..self }
    }

    pub(crate) fn at_least(self, least: f64) -> Self {
        self.should(Target::AtLeast(least))
    }

    pub(crate) fn at_most(self, most: f64) -> Self {
        self.should(Target::AtMost(most))
    }

    pub(crate) fn less_than(self, most: f64) -> Self {
        self.should(Target::LessThan(most))
    }

    fn should(self, target: Target) -> Self {
        let target = Some(target);
        Self { target, ..self }
    }
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::LessThan(most) => value < most,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::AtLeast(value) | Self::AtMost(value) | Self::LessThan(value) => value,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::AtLeast(_) => "≥",
            Self::AtMost(_) => "≤",
            Self::LessThan(_) => "<",
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, digits, .. } = self;
        let Some(value) = self.value else {
            return write!(f, "{what:<84} {:>14}", "-");
        };
        write!(f, "{what:<84} {value:>14.digits$}")?;
        match self.target {
            None => Ok(()),
            Some(target) => {
                let verdict = if target.is_met(value) { "met" } else { "MISSED" };
                write!(f, "  {} {}: {verdict}", target.sign(), target.value())
            }
        }
    }
}

/// Prints all figures, the JSON last.
pub(super) fn print(rows: &[Row], scale: &Scale) {
    println!();
    let (mut object, mut targets) = (Map::new(), Map::new());
    for row in rows {
        println!("{row}");
        object.insert(row.key.to_owned(), number(row.value, row.digits));
        if let Some(target) = row.target {
            targets.insert(row.key.to_owned(), json!(target.value()));
        }
    }
    println!();
    object.insert("cores".to_owned(), json!(cores()));
    object.insert("short".to_owned(), json!(scale.short));
    object.insert("targets".to_owned(), Value::Object(targets));
    println!("{}", Value::Object(object));
}

/// What this machine is, and how busy it is with other things.
pub(super) fn print_machine(scale: &Scale) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    println!(
        "{} cores ({}), {} of memory, Linux {}, load before: {}",
        cores(),
        field(&read("/proc/cpuinfo"), "model name"),
        field(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").trim(),
    );
    if scale.short {
        println!("a short run: its figures flatter, and only show that the benchmark works");
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn number(value: Option<f64>, digits: usize) -> Value {
    let scale = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
    match value {
        None => Value::Null,
        Some(value) if digits == 0 => json!(value.round() as u64),
        Some(value) => json!((value * scale).round() / scale),
    }
}
