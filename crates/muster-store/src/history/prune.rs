//! Forgetting the oldest of history, by age and by a budget of bytes.
//!
//! An execution's id begins with the time of its creation, so the old ones of an integration are the beginning of a range: pruning reads only what it
//! removes, and one key for each integration. By that time, too, is age told.

use std::ops::{Bound, ControlFlow};

use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, IntegrationId};

use super::sums::{MILLIS_PER_HOUR, SUM_PREFIX, sum_integration, sum_key};
use super::{History, entry_key};
use crate::StoreError;
use crate::backend::{Change, Direction, Tree};
use crate::tally::fingerprint;
use crate::value;

/// How many entries one write removes: a removal costs sled 8–17 µs, during which the committer's next batch waits.
const PRUNE_ENTRIES_MAX: usize = 64;

/// How many integrations a step looks at.
const PRUNE_INTEGRATIONS_MAX: usize = 256;

/// Where a pruning goes on, and what it removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneCursor {
    /// The hour (since the epoch) before which everything goes.
    hour: u64,
    next: IntegrationId,
}

impl PruneCursor {
    /// A pruning of what was created before `time`, cut to whole hours.
    #[must_use]
    pub fn before(time: Stamp) -> Self {
        Self {
            hour: time.millis() / MILLIS_PER_HOUR,
            next: IntegrationId(0),
        }
    }

    /// Everything with a lesser id goes.
    fn first_kept(self) -> ExecutionId {
        ExecutionId(u128::from(self.hour * MILLIS_PER_HOUR) << 80)
    }
}

/// What a step of a pruning has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneStep {
    /// How many executions it has removed.
    pub removed: usize,
    /// Where the next step goes on; `None` when there is nothing left to prune.
    pub next: Option<PruneCursor>,
}

impl History {
    /// The pruning that brings history down to `budget` bytes, the oldest hours first; `None` when it is within it, or when its size is not known yet
    /// (see [`History::bytes`]).
    #[must_use]
    pub fn over_budget(&self, budget: u64) -> Option<PruneCursor> {
        let hour = self.state().usage.as_ref()?.first_within(budget)?;
        Some(PruneCursor {
            hour,
            next: IntegrationId(0),
        })
    }

    /// Prunes a few integrations. `forget` is called before executions are removed, with their ids, to remove what hangs on them; what it removes is
    /// lost also when a stop comes between the two.
    ///
    /// Nothing is pruned before what comes again after a restart has been put.
    ///
    /// # Errors
    /// [`StoreError`] of the engine or of `forget`.
    pub fn prune_step(
        &self,
        cursor: PruneCursor,
        forget: &mut dyn FnMut(&[ExecutionId]) -> Result<(), StoreError>,
    ) -> Result<PruneStep, StoreError> {
        if !self.state().is_caught_up() {
            return Ok(PruneStep {
                removed: 0,
                next: Some(cursor),
            });
        }
        let (integrations, next) = self.integrations_from(cursor.next)?;
        let mut removed = 0;
        for integration in integrations {
            loop {
                let some = self.prune_some(integration, cursor.first_kept(), forget)?;
                removed += some;
                if some < PRUNE_ENTRIES_MAX {
                    break;
                }
            }
        }
        let next = next.map(|next| PruneCursor { next, ..cursor });
        if next.is_none() {
            let mut state = self.state();
            if let Some(usage) = &mut state.usage {
                usage.forget_before(cursor.hour);
            }
            if let Some(pass) = &mut state.pass {
                pass.usage.forget_before(cursor.hour);
            }
        }
        Ok(PruneStep { removed, next })
    }

    /// The next integrations that have a tally, and the one to go on with.
    fn integrations_from(
        &self,
        from: IntegrationId,
    ) -> Result<(Vec<IntegrationId>, Option<IntegrationId>), StoreError> {
        let (first, last) = (sum_key(from), [SUM_PREFIX + 1]);
        let mut found = Vec::new();
        let mut next = None;
        let range = (Bound::Included(&first[..]), Bound::Excluded(&last[..]));
        self.backend
            .scan(Tree::History, range, Direction::Forward, &mut |key, _| {
                let Some(integration) = sum_integration(key) else {
                    return Ok(ControlFlow::Continue(()));
                };
                if found.len() == PRUNE_INTEGRATIONS_MAX {
                    next = Some(integration);
                    return Ok(ControlFlow::Break(()));
                }
                found.push(integration);
                Ok(ControlFlow::Continue(()))
            })?;
        Ok((found, next))
    }

    /// Removes up to [`PRUNE_ENTRIES_MAX`] of an integration's entries with their share of the tallies, all at once; returns how many.
    fn prune_some(
        &self,
        integration: IntegrationId,
        first_kept: ExecutionId,
        forget: &mut dyn FnMut(&[ExecutionId]) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let mut state = self.state();
        let (from, to) = (
            entry_key(integration, ExecutionId(0)),
            entry_key(integration, first_kept),
        );
        let (mut executions, mut fingerprints, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        self.entries(
            (Bound::Included(&from), Bound::Excluded(&to)),
            &mut |entry, checksum| {
                let key = entry_key(entry.integration, entry.execution);
                executions.push(entry.execution);
                fingerprints.push(fingerprint(&key, checksum));
                value::remove(&key, entry.bytes.len(), 0, &mut changes);
                let is_full = executions.len() == PRUNE_ENTRIES_MAX;
                Ok(if is_full {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                })
            },
        )?;
        if executions.is_empty() {
            return Ok(0);
        }
        forget(&executions)?;
        state.take_out(&*self.backend, integration, &fingerprints, &mut changes)?;
        let write: Vec<Change> = changes;
        self.backend.write(Tree::History, write)?;
        Ok(executions.len())
    }
}
