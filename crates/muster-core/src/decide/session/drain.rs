//! A person lets a runner rest, so that it can be stopped, updated or looked into and nobody's collection is cut off; and lets it work again.
//!
//! Unlike what a runner says when it leaves, this outlasts its session: it stays so, however often the runner checks in, until somebody says otherwise.

use crate::decide::Decision;
use crate::decide::session::give_back;
use crate::event::Event;
use crate::roster::RosterChange;
use crate::state::State;
use crate::words::RunnerId;

/// A runner is to finish what it has and take nothing new, until it is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Who.
    pub runner: RunnerId,
}

impl Drain {
    /// Nothing more is assigned to it, and what it has not accepted yet goes to others at once. Of one that is drained, or that nobody knows, nothing
    /// happens.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        let mut decision = changed(state, self.runner, true);
        let presence = state.roster().presence(self.runner);
        if let Some(session) = presence.and_then(|presence| presence.session)
            && !decision.events.is_empty()
        {
            give_back(state, self.runner, session, &mut decision);
        }
        decision
    }
}

/// A runner is to take work again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Who.
    pub runner: RunnerId,
}

impl Resume {
    /// It gets work as soon as it has free slots. One that has said itself that it leaves goes on leaving. Of one that is not drained, or that nobody
    /// knows, nothing happens.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        changed(state, self.runner, false)
    }
}

fn changed(state: &State, runner: RunnerId, is_drained: bool) -> Decision {
    let known = state.ledger().runner(runner);
    if known.is_none_or(|known| known.drained.is_some() == is_drained) {
        return Decision::nothing();
    }
    let mut decision = Decision::event(Event::RunnerDrained { runner, is_drained });
    decision.roster.push(RosterChange::Drained { runner, is_drained });
    decision
}
