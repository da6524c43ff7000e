//! What the service's own staff asks of organizations.

pub mod create;
pub mod delete;
pub mod erase;
pub mod found;
pub(crate) mod quota;
pub mod resume;
pub mod suspend;
pub mod update;

use crate::decide::{Answer, Decision, Rejection};
use crate::entity::{Organization, OrganizationState};
use crate::event::{Event, OrganizationChange};
use crate::state::State;
use crate::words::OrganizationId;

/// The organization of this id, if there is one; one that was deleted is none.
pub(crate) fn find<'a>(state: &'a State, id: &OrganizationId) -> Result<&'a Organization, Rejection> {
    let found = state.ledger().organization(id).filter(|found| found.exists());
    found.ok_or_else(|| Rejection::OrganizationNotFound(id.clone()))
}

/// Refuses what makes or changes anything in an organization where nothing new happens.
pub(crate) fn judge_active<'a>(state: &'a State, id: &OrganizationId) -> Result<&'a Organization, Rejection> {
    let found = find(state, id)?;
    judge(found)?;
    Ok(found)
}

/// Whether new things happen in an organization.
///
/// # Errors
/// [`Rejection::OrganizationSuspended`], [`Rejection::OrganizationClosing`].
pub fn judge(organization: &Organization) -> Result<(), Rejection> {
    let id = organization.id.clone();
    match &organization.state {
        OrganizationState::Active => Ok(()),
        OrganizationState::Suspended { reason, .. } => Err(Rejection::OrganizationSuspended {
            organization: id,
            reason: reason.clone(),
        }),
        OrganizationState::Closing { .. } | OrganizationState::Deleted { .. } => {
            Err(Rejection::OrganizationClosing(id))
        }
    }
}

/// Refuses a change that was made from another version; `None` changes whatever is there.
fn judge_version(organization: &Organization, version: Option<u32>) -> Result<(), Rejection> {
    match version {
        Some(version) if version != organization.version => Err(Rejection::OrganizationStale(organization.id.clone())),
        Some(_) | None => Ok(()),
    }
}

fn changed(organization: &OrganizationId, change: Option<OrganizationChange>) -> Decision {
    let event = |change| Event::OrganizationChanged {
        organization: organization.clone(),
        change,
    };
    Decision {
        events: change.map(event).into_iter().collect(),
        answer: Answer::Organization(organization.clone()),
        ..Decision::default()
    }
}
