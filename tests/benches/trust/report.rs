//! What is told.

use crate::harness::arguments::Scale;
use crate::harness::report::{Row, row};
use crate::storm::Storm;
use crate::throughput::Throughput;

// What a machine of two cores is to reach.
const RATIO_LEAST: f64 = 0.85;
const BACK_S_MOST: f64 = 30.0;
/// How much longer an assignment may take after the storm; whatever is within the second one is good, in milliseconds.
const RECOVERED_FACTOR_MOST: f64 = 1.5;
const RECOVERED_MS: f64 = 10.0;

/// What was measured; `None` is what was left out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) throughput: Option<Throughput>,
    pub(crate) storm: Option<Storm>,
}

impl Figures {
    /// All of it.
    #[rustfmt::skip] // One figure a line, so that they can be compared.
    pub(crate) fn rows(&self, scale: &Scale) -> Vec<Row> {
        let (throughput, storm) = (self.throughput, self.storm);
        let mean = |turns: [f64; 2]| (turns[0] + turns[1]) / 2.0;
        let (off, on) = (
            throughput.map(|one| mean(one.off_per_s)),
            throughput.map(|one| mean(one.on_per_s)),
        );
        let ratio = on.zip(off).map(|(on, off)| on / off);
        let runners = scale.idle_runners;
        let after = storm.map(|one| one.after.p99_ms);
        let recovered = storm.map_or(RECOVERED_MS, |one| RECOVERED_MS.max(RECOVERED_FACTOR_MOST * one.before.p99_ms));
        let back = storm.map(|one| one.back.as_secs_f64());
        let back_after_outage = storm.map(|one| one.back_after_outage.as_secs_f64());
        vec![
            row("throughput_ratio_mtls", "of the lifecycles/s where nobody is asked, with mTLS and tokens", ratio).at_least(RATIO_LEAST),
            row("lifecycles_per_s_off", "lifecycles/s where nobody is asked, mean of two turns", off),
            row("lifecycles_per_s_off_spread", "the difference of these two", throughput.map(|one| (one.off_per_s[0] - one.off_per_s[1]).abs())),
            row("lifecycles_per_s_on", "lifecycles/s with mTLS and tokens, mean of two turns", on),
            row("lifecycles_per_s_on_spread", "the difference of these two", throughput.map(|one| (one.on_per_s[0] - one.on_per_s[1]).abs())),
            row("reconnect_5000_s", format!("s from SERVING until {runners} runners are back, after kill -9"), back).at_most(BACK_S_MOST),
            row("reconnect_5000_from_start_s", "the same from the start of its process", storm.map(|one| one.back_from_start.as_secs_f64())),
            row("reconnect_5000_outage_s", "the same from SERVING, after an outage", back_after_outage).at_most(BACK_S_MOST),
            row("assign_p50_ms_before", "ms from run now to the assignment before the storm, p50", storm.map(|one| one.before.p50_ms)),
            row("assign_p99_ms_before", "the same, p99", storm.map(|one| one.before.p99_ms)),
            row("assign_p50_ms_after", "the same when all are back, p50", storm.map(|one| one.after.p50_ms)),
            row("assign_p99_ms_after", "the same, p99", after).at_most(recovered),
            row("paced_created_per_s", "executions/s created meanwhile", storm.map(|one| one.after.created_per_s)),
            row("bytes_per_runner_mtls", "bytes of the coordinator's whole memory for each runner that is back", storm.map(|one| one.resident_bytes as f64 / one.runners as f64)),
        ]
    }
}
