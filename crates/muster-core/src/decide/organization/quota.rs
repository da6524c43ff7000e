//! What an organization may have of each thing. What is counted stands in the index, so that to judge costs the same however much there is.

use crate::decide::Rejection;
use crate::entity::Organization;
use crate::planted;
use crate::state::State;
use crate::words::Quota;

/// Refuses so many more integrations than there are.
pub(crate) fn judge_integrations(state: &State, organization: &Organization, more: usize) -> Result<(), Rejection> {
    let count = state.index().integration_count(&organization.id);
    let limit = organization.quotas.integrations;
    judge(organization, Quota::Integrations, limit, (count, more))
}

/// Refuses so many more runners than there are.
pub(crate) fn judge_runners(state: &State, organization: &Organization, more: usize) -> Result<(), Rejection> {
    let count = state.index().runner_count(&organization.id);
    let limit = organization.quotas.runners;
    judge(organization, Quota::Runners, limit, (count, more))
}

/// Refuses so many more open executions than there are.
pub(crate) fn judge_open(state: &State, organization: &Organization, more: usize) -> Result<(), Rejection> {
    let count = state.index().open_count_of(&organization.id);
    let limit = organization.quotas.open_executions;
    judge(organization, Quota::OpenExecutions, limit, (count, more))
}

fn judge(
    organization: &Organization,
    quota: Quota,
    limit: Option<u32>,
    (count, more): (usize, usize),
) -> Result<(), Rejection> {
    let Some(limit) = limit else { return Ok(()) };
    let room = (limit as usize + usize::from(planted!("quota-one-too-many"))).saturating_sub(count);
    // What takes nothing is refused nothing, also where there is too much already.
    if more == 0 || more <= room {
        return Ok(());
    }
    Err(Rejection::QuotaReached {
        organization: organization.id.clone(),
        quota,
        limit,
        count,
    })
}
