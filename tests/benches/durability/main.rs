//! `cargo bench --bench durability`: what keeping things safe costs. Backups while the coordinator works, a verification of all, a restart after a kill;
//! and how fast the simulator is.
//!
//! `docs/benchmarks.md` says what is measured how.

mod backup;
#[path = "../harness/mod.rs"]
mod harness;
mod report;
mod simulator;
mod verify;

use std::process::ExitCode;

use harness::arguments::Chosen;
use harness::report::Row;
use harness::{Outcome, coordinator, folder, load, restart, run, with};

fn main() -> ExitCode {
    run("durability", &["backup", "verify", "simulator"], play, conduct)
}

fn play(role: &str, settings: &str) -> Option<Outcome<()>> {
    match role {
        restart::ROLE => with(settings, restart::play),
        load::ROLE => with(settings, load::play),
        _ => None,
    }
}

fn conduct(chosen: &Chosen) -> Outcome<Vec<Row>> {
    let scale = &chosen.scale;
    let binary = || coordinator::build("muster-coordinator");
    let folder = folder()?;
    let mut figures = report::Figures::default();
    if chosen.has("backup") {
        figures.backup = Some(backup::measure(&binary()?, &folder.path().join("backup"), scale)?);
    }
    if chosen.has("verify") {
        figures.verify = Some(verify::measure(&binary()?, &folder.path().join("verify"), scale)?);
    }
    if chosen.has("simulator") {
        figures.simulator = Some(simulator::measure(&coordinator::build("muster-sim")?, scale)?);
    }
    Ok(figures.rows())
}
