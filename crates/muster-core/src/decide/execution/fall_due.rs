//! The time of a collection has come.

use crate::decide::execution::queue;
use crate::decide::organization::quota;
use crate::decide::{Answer, Decision};
use crate::event::Event;
use crate::planted;
use crate::schedule::{Grid, SkipReason, advance};
use crate::state::State;
use crate::time::Now;
use crate::words::{DataType, IntegrationId, Origin};

/// A data type of an integration may be due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallDue {
    /// Which integration.
    pub integration: IntegrationId,
    /// Which data type.
    pub data_type: DataType,
}

impl FallDue {
    /// Queues the newest nominal time that has come, and records the others as skipped; all of them while an execution is still open, or the organization
    /// has as many as it may. Nothing happens when nothing is due.
    #[must_use]
    pub fn decide(self, state: &State, now: Now, chance: &mut fastrand::Rng) -> Decision {
        let Some(integration) = state.ledger().integration(self.integration) else {
            return Decision::nothing();
        };
        let Some(collection) = integration.collections.get(&self.data_type) else {
            return Decision::nothing();
        };
        let Some(due) = collection.next.filter(|due| *due <= now.stamp) else {
            return Decision::nothing();
        };
        let still_open = state.index().open(integration.id, &self.data_type).is_some() && !planted!("due-piles-up");
        let grid = Grid::of(integration.id, collection.interval);
        let is_full = || {
            let own = state.ledger().organization(&integration.organization);
            own.is_some_and(|own| quota::judge_open(state, own, 1).is_err())
        };
        let blocked = if still_open {
            Some(SkipReason::StillOpen)
        } else {
            is_full().then_some(SkipReason::QuotaReached)
        };
        let advance = advance(grid, collection.schedule, due, now.stamp, blocked);
        let mut decision = Decision::event(Event::ScheduleAdvanced {
            integration: integration.id,
            data_type: self.data_type.clone(),
            skip: advance.skip,
            next: advance.next,
        });
        if let Some(nominal) = advance.run {
            let (execution, created) = queue(
                integration.id,
                &integration.organization,
                &integration.definition,
                &self.data_type,
                Origin::Schedule {
                    nominal,
                    revision: collection.schedule,
                },
                now,
                chance,
            );
            decision.events.push(created);
            decision.answer = Answer::Executions(vec![execution]);
        }
        decision
    }
}
