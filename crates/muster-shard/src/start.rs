//! Starts a shard: recovers its state from the store, and gives the writer, the committer, the keeper and the verifier their threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use muster_core::state::State;
use muster_core::time::Now;
use muster_store::Store;
use tokio::sync::{Notify, mpsc, watch};

use crate::clock::Clock;
use crate::committer::{Committer, Durable};
use crate::error::FatalError;
use crate::handle::ShardHandle;
use crate::keeper::{Keeper, step_back};
use crate::options::Options;
use crate::outbox::Outboxes;
use crate::pipeline::Pipeline;
use crate::release::{LandingWork, Note};
use crate::tail::Tail;
use crate::verifier::{HistoryDamage, Verifier};
use crate::watch::Watchers;
use crate::writer::{Checkpoint, JOBS_MAX, Job, Writer};

/// How many jobs may wait for the writer; whoever asks beyond that waits for room.
const JOBS_WAITING_MAX: usize = 4 * JOBS_MAX;

/// How much work may wait for the landing. What is beyond is asked for again when the queue is empty.
const LANDING_WAITING_MAX: usize = 4_096;

/// How many lines for the logs of executions may wait; what is more is lost.
const NOTES_WAITING_MAX: usize = 1_024;

/// The longest sleep of an idle writer: the wall clock may be set forward meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(10);

/// A shard that has been started.
pub struct Started {
    /// The way to it.
    pub handle: ShardHandle,
    /// Work for the landing, beginning with what a restart has interrupted.
    pub landing: mpsc::Receiver<LandingWork>,
    /// Lines for the logs of executions.
    pub notes: mpsc::Receiver<Note>,
    /// What is damaged in history, as far as it is known; `None` while nothing is. It never ends a shard.
    pub history_damage: watch::Receiver<Option<HistoryDamage>>,
    /// Its threads.
    pub running: Running,
}

/// The threads of a shard. They end when every handle is gone, or when the store fails.
pub struct Running {
    threads: Vec<Thread>,
}

impl Running {
    /// Waits until all threads have ended. Blocks.
    ///
    /// # Errors
    /// The first error of the store: what was told until then is durable, and the process must stop.
    ///
    /// # Panics
    /// When a thread has panicked: passes the panic on.
    pub fn join(self) -> Result<(), FatalError> {
        let mut result = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result = result.and(ended);
        }
        result
    }
}

/// Starts the shard in `store`.
///
/// # Errors
/// [`FatalError`] when the store is damaged or cannot be read, or a thread cannot be made.
pub fn start(store: Store, options: Options) -> Result<Started, FatalError> {
    let recovered = store.recover()?;
    let mut clock = Clock::starting_after(recovered.last_stamp.unwrap_or_default());
    let now = clock.now();
    let tail = Arc::new(Tail::default());
    // History takes them again behind the start; until then reads find them here.
    for (sequence, finished) in recovered.ended {
        tail.push(sequence, finished);
    }
    let state = State::starting(recovered.ledger, options.limits, now);
    let (landing, landing_work) = mpsc::channel(LANDING_WAITING_MAX);
    let (notes, noted) = mpsc::channel(NOTES_WAITING_MAX);
    for execution in state.index().landing() {
        let _ = landing.try_send(LandingWork::Publish(execution));
    }
    let watchers = Arc::new(Watchers::default());
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut writer = Writer::new(
        state,
        recovered.head,
        Arc::clone(&tail),
        Arc::clone(&watchers),
        seed,
        options.record_after,
        now.stamp,
    );
    writer.note_replayed(
        recovered.changed.into_iter(),
        store.journal().anchor().sequence.next(),
        now.stamp,
    );

    let (jobs, waiting) = mpsc::channel(JOBS_WAITING_MAX);
    let (checkpoints, parts) = std::sync::mpsc::sync_channel(1);
    let pipeline = Arc::new(Pipeline::default());
    let durable = Arc::new(Durable::new(recovered.head));
    let outboxes = Arc::new(Outboxes::default());
    let wake = Arc::new(Notify::new());
    let writing = Arc::new(AtomicBool::new(false));
    let ready = Arc::new(AtomicBool::new(clock.is_ready()));

    let committer = Committer {
        store: store.clone(),
        pipeline: Arc::clone(&pipeline),
        durable: Arc::clone(&durable),
        outboxes: Arc::clone(&outboxes),
        watchers: Arc::clone(&watchers),
        landing,
        notes,
    };
    let (settled, history_is_whole) = watch::channel(false);
    let keeper = Keeper::new(
        store.clone(),
        Arc::clone(&tail),
        Arc::clone(&durable),
        Arc::clone(&wake),
        (parts, Arc::clone(&writing)),
        (recovered.head, settled),
        &options,
    );
    let (damage, history_damage) = watch::channel(None);
    let mut verifier = Verifier::new(store.clone(), options.verify_step_every, damage);
    let (keeper_lives, keeper_alive) = std::sync::mpsc::sync_channel(0);
    let handle = ShardHandle::new(jobs, store, history_is_whole, outboxes, watchers, Arc::clone(&ready));
    let writing = WriterLoop {
        writer,
        clock,
        waiting,
        pipeline,
        checkpoints,
        writing,
        wake,
        ready,
    };
    let committer_ended = Arc::clone(&writing.wake);
    let keeper_failed = Arc::clone(&writing.wake);
    let pipeline_of_keeper = Arc::clone(&writing.pipeline);
    let threads = vec![
        thread("shard-writer", move || writing.run())?,
        thread("shard-committer", move || {
            let ended = committer.run();
            committer.pipeline.abandon();
            durable.end();
            // The writer may sleep, and has nothing to wait for any more.
            committer_ended.notify_one();
            Ok(ended?)
        })?,
        thread("shard-keeper", {
            let mut keeper = keeper;
            move || {
                // The verifier ends when this is dropped, with the keeper.
                let _lives: SyncSender<()> = keeper_lives;
                let ended = keeper.run();
                if ended.is_err() {
                    // What the engine holds now is not known, so nothing more is told to anybody.
                    pipeline_of_keeper.abandon();
                    keeper_failed.notify_one();
                }
                Ok(ended?)
            }
        })?,
        thread("shard-verifier", move || {
            step_back();
            verifier.run(&keeper_alive);
            Ok(())
        })?,
    ];
    Ok(Started {
        handle,
        landing: landing_work,
        notes: noted,
        history_damage,
        running: Running { threads },
    })
}

