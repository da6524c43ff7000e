//! What a tick of the shard costs when nothing is due; and what a plain heap, and plain looks at all integrations, would cost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_core::state::State;
use muster_core::time::{Moment, Stamp};
use muster_core::words::ConfigurationStatus;
use muster_shard::Options;
use muster_shard::stepped::{Reading, SteppedShard};
use muster_store::{Location, Store};
use serde::{Deserialize, Serialize};

use crate::fill;
use crate::harness::Outcome;
use crate::harness::child::{Child, say};

/// The role of the process that measures it.
pub(crate) const ROLE: &str = "health-idle";

const TICKS: u32 = 100_000;
const SCANS: u32 = 10;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// A turn of the writer with nothing to do, and the look at when the next is due.
    pub(crate) tick_us: f64,
    /// The look at the first of a plain heap of all upcoming collections.
    pub(crate) heap_us: f64,
    /// A look at all integrations for those that are due.
    pub(crate) scan_due_us: f64,
    /// The count of all by status, by a look at each.
    pub(crate) scan_status_ms: f64,
    /// The opening of the store into memory, without anybody who serves it.
    pub(crate) recover_s: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    folder: PathBuf,
}

pub(crate) fn measure(data: &Path) -> Outcome<Idle> {
    let settings = Settings {
        folder: data.join("store"),
    };
    Child::play(ROLE, &settings)?.hear()
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let begun = Instant::now();
    let reading = || -> Outcome<Reading> {
        Ok(Reading {
            wall: fill::now()?,
            moment: Moment::from_start(begun.elapsed()),
        })
    };
    let store = Store::open(&Location::Folder(settings.folder))?;
    let mut shard = SteppedShard::open(store, &Options::default(), reading()?)?;
    let recover_s = begun.elapsed().as_secs_f64();
    let now = reading()?;
    let start = Instant::now();
    for _ in 0..TICKS {
        shard.turn(now);
        if shard.idle_for(now) == Some(Duration::ZERO) {
            return Err("something is due, and nothing was to be".into());
        }
    }
    let tick_us = each_us(start, TICKS);

    let state = shard.state();
    let collections = state
        .everywhere()
        .integrations()
        .flat_map(|one| one.collections.values());
    let heap: BinaryHeap<_> = collections.filter_map(|one| one.next).map(Reverse).collect();
    let start = Instant::now();
    for _ in 0..TICKS {
        black_box(black_box(&heap).peek().is_some_and(|Reverse(next)| *next <= now.wall));
    }
    let heap_us = each_us(start, TICKS);

    let start = Instant::now();
    for _ in 0..SCANS {
        black_box(due(state, now.wall));
    }
    let scan_due_us = each_us(start, SCANS);
    let start = Instant::now();
    for _ in 0..SCANS {
        let in_error = |status| status == ConfigurationStatus::Error;
        black_box(
            state
                .everywhere()
                .integrations()
                .filter(|one| in_error(one.status()))
                .count(),
        );
    }
    let scan_status_ms = each_us(start, SCANS) / 1e3;
    say(&Idle {
        tick_us,
        heap_us,
        scan_due_us,
        scan_status_ms,
        recover_s,
    })
}

fn due(state: &State, now: Stamp) -> usize {
    let collections = state
        .everywhere()
        .integrations()
        .flat_map(|one| one.collections.values());
    collections
        .filter(|one| one.next.is_some_and(|next| next <= now))
        .count()
}

fn each_us(start: Instant, times: u32) -> f64 {
    start.elapsed().as_secs_f64() * 1e6 / f64::from(times)
}
