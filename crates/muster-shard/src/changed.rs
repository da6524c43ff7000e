//! Which entities have changed since their records were written.

use std::collections::VecDeque;
use std::time::Duration;

use muster_core::entity::EntityKey;
use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, Sequence};
use rustc_hash::FxHashSet;

/// A change that no record contains.
struct Waiting {
    /// The batch of the first such change of the entity.
    sequence: Sequence,
    since: Stamp,
    key: EntityKey,
}

/// The entities that have changed since their records were written, the one that has waited longest first.
///
/// Most executions come and go before their record is due. Such a young one is in the queue from its creation on, so nothing has to be looked up for
/// the events of its life.
pub(crate) struct Changed {
    queue: VecDeque<Waiting>,
    /// What is in the queue, but for young executions.
    waiting: FxHashSet<EntityKey>,
    record_after: Duration,
    /// When this process began: it has not seen the creation of older executions.
    began: Stamp,
}

impl Changed {
    pub(crate) fn new(record_after: Duration, now: Stamp) -> Self {
        Self {
            queue: VecDeque::new(),
            waiting: FxHashSet::default(),
            record_after,
            began: now,
        }
    }

    /// Notes a change.
    pub(crate) fn note(&mut self, key: EntityKey, sequence: Sequence, now: Stamp) {
        if let EntityKey::Execution(id) = key
            && self.is_young(id, now)
        {
            return;
        }
        if self.waiting.insert(key.clone()) {
            self.queue.push_back(Waiting {
                sequence,
                since: now,
                key,
            });
        }
    }

    /// Notes that an execution was created.
    pub(crate) fn note_created(&mut self, id: ExecutionId, sequence: Sequence) {
        self.queue.push_back(Waiting {
            sequence,
            since: id.made(),
            key: EntityKey::Execution(id),
        });
    }

    /// Takes the entity that has waited longest, if its record is due.
    pub(crate) fn take(&mut self, now: Stamp) -> Option<EntityKey> {
        self.queue
            .front()
            .filter(|one| now.since(one.since) >= self.record_after)?;
        let Waiting { key, .. } = self.queue.pop_front()?;
        self.waiting.remove(&key);
        Some(key)
    }

    /// When the next record is due; `None` when nothing has changed.
    pub(crate) fn next(&self) -> Option<Stamp> {
        self.queue.front().map(|one| one.since.after(self.record_after))
    }

    /// The oldest batch with a change that no record contains.
    pub(crate) fn oldest(&self) -> Option<Sequence> {
        self.queue.front().map(|one| one.sequence)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the execution was created by this process, and its record is not due yet.
    fn is_young(&self, id: ExecutionId, now: Stamp) -> bool {
        id.made() > self.began && now.since(id.made()) < self.record_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Stamp {
        Stamp::from_millis(millis)
    }

    fn execution(made: u64) -> ExecutionId {
        ExecutionId::generate(at(made), &mut fastrand::Rng::with_seed(made))
    }

    #[test]
    fn a_young_execution_waits_once_from_its_creation_on() {
        let mut changed = Changed::new(AFTER, at(0));
        let id = execution(10);
        changed.note_created(id, Sequence(1));
        changed.note(EntityKey::Execution(id), Sequence(2), at(50));
        assert_eq!((changed.oldest(), changed.next()), (Some(Sequence(1)), Some(at(110))));
        assert_eq!(changed.take(at(109)), None);
        assert_eq!(changed.take(at(110)), Some(EntityKey::Execution(id)));
        assert!(changed.is_empty());
        changed.note(EntityKey::Execution(id), Sequence(9), at(110));
        changed.note(EntityKey::Execution(id), Sequence(10), at(120));
        assert_eq!(
            changed.oldest(),
            Some(Sequence(9)),
            "an older one is noted when it changes again"
        );
        assert_eq!(changed.queue.len(), 1);
    }

    #[test]
    fn an_execution_of_an_earlier_life_is_not_young() {
        let mut changed = Changed::new(AFTER, at(50));
        changed.note(EntityKey::Execution(execution(40)), Sequence(7), at(60));
        assert_eq!(changed.oldest(), Some(Sequence(7)));
    }
}
