//! What is told.

use crate::harness::arguments::Scale;
use crate::harness::report::{Row, row};
use crate::look::Look;
use crate::throughput::Throughput;

// What a machine of two cores is to reach.
const FIRST_BYTE_MS_MOST: f64 = 50.0;
const RATIO_LEAST: f64 = 0.8;

/// What was measured; `None` is what was left out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) look: Option<Look>,
    pub(crate) throughput: Option<Throughput>,
}

impl Figures {
    /// All of it.
    #[rustfmt::skip] // One figure a line, so that they can be compared.
    pub(crate) fn rows(&self, scale: &Scale) -> Vec<Row> {
        let (look, throughput) = (self.look, self.throughput);
        let mean = |turns: [f64; 2]| (turns[0] + turns[1]) / 2.0;
        let ratio = throughput.map(|one| mean(one.on_per_s) / mean(one.off_per_s));
        let integrations = scale.integrations;
        let pages = throughput.map_or(0, |one| one.pages);
        vec![
            row("first_byte_p99_ms", format!("ms to the first byte of the page of {integrations} integrations, p99"), look.map(|one| one.first_byte_p99_ms)).less_than(FIRST_BYTE_MS_MOST),
            row("first_byte_p99_ms_busy", "the same while executions go by", look.map(|one| one.first_byte_p99_ms_busy)).less_than(FIRST_BYTE_MS_MOST),
            row("whole_p99_ms_busy", "the same to its last byte", look.map(|one| one.whole_p99_ms_busy)),
            row("page_bytes", "bytes of it, compressed", look.map(|one| one.bytes as f64)),
            row("paced_created_per_s", "executions/s created meanwhile", look.map(|one| one.created_per_s)),
            row("throughput_ratio_pages", format!("of the lifecycles/s without, while {pages} live pages are open"), ratio).at_least(RATIO_LEAST),
            row("lifecycles_per_s_off", "lifecycles/s while nobody looks, mean of two turns", throughput.map(|one| mean(one.off_per_s))),
            row("lifecycles_per_s_off_spread", "the difference of these two", throughput.map(|one| (one.off_per_s[0] - one.off_per_s[1]).abs())),
            row("lifecycles_per_s_on", "lifecycles/s while the pages are open, mean of two turns", throughput.map(|one| mean(one.on_per_s))),
            row("lifecycles_per_s_on_spread", "the difference of these two", throughput.map(|one| (one.on_per_s[0] - one.on_per_s[1]).abs())),
        ]
    }
}
