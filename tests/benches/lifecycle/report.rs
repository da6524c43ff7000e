//! What is told: a table for people, and one line of JSON for programs.

use serde_json::{Value, json};

use crate::arguments::Scale;
use crate::bare::Bare;
use crate::full::Full;
use crate::restart::Restart;
use crate::shard::Carried;

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

/// A figure with its name, its unit, and what it should be.
struct Row {
    key: &'static str,
    what: &'static str,
    value: Option<f64>,
    digits: usize,
    target: Option<Target>,
}

#[derive(Clone, Copy)]
enum Target {
    AtLeast(f64),
    LessThan(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::LessThan(most) => value < most,
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::AtLeast(value) | Self::LessThan(value) => value,
        }
    }
}

impl Figures {
    /// Prints all of it, the JSON last.
    pub(crate) fn print(&self) {
        let rows = self.rows();
        println!();
        for row in &rows {
            println!("{row}");
        }
        println!();
        let mut object = serde_json::Map::new();
        let mut targets = serde_json::Map::new();
        for row in rows {
            object.insert(row.key.to_owned(), number(row.value, row.digits));
            if let Some(target) = row.target {
                targets.insert(row.key.to_owned(), number(Some(target.value()), row.digits));
            }
        }
        object.insert("cores".to_owned(), json!(cores()));
        object.insert("targets".to_owned(), Value::Object(targets));
        println!("{}", Value::Object(object));
    }

    #[rustfmt::skip] // One figure a line, so that they can be compared.
    fn rows(&self) -> Vec<Row> {
        let lifecycles = self.full.map(|full| full.lifecycles_per_s);
        let store = self.store.map(|store| store.lifecycles_per_s);
        let bare = self.bare.map(|bare| bare.messages_per_s);
        let paced = self.full.map(|full| full.paced);
        let ratio = |part: Option<f64>, whole: Option<f64>| Some(part? / whole?);
        let row = |key, what, value, digits| Row { key, what, value, digits, target: None };
        vec![
            row("lifecycles_per_s", "lifecycles/s, 64 runners of 8 slots, history caught up", lifecycles, 0).at_least(LIFECYCLES_PER_S_LEAST),
            row("acknowledged_per_s", "the same, until the last acknowledgement", self.full.map(|full| full.acknowledged_per_s), 0),
            row("caught_up_in_s", "s from the last acknowledgement until history had all", self.full.map(|full| full.caught_up_in_s), 2),
            row("fenced", "refused reports", self.full.map(|full| full.fenced as f64), 0),
            row("assign_p50_ms", "ms from run now to the assignment at half of that load, p50", paced.map(|paced| paced.p50_ms), 2),
            row("assign_p99_ms", "the same, p99", paced.map(|paced| paced.p99_ms), 2).less_than(ASSIGN_P99_MS_MOST),
            row("assign_max_ms", "the same, the longest", paced.map(|paced| paced.most_ms), 2),
            row("paced_created_per_s", "executions/s created meanwhile", paced.map(|paced| paced.created_per_s), 0),
            row("idle_runner_bytes", "bytes for each runner that is checked in and idle", self.idle_runner_bytes, 0).less_than(IDLE_RUNNER_BYTES_MOST),
            row("restart_s", "s to serve again after kill -9 under load", self.restart.map(|restart| restart.under_load_s), 2).less_than(RESTART_S_MOST),
            row("restart_at_rest_s", "s to serve again after kill -9 at rest", self.restart.map(|restart| restart.at_rest_s), 2),
            row("store_lifecycles_per_s", "limit: lifecycles/s of the shard alone, history caught up", store, 0),
            row("bare_stream_messages_per_s", "limit: assignments/s reported and acked on bare streams", bare, 0),
            row("disk_flushes_per_s", "limit: 4 KiB write + fdatasync, flushes/s", self.disk_flushes_per_s, 0),
            row("ratio_to_store", "of what the shard does alone", ratio(lifecycles, store), 2),
            row("ratio_to_bare_stream", "of what bare streams carry", ratio(lifecycles, bare), 2),
            row("lifecycles_per_disk_flush", "lifecycles for each flush that the disk could do", ratio(lifecycles, self.disk_flushes_per_s), 2),
        ]
    }
}

impl Row {
    fn at_least(mut self, least: f64) -> Self {
        self.target = Some(Target::AtLeast(least));
        self
    }

    fn less_than(mut self, most: f64) -> Self {
        self.target = Some(Target::LessThan(most));
        self
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, digits, .. } = self;
        let Some(value) = self.value else {
            return write!(f, "{what:<62} {:>12}", "-");
        };
        write!(f, "{what:<62} {value:>12.digits$}")?;
        match self.target {
            None => Ok(()),
            Some(target) => {
                let verdict = if target.is_met(value) { "met" } else { "MISSED" };
                let sign = match target {
                    Target::AtLeast(_) => "≥",
                    Target::LessThan(_) => "<",
                };
                write!(f, "  {sign} {:.0}: {verdict}", target.value())
            }
        }
    }
}

/// What this machine is, and how busy it is with other things.
pub(crate) fn print_machine(scale: &Scale) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    println!(
        "{} cores ({}), {} of memory, Linux {}, load before: {}",
        cores(),
        field(&read("/proc/cpuinfo"), "model name"),
        field(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").trim(),
    );
    if scale.short {
        println!("a short run: its figures flatter, and only show that the benchmark works");
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn number(value: Option<f64>, digits: usize) -> Value {
    let scale = 10_f64.powi(i32::try_from(digits).unwrap_or(0));
    match value {
        None => Value::Null,
        Some(value) if digits == 0 => json!(value.round() as u64),
        Some(value) => json!((value * scale).round() / scale),
    }
}
