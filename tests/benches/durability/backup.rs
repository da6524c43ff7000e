//! What the coordinator carries while backups of it are made, one after the other without a pause, and without any.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::child::Child;
use crate::harness::coordinator::{Coordinator, Turns};
use crate::harness::load::{Paced, ROLE, Saturated, Settings};

/// With backups and without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backup {
    /// Lifecycles/s acknowledged, without.
    pub(crate) without_per_s: f64,
    /// And with.
    pub(crate) with_per_s: f64,
    /// How many backups were made meanwhile.
    pub(crate) backups: u64,
    /// How long one took, on the average.
    pub(crate) backup_s: f64,
    /// How large the last one was.
    pub(crate) bytes: u64,
    /// At half of the load, without.
    pub(crate) paced: Paced,
    /// And with.
    pub(crate) paced_with: Paced,
    /// The turns of the writer meanwhile, without.
    pub(crate) turns: Turns,
    /// And with.
    pub(crate) turns_with: Turns,
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Backup> {
    std::fs::create_dir(folder)?;
    let data = folder.join("data");
    let coordinator = Coordinator::start(binary, &data)?;
    let settings = Settings {
        way: coordinator.way(),
        integrations: scale.integrations,
        settle: scale.settle,
        window: scale.window,
        pace: None,
    };
    // Twice without, since the first time makes the integrations; what comes later has more to carry, and so the one with backups is in between.
    let first = saturate(&settings)?;
    let file = folder.join("backup");
    let backups = Backups::begin(binary, &data, &coordinator, &file)?;
    let with = saturate(&settings);
    let (count, seconds) = backups.end()?;
    let with = with?;
    let last = saturate(&settings)?;
    let without_per_s = (first + last) / 2.0;
    // Whoever waits at half of that load waits for the writer, not in a queue.
    let half = Settings {
        pace: Some(without_per_s / 2.0),
        ..settings
    };
    let begin = coordinator.turns()?;
    let paced = Child::play(ROLE, &half)?.hear()?;
    let between = coordinator.turns()?;
    let again = Backups::begin(binary, &data, &coordinator, &file)?;
    let paced_with = Child::play(ROLE, &half)?.hear();
    again.end()?;
    let end = coordinator.turns()?;
    coordinator.stop()?;
    Ok(Backup {
        without_per_s,
        with_per_s: with,
        backups: count,
        backup_s: seconds / count as f64,
        bytes: std::fs::metadata(&file)?.len(),
        paced,
        paced_with: paced_with?,
        turns: between.since(begin),
        turns_with: end.since(between),
    })
}

fn saturate(settings: &Settings) -> Outcome<f64> {
    let saturated: Saturated = Child::play(ROLE, settings)?.hear()?;
    Ok(saturated.finished as f64 / saturated.seconds)
}

/// Backups, one after the other.
struct Backups {
    stop: Arc<AtomicBool>,
    making: JoinHandle<Outcome<(u64, Duration)>>,
}

impl Backups {
    fn begin(binary: &Path, data: &Path, coordinator: &Coordinator, file: &Path) -> Outcome<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut command = Command::new(binary);
        command.arg("backup").arg("--replace");
        command.arg("--data").arg(data).arg(file);
        command.args(["--listen", &coordinator.way().address.to_string()]);
        command.stdout(std::process::Stdio::null());
        let named: PathBuf = file.to_owned();
        let making = std::thread::Builder::new().name("backups".to_owned()).spawn(move || {
            let (mut count, begun) = (0, Instant::now());
            while !stopped.load(Ordering::Acquire) {
                let status = command.status()?;
                if !status.success() {
                    return Err(format!("no backup was made into {}: {status}", named.display()).into());
                }
                count += 1;
            }
            Ok((count, begun.elapsed()))
        })?;
        Ok(Self { stop, making })
    }

    fn end(self) -> Outcome<(u64, f64)> {
        self.stop.store(true, Ordering::Release);
        let made = self.making.join().map_err(|_| "the backups have panicked")?;
        let (count, took) = made?;
        Ok((count, took.as_secs_f64()))
    }
}
