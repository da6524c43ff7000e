//! What watchers see: every change of an execution or an integration, once it is durable.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_core::entity::{Execution, Finished};
use muster_core::time::Moment;
use muster_core::words::{IntegrationId, OrganizationId, Sequence};
use tokio::sync::broadcast;

/// How many changes a watcher may fall behind, or miss while it is away; then it is told that it lagged, and takes a new snapshot.
const CHANGES_MAX: usize = 8_192;

/// An execution as it is after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutionState {
    /// It is open.
    Open(Box<Execution>),
    /// It has ended.
    Finished(Arc<Finished>),
}

/// An integration that has changed. What it is now is the ledger's to say: of many changes the last one counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationChanged {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub integration: IntegrationId,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<T> {
    /// The batch that it happened in.
    pub sequence: Sequence,
    /// What has changed.
    pub what: T,
}

/// For how long changes are noted after the last watcher has gone: one that lost its connection goes on where it was.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What was missed, the oldest first, and what follows.
pub type Missed<T> = (Vec<Change<T>>, broadcast::Receiver<Change<T>>);

/// The changes of a turn; `None` where nobody wants to know.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) executions: Option<Vec<Change<ExecutionState>>>,
    pub(crate) integrations: Option<Vec<Change<IntegrationChanged>>>,
}

impl Changes {
    /// Notes an integration, unless the one that was noted last is the same.
    pub(crate) fn note_integration(&mut self, sequence: Sequence, what: IntegrationChanged) {
        if let Some(changes) = &mut self.integrations
            && changes.last().is_none_or(|last| last.what != what)
        {
            changes.push(Change { sequence, what });
        }
    }
}

/// All watchers.
#[derive(Default)]
pub(crate) struct Watchers {
    pub(crate) executions: WatchersOf<ExecutionState>,
    pub(crate) integrations: WatchersOf<IntegrationChanged>,
}

impl Watchers {
    /// Room for the changes that somebody wants to know.
    pub(crate) fn wanted(&self, now: Moment) -> Changes {
        Changes {
            executions: self.executions.are_there(now).then(Vec::new),
            integrations: self.integrations.are_there(now).then(Vec::new),
        }
    }

    /// Tells what a batch has changed.
    pub(crate) fn tell(&self, sequence: Sequence, changes: Changes) {
        self.executions.tell(sequence, changes.executions);
        self.integrations.tell(sequence, changes.integrations);
    }
}

/// The watchers of one kind of things, and the newest changes for those that come back.
pub(crate) struct WatchersOf<T> {
    sender: broadcast::Sender<Change<T>>,
    /// When somebody was seen to watch.
    seen: Mutex<Option<Moment>>,
    recent: Mutex<Recent<T>>,
}

/// The newest changes.
struct Recent<T> {
    changes: VecDeque<Change<T>>,
    /// The batch behind which all changes are there; `None` when none are noted.
    complete_after: Option<Sequence>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            changes: VecDeque::new(),
            complete_after: None,
        }
    }
}

impl<T: Clone> Default for WatchersOf<T> {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(CHANGES_MAX),
            seen: Mutex::default(),
            recent: Mutex::default(),
        }
    }
}

impl<T: Clone> WatchersOf<T> {
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change<T>> {
        self.sender.subscribe()
    }

    /// The changes of the batches after `told`, and all that follow; `None` when some of them are not known any more.
    pub(crate) fn subscribe_after(&self, told: Sequence) -> Option<Missed<T>> {
        let recent = lock(&self.recent);
        recent.complete_after.filter(|after| *after <= told)?;
        let missed = recent.changes.iter().filter(|change| change.sequence > told);
        // Nothing is told while `recent` is locked, so no change falls between the two.
        Some((missed.cloned().collect(), self.sender.subscribe()))
    }

    /// Whether changes are to be noted.
    pub(crate) fn are_there(&self, now: Moment) -> bool {
        let mut seen = lock(&self.seen);
        if self.sender.receiver_count() > 0 {
            *seen = Some(now);
        }
        seen.is_some_and(|seen| now.since(seen) < REMEMBERED)
    }

