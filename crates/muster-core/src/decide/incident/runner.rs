//! What people are told of a runner that is older than it should be.

use crate::alert::{self, Verdict};
use crate::decide::Decision;
use crate::decide::incident::review::{channels, tell};
use crate::entity::{Cause, Evidence, Runner, RunnerEvidence};
use crate::event::Event;
use crate::state::State;
use crate::time::Now;
use crate::words::{IncidentId, RunnerId};

/// Opens the runner's incident, or closes it.
pub(super) fn review(state: &State, runner: RunnerId, now: Now, chance: &mut fastrand::Rng) -> Decision {
    let mut decision = Decision::nothing();
    let Some(runner) = state.ledger().runner(runner) else {
        return decision;
    };
    let (cause, policy) = (Cause::RunnerOutdated { runner: runner.id }, state.index().policy());
    let open = state.index().alerts().open(&cause);
    let verdict = alert::runner::judge(runner, open.is_some(), policy, now.stamp);
    let evidence = evidence(state, runner);
    let channels = channels(&policy.recipients);
    match (verdict, open, &runner.profile.organization) {
        (Some(Verdict::Close(closing)), Some(open), _) => {
            let closed = Event::IncidentClosed {
                incident: open.incident,
                integration: None,
                closing,
                evidence,
                channels,
            };
            tell(closed, &mut decision);
        }
        (Some(Verdict::Open), None, Some(organization)) => {
            let opened = Event::IncidentOpened {
                incident: IncidentId::generate(now.stamp, chance),
                organization: organization.clone(),
                cause,
                evidence,
                channels,
            };
            tell(opened, &mut decision);
        }
        (_, _, _) => {}
    }
    decision
}

fn evidence(state: &State, runner: &Runner) -> Evidence {
    let expected = runner.outdated.map(|outdated| outdated.expected);
    Evidence::RunnerOutdated(RunnerEvidence {
        display_name: runner.profile.display_name.clone(),
        pool: runner.profile.pool.name.clone(),
        version: runner.profile.version.clone(),
        expected: expected.unwrap_or(state.index().policy().release),
        checked_in: runner.checked_in,
    })
}
