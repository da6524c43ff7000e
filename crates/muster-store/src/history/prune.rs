//! Forgetting the oldest of history, by the age that its owner asks for, and by a budget of bytes.
//!
//! An execution's id begins with the time of its creation; by that, in whole hours, age is told. Pruning reads one key
//! for each integration, and then only what it removes.

use std::collections::BTreeSet;

use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, IntegrationId};

use super::hours::{self, MILLIS_PER_HOUR};
use super::{History, entry_key, missing, place};
use crate::StoreError;
use crate::backend::{Change, Direction, Tree};
use crate::tally::fingerprint;
use crate::value::{self, Flaw};

/// How many entries one write removes: a removal costs sled 8–17 µs, during which the committer's next batch waits.
const PRUNE_ENTRIES_MAX: usize = 64;

/// How many integrations a step looks at.
const PRUNE_INTEGRATIONS_MAX: usize = 256;

/// The bytes of the integration's id, which an entry begins with.
const INTEGRATION_BYTES: usize = 16;

/// Before which time what belongs to the same owner as this entry goes.
pub type Oldest<'a> = &'a dyn Fn(IntegrationId, ExecutionId, &[u8]) -> Result<Stamp, StoreError>;

/// Where a pruning goes on, and what it removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneCursor {
    /// The hour (since the epoch) before which everything goes, or may go.
    hour: u32,
    /// Whether each integration's owner says how much of that goes.
    by_owner: bool,
    next: IntegrationId,
}

impl PruneCursor {
    /// A pruning of what was created before `time`, cut to whole hours.
    #[must_use]
    pub fn before(time: Stamp) -> Self {
        Self::of(u32::try_from(time.millis() / MILLIS_PER_HOUR).unwrap_or(u32::MAX))
    }

    /// A pruning of what its owner keeps no longer: of each integration what was created before a time that its owner names, cut to whole
    /// hours. Nobody names a time after `latest`.
    #[must_use]
    pub fn by_owner(latest: Stamp) -> Self {
        Self {
            by_owner: true,
            ..Self::before(latest)
        }
    }

    fn of(hour: u32) -> Self {
        Self {
            hour,
            by_owner: false,
            next: IntegrationId(0),
        }
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
    /// The pruning that brings history down to `budget` bytes, the oldest hours first; `None` when it is within it, or
    /// when its size is not known yet (see [`History::bytes`]).
    #[must_use]
    pub fn over_budget(&self, budget: u64) -> Option<PruneCursor> {
        self.state().usage.as_ref()?.first_within(budget).map(PruneCursor::of)
    }

    /// Prunes a few integrations. `oldest` is asked for a pruning by owners. `forget` is called before executions are removed, with their ids, to remove what
    /// hangs on them; what it removes is lost also when a stop comes between the two.
    ///
    /// Nothing is pruned before what comes again after a restart has been put.
    ///
    /// # Errors
    /// [`StoreError`] of the engine or of `forget`; [`StoreError::Damaged`] when an entry that should be pruned is
    /// missing.
    pub fn prune_step(
        &self,
        cursor: PruneCursor,
        oldest: Oldest<'_>,
        forget: &mut dyn FnMut(&[ExecutionId]) -> Result<(), StoreError>,
    ) -> Result<PruneStep, StoreError> {
        let _writing = self.writing();
        if !self.state().is_caught_up() {
            return Ok(PruneStep {
                removed: 0,
                next: Some(cursor),
            });
        }
        // Only what is written can be pruned.
        self.write_gathered()?;
        let (integrations, next) = self.written_integrations(cursor.next, PRUNE_INTEGRATIONS_MAX)?;
        let mut removed = 0;
        for integration in integrations {
            let Some(end) = self.end_of(integration, cursor, oldest)? else {
                continue;
            };
            loop {
                let some = self.prune_some(integration, end, forget)?;
                removed += some;
                if some < PRUNE_ENTRIES_MAX {
                    break;
                }
            }
        }
        let next = next.map(|next| PruneCursor { next, ..cursor });
        Ok(PruneStep { removed, next })
    }

    /// The hour before which an integration's entries go; `None` when none of them may. Reads one entry of those that may go, to learn whose they are.
    fn end_of(
        &self,
        integration: IntegrationId,
        cursor: PruneCursor,
        oldest: Oldest<'_>,
    ) -> Result<Option<u32>, StoreError> {
        if !cursor.by_owner {
            return Ok(Some(cursor.hour));
        }
        let Some(last) = cursor.hour.checked_sub(1) else {
            return Ok(None);
        };
        let first = hours::hours(&*self.backend, integration, (0, last), Direction::Forward, 1)?;
        let Some(hour) = first.first() else { return Ok(None) };
        let Some(execution) = hours::read(&*self.backend, integration, *hour)?.first().copied() else {
            return Ok(None);
        };
        let broken = |flaw: Flaw| flaw.into_error(&format!("execution {execution}"), place(integration));
        let value = value::read(&*self.backend, Tree::History, &entry_key(execution), broken)?;
        let value = value.ok_or_else(|| missing(integration, execution))?;
        let bytes = value.body.get(INTEGRATION_BYTES..).unwrap_or_default();
        let time = oldest(integration, execution, bytes)?;
        Ok(Some(PruneCursor::before(time).hour.min(cursor.hour)))
    }

    /// Removes up to [`PRUNE_ENTRIES_MAX`] of an integration's entries of the hours before `end`, with their share of
    /// the tallies, all at once; returns how many.
    fn prune_some(
        &self,
        integration: IntegrationId,
        end: u32,
        forget: &mut dyn FnMut(&[ExecutionId]) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let Some(last) = end.checked_sub(1) else { return Ok(0) };
        let mut state = self.state();
        let mut changes: Vec<Change> = Vec::new();
        let mut gone: Vec<ExecutionId> = Vec::new();
        for hour in hours::hours(
            &*self.backend,
            integration,
            (0, last),
            Direction::Forward,
            PRUNE_ENTRIES_MAX,
        )? {
            let written = hours::read(&*self.backend, integration, hour)?;
            let some: Vec<_> = written.iter().copied().take(PRUNE_ENTRIES_MAX - gone.len()).collect();
            let kept: BTreeSet<_> = written.iter().copied().skip(some.len()).collect();
            hours::write(integration, hour, written.len(), &kept, &mut changes)?;
            gone.extend(some);
            if gone.len() == PRUNE_ENTRIES_MAX {
                break;
            }
        }
        if gone.is_empty() {
            return Ok(0);
        }
        let mut entries = Vec::with_capacity(gone.len());
        for execution in &gone {
            let broken = |flaw: Flaw| flaw.into_error(&format!("execution {execution}"), place(integration));
            let key = entry_key(*execution);
            let value = value::read(&*self.backend, Tree::History, &key, broken)?;
            let value = value.ok_or_else(|| missing(integration, *execution))?;
            let bytes = value.body.len().saturating_sub(INTEGRATION_BYTES);
            entries.push((*execution, bytes, fingerprint(&key, value.checksum)));
            value::remove(&key, value.body.len(), 0, &mut changes);
        }
        forget(&gone)?;
        state.take_out(&*self.backend, integration, &entries, &mut changes)?;
        self.backend.write(Tree::History, changes)?;
        Ok(gone.len())
    }
}