    /// Tells what a batch has changed; `None`: nobody was there, and nothing was noted.
    pub(crate) fn tell(&self, sequence: Sequence, changes: Option<Vec<Change<T>>>) {
        let mut recent = lock(&self.recent);
        let Some(changes) = changes else {
            *recent = Recent::default();
            return;
        };
        recent
            .complete_after
            .get_or_insert(Sequence(sequence.0.saturating_sub(1)));
        for change in changes {
            if recent.changes.len() >= CHANGES_MAX {
                recent.complete_after = recent.changes.pop_front().map(|oldest| oldest.sequence);
            }
            recent.changes.push_back(change.clone());
            // Nobody listens any more: then nobody is to be told.
            let _ = self.sender.send(change);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use muster_core::time::Stamp;
    use muster_core::words::{
        Attempt, Category, ConnectorName, DataType, ExecutionId, Failure, IntegrationId, OrganizationId, Origin,
        Outcome, Pool, PoolName,
    };

    use super::*;

    fn change(sequence: u64) -> Change<ExecutionState> {
        let organization = OrganizationId::new("default").expect("a name");
        let finished = Finished {
            id: ExecutionId(u128::from(sequence)),
            integration: IntegrationId(1),
            data_type: DataType::new("user").expect("a name"),
            connector: ConnectorName::new("host").expect("a name"),
            pool: Pool::named(&organization, &PoolName::new("hq").expect("a name")),
            organization,
            origin: Origin::Activation,
            created: Stamp::default(),
            claimed: None,
            started: None,
            ended: Stamp::default(),
            attempt: Attempt(0),
            revision: None,
            runner: None,
            failures: 0,
            reported: Vec::new(),
            staged: None,
            outcome: Outcome::Error(Failure::new(Category::Canceled, "it is a test")),
        };
        Change {
            sequence: Sequence(sequence),
            what: ExecutionState::Finished(Arc::new(finished)),
        }
    }

    fn missed(watchers: &WatchersOf<ExecutionState>, told: u64) -> Option<Vec<u64>> {
        let (missed, _) = watchers.subscribe_after(Sequence(told))?;
        Some(missed.iter().map(|change| change.sequence.0).collect())
    }

    #[test]
    fn who_comes_back_gets_what_was_missed_or_learns_that_it_is_gone() {
        let watchers = WatchersOf::default();
        assert_eq!(missed(&watchers, 0), None, "nothing was noted yet");
        for sequence in 5..=7 {
            watchers.tell(Sequence(sequence), Some(vec![change(sequence)]));
        }
        watchers.tell(Sequence(8), Some(Vec::new()));
        assert_eq!(missed(&watchers, 3), None, "batch 4 was not noted");
        assert_eq!(missed(&watchers, 4), Some(vec![5, 6, 7]));
        assert_eq!(missed(&watchers, 6), Some(vec![7]));
        assert_eq!(missed(&watchers, 8), Some(vec![]));
        watchers.tell(Sequence(9), None);
        assert_eq!(missed(&watchers, 8), None, "batch 9 was not noted");
        watchers.tell(Sequence(10), Some(vec![change(10)]));
        assert_eq!(missed(&watchers, 8), None);
        assert_eq!(missed(&watchers, 9), Some(vec![10]));
    }

    #[test]
    fn only_the_newest_are_kept() {
        let watchers = WatchersOf::default();
        let last = CHANGES_MAX as u64 + 2;
        for sequence in 1..=last {
            watchers.tell(Sequence(sequence), Some(vec![change(sequence)]));
        }
        assert_eq!(missed(&watchers, 1), None);
        assert_eq!(missed(&watchers, 2).map(|missed| missed.len()), Some(CHANGES_MAX));
    }

    #[test]
    fn changes_are_noted_for_a_while_after_the_last_watcher() {
        let watchers = WatchersOf::<ExecutionState>::default();
        let at = |seconds| Moment::from_start(Duration::from_secs(seconds));
        assert!(!watchers.are_there(at(1)));
        let watcher = watchers.subscribe();
        assert!(watchers.are_there(at(2)));
        drop(watcher);
        assert!(watchers.are_there(at(61)));
        assert!(!watchers.are_there(at(62)));
    }
}
