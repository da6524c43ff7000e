//! What a command would lead to: for requests that only ask whether they are in order.

use std::sync::Arc;

use muster_core::decide::{Answer, Command, Decision, Rejection, decide};
use muster_core::entity::Integration;
use muster_core::event::{Event, Recorded};
use muster_core::health::Conditions;
use muster_core::ledger::{Entity, Ledger, Position};
use muster_core::state::State;
use muster_core::words::Sequence;
use muster_shard::Turn;

use super::told_with;
use crate::caller::Call;
use crate::status::ServiceError;
use crate::wire::integration::Told;

/// What would follow from a command. Nothing happens.
///
/// # Errors
/// What the command would be refused with.
pub(crate) fn judge_command(turn: &Turn<'_>, by: &Call, command: Command) -> Result<Decision, Rejection> {
    decide(
        turn.state(),
        &by.principal(),
        command,
        turn.now(),
        &mut fastrand::Rng::new(),
    )
}

/// What events would make of this; of nothing, where they create. Nothing happens.
pub(crate) fn applied(turn: &Turn<'_>, by: &Call, events: Vec<Event>, before: Option<Entity>) -> Ledger {
    let mut copy = Ledger::default();
    if let Some(before) = before {
        copy.load(before, Sequence(0));
    }
    for (ordinal, event) in (0..).zip(events) {
        let position = Position {
            sequence: Sequence(1),
            ordinal,
        };
        let recorded = Recorded {
            at: turn.now().stamp,
            by: by.principal(),
            event,
        };
        copy.apply(position, &recorded);
    }
    copy
}

/// The integration as it would be after the command. Nothing happens: the same `decide` judges it, and its events are applied to a copy of what
/// they concern.
///
/// # Errors
/// What the command would be refused with.
pub(super) fn preview(
    turn: &Turn<'_>,
    by: &Call,
    command: Command,
    before: Option<&Integration>,
) -> Result<Told, ServiceError> {
    let (state, now) = (turn.state(), turn.now());
    let decision = judge_command(turn, by, command)?;
    // Whatever changes an integration leaves its id as it is; only a new one is known by the answer.
    let id = match (before, &decision.answer) {
        (Some(before), _) => before.id,
        (None, Answer::Integration(id)) => *id,
        (
            None,
            Answer::Done
            | Answer::Person(_)
            | Answer::Token(_)
            | Answer::Organization(_)
            | Answer::Executions(_)
            | Answer::Welcome(_)
            | Answer::Barred(_)
            | Answer::Certified { .. }
            | Answer::Checking { .. },
        ) => {
            return Err(ServiceError::internal(
                "the creation of an integration has answered with something else",
            ));
        }
    };
    let mut copy = Ledger::default();
    if let Some(before) = before {
        copy.load(Entity::Integration(before.clone()), Sequence(0));
        for execution in state
            .index()
            .open_of(before.id)
            .filter_map(|id| state.of(&before.organization).execution(id))
        {
            copy.load(Entity::Execution(execution.clone()), Sequence(0));
        }
    }
    let mut copy = State::starting(copy, *state.roster().limits(), Arc::default(), now);
    for (ordinal, event) in (0..).zip(decision.events) {
        let recorded = Recorded {
            at: now.stamp,
            by: by.principal(),
            event,
        };
        copy.apply(
            Position {
                sequence: Sequence(1),
                ordinal,
            },
            &recorded,
        );
    }
    let after = copy.everywhere().integration(id);
    let after = after.ok_or_else(|| ServiceError::internal("a command about an integration has left none"))?;
    // How its runners are, and who has checked it, is not in the copy.
    Ok(told_with(&mut Conditions::new(state, now), &copy, after, now))
}
