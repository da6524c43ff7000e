//! Starts a shard: gives the writer, the committer, the keeper and the verifier their threads.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use muster_core::time::Now;
use muster_store::Store;
use tokio::sync::{mpsc, watch};

use crate::assembly::{Parts, Reads, assemble};
use crate::clock::Clocks;
use crate::error::FatalError;
use crate::handle::ShardHandle;
use crate::keeper::step_back;
use crate::options::Options;
use crate::release::{LandingWork, Note};
use crate::turns::Turns;
use crate::verifier::Damage;
use crate::writer::JOBS_MAX;

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
    pub history_damage: watch::Receiver<Option<Damage>>,
    /// The same of the audit logs.
    pub audit_damage: watch::Receiver<Option<Damage>>,
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
    let clocks = Clocks::starting();
    let Parts {
        turns,
        committer,
        mut keeper,
        mut verifier,
        handle,
        landing,
        notes,
        damages,
    } = assemble(store, &options, Reads::OnThePool, clocks.read())?;
    let (keeper_lives, keeper_alive) = std::sync::mpsc::sync_channel(0);
    let committer_ended = Arc::clone(&turns.wake);
    let keeper_failed = Arc::clone(&turns.wake);
    let pipeline_of_keeper = Arc::clone(&turns.pipeline);
    let writing = WriterLoop { turns, clocks };
    let threads = vec![
        thread("shard-writer", move || writing.run())?,
        thread("shard-committer", move || {
            let ended = committer.run(clocks);
            committer.end();
            // The writer may sleep, and has nothing to wait for any more.
            committer_ended.notify_one();
            Ok(ended?)
        })?,
        thread("shard-keeper", move || {
            // The verifier ends when this is dropped, with the keeper.
            let _lives: SyncSender<()> = keeper_lives;
            let ended = keeper.run(clocks);
            if ended.is_err() {
                // What the engine holds now is not known, so nothing more is told to anybody.
                pipeline_of_keeper.abandon();
                keeper_failed.notify_one();
            }
            Ok(ended?)
        })?,
        thread("shard-verifier", move || {
            step_back();
            verifier.run(&keeper_alive);
            Ok(())
        })?,
    ];
    Ok(Started {
        handle,
        landing,
        notes,
        history_damage: damages.history,
        audit_damage: damages.audit,
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
    turns: Turns,
    clocks: Clocks,
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
        runtime.block_on(async {
            self.turns().await;
            self.turns.refuse().await;
        });
        self.turns.pipeline.close();
        Ok(())
    }

    /// Turn by turn, until nobody can ask any more or the committer has gone.
    async fn turns(&mut self) {
        let mut jobs = Vec::with_capacity(JOBS_MAX);
        loop {
            self.turns.pipeline.room().await;
            if self.turns.pipeline.is_closed() {
                return;
            }
            let now = self.now();
            if self.turns.has_work(now) {
                self.turns.take_waiting(&mut jobs);
            } else {
                let sleep = tokio::time::sleep(self.turns.idle_for(now).unwrap_or(SLEEP_MAX).min(SLEEP_MAX));
                tokio::select! {
                    received = self.turns.waiting.recv_many(&mut jobs, JOBS_MAX) => {
                        if received == 0 {
                            return;
                        }
                    }
                    () = self.turns.wake.notified() => {}
                    () = sleep => {}
                }
            }
            let now = self.now();
            if !self.turns.turn(&mut jobs, now) {
                return;
            }
            let turned = self.clocks.read().moment;
            let copied = self.turns.checkpoint(now);
            let figures = self.turns.writer.figures();
            figures.turn.observe_time(turned.since(now.moment));
            if copied {
                figures.checkpoint.observe_time(self.clocks.read().moment.since(turned));
            }
        }
    }

    fn now(&mut self) -> Now {
        self.turns.now(self.clocks.read())
    }
}
