//! What entries of the audit log can be filtered by.

use muster_core::audit::{Entry, Outcome, caller};
use muster_core::time::Stamp;
use muster_proto::v1::AuditOutcome;

use super::comparison::{Is, When, one_of, text};
use super::{Comparison, Condition, parse};
use crate::wire::FieldFault;

/// All that there is, as an error tells it.
const KNOWN: &[&str] = &["event_time", "caller", "method", "resource", "outcome"];

const OUTCOMES: [(&str, AuditOutcome); 3] = [
    ("DONE", AuditOutcome::Done),
    ("REFUSED", AuditOutcome::Refused),
    ("MORE_REFUSED", AuditOutcome::MoreRefused),
];

/// Which entries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditFilter(Condition<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Time(When),
    Caller(Is<String>),
    Method(Is<String>),
    Resource(Is<String>),
    Outcome(Is<AuditOutcome>),
}

impl AuditFilter {
    /// # Errors
    /// [`FieldFault`] with the place of the fault.
    pub(crate) fn parse(filter: &str) -> Result<Self, FieldFault> {
        parse(filter, Term::judge).map(Self)
    }

    pub(crate) fn takes(&self, entry: &Entry) -> bool {
        let note = &entry.note;
        let known = |term: &Term| {
            Some(match term {
                Term::Time(when) => when.holds(Some(entry.at)),
                Term::Caller(is) => {
                    let (_, id, person, name) = caller(&entry.by);
                    is.holds([id, person, name].contains(&is.value))
                }
                Term::Method(is) => {
                    let last = note.method.rsplit('/').next().unwrap_or_default();
                    is.holds(last == is.value || note.method == is.value)
                }
                Term::Resource(is) => is.holds(note.resource.starts_with(&is.value)),
                Term::Outcome(is) => is.holds(is.value == outcome(&note.outcome)),
            })
        };
        self.0.holds(&known) == Some(true)
    }

    /// Whether no entry that is older than this one is meant: there is a time that it must be after.
    pub(crate) fn ends_before(&self, at: Stamp) -> bool {
        self.0
            .needs(&|term| match term {
                Term::Time(when) if when.excludes_older_than(at) => Some(()),
                Term::Time(_) | Term::Caller(_) | Term::Method(_) | Term::Resource(_) | Term::Outcome(_) => None,
            })
            .is_some()
    }
}

fn outcome(outcome: &Outcome) -> AuditOutcome {
    match outcome {
        Outcome::Done => AuditOutcome::Done,
        Outcome::Refused { .. } => AuditOutcome::Refused,
        Outcome::MoreRefused { .. } => AuditOutcome::MoreRefused,
    }
}

impl Term {
    fn judge(comparison: Comparison) -> Result<Self, FieldFault> {
        Ok(match comparison.field.as_str() {
            "event_time" => Self::Time(comparison.when()?),
            "caller" => Self::Caller(comparison.is(text)?),
            "method" => Self::Method(comparison.is(text)?),
            "resource" => Self::Resource(comparison.has(text)?),
            "outcome" => Self::Outcome(comparison.is(|value| one_of(value, "AUDIT_OUTCOME_", &OUTCOMES))?),
            _ => return Err(comparison.unknown(KNOWN)),
        })
    }
}
