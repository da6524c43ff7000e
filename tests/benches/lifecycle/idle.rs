//! The coordinator's memory for each runner that is checked in and has nothing to do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::child::{Child, say};
use crate::harness::coordinator::Coordinator;
use crate::harness::runner::{self, RUNNERS, Shared};
use crate::harness::way::{Shows, Way};

/// The role of the process that checks in.
pub(crate) const ROLE: &str = "idle";

/// How many runners check in at a time.
const AT_A_TIME: u64 = 64;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    way: Way,
    /// How many runners of each round check in; after each this process says how many are there.
    rounds: [u64; 2],
    /// How long the coordinator gets after each round before its memory is read.
    settle: Duration,
}

/// What a runner costs beyond what the first ones have cost: those pay for what is made once.
pub(crate) fn bytes_per_runner(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<f64> {
    let coordinator = Coordinator::start(binary, folder)?;
    let settings = Settings {
        way: coordinator.way(),
        rounds: [RUNNERS, scale.idle_runners as u64],
        settle: scale.settle,
    };
    let mut runners = Child::play(ROLE, &settings)?;
    let mut resident = || -> Outcome<(u64, u64)> {
        let count: u64 = runners.hear()?;
        std::thread::sleep(scale.settle);
        Ok((count, coordinator.resident_bytes()?))
    };
    let (few, before) = resident()?;
    let (many, after) = resident()?;
    Ok(after.saturating_sub(before) as f64 / (many - few) as f64)
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shows = Arc::new(Shows::of(settings.way)?);
        let shared = Arc::new(Shared::default());
        let mut runners = JoinSet::new();
        let mut count = 0;
        for round in settings.rounds {
            let all = count + round;
            while count < all {
                let next = all.min(count + AT_A_TIME);
                for n in count..next {
                    runner::spawn(&mut runners, &shows, n, &shared);
                }
                count = next;
                let are_in = |progress: &crate::harness::progress::Progress| progress.checked_in() == count;
                shared.progress.until("the runners have checked in", are_in).await?;
            }
            say(&count)?;
            // The first round's memory is to be read before the second one begins.
            tokio::time::sleep(2 * settings.settle).await;
        }
        std::future::pending().await
    })
}
