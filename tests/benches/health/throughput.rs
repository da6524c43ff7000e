//! What error notifications take of the transitions: the same load on the same shard with them on, and with them off.
//!
//! One execution of fifty fails, and every tenth integration fails at two of five: its rate goes up and down about the threshold, incidents open and close. The
//! window of 24 hours and the status are folded in both: without them there is no integration. What they take is told by itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_core::health::{End, Window};
use muster_core::time::Stamp;
use muster_core::words::{EmailAddress, Notifications};
use serde::{Deserialize, Serialize};

use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::child::{Child, say};
use crate::harness::shard::{self, Carried, Ends, Shard};

/// The role of the process that measures it.
pub(crate) const ROLE: &str = "health-throughput";

/// Off and on by turns, so that a machine that becomes slower does so for both.
const ROUNDS: usize = 2;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Throughput {
    /// Lifecycles/s without notifications.
    pub(crate) off_per_s: f64,
    /// With them.
    pub(crate) on_per_s: f64,
    /// What the window takes for an end, and what is asked of it for an alert.
    pub(crate) window_ns: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    folder: PathBuf,
    integrations: usize,
    settle: Duration,
    window: Duration,
    notifications: bool,
}

pub(crate) fn measure(folder: &Path, scale: &Scale) -> Outcome<Throughput> {
    let mut sums = [0.0, 0.0];
    for round in 0..ROUNDS {
        for notifications in [false, true] {
            let settings = Settings {
                folder: folder.join(format!("{round}-{notifications}")),
                integrations: scale.integrations,
                settle: scale.settle,
                window: scale.window,
                notifications,
            };
            let carried: Carried = Child::play(ROLE, &settings)?.hear()?;
            sums[usize::from(notifications)] += carried.lifecycles_per_s;
            std::fs::remove_dir_all(&settings.folder)?;
        }
    }
    let [off_per_s, on_per_s] = sums.map(|sum| sum / ROUNDS as f64);
    Ok(Throughput {
        off_per_s,
        on_per_s,
        window_ns: window_ns(),
    })
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shard = Shard::open(settings.folder)?;
    let notifications = Notifications {
        enabled: settings.notifications,
        recipients: [EmailAddress::new("oncall@example.com")?].into(),
        ..Notifications::default()
    };
    let loaded = runtime.block_on(async {
        let integrations = shard.create(settings.integrations, "bench", notifications).await?;
        shard::load(&shard, integrations, settings.settle, settings.window, Ends::Mixed).await
    })?;
    say(&loaded.caught_up(shard)?)
}

/// An end that comes into a window of a day's ends, and the rate that is taken then.
fn window_ns() -> f64 {
    const ENDS: u64 = 1_000_000;
    let minutes = |minutes: u64| Stamp::from_millis(1_700_000_000_000 + minutes * 60_000);
    let end = |n: u64| End {
        at: minutes(n * 29),
        failed: n.is_multiple_of(50),
        place: Some(n as usize % 3),
    };
    let mut window: Window = (0..50).map(end).collect();
    let start = Instant::now();
    for n in 50..50 + ENDS {
        window.push(end(n));
        std::hint::black_box(window.tally(minutes(n * 29), Window::LENGTH));
    }
    start.elapsed().as_secs_f64() * 1e9 / ENDS as f64
}
