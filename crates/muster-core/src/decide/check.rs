//! A person wants to know whether the source of an integration can be read, and a runner tries.
//!
//! A check is no execution: it takes no slot, collects nothing, and is not tried again. It is in the roster from when a runner is asked until that
//! has said how it ended ([`report`]), its session is over, or its time is ([`give_up`]). Only what the runner has said is an event.

pub mod begin;
pub mod give_up;
pub mod report;

use crate::decide::{CheckEnd, Decision, Effect};
use crate::event::Event;
use crate::explain;
use crate::planted;
use crate::roster::{Check, RosterChange};
use crate::state::State;
use crate::words::{Category, CheckId, Failure, RunnerId};

/// Adds to a decision that all checks of a runner end without an answer, since its session does. That says nothing about their sources.
pub(super) fn lose(state: &State, runner: RunnerId, what: &str, decision: &mut Decision) {
    for (id, check) in state.roster().checks().of(runner) {
        leave_unanswered(state, id, check, what, decision);
    }
}

fn leave_unanswered(state: &State, id: CheckId, check: &Check, what: &str, decision: &mut Decision) {
    let why = format!(
        "the runner `{}` {what} before it had an answer",
        explain::name(state, check.runner)
    );
    if planted!("lost-check-counts") {
        decision.events.push(Event::IntegrationChecked {
            integration: check.integration,
            revision: check.revision,
            runner: check.runner,
            failure: Some(Failure::new(Category::RunnerLost, why.clone())),
        });
    }
    decision.roster.push(RosterChange::CheckEnded(id));
    let end = CheckEnd::Unanswered { why };
    decision.effects.push(Effect::CheckEnded { check: id, end });
}
