//! What a benchmark is told: how much, and which parts of it.

use std::time::Duration;

use super::Outcome;

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    /// Whether this run only shows that the benchmark works.
    pub(crate) short: bool,
    /// How long load is made: short runs flatter, since memory takes what a disk has to take later.
    pub(crate) window: Duration,
    /// How long the coordinator gets to come to rest before something is measured.
    pub(crate) settle: Duration,
    /// How many integrations there are, of three data types each.
    pub(crate) integrations: usize,
    /// How many runners are checked in and have nothing to do.
    pub(crate) idle_runners: usize,
    /// How many executions have finished before the restart.
    pub(crate) finished: u64,
    /// How many executions are open at the restart; a multiple of three.
    pub(crate) open: usize,
    /// How long the coordinator stands before it is restarted at rest: longer than the shard lets a changed entity wait for its record.
    pub(crate) rest: Duration,
}

impl Scale {
    pub(crate) const FULL: Self = Self {
        short: false,
        window: Duration::from_secs(40),
        settle: Duration::from_secs(5),
        integrations: 50_000,
        idle_runners: 5_000,
        finished: 1_000_000,
        open: 100_002,
        rest: Duration::from_secs(30),
    };
    pub(crate) const SHORT: Self = Self {
        short: true,
        window: Duration::from_secs(3),
        settle: Duration::from_secs(1),
        integrations: 10_000,
        idle_runners: 500,
        finished: 30_000,
        open: 3_000,
        rest: Duration::from_secs(2),
    };
}

/// What a benchmark is told.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) scale: Scale,
    /// The parts to run; empty: all.
    only: Vec<String>,
}

impl Chosen {
    /// Of a benchmark with these parts.
    pub(super) fn parse(words: &[String], name: &str, parts: &[&str]) -> Outcome<Self> {
        let only = match parts {
            [] => String::new(),
            parts => format!(" [--only {}]…", parts.join("|")),
        };
        let usage = format!("usage: cargo bench --bench {name} [-- [--short]{only}]");
        let mut chosen = Self {
            scale: Scale::FULL,
            only: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo passes this one by itself.
                "--bench" => {}
                "--short" => chosen.scale = Scale::SHORT,
                "--only" => {
                    let part = words.next().filter(|part| parts.contains(&part.as_str()));
                    chosen.only.push(part.ok_or(usage.as_str())?.clone());
                }
                unknown => return Err(format!("`{unknown}` is not known here\n{usage}").into()),
            }
        }
        Ok(chosen)
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}
