//! How far the load has come, as those who make it see it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::Outcome;

/// The most executions that whoever makes work keeps open: enough that the queue never runs dry, and so few that an integration has none open when
/// its turn comes again.
pub(crate) const OPEN_MAX: u64 = 20_000;

/// How long anything may take that the load waits for.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// After how long without an end the load takes the queue for empty.
const QUIET: Duration = Duration::from_secs(2);

/// Counters that wake whoever waits for them.
#[derive(Default)]
pub(crate) struct Progress {
    checked_in: AtomicU64,
    created: AtomicU64,
    finished: AtomicU64,
    fenced: AtomicU64,
    lost: AtomicU64,
    moved: Notify,
}

impl Progress {
    pub(crate) fn check_in(&self) {
        self.add(&self.checked_in, 1);
    }

    pub(crate) fn create(&self, count: u64) {
        self.add(&self.created, count);
    }

    pub(crate) fn finish(&self, count: u64) {
        self.add(&self.finished, count);
    }

    pub(crate) fn fence(&self, count: u64) {
        self.add(&self.fenced, count);
    }

    /// A runner that was checked in is not any more.
    pub(crate) fn lose(&self) {
        self.add(&self.lost, 1);
    }

    /// How often that was so.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How often a runner has checked in.
    pub(crate) fn checked_in(&self) -> u64 {
        self.checked_in.load(Ordering::Relaxed)
    }

    /// How many executions have finished, durably: their runners were told so.
    pub(crate) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// How many executions were created, as far as those who made them know.
    pub(crate) fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    /// How many executions are open. An end may be known before its creation is, since another stream tells it.
    pub(crate) fn open(&self) -> u64 {
        self.created().saturating_sub(self.finished())
    }

    /// How many reports were refused: none, when all is well.
    pub(crate) fn fenced(&self) -> u64 {
        self.fenced.load(Ordering::Relaxed)
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Outcome<()> {
        let waiting = async {
            loop {
                // Made before the look, so that no change is missed in between.
                let moved = self.moved.notified();
                if is_so(self) {
                    return;
                }
                moved.await;
            }
        };
        let waited = tokio::time::timeout(WAIT_MAX, waiting).await;
        waited.map_err(|_| format!("after {WAIT_MAX:?} it is not so that {what}: {self:?}").into())
    }

    /// Waits until nothing finishes any more: the queue is empty.
    pub(crate) async fn quiet(&self) {
        loop {
            let before = self.finished();
            tokio::time::sleep(QUIET).await;
            if self.finished() == before {
                return;
            }
        }
    }

    fn add(&self, counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
        self.moved.notify_waiters();
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("checked_in", &self.checked_in)
            .field("created", &self.created)
            .field("finished", &self.finished)
            .field("fenced", &self.fenced)
            .field("lost", &self.lost)
            .finish_non_exhaustive()
    }
}
