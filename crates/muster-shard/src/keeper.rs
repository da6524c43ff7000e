//! The keeper writes behind: finished executions to history, notes to audit logs, changed entities to records, and then it trims the journal. It is paced, since it
//! shares the engine with the committer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use muster_core::planted;
use muster_core::time::{Moment, Stamp};
use muster_core::words::{OrganizationId, Sequence};
use muster_failpoint::failpoint;
use muster_store::history::{CheckpointCursor, PruneCursor};
use muster_store::{EntityChange, Store, StoreError};
use tokio::sync::{Notify, watch};

use crate::clock::{Clocks, Face, Reading};
use crate::committer::Durable;
use crate::directory::Directory;
use crate::options::{Options, Retention};
use crate::tail::Tail;
use crate::writer::Checkpoint;

/// How many finished executions go to history at a time.
const FINISHED_MAX: usize = 1_024;

/// How many entities one write has.
const ENTITIES_MAX: usize = 32;

/// How long the keeper rests when it has found nothing to do.
const REST: Duration = Duration::from_millis(20);

/// How long it lets finished executions gather when there were few: many at a time cost less.
const GATHER: Duration = Duration::from_millis(5);

/// How soon it looks again whether what it waits for is durable.
const DURABLE_WITHIN: Duration = Duration::from_millis(1);

/// What is not few.
const FINISHED_FEW: usize = 256;

/// By how much the keeper steps back: as far as can be. With 10 it took more of the time in which answers are waited for (p99 of an assignment 12.6 ms
/// instead of 9.9 ms, on two cores that are busy).
const NICENESS: i32 = 19;

/// How often history is looked through for what its retention has ended.
const PRUNE_EVERY: Duration = Duration::from_secs(10 * 60);

pub(crate) struct Keeper {
    store: Store,
    tail: Arc<Tail>,
    durable: Arc<Durable>,
    /// Tells the writer that the tail has become shorter, or that the next part of a checkpoint may come.
    wake: Arc<Notify>,
    checkpoints: Receiver<Checkpoint>,
    /// Whether a part of a checkpoint is on its way to the disk; the writer hands over the next one after that.
    writing: Arc<AtomicBool>,
    /// Through which batch the records do not need the journal, once what has ended is removed from them.
    written: Sequence,
    /// What has ended, and still has a record. A few seconds of work.
    ended: Vec<EntityChange>,
    trimmed_at: Moment,
    /// How often history's tallies are written and the journal is trimmed. The writing is spread over as long: in one go it would take the engine, and
    /// answers would wait.
    trim_every: Duration,
    /// What is under way of that.
    trimming: Option<Trimming>,
    /// Through which batch history takes again what a stop has cut off, and who waits for it.
    settling: (Sequence, watch::Sender<bool>),
    /// Through which batch all notes are in their audit logs: whoever reads these waits for it.
    carried: watch::Sender<Sequence>,
    /// A part of a checkpoint whose batches are not all durable yet.
    waiting: Option<Checkpoint>,
    retention: Retention,
    /// For how long each organization keeps its history.
    directory: Arc<Directory>,
    /// What time it is for the retention: what a wrong clock says must end nothing.
    face: Arc<Face>,
    pruned_at: Moment,
    /// Where the pruning goes on; `None` between two.
    pruning: Option<PruneCursor>,
    /// The audit logs that are still to be pruned, and before which time.
    pruning_audit: Vec<(Option<OrganizationId>, Stamp)>,
}

