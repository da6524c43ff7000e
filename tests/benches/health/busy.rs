//! For how long a checkpoint stops the writer, over many integrations and under full load.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::child::{Child, say};
use crate::harness::shard::{self, Shard};

/// The role of the process that measures it.
pub(crate) const ROLE: &str = "health-busy";

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Busy {
    /// The longest part of a checkpoint.
    pub(crate) writer_stop_ms_max: f64,
    /// How many parts there were.
    pub(crate) parts: u64,
    /// The longest turn of the writer meanwhile: whoever asks waits for the turn before.
    pub(crate) turn_ms_max: f64,
    /// Executions that went through their life meanwhile.
    pub(crate) lifecycles_per_s: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    folder: PathBuf,
    window: Duration,
}

pub(crate) fn measure(data: &Path, scale: &Scale) -> Outcome<Busy> {
    let settings = Settings {
        folder: data.join("store"),
        window: scale.window,
    };
    Child::play(ROLE, &settings)?.hear()
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shard = Shard::open(settings.folder)?;
    let integrations = runtime.block_on(shard.integrations())?;
    let carried = runtime.block_on(shard::load(
        &shard,
        integrations,
        Duration::ZERO,
        settings.window,
        shard::Ends::Good,
    ))?;
    let lifecycles_per_s = carried.count as f64 / carried.began.elapsed().as_secs_f64();
    let figures = runtime.block_on(shard.handle().figures())?;
    let (checkpoint, turn) = (figures.checkpoint.spread(), figures.turn.spread());
    say(&Busy {
        writer_stop_ms_max: checkpoint.greatest * 1e3,
        parts: checkpoint.buckets.iter().map(|(_, count)| count).sum(),
        turn_ms_max: turn.greatest * 1e3,
        lifecycles_per_s,
    })
}
