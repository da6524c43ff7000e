//! What people are told of a pool that has lost its last runner.

use crate::alert::{self, Verdict};
use crate::decide::Decision;
use crate::decide::incident::review::{channels, tell};
use crate::entity::{Cause, Closing, Evidence, LastRunner, PoolEvidence, Runner};
use crate::event::Event;
use crate::explain::may_come;
use crate::planted;
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{IncidentId, OrganizationId, Pool, PoolName};

/// Tells again of the organization's open incident, or closes it. One opens by [`offline`](super::offline) alone, whose time is on another clock.
pub(super) fn review(state: &State, organization: &OrganizationId, pool: &PoolName, now: Now) -> Decision {
    let mut decision = Decision::nothing();
    let cause = Cause::PoolOffline {
        organization: organization.clone(),
        pool: pool.clone(),
    };
    let Some(open) = state.index().alerts().open(&cause) else {
        return decision;
    };
    let (standing, policy) = (state.index().standing(organization, pool), state.index().policy());
    let (incident, integration) = (open.incident, None);
    let evidence = evidence(state, organization, pool);
    match alert::pool::judge(standing, policy, now.stamp) {
        Some(Verdict::Close(closing)) => {
            let is_silent = closing == Closing::Recovered && planted!("pool-back-not-told");
            let told: &[_] = if is_silent { &[] } else { &policy.recipients };
            let closed = Event::IncidentClosed {
                incident,
                integration,
                closing,
                evidence,
                channels: channels(told),
            };
            tell(closed, &mut decision);
        }
        Some(Verdict::Remind) => {
            let reminded = Event::IncidentReminded {
                incident,
                integration,
                evidence,
                channels: channels(&policy.recipients),
            };
            tell(reminded, &mut decision);
        }
        Some(Verdict::Reach | Verdict::Leave | Verdict::Open) | None => {}
    }
    decision
}

/// Adds to a decision that the organization's incident opens.
pub(super) fn open(
    state: &State,
    organization: &OrganizationId,
    pool: &PoolName,
    now: Now,
    chance: &mut fastrand::Rng,
    decision: &mut Decision,
) {
    let opened = Event::IncidentOpened {
        incident: IncidentId::generate(now.stamp, chance),
        organization: organization.clone(),
        cause: Cause::PoolOffline {
            organization: organization.clone(),
            pool: pool.clone(),
        },
        evidence: evidence(state, organization, pool),
        channels: channels(&state.index().policy().recipients),
    };
    tell(opened, decision);
}

fn evidence(state: &State, organization: &OrganizationId, pool: &PoolName) -> Evidence {
    let pool = Pool::named(organization, pool);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let runners = state.index().runners_of(&pool);
    let runners = runners.filter_map(|id| state.ledger().runner(id));
    let runners = runners.filter(|runner| may_come(state, runner));
    let last = runners.max_by_key(|runner| heard(runner));
    Evidence::PoolOffline(PoolEvidence {
        pool: pool.name.clone(),
        last: last.map(|runner| LastRunner {
            runner: runner.id,
            display_name: runner.profile.display_name.clone(),
            heard: heard(runner).1,
        }),
        integrations: count(state.index().pools().users_of(&pool, organization)),
        executions: count(state.index().queued_for(&pool, organization)),
    })
}

/// Whether it is there, and since when, or when it was heard last.
fn heard(runner: &Runner) -> (bool, Stamp) {
    (runner.left.is_none(), runner.left.unwrap_or(runner.checked_in))
}
