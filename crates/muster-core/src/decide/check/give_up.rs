//! A runner has not said in time how a check has ended.

use crate::decide::Decision;
use crate::decide::check::leave_unanswered;
use crate::state::State;
use crate::words::CheckId;

/// The time for a check is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GiveUpCheck {
    /// Which.
    pub check: CheckId,
}

impl GiveUpCheck {
    /// Whoever waits for it learns that there is no answer; nothing is recorded. A runner that lives tells by itself when its time is over.
    #[must_use]
    pub fn decide(self, state: &State) -> Decision {
        let mut decision = Decision::nothing();
        if let Some(check) = state.roster().checks().get(self.check) {
            let limits = state.roster().limits();
            let what = format!("was silent for {} s", (limits.check + limits.lease_grace).as_secs());
            leave_unanswered(state, self.check, check, &what, &mut decision);
        }
        decision
    }
}
