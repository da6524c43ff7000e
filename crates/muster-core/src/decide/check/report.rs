//! A runner says how a check has ended.

use crate::decide::{CheckEnd, Decision, Effect};
use crate::event::Event;
use crate::planted;
use crate::roster::RosterChange;
use crate::state::State;
use crate::time::Now;
use crate::words::{CheckId, Failure, RunnerId, SessionId};

/// The source could be read, or could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportCheck {
    /// Who says it.
    pub runner: RunnerId,
    /// On which session.
    pub session: SessionId,
    /// Of which check.
    pub check: CheckId,
    /// Why it cannot be read; `None` when it can.
    pub failure: Option<Failure>,
}

impl ReportCheck {
    /// The result is recorded, unless the configuration has been changed in between. Nothing happens for one that nobody waits for (any more), or from
    /// another runner or session than was asked.
    #[must_use]
    pub fn decide(self, state: &State, now: Now) -> Decision {
        let asked = |asked: &&_| {
            let crate::roster::Check { runner, session, .. } = *asked;
            (*runner, *session) == (self.runner, self.session) || planted!("check-result-of-another-runner-taken")
        };
        let Some(check) = state.roster().checks().get(self.check).filter(asked) else {
            return Decision::nothing();
        };
        let current = state.ledger().integration(check.integration);
        let is_current = current.is_some_and(|integration| {
            integration.revision == check.revision || planted!("check-of-old-revision-counts")
        });
        let mut decision = Decision::roster(RosterChange::CheckEnded(self.check));
        if is_current {
            decision.events.push(Event::IntegrationChecked {
                integration: check.integration,
                revision: check.revision,
                runner: self.runner,
                failure: self.failure.clone(),
            });
        }
        decision.effects.push(Effect::CheckEnded {
            check: self.check,
            end: CheckEnd::Reported {
                failure: self.failure,
                took: now.moment.since(check.began),
                outdated: !is_current,
            },
        });
        decision
    }
}