impl Keeper {
    #[expect(
        clippy::too_many_arguments,
        reason = "what a keeper works on, from the one place that makes it"
    )]
    pub(crate) fn new(
        store: Store,
        tail: Arc<Tail>,
        durable: Arc<Durable>,
        wake: Arc<Notify>,
        (checkpoints, writing): (Receiver<Checkpoint>, Arc<AtomicBool>),
        (settling, carried): ((Sequence, watch::Sender<bool>), watch::Sender<Sequence>),
        options: &Options,
        (trimmed_at, face): (Moment, Arc<Face>),
        directory: Arc<Directory>,
    ) -> Self {
        Self {
            store,
            tail,
            durable,
            wake,
            checkpoints,
            writing,
            written: Sequence(0),
            ended: Vec::new(),
            trimmed_at,
            trim_every: options.record_after,
            trimming: None,
            settling,
            carried,
            waiting: None,
            retention: options.retention,
            directory,
            face,
            pruned_at: trimmed_at,
            pruning: None,
            pruning_audit: Vec::new(),
        }
    }

    /// Runs until the writer has gone, and has written then all that is durable.
    ///
    /// # Errors
    /// [`StoreError`]: the process must stop. What is not written here is still in the journal.
    pub(crate) fn run(&mut self, clocks: Clocks) -> Result<(), StoreError> {
        step_back();
        loop {
            let rest = self.step(clocks.read())?;
            if self.waiting.is_some() {
                std::thread::sleep(rest);
                continue;
            }
            match self.checkpoints.recv_timeout(rest) {
                Ok(checkpoint) => self.waiting = Some(checkpoint),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        while !self.durable.is_over() {
            std::thread::sleep(DURABLE_WITHIN);
        }
        self.end(clocks.read())
    }

    /// Does what there is to do now, and returns how long to rest after it.
    pub(crate) fn step(&mut self, now: Reading) -> Result<Duration, StoreError> {
        let rest = match self.absorb()? {
            0 => REST,
            1..=FINISHED_FEW => GATHER,
            _ => Duration::ZERO,
        };
        self.carry_notes()?;
        self.tell_when_settled()?;
        self.write_waiting()?;
        self.trim_on(now.moment)?;
        self.prune(now.moment)?;
        Ok(if self.waiting.is_some() {
            rest.min(DURABLE_WITHIN)
        } else {
            rest
        })
    }

    /// Takes the next part of a checkpoint, if the one before is written and there is one.
    pub(crate) fn take_checkpoint(&mut self) {
        if self.waiting.is_none() {
            self.waiting = self.checkpoints.try_recv().ok();
        }
    }

    /// The last step, when the writer and the committer have gone.
    pub(crate) fn end(&mut self, now: Reading) -> Result<(), StoreError> {
        failpoint!("stop-keeper");
        self.trim_all(now.moment)
    }

    fn tell_when_settled(&self) -> Result<(), StoreError> {
        let (head, waiting) = &self.settling;
        if !*waiting.borrow() && self.tail.oldest(*head, 1).is_empty() {
            self.store.put_finished(*head, [])?;
            waiting.send_replace(true);
        }
        Ok(())
    }

    /// Carries some notes into the audit logs.
    fn carry_notes(&self) -> Result<(), StoreError> {
        let through = self.store.carry_audit()?;
        self.carried.send_if_modified(|carried| {
            let is_more = through > *carried;
            *carried = through.max(*carried);
            is_more
        });
        Ok(())
    }

    /// Hands some finished executions whose ends are durable to history. Returns how many.
    fn absorb(&self) -> Result<usize, StoreError> {
        let durable = self.durable.get();
        let was_full = self.tail.is_full();
        let finished = self.tail.oldest(durable, FINISHED_MAX);
        let Some((through, _)) = finished.last() else {
            return Ok(0);
        };
        let lacks = usize::from(planted!("history-lacks-one") && finished.len() > 1);
        let put = finished.iter().skip(lacks).map(|(sequence, one)| (*sequence, &**one));
        self.store.put_finished(*through, put)?;
        self.tail.absorbed(finished.len());
        if was_full && !self.tail.is_full() {
            self.wake.notify_one();
        }
        Ok(finished.len())
    }

    /// Writes the part of a checkpoint that waits, once its batches are durable. The records of what has ended go with the next trimming: only after
    /// history has its end for good.
    fn write_waiting(&mut self) -> Result<(), StoreError> {
        // When the committer has failed, what was copied may be of batches that nobody will ever see. In this order: once it has ended, what is
        // durable does not change any more.
        let is_over = self.durable.is_over();
        let durable = self.durable.get();
        let Some(checkpoint) = self
            .waiting
            .take_if(|part| part.at <= durable || is_over || planted!("undurable-record"))
        else {
            return Ok(());
        };
        if checkpoint.at > durable && !planted!("undurable-record") {
            return Ok(());
        }
        let is_end = |change: &EntityChange| matches!(change, EntityChange::Remove { .. });
        let (ended, changed): (Vec<_>, Vec<_>) = checkpoint.entities.into_iter().partition(is_end);
        self.write_in_turn(&changed)?;
        if !planted!("ended-record-stays") {
            self.ended.extend(ended);
        }
        self.written = checkpoint.trim;
        self.writing.store(false, Ordering::Release);
        self.wake.notify_one();
        Ok(())
    }

    /// Writes entities a few at a time: the engine takes one write at once, and the committer waits for its turn.
    fn write_in_turn(&self, changes: &[EntityChange]) -> Result<(), StoreError> {
        for some in changes.chunks(ENTITIES_MAX) {
            self.store.write_entities(some)?;
            failpoint!("records-written");
        }
        Ok(())
    }

    /// Goes on with forgetting what its retention has ended, a few integrations at a time; begins anew now and then.
    fn prune(&mut self, now: Moment) -> Result<(), StoreError> {
        if self.pruning.is_none() && now.since(self.pruned_at) >= PRUNE_EVERY {
            self.pruned_at = now;
            let latest = self
                .directory
                .oldest_kept(self.face.stamp(), self.retention.age)
                .latest();
            let over_budget = self.store.history().over_budget(self.retention.bytes);
            self.pruning = over_budget.or(Some(PruneCursor::by_owner(latest)));
            self.pruning_audit = self.directory.oldest_audited(self.face.stamp());
        }
        if let Some(cursor) = self.pruning.take() {
            let kept = self.directory.oldest_kept(self.face.stamp(), self.retention.age);
            self.pruning = self.store.prune_step(cursor, &|owner| kept.of(owner))?.next;
        }
        if let Some((log, before)) = self.pruning_audit.last()
            && self.store.prune_audit(log, *before)? == 0
        {
            self.pruning_audit.pop();
        }
        Ok(())
    }

    /// Goes on with the trimming as far as its time has come, and begins one when it is time.
    fn trim_on(&mut self, now: Moment) -> Result<(), StoreError> {
        let mut trimming = match self.trimming.take() {
            Some(trimming) => trimming,
            None if now.since(self.trimmed_at) >= self.trim_every => self.begin_trimming(now)?,
            None => return Ok(()),
        };
        while let Some(cursor) = trimming.cursor {
            if trimming.is_ahead(now, self.trim_every) {
                self.trimming = Some(trimming);
                return Ok(());
            }
            trimming.cursor = self.store.history().checkpoint_step(cursor)?;
        }
        if !self.end_trimming(&trimming)? {
            // A backup is being made. What is to be forgotten can be forgotten when it has ended.
            self.trimming = Some(trimming);
        }
        Ok(())
    }

    /// Trims as far as can be, now.
    fn trim_all(&mut self, now: Moment) -> Result<(), StoreError> {
        if let Some(under_way) = self.trimming.take() {
            self.complete(under_way)?;
        }
        let all = self.begin_trimming(now)?;
        self.complete(all)
    }

    fn complete(&mut self, mut trimming: Trimming) -> Result<(), StoreError> {
        while let Some(cursor) = trimming.cursor {
            trimming.cursor = self.store.history().checkpoint_step(cursor)?;
        }
        // What a backup keeps from being forgotten is forgotten after the next start.
        self.end_trimming(&trimming).map(drop)
    }

    /// Hands history all that has ended and is durable, and notes what may go once history holds it for good.
    fn begin_trimming(&mut self, now: Moment) -> Result<Trimming, StoreError> {
        self.trimmed_at = now;
        let through = self.durable.get();
        while !self.tail.oldest(through, 1).is_empty() {
            self.absorb()?;
        }
        self.store.put_finished(through, [])?;
        // With the flush before the trimming this is durable, too.
        self.store.carry_audit_through(through)?;
        let cursor = self.store.history().begin_checkpoint();
        Ok(Trimming {
            cursor,
            integrations: cursor.map_or(0, |cursor| cursor.left),
            began: self.trimmed_at,
            ended: std::mem::take(&mut self.ended),
            written: self.written,
        })
    }

    /// Removes the records of what has ended, and trims the journal as far as neither history nor records need it. Returns `false` when a backup is
    /// being made: then nothing is forgotten.
    fn end_trimming(&self, trimming: &Trimming) -> Result<bool, StoreError> {
        let Some(_forgetting) = self.store.try_forget() else {
            return Ok(false);
        };
        self.store.flush()?;
        self.write_in_turn(&trimming.ended)?;
        self.store.flush()?;
        let history = self.store.history_durable();
        failpoint!("trim");
        self.store.trim(if planted!("trim-ignores-records") {
            history
        } else {
            trimming.written.min(history)
        })?;
        failpoint!("trimmed");
        Ok(true)
    }
}

/// A trimming that is under way: history is made to hold for good what has ended, one integration after the other.
struct Trimming {
    /// Where that goes on; `None` when it is done.
    cursor: Option<CheckpointCursor>,
    /// How many integrations there were to write, when it began.
    integrations: usize,
    began: Moment,
    /// The records to remove then.
    ended: Vec<EntityChange>,
    /// Through which batch the records need the journal no more then.
    written: Sequence,
}

impl Trimming {
    /// Whether more is written than has to be by now, if all is to be written within `span`.
    fn is_ahead(&self, now: Moment, span: Duration) -> bool {
        let left = self.cursor.map_or(0, |cursor| cursor.left);
        let written = self.integrations.saturating_sub(left) as f64;
        written > self.integrations as f64 * now.since(self.began).as_secs_f64() / span.as_secs_f64()
    }
}

/// Lets the other threads of the shard go first where there are too few processors: what the keeper and the verifier do can wait, and what they do is
/// waited for.
pub(crate) fn step_back() {
    let this = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(this), NICENESS) {
        tracing::debug!(%error, "a thread that could wait runs at the same priority as everybody");
    }
}

#[cfg(test)]
mod tests;
