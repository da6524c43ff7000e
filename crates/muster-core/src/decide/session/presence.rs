//! A runner is heard, says that it will leave, or its stream ends.

use crate::decide::check;
use crate::decide::session::{give_back, leave};
use crate::decide::{Decision, Rejection};
use crate::planted;
use crate::roster::RosterChange;
use crate::state::State;
use crate::words::{RunnerId, SessionId};

/// Something came in on a runner's stream: its lease begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hear {
    /// Who.
    pub runner: RunnerId,
    /// On which session.
    pub session: SessionId,
}

impl Hear {
    /// Renews the lease of the runner's newest session.
    ///
    /// # Errors
    /// [`Rejection::SessionOver`] for any other session, whose messages count for nothing.
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        if has_session(state, self.runner, self.session) {
            Ok(Decision::roster(RosterChange::Heard(self.runner)))
        } else {
            Err(Rejection::SessionOver(self.session))
        }
    }
}

/// A runner will leave: it finishes what it has and takes nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Who.
    pub runner: RunnerId,
    /// On which session.
    pub session: SessionId,
}

impl Drain {
    /// Nothing more is assigned to it, and what it has not accepted yet goes to others at once.
    ///
    /// # Errors
    /// [`Rejection::SessionOver`] for any but its newest session.
    pub fn decide(self, state: &State) -> Result<Decision, Rejection> {
        if !has_session(state, self.runner, self.session) {
            return Err(Rejection::SessionOver(self.session));
        }
        let mut decision = Decision::roster(RosterChange::Draining(self.runner));
        give_back(state, self.runner, self.session, &mut decision);
        Ok(decision)
    }
}

/// A runner's stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect {
    /// Who.
    pub runner: RunnerId,
    /// Which session.
    pub session: SessionId,
}

impl Disconnect {
    /// The runner has the rest of its lease to come back. One that drained and holds nothing will not, so it has left.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        if !has_session(state, self.runner, self.session) {
            return Decision::nothing();
        }
        let Some(presence) = state.roster().presence(self.runner) else {
            return Decision::nothing();
        };
        let mut decision = Decision::nothing();
        check::lose(state, self.runner, "lost its connection, or ended,", &mut decision);
        if presence.draining && presence.held == 0 {
            leave(state, self.runner, presence.heard_at, &mut decision);
        } else {
            decision.roster.push(RosterChange::Disconnected(self.runner));
        }
        decision
    }
}

fn has_session(state: &State, runner: RunnerId, session: SessionId) -> bool {
    state
        .roster()
        .presence(runner)
        .is_some_and(|presence| presence.session == Some(session) || planted!("any-session-counts"))
}
