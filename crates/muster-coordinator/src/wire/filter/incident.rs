//! What incidents can be filtered by.

use muster_core::entity::Incident;
use muster_core::words::IntegrationId;
use muster_proto::v1::{IncidentCause, NoticeDeliveryState};

use super::comparison::{Is, When, one_of};
use super::{Comparison, Condition, parse};
use crate::wire::FieldFault;
use crate::wire::incident::{cause, delivery_state};

/// All that there is, as an error tells it.
const KNOWN: &[&str] = &["state", "cause", "integration", "deliveries", "open_time"];

const CAUSES: [(&str, IncidentCause); 4] = [
    ("ERROR_RATE", IncidentCause::ErrorRate),
    ("POOL_OFFLINE", IncidentCause::PoolOffline),
    ("RUNNER_OUTDATED", IncidentCause::RunnerOutdated),
    ("RUNNER_CLONED", IncidentCause::RunnerCloned),
];

/// Which incidents are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IncidentFilter(Condition<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Open(Is<bool>),
    Cause(Is<IncidentCause>),
    Integration(Is<IntegrationId>),
    Deliveries(Is<NoticeDeliveryState>),
    OpenTime(When),
}

impl IncidentFilter {
    /// # Errors
    /// [`FieldFault`] with the place of the fault.
    pub(crate) fn parse(filter: &str) -> Result<Self, FieldFault> {
        parse(filter, Term::judge).map(Self)
    }

    pub(crate) fn takes(&self, incident: &Incident) -> bool {
        let known = |term: &Term| {
            Some(match term {
                Term::Open(is) => is.holds(is.value == incident.closed.is_none()),
                Term::Cause(is) => is.holds(is.value == cause(&incident.cause)),
                Term::Integration(is) => is.holds(Some(is.value) == incident.cause.integration()),
                Term::Deliveries(is) => {
                    let mut deliveries = incident.notices.iter().flat_map(|notice| &notice.deliveries);
                    is.holds(deliveries.any(|one| delivery_state(&one.state) == is.value))
                }
                Term::OpenTime(when) => when.holds(Some(incident.opened)),
            })
        };
        self.0.holds(&known) == Some(true)
    }
}

impl Term {
    fn judge(comparison: Comparison) -> Result<Self, FieldFault> {
        Ok(match comparison.field.as_str() {
            "state" => Self::Open(
                comparison.is(|value| one_of(value, "INCIDENT_STATE_", &[("OPEN", true), ("CLOSED", false)]))?,
            ),
            "cause" => Self::Cause(comparison.is(|value| one_of(value, "INCIDENT_CAUSE_", &CAUSES))?),
            "integration" => Self::Integration(comparison.is(integration)?),
            "deliveries" => Self::Deliveries(comparison.has(state)?),
            "open_time" => Self::OpenTime(comparison.when()?),
            _ => return Err(comparison.unknown(KNOWN)),
        })
    }
}

/// By its name, or by the last part of that.
fn integration(value: &str) -> Result<IntegrationId, String> {
    let id = value.rsplit('/').next().unwrap_or(value);
    id.parse()
        .map_err(|_| "must be the name of an integration, or the UUID at its end".to_owned())
}

fn state(value: &str) -> Result<NoticeDeliveryState, String> {
    let known = [
        ("WAITING", NoticeDeliveryState::Waiting),
        ("SENT", NoticeDeliveryState::Sent),
        ("DEAD", NoticeDeliveryState::Dead),
    ];
    one_of(value, "NOTICE_DELIVERY_STATE_", &known)
}
