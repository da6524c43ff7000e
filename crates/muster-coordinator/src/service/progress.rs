//! How far collections have come, by their runners' last word. Not durable, and not exact.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use muster_core::decide::Work;
use muster_core::words::{Attempt, ExecutionId};

/// How many executions are followed at the same time; what is more just shows no progress.
const FOLLOWED_MAX: usize = 100_000;

/// The progress of all that runs. Cheap to clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<HashMap<ExecutionId, (Attempt, u64)>>>);

impl Progress {
    /// Notes a runner's word.
    pub fn note(&self, (execution, attempt): Work, records: u64) {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if followed.len() < FOLLOWED_MAX || followed.contains_key(&execution) {
            followed.insert(execution, (attempt, records));
        }
    }

    /// How many records this attempt has collected so far; `None` when nothing was said.
    #[must_use]
    pub fn of(&self, (execution, attempt): Work) -> Option<u64> {
        let followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        followed
            .get(&execution)
            .filter(|(of, _)| *of == attempt)
            .map(|(_, records)| *records)
    }

    /// Forgets an execution that has ended.
    pub fn forget(&self, execution: ExecutionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&execution);
    }
}
