//! What people ask of integrations.

pub mod create;
pub mod delete;
pub mod disable;
pub mod enable;
pub mod pause;
pub mod update;

use std::collections::BTreeMap;

use crate::decide::{Rejection, organization};
use crate::entity::{Definition, Integration, PerDataType};
use crate::planted;
use crate::schedule::Grid;
use crate::state::State;
use crate::time::{Interval, Stamp};
use crate::words::{DataType, IntegrationId, OrganizationId};

/// The integration of this id, for a change, if it belongs to the organization and that is not suspended. A foreign one and a missing one give the same
/// answer.
pub(crate) fn find<'a>(
    state: &'a State,
    organization: &OrganizationId,
    id: IntegrationId,
) -> Result<&'a Integration, Rejection> {
    organization::judge_active(state, organization)?;
    let found = state
        .ledger()
        .integration(id)
        .filter(|found| found.organization == *organization || planted!("organization-not-compared"));
    found.ok_or(Rejection::IntegrationNotFound(id))
}

/// Refuses the name of another integration, and one that collects nothing.
fn judge(
    state: &State,
    organization: &OrganizationId,
    own: Option<IntegrationId>,
    definition: &Definition,
    intervals: &PerDataType<Interval>,
) -> Result<(), Rejection> {
    if intervals.is_empty() {
        return Err(Rejection::NoDataTypes);
    }
    match state.index().named(organization, definition.display_name.as_str()) {
        Some(integration) if Some(integration) != own => Err(Rejection::NameTaken {
            display_name: definition.display_name.clone(),
            integration,
        }),
        Some(_) | None => Ok(()),
    }
}

/// The upcoming collections of an integration whose schedule begins after `after`.
fn first_times(id: IntegrationId, intervals: &PerDataType<Interval>, after: Stamp) -> BTreeMap<DataType, Stamp> {
    intervals
        .iter()
        .map(|(data_type, interval)| (data_type.clone(), Grid::of(id, *interval).next_after(after)))
        .collect()
}
