//! What comparisons of each kind of field mean.

use muster_core::time::Stamp;
use muster_process::nearest;

use super::fault;
use super::parse::{Comparison, cut};
use super::token::Comparator;
use crate::wire::FieldFault;

/// A field is this value, or is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Is<T> {
    pub(super) value: T,
    negated: bool,
}

impl<T> Is<T> {
    /// Whether it holds where the field's being the value is `equal`.
    pub(super) fn holds(&self, equal: bool) -> bool {
        equal != self.negated
    }

    /// The value that the field must have; `None` when it must not.
    pub(super) fn only(&self) -> Option<&T> {
        (!self.negated).then_some(&self.value)
    }
}

/// A time is before, at or after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    comparator: Comparator,
    stamp: Stamp,
}

impl When {
    /// Whether it holds for a field; one without a time is neither before nor after any.
    pub(super) fn holds(&self, actual: Option<Stamp>) -> bool {
        let Some(actual) = actual else {
            return self.comparator == Comparator::NotEqual;
        };
        match self.comparator {
            Comparator::Equal | Comparator::Has => actual == self.stamp,
            Comparator::NotEqual => actual != self.stamp,
            Comparator::Less => actual < self.stamp,
            Comparator::LessOrEqual => actual <= self.stamp,
            Comparator::Greater => actual > self.stamp,
            Comparator::GreaterOrEqual => actual >= self.stamp,
        }
    }
}

impl When {
    /// Whether it holds for nothing that is older than this.
    pub(super) fn excludes_older_than(&self, at: Stamp) -> bool {
        match self.comparator {
            Comparator::Equal | Comparator::Has | Comparator::GreaterOrEqual => at < self.stamp,
            Comparator::Greater => at <= self.stamp,
            Comparator::NotEqual | Comparator::Less | Comparator::LessOrEqual => false,
        }
    }
}

impl Comparison {
    /// Compared by `=` or `!=`, with a value that `judge` knows.
    pub(super) fn is<T>(&self, judge: impl FnOnce(&str) -> Result<T, String>) -> Result<Is<T>, FieldFault> {
        let negated = match self.comparator {
            Comparator::Equal => false,
            Comparator::NotEqual => true,
            Comparator::Less
            | Comparator::LessOrEqual
            | Comparator::Greater
            | Comparator::GreaterOrEqual
            | Comparator::Has => return Err(self.compares_by("`=` or `!=`")),
        };
        let value = judge(&self.value).map_err(|problem| self.has_value(problem))?;
        Ok(Is { value, negated })
    }

    /// One of several values: compared by `:`, which says that they have this one.
    pub(super) fn has<T>(&self, judge: impl FnOnce(&str) -> Result<T, String>) -> Result<Is<T>, FieldFault> {
        if self.comparator != Comparator::Has {
            return Err(self.compares_by("`:`, which asks whether it has the value"));
        }
        let value = judge(&self.value).map_err(|problem| self.has_value(problem))?;
        Ok(Is { value, negated: false })
    }

    /// Compared with a time by any comparator but `:`.
    pub(super) fn when(&self) -> Result<When, FieldFault> {
        if self.comparator == Comparator::Has {
            return Err(self.compares_by("`=`, `!=`, `<`, `<=`, `>` or `>=`"));
        }
        let stamp = stamp(&self.value).ok_or_else(|| {
            self.has_value("must be a time by RFC 3339, between quotation marks: \"2026-11-25T08:00:00Z\"".to_owned())
        })?;
        Ok(When {
            comparator: self.comparator,
            stamp,
        })
    }

    /// The field is none of these.
    pub(super) fn unknown(&self, known: &[&str]) -> FieldFault {
        let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let hint = nearest(&self.field, known.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
        let problem = format_args!(
            "`{}` cannot be compared: this list is filtered by {}{}",
            cut(&self.field),
            names.join(", "),
            hint.unwrap_or_default()
        );
        fault(self.field_at, problem)
    }

    fn compares_by(&self, comparators: &str) -> FieldFault {
        let problem = format_args!("`{}` is compared by {comparators}", cut(&self.field));
        fault(self.comparator_at, problem)
    }

    fn has_value(&self, problem: String) -> FieldFault {
        let (field, value) = (cut(&self.field), cut(&self.value));
        fault(
            self.value_at,
            format_args!("`{field}` is compared with `{value}`: {problem}"),
        )
    }
}

/// A text as it is.
pub(super) fn text(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

/// One of these names, which may also be written with the enum's prefix, as answers write them.
pub(super) fn one_of<T: Copy>(value: &str, prefix: &str, known: &[(&str, T)]) -> Result<T, String> {
    let name = value.strip_prefix(prefix).unwrap_or(value);
    let found = known.iter().find(|(one, _)| *one == name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(one, _)| format!("`{one}`")).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn stamp(text: &str) -> Option<Stamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    let millis = u64::try_from(time.as_millisecond()).ok()?;
    Some(Stamp::from_millis(millis))
}
