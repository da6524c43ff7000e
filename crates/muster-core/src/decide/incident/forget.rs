//! An incident has been over for long.

use std::time::Duration;

use crate::decide::Decision;
use crate::event::Event;
use crate::state::State;
use crate::words::IncidentId;

/// How long an incident is remembered after its end.
pub const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Forget an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forget {
    /// Which.
    pub incident: IncidentId,
}

impl Forget {
    /// It is gone, if it is over and nobody waits to be told of it.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        let found = state.ledger().incident(self.incident);
        match found.and_then(crate::entity::Incident::forgettable) {
            Some(_) => Decision::event(Event::IncidentForgotten {
                incident: self.incident,
            }),
            None => Decision::nothing(),
        }
    }
}
