//! The writer's turns, from its jobs to the pipeline, without what it waits for in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use muster_core::time::Now;
use tokio::sync::{Notify, mpsc};

use crate::clock::{Clock, Reading};
use crate::hold::Hold;
use crate::pipeline::Pipeline;
use crate::writer::{Checkpoint, JOBS_MAX, Job, TURN_EVERY, Writer};

/// The writer with what it takes from, and hands on to.
pub(crate) struct Turns {
    pub(crate) writer: Writer,
    pub(crate) clock: Clock,
    pub(crate) waiting: mpsc::Receiver<Job>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) checkpoints: SyncSender<Checkpoint>,
    /// Whether a part of a checkpoint is on its way to the disk; the next one is handed over after that.
    pub(crate) writing: Arc<AtomicBool>,
    /// Wakes the writer although nobody asks.
    pub(crate) wake: Arc<Notify>,
    pub(crate) hold: Arc<Hold>,
}

impl Turns {
    /// The present, by what the machine's clocks say.
    pub(crate) fn now(&mut self, reading: Reading) -> Now {
        self.clock.now(reading)
    }

    /// Whether a turn with no job would do something.
    pub(crate) fn has_work(&self, now: Now) -> bool {
        self.writer.has_work(now, self.hold.is_set())
    }

    /// Adds the jobs that wait, as many as one turn has.
    pub(crate) fn take_waiting(&mut self, jobs: &mut Vec<Job>) {
        while jobs.len() < JOBS_MAX
            && let Ok(job) = self.waiting.try_recv()
        {
            jobs.push(job);
        }
    }

    /// Takes no job any more, and drops those that wait, so that whoever asked learns that the shard has stopped. A receiver that is only dropped may
    /// leave one behind that was just being sent, for as long as anybody could send another: whoever waits for its answer would wait for ever.
    pub(crate) async fn refuse(&mut self) {
        self.waiting.close();
        while let Some(job) = self.waiting.recv().await {
            drop(job);
        }
    }

    /// One turn; `false` when the committer has gone, and nobody will be told of it.
    pub(crate) fn turn(&mut self, jobs: &mut Vec<Job>, now: Now) -> bool {
        let batch = self.writer.turn(jobs.drain(..), now, self.hold.why());
        batch.weight() == 0 || self.pipeline.push(batch)
    }

    /// How long there is nothing to do if nobody asks; `None` when nothing is planned.
    pub(crate) fn idle_for(&self, now: Now) -> Option<Duration> {
        let (stamp, moment) = self.writer.next_timers(self.hold.is_set());
        let checkpoint = self
            .writer
            .next_checkpoint()
            .filter(|_| !self.writing.load(Ordering::Acquire));
        let by_stamp = stamp.into_iter().chain(checkpoint).min().map(|at| at.since(now.stamp));
        let by_moment = moment.map(|at| at.since(now.moment).min(TURN_EVERY));
        // Stamps are whole milliseconds and so are timers: a millisecond more is not too early.
        let next = by_stamp.into_iter().chain(by_moment).min();
        next.map(|wait| wait + Duration::from_millis(1))
    }

    /// Hands over the next part of a checkpoint, if it is due and the one before is written; whether it did.
    pub(crate) fn checkpoint(&mut self, now: Now) -> bool {
        if self.writing.load(Ordering::Acquire) {
            return false;
        }
        let Some(part) = self.writer.checkpoint(now.stamp) else {
            return false;
        };
        self.writing.store(true, Ordering::Release);
        // The queue is empty while nothing is being written, and a keeper that has gone needs no more.
        let _ = self.checkpoints.try_send(part);
        true
    }
}
