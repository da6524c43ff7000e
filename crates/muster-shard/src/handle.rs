//! The only way to a ledger.

use std::cmp::Reverse;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use muster_core::decide::{Answer, Command, Rejection};
use muster_core::entity::Finished;
use muster_core::words::{ExecutionId, IntegrationId, LogLine, Principal, Sequence, SessionId};
use muster_store::log_lines::LineCounts;
use muster_store::{Store, StoreError};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use crate::assembly::Reads;
use crate::checks::Checks;
use crate::clock::{ClockFault, Face};
use crate::directory::Directory;
use crate::error::ShardError;
use crate::figures::Figures;
use crate::hold::Hold;
use crate::line_watch::{LineWatch, LineWatchers};
use crate::maintain::TAKEN_WITHIN;
use crate::outbox::{Outbox, Outboxes};
use crate::tail::Tail;
use crate::watch::{Change, ExecutionState, IntegrationChanged, Missed, Watchers};
use crate::writer::{Job, Turn};

/// Why a command had no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It was refused, and nothing has happened.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The shard could not answer.
    #[error(transparent)]
    Shard(#[from] ShardError),
}

/// The outcome of one command.
pub type Answered = Result<Answer, Rejection>;

/// Work that waits for the writer, and for what it depends on to be durable.
#[derive(Debug)]
#[must_use = "what was handed in is done all the same, but nobody learns of it"]
pub struct Posted<T>(oneshot::Receiver<T>);

impl<T> Future for Posted<T> {
    type Output = Result<T, ShardError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(|_| ShardError::Stopped)
    }
}

/// Finished executions, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The executions.
    pub finished: Vec<Arc<Finished>>,
    /// Whether there may be older ones.
    pub more: bool,
}

impl Page {
    /// Of what the tail has and what history has, each with one more than the page if there is one.
    fn of(mut finished: Vec<Arc<Finished>>, kept: Vec<Finished>, limit: usize) -> Self {
        finished.extend(kept.into_iter().map(Arc::new));
        finished.sort_by_key(|one| Reverse(one.id));
        finished.dedup_by_key(|one| one.id);
        let more = finished.len() > limit;
        finished.truncate(limit);
        Self { finished, more }
    }
}

/// The way to a shard. Cheap to clone; the shard stops when the last handle is gone.
#[derive(Clone)]
pub struct ShardHandle {
    jobs: mpsc::Sender<Job>,
    store: Store,
    reads: Reads,
    /// Whether history holds all that a stop had cut off.
    history_is_whole: watch::Receiver<bool>,
    /// Through which batch audit logs hold all notes.
    pub(crate) audit_carried: watch::Receiver<Sequence>,
    outboxes: Arc<Outboxes>,
    checks: Arc<Checks>,
    directory: Arc<Directory>,
    watchers: Arc<Watchers>,
    line_watchers: Arc<LineWatchers>,
    clock: Arc<Face>,
    hold: Arc<Hold>,
    figures: Arc<Figures>,
    tail: Arc<Tail>,
    deliver: Arc<Notify>,
    taken_within: Duration,
}

/// How much a shard keeps, and how much of it waits to be kept better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// How many batches the journal has.
    pub journal_batches: u64,
    /// How many finished executions are in history.
    pub history_executions: u64,
    /// Their bytes; `None` until they have been counted after the start.
    pub history_bytes: Option<u64>,
    /// How many finished executions are in the journal, and not in history yet.
    pub tail_executions: usize,
}

impl ShardHandle {
    pub(crate) fn new(
        jobs: mpsc::Sender<Job>,
        (store, reads): (Store, Reads),
        (history_is_whole, audit_carried): (watch::Receiver<bool>, watch::Receiver<Sequence>),
        (outboxes, checks): (Arc<Outboxes>, Arc<Checks>),
        (directory, watchers, deliver): (Arc<Directory>, Arc<Watchers>, Arc<Notify>),
        (clock, hold): (Arc<Face>, Arc<Hold>),
        (figures, tail): (Arc<Figures>, Arc<Tail>),
    ) -> Self {
        Self {
            jobs,
            store,
            reads,
            history_is_whole,
            audit_carried,
            outboxes,
            checks,
            directory,
            watchers,
            line_watchers: Arc::default(),
            clock,
            hold,
            figures,
            tail,
            deliver,
            taken_within: TAKEN_WITHIN,
        }
    }

    /// The same, which ends a backup of which nothing is taken for so long; a minute otherwise.
    #[must_use]
    pub fn taken_within(mut self, taken_within: Duration) -> Self {
        self.taken_within = taken_within;
        self
    }

    /// How long what is given out may wait to be taken.
    pub(crate) fn patience(&self) -> Duration {
        self.taken_within
    }

