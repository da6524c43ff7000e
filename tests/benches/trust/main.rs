//! `cargo bench --bench trust`: what it costs to ask everybody who they are; and how soon a crowd of runners is back when their coordinator was away.
//!
//! `docs/benchmarks.md` says what is measured how.

mod crowd;
mod enrolling;
#[path = "../harness/mod.rs"]
mod harness;
mod report;
mod storm;
mod throughput;

use std::process::ExitCode;

use harness::arguments::Chosen;
use harness::report::Row;
use harness::{Outcome, coordinator, folder, load, run, with};

fn main() -> ExitCode {
    run("trust", &["throughput", "storm"], play, conduct)
}

fn play(role: &str, settings: &str) -> Option<Outcome<()>> {
    match role {
        load::ROLE => with(settings, load::play),
        crowd::ROLE => with(settings, crowd::play),
        _ => None,
    }
}

fn conduct(chosen: &Chosen) -> Outcome<Vec<Row>> {
    let scale = &chosen.scale;
    let binary = coordinator::build("muster-coordinator")?;
    let folder = folder()?;
    let mut figures = report::Figures::default();
    if chosen.has("storm") {
        figures.storm = Some(storm::measure(&binary, &folder.path().join("storm"), scale)?);
    }
    if chosen.has("throughput") {
        figures.throughput = Some(throughput::measure(&binary, folder.path(), scale)?);
    }
    Ok(figures.rows(scale))
}
