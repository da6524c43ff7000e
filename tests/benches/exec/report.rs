//! What is told: a table for people, and one line of JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::arguments::Scale;
use crate::source::RECORD_BYTES;
use crate::through::Through;

// What is to be reached.
const RATIO_LEAST: f64 = 0.6;
const RUNNER_PEAK_BYTES_MOST: u64 = 64 * 1024 * 1024;

/// One round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// How long the bare pipe took.
    pub(crate) bare: Duration,
    pub(crate) through: Through,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) records: u64,
    pub(crate) runs: Vec<Run>,
    /// A quarter of the records: what memory should not depend on.
    pub(crate) small: Through,
}

impl Figures {
    /// Prints all of it, the JSON last.
    pub(crate) fn print(&self) {
        let through = median(self.runs.iter().map(|run| run.through.took));
        let bare = median(self.runs.iter().map(|run| run.bare));
        // Each with its neighbour, so that a slow minute does not count against one of them.
        let ratio = median_of(
            self.runs
                .iter()
                .map(|run| run.bare.as_secs_f64() / run.through.took.as_secs_f64()),
        );
        let megabytes = self.records as f64 * RECORD_BYTES as f64 / 1e6;
        let most = |peak: fn(&Through) -> u64| self.runs.iter().map(|run| peak(&run.through)).max().unwrap_or(0);
        let runner = most(|through| through.runner_peak_bytes);
        let coordinator = most(|through| through.coordinator_peak_bytes);
        #[rustfmt::skip] // One figure a line, so that they can be compared.
        let rows = [
            ("records_per_s", "records/s of 1 KiB, from a program into the landing", json!((self.records as f64 / through).round()), None),
            ("mb_per_s", "the same in MB/s", rounded(megabytes / through, 2), None),
            ("bare_pipe_mb_per_s", "limit: MB/s of the same program into `zstd` into a file", rounded(megabytes / bare, 2), None),
            ("ratio_to_bare_pipe", "of what the bare pipe does", rounded(ratio, 3), Some((json!(RATIO_LEAST), ratio >= RATIO_LEAST))),
            ("runner_peak_bytes", "the most memory of the runner", json!(runner), Some((json!(RUNNER_PEAK_BYTES_MOST), runner < RUNNER_PEAK_BYTES_MOST))),
            ("runner_peak_small_bytes", "the same with a quarter of the records", json!(self.small.runner_peak_bytes), None),
            ("coordinator_peak_bytes", "the most memory of the coordinator", json!(coordinator), None),
            ("coordinator_peak_small_bytes", "the same with a quarter of the records", json!(self.small.coordinator_peak_bytes), None),
        ];
        println!();
        let mut object = serde_json::Map::new();
        let mut targets = serde_json::Map::new();
        for (key, what, value, target) in rows {
            let judged = match &target {
                None => String::new(),
                Some((target, true)) => format!("   met: {target}"),
                Some((target, false)) => format!("   MISSED: {target}"),
            };
            println!("{key:<30}{:>14}   {what}{judged}", value.to_string());
            object.insert(key.to_owned(), value);
            if let Some((target, _)) = target {
                targets.insert(key.to_owned(), target);
            }
        }
        println!();
        object.insert("records".to_owned(), json!(self.records));
        object.insert("targets".to_owned(), Value::Object(targets));
        println!("{}", Value::Object(object));
    }
}

fn median(times: impl Iterator<Item = Duration>) -> f64 {
    median_of(times.map(|time| time.as_secs_f64()))
}

fn median_of(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn rounded(value: f64, decimals: i32) -> Value {
    let scale = 10_f64.powi(decimals);
    json!((value * scale).round() / scale)
}

/// Says on which machine this is, and what kind of run.
pub(crate) fn print_machine(scale: &Scale) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{cores} cores, load before: {}", load.trim());
    if scale.short {
        println!("a short run: its figures only show that the benchmark works");
    }
}
