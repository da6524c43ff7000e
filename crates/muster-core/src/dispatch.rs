//! The dispatch plan: who gets what next. Pure, and one step at a time, so that each step sees what the one before has changed.

pub mod stuck;

use crate::decide::execution::claim::Claim;
use crate::index::{Head, Lane};
use crate::planted;
use crate::state::State;

/// The next assignment; `None` when nobody waits, or nobody who could take it has room. After all steps have been carried out there is none, so a
/// plan that is made twice changes nothing.
///
/// Over all lanes that have both a waiting execution and a free slot, the organization that holds least in its lane goes first, then who was created
/// first; the runner with the most free slots gets it.
#[must_use]
pub fn next(state: &State) -> Option<Claim> {
    let (waiting, vacancies) = (state.index().waiting(), state.roster().vacancies());
    // Whichever is fewer is looked through: a coordinator has many idle lanes, or many waiting ones, and seldom both.
    let (head, lane) = if waiting.len() <= vacancies.len() {
        first(state, waiting.iter())
    } else {
        first(state, vacancies.keys().flat_map(|lane| waiting_beside(state, lane)))
    }?;
    let runner = state.roster().vacancy(lane)?;
    Some(Claim {
        execution: head.ticket.1,
        runner,
    })
}

/// The lanes in which somebody waits for the runners of this one, whatever keys they need.
fn waiting_beside<'a>(state: &'a State, lane: &'a Lane) -> impl Iterator<Item = &'a Lane> {
    let behind = state.index().waiting().range(lane..);
    behind.take_while(|waiting| waiting.is_beside(lane))
}

fn first<'a>(state: &State, lanes: impl Iterator<Item = &'a Lane>) -> Option<(Head, &'a Lane)> {
    let waiting = state.index().waiting();
    lanes
        .filter(|lane| !planted!("lane-ignored") || waiting.len() == 1 || waiting.last() != Some(*lane))
        .filter(|lane| state.roster().vacancy(lane).is_some())
        .filter_map(|lane| Some((state.index().queue(lane)?.head()?, lane)))
        .min_by_key(|(head, _)| *head)
}
