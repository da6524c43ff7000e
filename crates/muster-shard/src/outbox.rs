//! What leaves for runners: one bounded queue a session.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_core::decide::Message;
use muster_core::words::SessionId;
use tokio::sync::mpsc;

/// How many bundles of messages may wait for one session. A bundle holds all that one batch has for it, so a runner that is this far behind does not
/// read; its session ends, and it checks in anew.
const BUNDLES_MAX: usize = 256;

/// Where a session gets what its runner is to be told. It ends when the session has fallen too far behind.
pub type Outbox = mpsc::Receiver<Vec<Message>>;

/// The queues of all sessions.
#[derive(Default)]
pub(crate) struct Outboxes {
    senders: Mutex<HashMap<SessionId, mpsc::Sender<Vec<Message>>>>,
}

impl Outboxes {
    pub(crate) fn open(&self, session: SessionId) -> Outbox {
        let (sender, receiver) = mpsc::channel(BUNDLES_MAX);
        self.lock().insert(session, sender);
        receiver
    }

    pub(crate) fn close(&self, session: SessionId) {
        self.lock().remove(&session);
    }

    /// Sends bundles without ever waiting. What cannot be sent ends its session; the lease covers what is lost.
    pub(crate) fn send(&self, bundles: BTreeMap<SessionId, Vec<Message>>) {
        if bundles.is_empty() {
            return;
        }
        let mut senders = self.lock();
        for (session, bundle) in bundles {
            let Some(sender) = senders.get(&session) else { continue };
            if let Err(error) = sender.try_send(bundle) {
                if matches!(error, mpsc::error::TrySendError::Full(_)) {
                    tracing::warn!(%session, "a runner does not read what it is told: its session ends");
                }
                senders.remove(&session);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, mpsc::Sender<Vec<Message>>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
