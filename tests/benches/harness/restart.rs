//! How long the coordinator takes to serve again, with many finished and many open executions.
//!
//! The data is made by a shard in a process of its own, without gRPC, which is faster: the executions that stay open are the first collections of
//! integrations whose pool no runner serves. That process is killed (`kill -9`) under full load; that is the harder case, since the journal then holds
//! all that no record has yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_core::words::Notifications;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::Outcome;
use super::arguments::Scale;
use super::child::{Child, say};
use super::coordinator::Coordinator;
use super::progress::{OPEN_MAX, Progress};
use super::runner::{DATA_TYPES, RUNNERS};
use super::shard::{self, Ends, Shard};

/// The role of the process that makes the data.
pub(crate) const ROLE: &str = "fill";

/// How many integrations finish executions.
const BUSY: usize = 16_000;

/// How many integrations a call runs.
const BATCH: usize = 300;

/// How often it is restarted at rest; the median counts.
const ROUNDS: usize = 3;

/// Restarts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restart {
    /// The first one, after a kill under full load.
    pub(crate) under_load_s: f64,
    /// After a kill at rest, when all records are written.
    pub(crate) at_rest_s: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    folder: PathBuf,
    finished: u64,
    open: usize,
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Restart> {
    let settings = Settings {
        // Where the coordinator has it.
        folder: folder.join("store"),
        finished: scale.finished,
        open: scale.open,
    };
    let mut fill = Child::play(ROLE, &settings)?;
    let _finished: u64 = fill.hear()?;
    drop(fill);
    let coordinator = Coordinator::start(binary, folder)?;
    let under_load_s = coordinator.started_in.as_secs_f64();
    std::thread::sleep(scale.rest);
    drop(coordinator);
    let mut at_rest = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        at_rest.push(Coordinator::start(binary, folder)?.started_in);
    }
    at_rest.sort();
    Ok(Restart {
        under_load_s,
        at_rest_s: at_rest[ROUNDS / 2].as_secs_f64(),
    })
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shard = Shard::open(settings.folder)?;
    runtime.block_on(fill(&shard, settings.finished, settings.open))
}

/// Says when there is enough, and goes on until it is killed.
async fn fill(shard: &Shard, finished: u64, open: usize) -> Outcome<()> {
    let progress = Arc::new(Progress::default());
    shard
        .create(open / DATA_TYPES.len(), "nobody", Notifications::default())
        .await?;
    let busy = shard.create(BUSY, "bench", Notifications::default()).await?;
    progress.create((busy.len() * DATA_TYPES.len()) as u64);
    let mut runners = JoinSet::new();
    for n in 0..RUNNERS {
        runners.spawn(shard::run(shard.handle().clone(), n, Arc::clone(&progress), Ends::Good));
    }
    let mut said = false;
    for integrations in busy.chunks(BATCH).cycle() {
        progress
            .until("there is room", |progress| progress.open() < OPEN_MAX)
            .await?;
        shard.run_now(integrations, &progress).await?;
        if !said && progress.finished() >= finished {
            say(&progress.finished())?;
            said = true;
        }
    }
    Ok(())
}
