//! How fast the simulator lets worlds happen.

use std::path::Path;
use std::process::Command;

use crate::harness::Outcome;
use crate::harness::arguments::Scale;

/// The seeds of a run: the same ones each time, so that runs can be compared.
const SEEDS: u64 = 1_000;
const SEEDS_SHORT: u64 = 50;

/// On two threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Simulator {
    /// Worlds that began, went wrong and healed.
    pub(crate) seeds_per_s: f64,
    /// The time that passes in them.
    pub(crate) virtual_hours_per_s: f64,
}

pub(crate) fn measure(binary: &Path, scale: &Scale) -> Outcome<Simulator> {
    let seeds = if scale.short { SEEDS_SHORT } else { SEEDS };
    let output = Command::new(binary)
        .args(["--threads", "2", "--seeds", &seeds.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().next_back().unwrap_or_default();
    if !output.status.success() {
        return Err(format!("the simulator has ended with {}: {last}", output.status).into());
    }
    let figure = |unit: &str| {
        let before = last.split(unit).next().filter(|before| before.len() < last.len());
        let number = before.and_then(|before| before.split_whitespace().next_back()?.parse().ok());
        number.ok_or_else(|| format!("the simulator does not tell its {unit}: {last}"))
    };
    Ok(Simulator {
        seeds_per_s: figure(" seeds/s")?,
        virtual_hours_per_s: figure(" virtual hours/s")?,
    })
}
