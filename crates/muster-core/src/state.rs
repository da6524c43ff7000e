//! All that a decision looks at: the ledger, what is derived from it, and the roster. The one place where an event becomes true.

use crate::entity::{EntityKey, Finished};
use crate::event::Recorded;
use crate::index::Index;
use crate::ledger::{Ledger, Position};
use crate::roster::{Limits, Roster, RosterChange};
use crate::time::{Moment, Now, Stamp};
use crate::words::{ExecutionId, RunnerId};

/// The state of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    ledger: Ledger,
    index: Index,
    roster: Roster,
}

impl State {
    /// The state of a shard that starts with this ledger: nobody is connected, and the runners that were there get one lease to come back.
    #[must_use]
    pub fn starting(ledger: Ledger, limits: Limits, now: Now) -> Self {
        let index = Index::over(&ledger, now.stamp);
        let mut roster = Roster::new(limits);
        for runner in ledger.runners().filter(|runner| runner.left.is_none()) {
            let held = u32::try_from(index.held_count(runner.id)).unwrap_or(u32::MAX);
            roster.expect(runner.id, held, now.moment, runner.checked_in);
        }
        for holder in index.holders() {
            if roster.presence(holder).is_none() {
                let held = u32::try_from(index.held_count(holder)).unwrap_or(u32::MAX);
                roster.expect(holder, held, now.moment, now.stamp);
            }
        }
        Self { ledger, index, roster }
    }

    /// What is true and durable.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is derived from it.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Who is there.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Applies an event, and returns the execution that it ended, if it ended one.
    pub fn apply(&mut self, position: Position, recorded: &Recorded) -> Option<Finished> {
        let (first, second) = recorded.event.entities();
        let before = self.holder(&first);
        self.take(&first);
        if let Some(second) = &second {
            self.take(second);
        }
        let finished = self.ledger.apply(position, recorded);
        self.put(&first);
        if let Some(second) = &second {
            self.put(second);
        }
        let after = self.holder(&first);
        if before != after {
            for runner in before.into_iter().chain(after) {
                self.roster.note_held(runner, self.index.held_count(runner));
            }
        }
        finished
    }

    /// Applies a change of the roster.
    pub fn change_roster(&mut self, change: RosterChange, now: Now) {
        self.roster.apply(change, now.moment, now.stamp);
    }

    /// Lets the back-offs that have ended by `now` end.
    pub fn end_back_offs(&mut self, now: Stamp) {
        self.index.end_back_offs(&self.ledger, now);
    }

    /// When something is to be done next although nobody asks, on each clock; `None` when nothing is planned there.
    #[must_use]
    pub fn next_timers(&self) -> (Option<Stamp>, Option<Moment>) {
        (self.index.next_timer(), self.roster.next_deadline())
    }

    fn holder(&self, key: &EntityKey) -> Option<RunnerId> {
        let EntityKey::Execution(id) = key else { return None };
        self.ledger.execution(*id)?.holder().map(|claim| claim.runner)
    }

    fn take(&mut self, key: &EntityKey) {
        match key {
            EntityKey::Integration(id) => {
                if let Some(integration) = self.ledger.integration(*id) {
                    self.index.take_integration(integration);
                }
            }
            EntityKey::Execution(id) => {
                if let Some(execution) = self.ledger.execution(*id) {
                    self.index.take_execution(execution);
                }
            }
            EntityKey::Runner(_) | EntityKey::Connector(_) => {}
        }
    }

    fn put(&mut self, key: &EntityKey) {
        match key {
            EntityKey::Integration(id) => {
                if let Some(integration) = self.ledger.integration(*id) {
                    self.index.put_integration(integration);
                }
            }
            EntityKey::Execution(id) => {
                if let Some(execution) = self.ledger.execution(*id) {
                    self.index.put_execution(execution);
                }
            }
            EntityKey::Runner(_) | EntityKey::Connector(_) => {}
        }
    }

    /// Asserts what holds across entities; for tests, the simulator and verification.
    ///
    /// # Panics
    /// When an invariant is broken, with a sentence that names it.
    pub fn assert_invariants(&self) {
        assert_eq!(
            self.index,
            self.index.anew(&self.ledger),
            "the indices are what the ledger says"
        );
        let mut open = std::collections::BTreeSet::new();
        for execution in self.ledger.executions() {
            assert!(
                open.insert((execution.integration, &execution.data_type)),
                "an integration has at most one open execution a data type: {execution:?}"
            );
            self.assert_next_step(execution.id);
        }
        for (runner, presence) in self.roster.presences() {
            let held = u32::try_from(self.index.held_count(runner)).unwrap_or(u32::MAX);
            assert_eq!(presence.held, held, "the roster counts what the ledger says");
        }
    }

    /// No orphan: whoever holds an execution has a lease that ends, whatever waits is in a queue, whatever backs off has a time.
    fn assert_next_step(&self, id: ExecutionId) {
        let Some(execution) = self.ledger.execution(id) else {
            return;
        };
        if let Some(claim) = execution.holder() {
            assert!(
                self.roster.presence(claim.runner).is_some(),
                "an execution at a runner has a lease that ends: {execution:?}"
            );
        }
    }
}
