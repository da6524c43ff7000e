//! `cargo bench --bench page`: how soon the page of ten thousand integrations begins to come, and what a thousand people who look at it cost everybody else.
//!
//! `docs/benchmarks.md` says what is measured how.

mod audience;
#[path = "../harness/mod.rs"]
mod harness;
mod look;
mod report;
mod throughput;

use std::process::ExitCode;

use harness::arguments::{Chosen, Scale};
use harness::report::Row;
use harness::{Outcome, coordinator, folder, load, run, with};

/// How many integrations there are.
const INTEGRATIONS: usize = 10_000;
const INTEGRATIONS_SHORT: usize = 1_000;

fn main() -> ExitCode {
    run("page", &["look", "throughput"], play, conduct)
}

fn play(role: &str, settings: &str) -> Option<Outcome<()>> {
    match role {
        load::ROLE => with(settings, load::play),
        audience::ROLE => with(settings, audience::play),
        _ => None,
    }
}

fn conduct(chosen: &Chosen) -> Outcome<Vec<Row>> {
    let short = chosen.scale.short;
    let scale = Scale {
        integrations: if short { INTEGRATIONS_SHORT } else { INTEGRATIONS },
        ..chosen.scale.clone()
    };
    let folder = folder()?;
    let binary = coordinator::build("muster-coordinator")?;
    let mut figures = report::Figures::default();
    if chosen.has("look") {
        figures.look = Some(look::measure(&binary, &folder.path().join("look"), &scale)?);
    }
    if chosen.has("throughput") {
        figures.throughput = Some(throughput::measure(&binary, &folder.path().join("throughput"), &scale)?);
    }
    Ok(figures.rows(&scale))
}
