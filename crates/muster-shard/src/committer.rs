//! The committer: appends what has gathered, flushes once, and releases what depended on it, in its order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use muster_core::decide::{Effect, Message};
use muster_core::planted;
use muster_core::time::Moment;
use muster_core::words::{ExecutionId, LogLevel, Sequence, SessionId};
use muster_failpoint::failpoint;
use muster_store::{Store, StoreError};
use tokio::sync::{Notify, mpsc};

use crate::batch::Batch;
use crate::checks::Checks;
use crate::clock::Clocks;
use crate::directory::Directory;
use crate::figures::Figures;
use crate::outbox::Outboxes;
use crate::pipeline::Pipeline;
use crate::release::{LandingWork, Note};
use crate::watch::Watchers;

/// How far the committer has come.
pub(crate) struct Durable {
    newest: AtomicU64,
    over: AtomicBool,
}

impl Durable {
    pub(crate) fn new(sequence: Sequence) -> Self {
        Self {
            newest: AtomicU64::new(sequence.0),
            over: AtomicBool::new(false),
        }
    }

    /// The newest batch that survives a power cut.
    pub(crate) fn get(&self) -> Sequence {
        Sequence(self.newest.load(Ordering::Acquire))
    }

    /// Whether no batch will follow, since the committer has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    fn set(&self, sequence: Sequence) {
        self.newest.store(sequence.0, Ordering::Release);
    }
}

pub(crate) struct Committer {
    pub(crate) store: Store,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) durable: Arc<Durable>,
    pub(crate) outboxes: Arc<Outboxes>,
    pub(crate) checks: Arc<Checks>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) landing: mpsc::Sender<LandingWork>,
    pub(crate) notes: mpsc::Sender<Note>,
    pub(crate) figures: Arc<Figures>,
    /// Told when the outbox of incidents has something new.
    pub(crate) deliver: Arc<Notify>,
}

/// Batches that are committed together.
pub(crate) struct Group {
    batches: VecDeque<Batch>,
    /// The newest of them in the journal; `None` when nothing has happened in any.
    through: Option<Sequence>,
}

impl Committer {
    /// Runs until the pipeline is closed and drained.
    ///
    /// # Errors
    /// [`StoreError`]: what was not released has not been told to anybody, and never will be.
    pub(crate) fn run(&self, clocks: Clocks) -> Result<(), StoreError> {
        loop {
            let batches = self.pipeline.take();
            if batches.is_empty() {
                return Ok(());
            }
            let mut group = self.append(batches)?;
            let appended = clocks.read().moment;
            self.flush(&group)?;
            self.count(&group, appended, clocks.read().moment);
            while self.release_next(&mut group) {
                failpoint!("releasing");
            }
            failpoint!("released");
        }
    }

    fn count(&self, group: &Group, appended: Moment, flushed: Moment) {
        let Figures {
            flush,
            commit_events,
            dispatch,
            ..
        } = &*self.figures;
        if group.through.is_some() {
            flush.observe_time(flushed.since(appended));
            commit_events.observe_size(group.batches.iter().map(|batch| batch.events.len()).sum());
        }
        for batch in group.batches.iter().filter(|batch| batch.claims > 0) {
            dispatch.observe_times(flushed.since(batch.began), batch.claims);
        }
    }

    /// Tells everybody that no batch will follow. What has gathered is dropped.
    pub(crate) fn end(&self) {
        self.pipeline.abandon();
        self.checks.abandon();
        self.durable.end();
    }

    /// Appends the events of all batches to the journal.
    pub(crate) fn append(&self, batches: VecDeque<Batch>) -> Result<Group, StoreError> {
        let recorded = batches
            .iter()
            .filter_map(|batch| Some((batch.sequence?, batch.events.as_slice())));
        let through = recorded.clone().next_back().map(|(sequence, _)| sequence);
        if through.is_some() {
            failpoint!("append");
            self.store.append(recorded)?;
        }
        let mut batches = batches;
        if planted!("answer-before-flush") {
            let releases = batches.iter_mut().flat_map(|batch| batch.releases.drain(..));
            releases.for_each(|release| release());
        }
        Ok(Group { batches, through })
    }

    /// Makes the group durable.
    pub(crate) fn flush(&self, group: &Group) -> Result<(), StoreError> {
        if let Some(sequence) = group.through {
            self.store.flush()?;
            failpoint!("noted");
            self.durable.set(sequence);
        }
        Ok(())
    }

    /// Releases what depends on the group's next batch; `false` when there is none.
    pub(crate) fn release_next(&self, group: &mut Group) -> bool {
        let next = if planted!("released-out-of-order") {
            group.batches.pop_back()
        } else {
            group.batches.pop_front()
        };
        let Some(batch) = next else {
            return false;
        };
        self.release(batch);
        true
    }

    /// Nothing here waits for anybody.
    fn release(&self, batch: Batch) {
        // Before anybody is told: whoever has an answer finds in the directory what it is about.
        self.directory.take(batch.listed);
        for release in batch.releases {
            release();
        }
        let mut bundles: BTreeMap<SessionId, Vec<Message>> = BTreeMap::new();
        for effect in batch.effects {
            match effect {
                Effect::Send { session, message, .. } => bundles.entry(session).or_default().push(message),
                Effect::Publish { execution, .. } => self.land(LandingWork::Publish(execution)),
                Effect::Deliver if planted!("outbox-not-announced") => {}
                Effect::Deliver => self.deliver.notify_one(),
                Effect::CheckEnded { check, end } => self.checks.tell(check, end),
                Effect::Discard { execution, attempt } => self.land(LandingWork::Discard(execution, attempt)),
                Effect::Note {
                    execution,
                    level,
                    message,
                } => self.note(execution, level, message),
            }
        }
        self.outboxes.send(bundles);
        if let Some(sequence) = batch.sequence {
            self.watchers.tell(sequence, batch.changes);
        }
    }

    /// Lines are not promised to anybody: where too many wait already, this one is lost.
    fn note(&self, execution: ExecutionId, level: LogLevel, message: String) {
        let _ = self.notes.try_send(Note {
            execution,
            level,
            message,
        });
    }

    /// A queue that is full loses the work, and whoever drains it asks for all that is to be published then.
    fn land(&self, work: LandingWork) {
        let _ = self.landing.try_send(work);
    }
}
