//! Who waits for log lines of an execution: whoever appends some wakes them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_core::words::ExecutionId;
use tokio::sync::watch;

/// The executions whose lines somebody waits for.
#[derive(Default)]
pub(crate) struct LineWatchers {
    watched: Mutex<HashMap<ExecutionId, watch::Sender<()>>>,
}

impl LineWatchers {
    pub(crate) fn watch(self: &Arc<Self>, execution: ExecutionId) -> LineWatch {
        let mut watched = self.lock();
        let sender = watched.entry(execution).or_insert_with(|| watch::Sender::new(()));
        LineWatch {
            execution,
            appended: sender.subscribe(),
            watchers: Arc::clone(self),
        }
    }

    pub(crate) fn wake(&self, execution: ExecutionId) {
        if let Some(sender) = self.lock().get(&execution) {
            sender.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ExecutionId, watch::Sender<()>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells when an execution has got more log lines. Forgotten when it is dropped.
pub struct LineWatch {
    execution: ExecutionId,
    appended: watch::Receiver<()>,
    watchers: Arc<LineWatchers>,
}

impl LineWatch {
    /// Waits until lines were appended since the last call, or since the watch was made. To drop this future loses nothing.
    pub async fn appended(&mut self) {
        if self.appended.changed().await.is_err() {
            // The sender stays for as long as this watch does. If it did not, there would be nothing to wait for.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for LineWatch {
    fn drop(&mut self) {
        let mut watched = self.watchers.lock();
        // This one is still counted.
        if watched
            .get(&self.execution)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            watched.remove(&self.execution);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_watch_is_woken_by_its_own_execution_and_leaves_nothing_behind() {
        let watchers = Arc::new(LineWatchers::default());
        let mut first = watchers.watch(ExecutionId(1));
        let mut second = watchers.watch(ExecutionId(1));
        let other = watchers.watch(ExecutionId(2));
        watchers.wake(ExecutionId(1));
        for watch in [&mut first, &mut second] {
            timeout(Duration::from_secs(10), watch.appended())
                .await
                .expect("it was woken");
        }
        assert!(!other.appended.has_changed().expect("the sender is there"));

        drop(first);
        watchers.wake(ExecutionId(1));
        timeout(Duration::from_secs(10), second.appended())
            .await
            .expect("it is still watched");
        drop((second, other));
        assert!(watchers.lock().is_empty());
        watchers.wake(ExecutionId(1));
    }
}
