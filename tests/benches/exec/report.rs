//! What is told.

use std::time::Duration;

use crate::harness::report::{Row, row};
use crate::source::RECORD_BYTES;
use crate::through::Through;

// What is to be reached.
const RATIO_LEAST: f64 = 0.6;
const RUNNER_PEAK_BYTES_MOST: f64 = 64.0 * 1024.0 * 1024.0;

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
    /// All of it.
    #[rustfmt::skip] // One figure a line, so that they can be compared.
    pub(crate) fn rows(&self) -> Vec<Row> {
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
        vec![
            row("records", "records of 1 KiB in each round", Some(self.records as f64)).digits(0),
            row("records_per_s", "records/s, from a program into the landing", Some(self.records as f64 / through)).digits(0),
            row("mb_per_s", "the same in MB/s", Some(megabytes / through)),
            row("bare_pipe_mb_per_s", "limit: MB/s of the same program into `zstd` into a file", Some(megabytes / bare)),
            row("ratio_to_bare_pipe", "of what the bare pipe does", Some(ratio)).at_least(RATIO_LEAST),
            row("runner_peak_bytes", "the most memory of the runner", Some(runner as f64)).digits(0).less_than(RUNNER_PEAK_BYTES_MOST),
            row("runner_peak_small_bytes", "the same with a quarter of the records", Some(self.small.runner_peak_bytes as f64)).digits(0),
            row("coordinator_peak_bytes", "the most memory of the coordinator", Some(coordinator as f64)).digits(0),
            row("coordinator_peak_small_bytes", "the same with a quarter of the records", Some(self.small.coordinator_peak_bytes as f64)).digits(0),
        ]
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
