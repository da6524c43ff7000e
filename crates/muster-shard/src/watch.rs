//! What watchers see: every change of an execution, once it is durable.

use std::sync::Arc;

use muster_core::entity::{Execution, Finished};
use muster_core::words::Sequence;
use tokio::sync::broadcast;

/// How many changes a watcher may fall behind; then it is told that it lagged, and takes a new snapshot.
const CHANGES_MAX: usize = 8_192;

/// An execution as it is after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionState {
    /// It is open.
    Open(Box<Execution>),
    /// It has ended.
    Finished(Arc<Finished>),
}

/// A change of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The batch that it happened in.
    pub sequence: Sequence,
    /// What the execution is now.
    pub execution: ExecutionState,
}

/// All watchers.
pub(crate) struct Watchers(broadcast::Sender<Change>);

impl Default for Watchers {
    fn default() -> Self {
        Self(broadcast::Sender::new(CHANGES_MAX))
    }
}

impl Watchers {
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }

    pub(crate) fn are_there(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn tell(&self, changes: Vec<Change>) {
        for change in changes {
            // Nobody listens any more: then nobody is to be told.
            let _ = self.0.send(change);
        }
    }
}
