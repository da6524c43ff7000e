//! What is told: a line for each figure for people, and one line of JSON for programs.

use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::arguments::Scale;
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
    /// Prints all of it, the JSON last.
    pub(crate) fn print(&self, scale: &Scale) -> Outcome<()> {
        let (look, throughput) = (self.look, self.throughput);
        let mean = |turns: [f64; 2]| (turns[0] + turns[1]) / 2.0;
        let ratio = throughput.map(|one| mean(one.on_per_s) / mean(one.off_per_s));
        let soon = |ms: f64| ms < FIRST_BYTE_MS_MOST;
        let integrations = scale.integrations;
        let pages = throughput.map_or(0, |one| one.pages);
        #[rustfmt::skip] // One figure a line, so that they can be compared.
        let rows: [(&str, String, Option<f64>, Option<bool>); 10] = [
            ("first_byte_p99_ms", format!("ms to the first byte of the page of {integrations} integrations, p99"), look.map(|one| one.first_byte_p99_ms), look.map(|one| soon(one.first_byte_p99_ms))),
            ("first_byte_p99_ms_busy", "the same while executions go by".to_owned(), look.map(|one| one.first_byte_p99_ms_busy), look.map(|one| soon(one.first_byte_p99_ms_busy))),
            ("whole_p99_ms_busy", "the same to its last byte".to_owned(), look.map(|one| one.whole_p99_ms_busy), None),
            ("page_bytes", "bytes of it, compressed".to_owned(), look.map(|one| one.bytes as f64), None),
            ("paced_created_per_s", "executions/s created meanwhile".to_owned(), look.map(|one| one.created_per_s), None),
            ("throughput_ratio_pages", format!("of the lifecycles/s without, while {pages} live pages are open"), ratio, ratio.map(|ratio| ratio >= RATIO_LEAST)),
            ("lifecycles_per_s_off", "lifecycles/s while nobody looks, mean of two turns".to_owned(), throughput.map(|one| mean(one.off_per_s)), None),
            ("lifecycles_per_s_off_spread", "the difference of these two".to_owned(), throughput.map(|one| (one.off_per_s[0] - one.off_per_s[1]).abs()), None),
            ("lifecycles_per_s_on", "lifecycles/s while the pages are open, mean of two turns".to_owned(), throughput.map(|one| mean(one.on_per_s)), None),
            ("lifecycles_per_s_on_spread", "the difference of these two".to_owned(), throughput.map(|one| (one.on_per_s[0] - one.on_per_s[1]).abs()), None),
        ];
        let mut object = Map::new();
        for (key, what, value, is_met) in rows {
            let verdict = match is_met {
                None => "",
                Some(true) => "  met",
                Some(false) => "  MISSED",
            };
            match value {
                Some(value) => println!("{what:<72} {value:>14.3}{verdict}"),
                None => println!("{what:<72} {:>14}", "-"),
            }
            let rounded = value.map(|value| (value * 10_000.0).round() / 10_000.0);
            object.insert(key.to_owned(), rounded.map_or(Value::Null, |value| json!(value)));
        }
        let targets = json!({"first_byte_p99_ms": FIRST_BYTE_MS_MOST, "throughput_ratio_pages": RATIO_LEAST});
        object.insert("targets".to_owned(), targets);
        object.insert("short".to_owned(), json!(scale.short));
        println!("{}", serde_json::to_string(&object)?);
        Ok(())
    }
}
