//! What the benchmark is told: how much, and which parts of it.

use std::time::Duration;

use crate::Outcome;

const USAGE: &str = "usage: cargo bench --bench lifecycle [-- [--short] [--only disk|store|bare|full|idle|restart]…]";

/// The parts of the benchmark, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Disk,
    Store,
    Bare,
    Full,
    Idle,
    Restart,
}

impl Part {
    pub(crate) const ALL: [Self; 6] = [
        Self::Disk,
        Self::Store,
        Self::Bare,
        Self::Full,
        Self::Idle,
        Self::Restart,
    ];

    /// What it does, for whoever waits for it.
    pub(crate) fn summary(self) -> &'static str {
        match self {
            Self::Disk => "what the disk does: write and fdatasync of 4 KiB",
            Self::Store => "what the shard does on its store, without gRPC",
            Self::Bare => "what bare streams carry, without a store",
            Self::Full => "the coordinator under full load, then under half of it",
            Self::Idle => "the coordinator's memory for runners that have nothing to do",
            Self::Restart => "the coordinator's restart",
        }
    }

    fn named(name: &str) -> Outcome<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|part| format!("{part:?}").eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("there is no part `{name}`\n{USAGE}").into())
    }
}

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

/// What the benchmark is told.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) scale: Scale,
    /// The parts to run; empty: all.
    only: Vec<Part>,
}

impl Arguments {
    pub(crate) fn parse(words: &[String]) -> Outcome<Self> {
        let mut arguments = Self {
            scale: Scale::FULL,
            only: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                // Cargo passes this one by itself.
                "--bench" => {}
                "--short" => arguments.scale = Scale::SHORT,
                "--only" => arguments.only.push(Part::named(words.next().ok_or(USAGE)?)?),
                unknown => return Err(format!("`{unknown}` is not known here\n{USAGE}").into()),
            }
        }
        Ok(arguments)
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// What a benchmark is told whose parts are called by their names: how much, and which of them.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) scale: Scale,
    /// The parts to run; empty: all.
    only: Vec<String>,
}

impl Chosen {
    pub(crate) fn parse(words: &[String], parts: &[&str], usage: &str) -> Outcome<Self> {
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
                    chosen.only.push(part.ok_or(usage)?.clone());
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
