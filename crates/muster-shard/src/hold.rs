//! Holding back what begins by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Whether new work is held back, and why: as the handles set it, and the writer reads it at each turn.
#[derive(Debug)]
pub(crate) struct Hold {
    why: Mutex<Option<Arc<str>>>,
    /// Wakes the writer although nobody asks.
    wake: Arc<Notify>,
}

impl Hold {
    pub(crate) fn new(why: Option<&str>, wake: Arc<Notify>) -> Self {
        Self {
            why: Mutex::new(why.map(Arc::from)),
            wake,
        }
    }

    /// Holds new work back for this reason, or lets it go on: then the writer looks at once at what has gathered.
    pub(crate) fn set(&self, why: Option<Arc<str>>) {
        let goes_on = why.is_none();
        let before = std::mem::replace(&mut *self.lock(), why);
        if before.is_some() && goes_on {
            self.wake.notify_one();
        }
    }

    pub(crate) fn why(&self) -> Option<Arc<str>> {
        self.lock().clone()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<str>>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
