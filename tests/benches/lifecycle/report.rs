//! What is told.

use crate::bare::Bare;
use crate::harness::full::Full;
use crate::harness::report::{Row, row};
use crate::harness::restart::Restart;
use crate::harness::shard::Carried;

// What a machine of two cores is to reach.
const LIFECYCLES_PER_S_LEAST: f64 = 40_000.0;
const ASSIGN_P99_MS_MOST: f64 = 10.0;
const IDLE_RUNNER_BYTES_MOST: f64 = 48.0 * 1_024.0;
const RESTART_S_MOST: f64 = 5.0;

/// What was measured; `None` is what was left out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) disk_flushes_per_s: Option<f64>,
    pub(crate) store: Option<Carried>,
    pub(crate) bare: Option<Bare>,
    pub(crate) full: Option<Full>,
    pub(crate) idle_runner_bytes: Option<f64>,
    pub(crate) restart: Option<Restart>,
}

impl Figures {
    /// All of it.
    #[rustfmt::skip] // One figure a line, so that they can be compared.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let lifecycles = self.full.map(|full| full.lifecycles_per_s);
        let store = self.store.map(|store| store.lifecycles_per_s);
        let bare = self.bare.map(|bare| bare.messages_per_s);
        let paced = self.full.map(|full| full.paced);
        let ratio = |part: Option<f64>, whole: Option<f64>| Some(part? / whole?);
        vec![
            row("lifecycles_per_s", "lifecycles/s, 64 runners of 8 slots, history caught up", lifecycles).digits(0).at_least(LIFECYCLES_PER_S_LEAST),
            row("acknowledged_per_s", "the same, until the last acknowledgement", self.full.map(|full| full.acknowledged_per_s)).digits(0),
            row("caught_up_in_s", "s from the last acknowledgement until history had all", self.full.map(|full| full.caught_up_in_s)),
            row("fenced", "refused reports", self.full.map(|full| full.fenced as f64)).digits(0),
            row("assign_p50_ms", "ms from run now to the assignment at half of that load, p50", paced.map(|paced| paced.p50_ms)),
            row("assign_p99_ms", "the same, p99", paced.map(|paced| paced.p99_ms)).less_than(ASSIGN_P99_MS_MOST),
            row("assign_max_ms", "the same, the longest", paced.map(|paced| paced.most_ms)),
            row("paced_created_per_s", "executions/s created meanwhile", paced.map(|paced| paced.created_per_s)).digits(0),
            row("idle_runner_bytes", "bytes for each runner that is checked in and idle", self.idle_runner_bytes).digits(0).less_than(IDLE_RUNNER_BYTES_MOST),
            row("restart_s", "s to serve again after kill -9 under load", self.restart.map(|restart| restart.under_load_s)).less_than(RESTART_S_MOST),
            row("restart_at_rest_s", "s to serve again after kill -9 at rest", self.restart.map(|restart| restart.at_rest_s)),
            row("store_lifecycles_per_s", "limit: lifecycles/s of the shard alone, history caught up", store).digits(0),
            row("bare_stream_messages_per_s", "limit: assignments/s reported and acked on bare streams", bare).digits(0),
            row("disk_flushes_per_s", "limit: 4 KiB write + fdatasync, flushes/s", self.disk_flushes_per_s).digits(0),
            row("ratio_to_store", "of what the shard does alone", ratio(lifecycles, store)),
            row("ratio_to_bare_stream", "of what bare streams carry", ratio(lifecycles, bare)),
            row("lifecycles_per_disk_flush", "lifecycles for each flush that the disk could do", ratio(lifecycles, self.disk_flushes_per_s)),
        ]
    }
}
