//! When tokens were used last: kept to the hour, since a record of each call would cost more than the calls. What was noted within the last seconds is lost
//! when the coordinator dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::access::{Access, token::NoteUsed};
use muster_core::entity::Token;
use muster_core::time::Stamp;
use muster_core::words::{Principal, TokenId};
use muster_shard::ShardHandle;
use tokio_util::sync::CancellationToken;

/// How exact it is.
const NOTED_EVERY: Duration = Duration::from_secs(60 * 60);

/// How often what is new is written.
const WRITTEN_EVERY: Duration = Duration::from_secs(10);

/// The tokens whose use is not written yet: at most as many as there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used(Arc<Mutex<BTreeMap<TokenId, Stamp>>>);

impl Used {
    /// A token was used.
    pub(super) fn note(&self, token: &Token, now: Stamp) {
        if token.used.is_none_or(|used| used.after(NOTED_EVERY) <= now) {
            self.lock().insert(token.id, now);
        }
    }

    /// Writes what is new, until it is told to stop.
    pub(crate) async fn keep_writing(self, shard: ShardHandle, stop: CancellationToken) {
        loop {
            let waited = stop.run_until_cancelled(tokio::time::sleep(WRITTEN_EVERY)).await;
            self.write(&shard).await;
            if waited.is_none() {
                return;
            }
        }
    }

    pub(crate) async fn write(&self, shard: &ShardHandle) {
        let used: Vec<_> = std::mem::take(&mut *self.lock()).into_iter().collect();
        if used.is_empty() {
            return;
        }
        let command = Command::Access(Access::NoteUsed(NoteUsed { used }));
        if let Err(error) = shard.ask(Principal::Coordinator, command).await {
            tracing::debug!(%error, "it is not written when tokens were used");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<TokenId, Stamp>> {
        // Nothing that can panic halfway through a change runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