    /// Does some work in a turn of the writer: asks, reads, or both. What it returns leaves the shard when all that it depends on is durable.
    ///
    /// The work stops everybody else: it touches at most a thousand entities.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn<'_>) -> T + Send + 'static,
    ) -> Result<T, ShardError> {
        self.post(work).await?.await
    }

    /// Hands in some work, as [`ShardHandle::turn`] does, and returns its place in the queue at once: for whoever has more to hand in, which is
    /// done after this.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub async fn post<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn<'_>) -> T + Send + 'static,
    ) -> Result<Posted<T>, ShardError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |turn| {
            let value = work(turn);
            Box::new(move || {
                // Whoever asked may have gone; what has happened stays so.
                let _ = answer.send(value);
            })
        });
        self.jobs.send(job).await.map_err(|_| ShardError::Stopped)?;
        Ok(Posted(answered))
    }

    /// Asks one command.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn ask(&self, by: Principal, command: Command) -> Result<Answer, AskError> {
        Ok(self.turn(move |turn| turn.ask(&by, command)).await??)
    }

    /// Asks several commands in their order, each on its own: a refused one stops none of the others. Returns at once, as [`ShardHandle::post`]
    /// does.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub async fn ask_all(&self, by: Principal, commands: Vec<Command>) -> Result<Posted<Vec<Answered>>, ShardError> {
        self.post(move |turn| commands.into_iter().map(|command| turn.ask(&by, command)).collect())
            .await
    }

    /// Opens the queue by which a session gets what its runner is told. It is opened before the check-in, so that nothing is lost.
    #[must_use]
    pub fn open_outbox(&self, session: SessionId) -> Outbox {
        self.outboxes.open(session)
    }

    /// Closes a session's queue.
    pub fn close_outbox(&self, session: SessionId) {
        self.outboxes.close(session);
    }

    /// Who waits for the ends of checks.
    #[must_use]
    pub fn checks(&self) -> Arc<Checks> {
        Arc::clone(&self.checks)
    }

    /// What is known without a turn of the writer.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Every change of an execution from now on, once it is durable. Whoever reads too slowly is told that it has lagged.
    #[must_use]
    pub fn watch_executions(&self) -> broadcast::Receiver<Change<ExecutionState>> {
        self.watchers.executions.subscribe()
    }

    /// The changes of executions of the batches after `told`, oldest first, and every change from now on; `None` when some of them are not known any
    /// more. They are for as long as somebody watches, and a minute after, at most some thousands. To be called after a turn that was begun while the
    /// caller watched: then what was decided before that is known, and what comes after it will be.
    #[must_use]
    pub fn watch_executions_after(&self, told: Sequence) -> Option<Missed<ExecutionState>> {
        self.watchers.executions.subscribe_after(told)
    }

    /// The same as [`watch_executions`](Self::watch_executions) for integrations.
    #[must_use]
    pub fn watch_integrations(&self) -> broadcast::Receiver<Change<IntegrationChanged>> {
        self.watchers.integrations.subscribe()
    }

    /// The same as [`watch_executions_after`](Self::watch_executions_after) for integrations.
    #[must_use]
    pub fn watch_integrations_after(&self, told: Sequence) -> Option<Missed<IntegrationChanged>> {
        self.watchers.integrations.subscribe_after(told)
    }

    /// Why no new work can be taken: the wall clock is far from the last stamp. `None` while it can.
    #[must_use]
    pub fn clock_fault(&self) -> Option<ClockFault> {
        self.clock.fault()
    }

    /// Holds back what begins by itself, for a reason that is told to whoever asks why an execution waits; `None` lets it go on. What falls due waits,
    /// and what waits is not dispatched. What runs goes on, and whoever asks is answered.
    pub fn hold(&self, why: Option<String>) {
        self.hold.set(why.map(Arc::from));
    }

    /// Why new work is held back; `None` while nothing holds it back. A [`ShardHandle::clock_fault`] is told apart.
    #[must_use]
    pub fn held(&self) -> Option<Arc<str>> {
        self.hold.why()
    }

    /// What it counts. It is told when all that it counts is durable.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub async fn figures(&self) -> Result<Figures, ShardError> {
        self.when_durable(Figures::clone(&self.figures)).await
    }

    /// How many jobs wait for the writer.
    #[must_use]
    pub fn jobs_waiting(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// How much it keeps. It is told when all of that is durable.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub async fn kept(&self) -> Result<Kept, ShardError> {
        let (journal, history) = (self.store.journal(), self.store.history());
        let kept = Kept {
            journal_batches: journal.head().sequence.0.saturating_sub(journal.anchor().sequence.0),
            history_executions: history.total().count,
            history_bytes: history.bytes(),
            tail_executions: self.tail.len(),
        };
        self.when_durable(kept).await
    }

    /// Gives back what was read outside of a turn, once a turn that began after that is released: all that was read has happened before.
    async fn when_durable<T>(&self, read: T) -> Result<T, ShardError> {
        self.turn(|_| ()).await?;
        Ok(read)
    }

    /// Waits until something new is in the outbox of incidents, and durable. One waits for it; it may be woken for nothing.
    pub async fn outbox_filled(&self) {
        self.deliver.notified().await;
    }

    /// A finished execution; `None` when there is no such execution, or it is still open.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn finished(
        &self,
        integration: IntegrationId,
        execution: ExecutionId,
    ) -> Result<Option<Arc<Finished>>, ShardError> {
        if let Some(found) = self.turn(move |turn| turn.finished(integration, execution)).await? {
            return Ok(Some(found));
        }
        let found = self
            .blocking(move |store| store.finished(integration, execution))
            .await?;
        Ok(found.map(Arc::new))
    }

    /// The same without its integration: for a runner's repeated report.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn find_finished(&self, execution: ExecutionId) -> Result<Option<Arc<Finished>>, ShardError> {
        if let Some(found) = self.turn(move |turn| turn.find_finished(execution)).await? {
            return Ok(Some(found));
        }
        let found = self.blocking(move |store| store.find_finished(execution)).await?;
        Ok(found.map(Arc::new))
    }

    /// Finished executions of an integration that are older than `before`, newest first.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn finished_page(
        &self,
        integration: IntegrationId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Result<Page, ShardError> {
        self.history_is_whole().await?;
        // The tail first: what moves from it to history in between is found twice rather than never.
        let tail = self
            .turn(move |turn| turn.finished_newest_first(integration, before, limit + 1))
            .await?;
        let kept = self
            .blocking(move |store| store.finished_before(integration, before, limit + 1))
            .await?;
        Ok(Page::of(tail, kept, limit))
    }

    /// Finished executions of all integrations, of whatever organization, that are older than `before`, newest first. Also those of integrations that
    /// were deleted since.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn finished_page_of_all(&self, before: Option<ExecutionId>, limit: usize) -> Result<Page, ShardError> {
        self.history_is_whole().await?;
        let tail = self.turn(move |turn| turn.finished_of_all(before, limit + 1)).await?;
        let kept = self
            .blocking(move |store| store.finished_of_all_before(before, limit + 1))
            .await?;
        Ok(Page::of(tail, kept, limit))
    }

    /// The store, for whoever only reads it.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A moment after a start history is still taking in what a stop had cut off, and its counts are checked only when it is whole.
    pub(crate) async fn history_is_whole(&self) -> Result<(), ShardError> {
        let mut whole = self.history_is_whole.clone();
        whole
            .wait_for(|whole| *whole)
            .await
            .map(drop)
            .map_err(|_| ShardError::Stopped)
    }

    /// Keeps log lines of an execution; the lines beyond its bound are only counted.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn append_log_lines(
        &self,
        execution: ExecutionId,
        lines: Vec<LogLine>,
    ) -> Result<LineCounts, ShardError> {
        let appended = self
            .blocking(move |store| store.append_log_lines(execution, &lines))
            .await;
        self.line_watchers.wake(execution);
        appended
    }

    /// Tells from now on when the execution has got more log lines.
    #[must_use]
    pub fn watch_log_lines(&self, execution: ExecutionId) -> LineWatch {
        self.line_watchers.watch(execution)
    }

    /// How many log lines an execution has, and how many were not kept.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn log_line_counts(&self, execution: ExecutionId) -> Result<LineCounts, ShardError> {
        self.blocking(move |store| store.log_lines().counts(execution)).await
    }

    /// At most `limit` log lines of an execution, from number `from` (counted from 0) on.
    ///
    /// # Errors
    /// [`ShardError`].
    pub async fn log_lines(&self, execution: ExecutionId, from: u32, limit: usize) -> Result<Vec<LogLine>, ShardError> {
        self.blocking(move |store| store.read_log_lines(execution, from, limit))
            .await
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ShardError> {
        let store = self.store.clone();
        let read = match self.reads {
            Reads::OnThePool => tokio::task::spawn_blocking(move || read(&store)).await,
            Reads::InPlace => Ok(read(&store)),
        };
        match read {
            Ok(read) => read.map_err(|error| ShardError::Store(error.to_string())),
            Err(_) => Err(ShardError::Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use muster_store::Location;

    use super::*;

    #[test]
    fn a_page_of_history_waits_until_history_is_whole_again() {
        let (jobs, mut waiting) = mpsc::channel(1);
        let (settled, history_is_whole) = watch::channel(false);
        let store = Store::open(&Location::Memory).expect("memory is there");
        let handle = ShardHandle::new(
            jobs,
            (store, Reads::OnThePool),
            (history_is_whole, watch::channel(Sequence(0)).1),
            (Arc::default(), Arc::default()),
            (Arc::default(), Arc::default(), Arc::default()),
            (Arc::default(), Arc::new(Hold::new(None, Arc::default()))),
            (Arc::default(), Arc::default()),
        );
        let mut page = pin!(handle.finished_page(IntegrationId(1), None, 10));
        let mut context = Context::from_waker(Waker::noop());
        assert!(page.as_mut().poll(&mut context).is_pending());
        assert!(
            waiting.try_recv().is_err(),
            "it has begun to read while history lacks some"
        );

        settled.send_replace(true);
        assert!(page.as_mut().poll(&mut context).is_pending());
        assert!(waiting.try_recv().is_ok(), "it does not read although history is whole");
    }
}
