//! What is told: a line for each figure for people, and one line of JSON for programs.

use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::arguments::Scale;
use crate::storm::Storm;
use crate::throughput::Throughput;

// What a machine of two cores is to reach.
const RATIO_LEAST: f64 = 0.85;
const BACK_S_MOST: f64 = 30.0;
/// How much longer an assignment may take after the storm; anything is good that is below the second one, in milliseconds.
const RECOVERED_FACTOR_MOST: f64 = 1.5;
const RECOVERED_MS: f64 = 10.0;

/// What was measured; `None` is what was left out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) throughput: Option<Throughput>,
    pub(crate) storm: Option<Storm>,
}

impl Figures {
    /// Prints all of it, the JSON last.
    pub(crate) fn print(&self, scale: &Scale) -> Outcome<()> {
        let (throughput, storm) = (self.throughput, self.storm);
        let mean = |turns: [f64; 2]| (turns[0] + turns[1]) / 2.0;
        let (off, on) = (
            throughput.map(|one| mean(one.off_per_s)),
            throughput.map(|one| mean(one.on_per_s)),
        );
        let ratio = on.zip(off).map(|(on, off)| on / off);
        let runners = scale.idle_runners;
        let after = storm.map(|one| one.after.p99_ms);
        let is_recovered = storm.map(|one| {
            one.after.p99_ms < RECOVERED_MS || one.after.p99_ms <= RECOVERED_FACTOR_MOST * one.before.p99_ms
        });
        let back = storm.map(|one| one.back.as_secs_f64());
        let back_after_outage = storm.map(|one| one.back_after_outage.as_secs_f64());
        #[rustfmt::skip] // One figure a line, so that they can be compared.
        let rows: [(&str, String, Option<f64>, Option<bool>); 14] = [
            ("throughput_ratio_mtls", "of the lifecycles/s where nobody is asked, with mTLS and tokens".to_owned(), ratio, ratio.map(|ratio| ratio >= RATIO_LEAST)),
            ("lifecycles_per_s_off", "lifecycles/s where nobody is asked, mean of two turns".to_owned(), off, None),
            ("lifecycles_per_s_off_spread", "the difference of these two".to_owned(), throughput.map(|one| (one.off_per_s[0] - one.off_per_s[1]).abs()), None),
            ("lifecycles_per_s_on", "lifecycles/s with mTLS and tokens, mean of two turns".to_owned(), on, None),
            ("lifecycles_per_s_on_spread", "the difference of these two".to_owned(), throughput.map(|one| (one.on_per_s[0] - one.on_per_s[1]).abs()), None),
            ("reconnect_5000_s", format!("s from SERVING until {runners} runners are back, after kill -9"), back, back.map(|back| back <= BACK_S_MOST)),
            ("reconnect_5000_from_start_s", "the same from the start of its process".to_owned(), storm.map(|one| one.back_from_start.as_secs_f64()), None),
            ("reconnect_5000_outage_s", "the same from SERVING, after an outage".to_owned(), back_after_outage, back_after_outage.map(|back| back <= BACK_S_MOST)),
            ("assign_p50_ms_before", "ms from run now to the assignment before the storm, p50".to_owned(), storm.map(|one| one.before.p50_ms), None),
            ("assign_p99_ms_before", "the same, p99".to_owned(), storm.map(|one| one.before.p99_ms), None),
            ("assign_p50_ms_after", "the same when all are back, p50".to_owned(), storm.map(|one| one.after.p50_ms), None),
            ("assign_p99_ms_after", "the same, p99".to_owned(), after, is_recovered),
            ("paced_created_per_s", "executions/s created meanwhile".to_owned(), storm.map(|one| one.after.created_per_s), None),
            ("bytes_per_runner_mtls", "bytes of the coordinator's whole memory for each runner that is back".to_owned(), storm.map(|one| one.resident_bytes as f64 / one.runners as f64), None),
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
        let targets = json!({
            "throughput_ratio_mtls": RATIO_LEAST,
            "reconnect_5000_s": BACK_S_MOST,
            "reconnect_5000_outage_s": BACK_S_MOST,
            "assign_p99_factor_after": RECOVERED_FACTOR_MOST,
        });
        object.insert("targets".to_owned(), targets);
        object.insert("short".to_owned(), json!(scale.short));
        println!("{}", serde_json::to_string(&object)?);
        Ok(())
    }
}
