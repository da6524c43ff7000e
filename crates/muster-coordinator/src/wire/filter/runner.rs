//! What runners can be filtered by.

use muster_core::entity::{Barred, Runner};
use muster_core::roster::Presence;
use muster_proto::v1::RunnerStatus;

use super::comparison::{Is, When, one_of, text};
use super::{Comparison, Condition, parse};
use crate::wire::FieldFault;
use crate::wire::runner::{last_seen, status};

/// All that there is, as an error tells it.
const KNOWN: &[&str] = &[
    "status",
    "online",
    "display_name",
    "pool",
    "version",
    "connectors",
    "first_seen_time",
    "last_seen_time",
];

/// Which runners are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunnerFilter(Condition<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Status(Is<RunnerStatus>),
    Online(Is<bool>),
    DisplayName(Is<String>),
    Pool(Is<String>),
    Version(Is<String>),
    Connectors(Is<String>),
    FirstSeen(When),
    LastSeen(When),
}

impl RunnerFilter {
    /// # Errors
    /// [`FieldFault`] with the place of the fault.
    pub(crate) fn parse(filter: &str) -> Result<Self, FieldFault> {
        parse(filter, Term::judge).map(Self)
    }

    /// `presence` is `None` when the runner's lease is over, `barred` while it may check in.
    pub(crate) fn takes(&self, runner: &Runner, presence: Option<&Presence>, barred: Option<Barred>) -> bool {
        let profile = &runner.profile;
        let known = |term: &Term| {
            Some(match term {
                Term::Status(is) => is.holds(is.value == status(presence, barred)),
                Term::Online(is) => is.holds(is.value == presence.is_some_and(|one| one.session.is_some())),
                Term::DisplayName(is) => is.holds(is.value == profile.display_name.as_str()),
                Term::Pool(is) => is.holds(is.value == profile.pool.name.as_str()),
                Term::Version(is) => is.holds(is.value == profile.version.as_str()),
                Term::Connectors(is) => is.holds(profile.connectors.iter().any(|one| is.value == one.as_str())),
                Term::FirstSeen(when) => when.holds(Some(runner.first_seen)),
                Term::LastSeen(when) => when.holds(Some(last_seen(runner, presence))),
            })
        };
        self.0.holds(&known) == Some(true)
    }
}

impl Term {
    fn judge(comparison: Comparison) -> Result<Self, FieldFault> {
        Ok(match comparison.field.as_str() {
            "status" => Self::Status(comparison.is(runner_status)?),
            "online" => Self::Online(comparison.is(|value| one_of(value, "", &[("true", true), ("false", false)]))?),
            "display_name" => Self::DisplayName(comparison.is(text)?),
            "pool" => Self::Pool(comparison.is(text)?),
            "version" => Self::Version(comparison.is(text)?),
            "connectors" => Self::Connectors(comparison.has(text)?),
            "first_seen_time" => Self::FirstSeen(comparison.when()?),
            "last_seen_time" => Self::LastSeen(comparison.when()?),
            _ => return Err(comparison.unknown(KNOWN)),
        })
    }
}

fn runner_status(value: &str) -> Result<RunnerStatus, String> {
    let known = [
        ("READY", RunnerStatus::Ready),
        ("BUSY", RunnerStatus::Busy),
        ("DRAINING", RunnerStatus::Draining),
        ("EXCLUDED", RunnerStatus::Excluded),
        ("TOO_OLD", RunnerStatus::TooOld),
        ("OFFLINE", RunnerStatus::Offline),
        ("UNKNOWN", RunnerStatus::Unknown),
        ("REVOKED", RunnerStatus::Revoked),
    ];
    one_of(value, "RUNNER_STATUS_", &known)
}
