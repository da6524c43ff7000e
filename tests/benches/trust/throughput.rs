//! The full load of `lifecycle`, where nobody is asked who they are and where everybody is: by turns, so that a machine that becomes slower does so for both.

use std::path::Path;

use crate::enrolling::enroll;
use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::coordinator::Coordinator;
use crate::harness::full::saturate;
use crate::harness::runner::RUNNERS;

/// Whether everybody is asked.
const TURNS: [bool; 4] = [false, true, true, false];

/// Lifecycles/s until history had all of them, of each turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throughput {
    pub(crate) off_per_s: [f64; 2],
    pub(crate) on_per_s: [f64; 2],
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Throughput> {
    let mut turns = [Vec::new(), Vec::new()];
    for (number, asking) in TURNS.into_iter().enumerate() {
        let data = folder.join(format!("turn-{number}"));
        let coordinator = if asking {
            let coordinator = Coordinator::start_asking(binary, &data)?;
            enroll(&coordinator.way(), RUNNERS)?;
            coordinator
        } else {
            Coordinator::start(binary, &data)?
        };
        let (saturated, caught_up_in_s) = saturate(coordinator, scale)?;
        if saturated.fenced > 0 {
            return Err(format!(
                "{} reports were refused: the figures would be worth nothing",
                saturated.fenced
            )
            .into());
        }
        turns[usize::from(asking)].push(saturated.finished as f64 / (saturated.seconds + caught_up_in_s));
        std::fs::remove_dir_all(&data)?;
    }
    let [off, on] = turns;
    let pair = |turns: Vec<f64>| <[f64; 2]>::try_from(turns).map_err(|_| "two turns each");
    Ok(Throughput {
        off_per_s: pair(off)?,
        on_per_s: pair(on)?,
    })
}
