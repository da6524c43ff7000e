//! What is told.

use crate::busy::Busy;
use crate::harness::report::{Row, row};
use crate::idle::Idle;
use crate::served::Served;
use crate::throughput::Throughput;

// What a machine of two cores is to reach.
const BYTES_MOST: f64 = 2_048.0;
const RATIO_LEAST: f64 = 0.9;
const ANSWER_P99_MS_MOST: f64 = 10.0;

/// What was measured; `None` is what was left out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) served: Option<Served>,
    /// Over few integrations, and over many.
    pub(crate) idle: Option<(Idle, Idle)>,
    pub(crate) busy: Option<Busy>,
    pub(crate) throughput: Option<Throughput>,
}

impl Figures {
    /// All of it.
    #[rustfmt::skip] // One figure a line, so that they can be compared.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let (served, idle, busy, throughput) = (self.served, self.idle, self.busy, self.throughput);
        let (few, many) = idle.unzip();
        let per_lifecycle_ns = |one: Throughput| 1e9 / one.off_per_s;
        vec![
            row("start_s", "s until it serves", served.map(|one| one.start_s)),
            row("bytes_per_integration", "bytes of memory for each integration of three data types", served.map(|one| one.bytes_per_integration)).less_than(BYTES_MOST),
            row("list_error_p99_ms", "ms for a page of 100 of those in Error, p99", served.map(|one| one.list_error_p99_ms)).less_than(ANSWER_P99_MS_MOST),
            row("summary_p99_ms", "ms for the summary of all, p99", served.map(|one| one.summary_p99_ms)).less_than(ANSWER_P99_MS_MOST),
            row("idle_tick_us_at_1k", "µs of a tick with nothing due, 1,000 integrations", few.map(|one| one.tick_us)),
            row("idle_tick_us_at_1m", "the same with all of them", many.map(|one| one.tick_us)),
            row("writer_stop_ms_max", "ms for which a part of a checkpoint stops the writer under load, the longest", busy.map(|one| one.writer_stop_ms_max)),
            row("checkpoint_parts", "parts of checkpoints meanwhile", busy.map(|one| one.parts as f64)),
            row("turn_ms_max", "ms of the writer's longest turn meanwhile", busy.map(|one| one.turn_ms_max)),
            row("busy_lifecycles_per_s", "lifecycles/s of the shard alone meanwhile", busy.map(|one| one.lifecycles_per_s)),
            row("throughput_ratio_health_on", "of the lifecycles/s without notifications, with them", throughput.map(|one| one.on_per_s / one.off_per_s)).at_least(RATIO_LEAST),
            row("lifecycles_per_s_off", "lifecycles/s of the shard alone, without notifications", throughput.map(|one| one.off_per_s)),
            row("lifecycles_per_s_on", "the same with them", throughput.map(|one| one.on_per_s)),
            row("window_share", "of the time of a lifecycle, what the window takes", throughput.map(|one| one.window_ns / per_lifecycle_ns(one))),
            row("heap_peek_us", "limit: µs for a look at the first of a plain heap of all upcoming collections", many.map(|one| one.heap_us)),
            row("scan_due_us", "peer: µs for a look at all of them", many.map(|one| one.scan_due_us)),
            row("scan_status_ms", "peer: ms for a count of those in Error by a look at each", many.map(|one| one.scan_status_ms)),
            row("recover_s", "limit: s to read and verify the store into memory", many.map(|one| one.recover_s)),
            row("idle_tick_growth", "of a tick with 1,000 integrations, one with all of them", idle.map(|(few, many)| many.tick_us / few.tick_us)),
            row("idle_tick_to_scan", "of a look at all of them, a tick", many.map(|one| one.tick_us / one.scan_due_us)),
            row("summary_to_scan", "of a look at each, the summary through gRPC, p99", served.zip(many).map(|(served, many)| served.summary_p99_ms / many.scan_status_ms)),
            row("start_to_recover", "of reading the store into memory, the whole start", served.zip(many).map(|(served, many)| served.start_s / many.recover_s)),
        ]
    }
}
