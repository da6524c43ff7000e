//! `cargo bench --bench health`: what the health of a million integrations costs: memory, time to start, transitions, ticks, lists, the summary.
//!
//! `docs/benchmarks.md` says what is measured how.

mod busy;
mod fill;
#[path = "../harness/mod.rs"]
mod harness;
mod idle;
mod report;
mod served;
mod throughput;

use std::process::ExitCode;

use harness::arguments::Chosen;
use harness::report::Row;
use harness::{Outcome, coordinator, folder, run, with};

/// A million integrations, or fewer in a short run.
const INTEGRATIONS: usize = 1_000_000;
const INTEGRATIONS_SHORT: usize = 20_000;

/// What there are few of.
const INTEGRATIONS_FEW: usize = 1_000;

fn main() -> ExitCode {
    run("health", &["scale", "throughput"], play, conduct)
}

fn play(role: &str, settings: &str) -> Option<Outcome<()>> {
    match role {
        fill::ROLE => with(settings, fill::play),
        idle::ROLE => with(settings, idle::play),
        busy::ROLE => with(settings, busy::play),
        throughput::ROLE => with(settings, throughput::play),
        _ => None,
    }
}

fn conduct(chosen: &Chosen) -> Outcome<Vec<Row>> {
    let scale = &chosen.scale;
    let folder = folder()?;
    let mut figures = report::Figures::default();
    if chosen.has("scale") {
        let integrations = if scale.short { INTEGRATIONS_SHORT } else { INTEGRATIONS };
        let (many, few) = (folder.path().join("many"), folder.path().join("few"));
        fill::measure(&many, integrations)?;
        fill::measure(&few, INTEGRATIONS_FEW)?;
        let binary = coordinator::build("muster-coordinator")?;
        figures.served = Some(served::measure(
            &binary,
            &many,
            &folder.path().join("empty"),
            integrations,
        )?);
        figures.idle = Some((idle::measure(&few)?, idle::measure(&many)?));
        figures.busy = Some(busy::measure(&many, scale)?);
    }
    if chosen.has("throughput") {
        figures.throughput = Some(throughput::measure(&folder.path().join("throughput"), scale)?);
    }
    Ok(figures.rows())
}
