//! The tail of history: finished executions that are in the journal, and not in history yet. Reads look here first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::entity::Finished;
use muster_core::planted;
use muster_core::words::{ExecutionId, IntegrationId, Sequence};

/// How many finished executions may wait for history. Beyond it dispatch stops; reports never do, so the tail may grow by what runners hold, and a
/// start begins with what a stop had cut off.
const LENGTH_MAX: usize = 100_000;

#[derive(Default)]
struct Inner {
    order: VecDeque<(Sequence, Arc<Finished>)>,
    by_key: BTreeMap<(IntegrationId, ExecutionId), Arc<Finished>>,
}

/// The tail of history.
#[derive(Default)]
pub(crate) struct Tail(Mutex<Inner>);

impl Tail {
    pub(crate) fn push(&self, sequence: Sequence, finished: Arc<Finished>) {
        let mut inner = self.lock();
        inner
            .by_key
            .insert((finished.integration, finished.id), Arc::clone(&finished));
        inner.order.push_back((sequence, finished));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lock().order.len() >= LENGTH_MAX
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().order.len()
    }

    pub(crate) fn get(&self, integration: IntegrationId, execution: ExecutionId) -> Option<Arc<Finished>> {
        self.lock().by_key.get(&(integration, execution)).cloned()
    }

    /// The same without its integration: looks through all, which is for the rare repeated report.
    pub(crate) fn find(&self, execution: ExecutionId) -> Option<Arc<Finished>> {
        if planted!("tail-not-looked-at") {
            return None;
        }
        let inner = self.lock();
        let found = inner.order.iter().rev().find(|(_, finished)| finished.id == execution);
        found.map(|(_, finished)| Arc::clone(finished))
    }

    /// Those of an integration that are older than `before`, newest first, at most `limit`.
    pub(crate) fn newest_first(
        &self,
        integration: IntegrationId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Vec<Arc<Finished>> {
        let inner = self.lock();
        let end = (integration, before.unwrap_or(ExecutionId(u128::MAX)));
        let range = inner.by_key.range((integration, ExecutionId(0))..end);
        range
            .rev()
            .take(limit)
            .map(|(_, finished)| Arc::clone(finished))
            .collect()
    }

    /// Those of all integrations that are older than `before`, newest first, at most `limit`. Looks through all.
    pub(crate) fn newest_of_all(&self, before: Option<ExecutionId>, limit: usize) -> Vec<Arc<Finished>> {
        let inner = self.lock();
        let all = inner.order.iter().map(|(_, finished)| finished);
        let mut older: Vec<_> = all
            .filter(|finished| before.is_none_or(|before| finished.id < before))
            .collect();
        if older.len() > limit {
            older.select_nth_unstable_by_key(limit, |finished| Reverse(finished.id));
            older.truncate(limit);
        }
        older.sort_unstable_by_key(|finished| Reverse(finished.id));
        older.into_iter().map(Arc::clone).collect()
    }

    /// All that ended in whole batches up to `through`, oldest first: about `limit`, and more where one batch has more. They stay until
    /// [`Tail::absorbed`].
    pub(crate) fn oldest(&self, through: Sequence, limit: usize) -> Vec<(Sequence, Arc<Finished>)> {
        let inner = self.lock();
        let mut last = None;
        let mut taken = Vec::with_capacity(limit.min(inner.order.len()));
        for (sequence, finished) in &inner.order {
            let beyond = taken.len() >= limit && last != Some(*sequence);
            if *sequence > through || beyond {
                break;
            }
            last = Some(*sequence);
            taken.push((*sequence, Arc::clone(finished)));
        }
        taken
    }

    /// Forgets the oldest `count`: history has them.
    pub(crate) fn absorbed(&self, count: usize) {
        let mut inner = self.lock();
        for _ in 0..count {
            let Some((_, finished)) = inner.order.pop_front() else {
                return;
            };
            inner.by_key.remove(&(finished.integration, finished.id));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
