//! The full load of `lifecycle`, while nobody looks and while a thousand pages are open: by turns, so that a machine that becomes slower does so for both.

use std::path::Path;

use crate::audience;
use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::coordinator::Coordinator;
use crate::harness::full::saturate;

/// How many pages are open.
const PAGES: usize = 1_000;
const PAGES_SHORT: usize = 100;

/// Whether they are.
const TURNS: [bool; 4] = [false, true, true, false];

/// Lifecycles/s until history had all of them, of each turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throughput {
    pub(crate) off_per_s: [f64; 2],
    pub(crate) on_per_s: [f64; 2],
    pub(crate) pages: usize,
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Throughput> {
    let pages = if scale.short { PAGES_SHORT } else { PAGES };
    let mut turns = [Vec::new(), Vec::new()];
    for (number, open) in TURNS.into_iter().enumerate() {
        let data = folder.join(format!("turn-{number}"));
        let coordinator = Coordinator::start(binary, &data)?;
        let audience = open.then(|| audience::open(coordinator.http(), pages)).transpose()?;
        let (saturated, caught_up_in_s) = saturate(coordinator, scale)?;
        drop(audience);
        turns[usize::from(open)].push(saturated.finished as f64 / (saturated.seconds + caught_up_in_s));
        std::fs::remove_dir_all(&data)?;
    }
    let [off, on] = turns;
    let pair = |turns: Vec<f64>| <[f64; 2]>::try_from(turns).map_err(|_| "two turns each");
    Ok(Throughput {
        off_per_s: pair(off)?,
        on_per_s: pair(on)?,
        pages,
    })
}
