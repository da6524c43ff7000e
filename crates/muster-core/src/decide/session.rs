//! What becomes of a runner's session, and with it of what the runner holds.

pub mod check_in;
pub mod drain;
pub mod lapse;
pub mod presence;
pub mod withdraw;

use crate::decide::execution::retry;
use crate::decide::{CloseReason, Decision, Effect, Message, check};
use crate::entity::{Execution, Phase};
use crate::event::Event;
use crate::planted;
use crate::roster::{Excuse, RosterChange};
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{Category, Failure, LogLevel, Reason, ReasonKind, RunnerId, SessionId};

/// Adds to a decision that a runner is not there any more.
fn leave(state: &State, runner: RunnerId, last_heard: Stamp, decision: &mut Decision) {
    decision.events.push(Event::RunnerLeft { runner, last_heard });
    decision.roster.push(RosterChange::Removed(runner));
    desert(state, runner, decision);
}

/// Adds to a decision that a runner is not there any more, and that its session is closed, if it has one.
pub(super) fn expel(state: &State, runner: RunnerId, what: &str, why: CloseReason, decision: &mut Decision) {
    check::lose(state, runner, what, decision);
    let Some(presence) = state.roster().presence(runner) else {
        return;
    };
    leave(state, runner, presence.heard_at, decision);
    if let Some(session) = presence.session {
        decision.effects.push(Effect::Send {
            runner,
            session,
            message: Message::Close(why),
        });
    }
}

/// Adds to a decision that the pool of a runner has none any more, if that is the last of those that are there.
fn desert(state: &State, runner: RunnerId, decision: &mut Decision) {
    let Some(runner) = state.ledger().runner(runner) else {
        return;
    };
    let pool = &runner.profile.pool;
    if runner.left.is_none() && state.index().pools().present(pool) == 1 {
        decision.roster.push(RosterChange::Deserted(pool.clone()));
    }
}

/// Adds to a decision that an attempt is lost with its runner: that counts as a failure, so that a runner which crashes over an execution does not
/// do so for ever. It counts as none when the runner had to give it up through no fault of its own.
pub(super) fn lose(
    state: &State,
    execution: &Execution,
    why: String,
    now: Now,
    chance: &mut fastrand::Rng,
    decision: &mut Decision,
) {
    if let Some(excuse) = excuse(state, execution) {
        let why = match excuse {
            Excuse::StoodStill { .. } => "was lost while the coordinator itself stood still",
            Excuse::Suspended => "has ended, since its organization was suspended",
        };
        return requeue(state, execution, why, decision);
    }
    let failure = Failure::new(Category::RunnerLost, why);
    let failure = match execution.holder() {
        Some(claim) => failure.with_reason(Reason::new(ReasonKind::RunnerSilent, claim.runner.to_string())),
        None => failure,
    };
    retry::or_fail(state, execution, failure, None, now, chance, decision);
    forget(execution, decision);
}

/// Adds to a decision that what a runner has not accepted yet goes to others at once.
fn give_back(state: &State, runner: RunnerId, session: SessionId, decision: &mut Decision) {
    for id in state.index().held_by(runner) {
        let Some(execution) = state.ledger().execution(id) else {
            continue;
        };
        if matches!(execution.phase, Phase::Pending(_)) && state.roster().is_unconfirmed(id) {
            withdraw(state, execution, decision);
            let message = Message::Fence {
                execution: id,
                attempt: execution.attempt,
            };
            decision.effects.push(Effect::Send {
                runner,
                session,
                message,
            });
        }
    }
}

/// Adds to a decision that a claim is withdrawn: queued again at once, and no failure.
fn withdraw(state: &State, execution: &Execution, decision: &mut Decision) {
    let why = "was not confirmed by its runner";
    requeue(state, execution, why, decision);
}

/// Why it is not its runner's failure that an attempt is lost; `None` when it is.
fn excuse(state: &State, execution: &Execution) -> Option<Excuse> {
    if state.index().rests(&execution.organization) {
        return Some(Excuse::Suspended);
    }
    if planted!("given-up-counts") {
        return None;
    }
    state.roster().presence(execution.holder()?.runner)?.excuse
}

fn requeue(state: &State, execution: &Execution, why: &str, decision: &mut Decision) {
    decision.effects.push(Effect::Note {
        execution: execution.id,
        level: LogLevel::Warn,
        message: format!("attempt {} {why}: queued again", execution.attempt),
    });
    decision.events.push(Event::ExecutionReturned {
        execution: execution.id,
        failures: execution.failures + u32::from(planted!("withdrawal-counted")),
        failure: None,
        reported: None,
        not_before: None,
    });
    retry::follow(state, execution, decision);
    forget(execution, decision);
}

fn forget(execution: &Execution, decision: &mut Decision) {
    decision.roster.push(RosterChange::Settled(execution.id));
    match &execution.phase {
        Phase::Pending(claim) | Phase::Executing(claim) => {
            decision.effects.push(Effect::Discard {
                execution: execution.id,
                attempt: claim.attempt,
            });
        }
        Phase::Created { .. } | Phase::Landing(..) => {}
    }
}
