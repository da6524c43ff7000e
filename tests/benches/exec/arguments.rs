//! What the benchmark is told: how much.

use crate::Outcome;

const USAGE: &str = "usage: cargo bench --bench exec [-- --short]";

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Whether this run only shows that the benchmark works.
    pub(crate) short: bool,
    /// Records of 1 KiB.
    pub(crate) records: u64,
    /// How often; the median counts.
    pub(crate) rounds: usize,
}

impl Scale {
    const FULL: Self = Self {
        short: false,
        records: 1024 * 1024,
        rounds: 3,
    };
    const SHORT: Self = Self {
        short: true,
        records: 64 * 1024,
        rounds: 1,
    };

    pub(crate) fn parse(words: &[String]) -> Outcome<Self> {
        let mut scale = Self::FULL;
        for word in words {
            match word.as_str() {
                // Cargo passes this one by itself.
                "--bench" => {}
                "--short" => scale = Self::SHORT,
                unknown => return Err(format!("`{unknown}` is not known here\n{USAGE}").into()),
            }
        }
        Ok(scale)
    }
}
