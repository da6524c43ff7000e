//! What people are told of a runner whose key is used at two places.

use crate::alert::{self, Verdict};
use crate::decide::Decision;
use crate::decide::incident::review::{channels, tell};
use crate::entity::{Cause, CloneEvidence, Evidence};
use crate::event::Event;
use crate::state::State;
use crate::time::Now;
use crate::words::{IncidentId, RunnerId};

/// Adds to a decision by which the runner is locked that its organization is told. The service's own runners are no organization's business.
pub(in crate::decide) fn open(
    state: &State,
    runner: RunnerId,
    now: Now,
    chance: &mut fastrand::Rng,
    decision: &mut Decision,
) {
    let Some(known) = state.ledger().runner(runner) else {
        return;
    };
    let Some(organization) = &known.profile.organization else {
        return;
    };
    let evidence = CloneEvidence {
        display_name: known.profile.display_name.clone(),
        pool: known.profile.pool.name.clone(),
        locked: now.stamp,
    };
    let opened = Event::IncidentOpened {
        incident: IncidentId::generate(now.stamp, chance),
        organization: organization.clone(),
        cause: Cause::RunnerCloned { runner },
        evidence: Evidence::RunnerCloned(evidence),
        channels: channels(&state.index().policy().recipients),
    };
    tell(opened, decision);
}

/// Closes the runner's incident when its time has come.
pub(super) fn review(state: &State, runner: RunnerId, now: Now) -> Decision {
    let mut decision = Decision::nothing();
    let cause = Cause::RunnerCloned { runner };
    let policy = state.index().policy();
    let open = state.index().alerts().open(&cause);
    let Some(open) = open else { return decision };
    let told = state
        .ledger()
        .incident(open.incident)
        .and_then(|incident| incident.notices.back());
    let Some(told) = told else { return decision };
    if let Some(Verdict::Close(closing)) = alert::clone::judge(open.told, policy, now.stamp) {
        let closed = Event::IncidentClosed {
            incident: open.incident,
            integration: None,
            closing,
            evidence: told.evidence.clone(),
            channels: channels(&policy.recipients),
        };
        tell(closed, &mut decision);
    }
    decision
}
