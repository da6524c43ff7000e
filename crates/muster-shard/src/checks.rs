//! Who waits for the end of a check. A check and its waiting are not kept over a restart.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use muster_core::decide::CheckEnd;
use muster_core::words::CheckId;
use tokio::sync::oneshot;

use crate::error::ShardError;

/// The checks whose end somebody waits for: as many as are under way, and each of those ends.
#[derive(Default)]
pub struct Checks {
    waiting: Mutex<HashMap<CheckId, oneshot::Sender<CheckEnd>>>,
}

impl Checks {
    /// Waits for the end of a check. To be called in the turn that has begun it, so that the end cannot come before.
    #[must_use]
    pub fn wait_for(&self, check: CheckId) -> Ending {
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(check, sender);
        Ending(receiver)
    }

    pub(crate) fn tell(&self, check: CheckId, end: CheckEnd) {
        if let Some(sender) = self.lock().remove(&check) {
            // Whoever waited may have gone.
            let _ = sender.send(end);
        }
    }

    /// No end will come any more.
    pub(crate) fn abandon(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CheckId, oneshot::Sender<CheckEnd>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a check that is to come, once all that follows from it is durable.
#[derive(Debug)]
pub struct Ending(oneshot::Receiver<CheckEnd>);

impl Future for Ending {
    type Output = Result<CheckEnd, ShardError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(|_| ShardError::Stopped)
    }
}

impl Ending {
    /// The end, if it has come; for whoever is driven step by step.
    pub fn now(&mut self) -> Option<CheckEnd> {
        self.0.try_recv().ok()
    }
}
