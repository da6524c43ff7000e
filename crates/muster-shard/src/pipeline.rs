//! The bounded pipeline between the writer and the committer: while one group of batches flushes, the next gathers.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::batch::Batch;

/// The most that may wait for a flush, in events, answers and effects: some tens of milliseconds of work, so that a slow disk slows the writer
/// down instead of filling the memory.
const WEIGHT_MAX: usize = 20_000;

#[derive(Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    weight: usize,
    closed: bool,
}

/// Batches in their order, from the writer to the committer.
#[derive(Default)]
pub(crate) struct Pipeline {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    drained: Notify,
}

impl Pipeline {
    /// Adds a batch. Returns `false` when the committer has gone: then the batch is lost, and nobody was told of it.
    pub(crate) fn push(&self, batch: Batch) -> bool {
        let mut waiting = self.lock();
        if waiting.closed {
            return false;
        }
        waiting.weight += batch.weight();
        waiting.batches.push_back(batch);
        self.filled.notify_one();
        true
    }

    /// Waits until there is room for another turn.
    pub(crate) async fn room(&self) {
        loop {
            let drained = self.drained.notified();
            if self.has_room() {
                return;
            }
            drained.await;
        }
    }

    /// Whether there is room for another turn, or no turn has to wait any more.
    pub(crate) fn has_room(&self) -> bool {
        let waiting = self.lock();
        waiting.weight < WEIGHT_MAX || waiting.closed
    }

    /// Takes all that has gathered, and waits for something if nothing has; empty when the pipeline is closed and drained.
    pub(crate) fn take(&self) -> VecDeque<Batch> {
        let mut waiting = self.lock();
        while waiting.batches.is_empty() && !waiting.closed {
            waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        self.drain(waiting)
    }

    /// Takes all that has gathered; empty when nothing has.
    pub(crate) fn take_gathered(&self) -> VecDeque<Batch> {
        self.drain(self.lock())
    }

    fn drain(&self, mut waiting: MutexGuard<'_, Waiting>) -> VecDeque<Batch> {
        waiting.weight = 0;
        let batches = std::mem::take(&mut waiting.batches);
        drop(waiting);
        self.drained.notify_one();
        batches
    }

    /// Nobody will take anything any more: what has gathered is dropped, so that whoever waits for it learns that the shard has stopped.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        let lost = std::mem::take(&mut waiting.batches);
        drop(waiting);
        drop(lost);
        self.drained.notify_one();
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().batches.is_empty()
    }

    /// Whether nothing can be added any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Takes nothing more; what has gathered is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.drained.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
