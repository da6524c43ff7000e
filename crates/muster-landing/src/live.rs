//! Which uploads are being written by this process, and which of an attempt's uploads is the newest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::words::{Attempt, ExecutionId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::StagedName;

/// The most uploads at the same time; others wait for their turn. Each holds a few MiB (the compressor's window, a part and a chunk), so this
/// keeps all of them below half a GiB.
const UPLOADS_MAX: usize = 128;

/// The uploads of this process.
#[derive(Debug, Clone)]
pub(super) struct Live {
    turns: Arc<Semaphore>,
    uploads: Arc<Mutex<Uploads>>,
}

#[derive(Debug)]
struct Uploads {
    next_ordinal: u64,
    of: HashMap<(ExecutionId, Attempt), OfAttempt>,
}

#[derive(Debug, Default)]
struct OfAttempt {
    /// All that are being written, also those that can no longer finish.
    ordinals: Vec<u64>,
    /// The only one that may still finish; `None` when the attempt was discarded.
    newest: Option<u64>,
}

impl Live {
    /// Numbers uploads from the one after `newest`, the greatest ordinal on disk.
    pub(super) fn after(newest: Option<u64>) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(UPLOADS_MAX)),
            uploads: Arc::new(Mutex::new(Uploads {
                next_ordinal: newest.map_or(1, |newest| newest.saturating_add(1)),
                of: HashMap::new(),
            })),
        }
    }

    /// Waits for a turn, and begins an upload that takes the place of the attempt's others.
    pub(super) async fn begin(&self, execution: ExecutionId, attempt: Attempt) -> Ticket {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .expect("nobody closes the semaphore");
        let mut uploads = self.lock();
        let ordinal = uploads.next_ordinal;
        uploads.next_ordinal += 1;
        let of_attempt = uploads.of.entry((execution, attempt)).or_default();
        of_attempt.ordinals.push(ordinal);
        of_attempt.newest = Some(ordinal);
        drop(uploads);
        Ticket {
            name: StagedName {
                execution,
                attempt,
                ordinal,
            },
            live: self.clone(),
            _turn: turn,
        }
    }

    /// Lets no upload of the attempt that has begun before finish.
    pub(super) fn stop(&self, execution: ExecutionId, attempt: Attempt) {
        if let Some(of_attempt) = self.lock().of.get_mut(&(execution, attempt)) {
            of_attempt.newest = None;
        }
    }

    /// Whether the upload is being written: its files are its own to remove.
    pub(super) fn has(&self, name: StagedName) -> bool {
        self.lock()
            .of
            .get(&(name.execution, name.attempt))
            .is_some_and(|of_attempt| of_attempt.ordinals.contains(&name.ordinal))
    }

    fn lock(&self) -> MutexGuard<'_, Uploads> {
        // Nothing that can panic runs under the lock.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upload's right to write. Dropping it gives back its turn.
#[derive(Debug)]
pub(super) struct Ticket {
    pub name: StagedName,
    live: Live,
    _turn: OwnedSemaphorePermit,
}

impl Ticket {
    /// Whether no newer upload has taken its place.
    pub(super) fn is_newest(&self) -> bool {
        let key = (self.name.execution, self.name.attempt);
        let uploads = self.live.lock();
        uploads
            .of
            .get(&key)
            .is_some_and(|of_attempt| of_attempt.newest == Some(self.name.ordinal))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let key = (self.name.execution, self.name.attempt);
        let mut uploads = self.live.lock();
        if let Some(of_attempt) = uploads.of.get_mut(&key) {
            of_attempt.ordinals.retain(|ordinal| *ordinal != self.name.ordinal);
            if of_attempt.ordinals.is_empty() {
                uploads.of.remove(&key);
            }
        }
    }
}