type Thread = JoinHandle<Result<(), FatalError>>;

fn thread(
    name: &'static str,
    run: impl FnOnce() -> Result<(), FatalError> + Send + 'static,
) -> Result<Thread, FatalError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|source| FatalError::Thread { name, source })
}

struct WriterLoop {
    writer: Writer,
    clock: Clock,
    waiting: mpsc::Receiver<Job>,
    pipeline: Arc<Pipeline>,
    checkpoints: SyncSender<Checkpoint>,
    writing: Arc<AtomicBool>,
    wake: Arc<Notify>,
    ready: Arc<AtomicBool>,
}

impl WriterLoop {
    fn run(mut self) -> Result<(), FatalError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| FatalError::Thread {
                name: "shard-writer",
                source,
            })?;
        runtime.block_on(self.turns());
        self.pipeline.close();
        Ok(())
    }

    /// Turn by turn, until nobody can ask any more or the committer has gone.
    async fn turns(&mut self) {
        let mut jobs = Vec::with_capacity(JOBS_MAX);
        loop {
            self.pipeline.room().await;
            if self.pipeline.is_closed() {
                return;
            }
            let now = self.clock.now();
            if self.writer.has_work(now) {
                while jobs.len() < JOBS_MAX
                    && let Ok(job) = self.waiting.try_recv()
                {
                    jobs.push(job);
                }
            } else {
                let sleep = tokio::time::sleep(self.idle_for(now));
                tokio::select! {
                    received = self.waiting.recv_many(&mut jobs, JOBS_MAX) => {
                        if received == 0 {
                            return;
                        }
                    }
                    () = self.wake.notified() => {}
                    () = sleep => {}
                }
            }
            let now = self.clock.now();
            self.ready.store(self.clock.is_ready(), Ordering::Relaxed);
            let batch = self.writer.turn(jobs.drain(..), now);
            if batch.weight() > 0 && !self.pipeline.push(batch) {
                return;
            }
            self.checkpoint(now);
        }
    }

    fn idle_for(&self, now: Now) -> Duration {
        let (stamp, moment) = self.writer.next_timers();
        let checkpoint = self
            .writer
            .next_checkpoint()
            .filter(|_| !self.writing.load(Ordering::Acquire));
        let by_stamp = stamp.into_iter().chain(checkpoint).min().map(|at| at.since(now.stamp));
        let by_moment = moment.map(|at| at.since(now.moment));
        // Stamps are whole milliseconds and so are timers: a millisecond more is not too early.
        let next = by_stamp
            .into_iter()
            .chain(by_moment)
            .min()
            .map(|wait| wait + Duration::from_millis(1));
        next.map_or(SLEEP_MAX, |wait| wait.min(SLEEP_MAX))
    }

    fn checkpoint(&mut self, now: Now) {
        if self.writing.load(Ordering::Acquire) {
            return;
        }
        if let Some(part) = self.writer.checkpoint(now.stamp) {
            self.writing.store(true, Ordering::Release);
            // The queue is empty while nothing is being written, and a keeper that has gone needs no more.
            let _ = self.checkpoints.try_send(part);
        }
    }
}
