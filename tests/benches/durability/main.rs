//! `cargo bench --bench durability`: what keeping things safe costs. Backups while the coordinator works, a verification of all, a restart after a kill;
//! and how fast the simulator is.
//!
//! `docs/benchmarks.md` says what is measured how. What makes load and data is that of the benchmark `lifecycle`.

#![allow(
    dead_code,
    reason = "of the parts of the other benchmark, what this one has no use for"
)]

#[path = "../lifecycle/arguments.rs"]
mod arguments;
mod backup;
#[path = "../lifecycle/child.rs"]
mod child;
#[path = "../lifecycle/coordinator.rs"]
mod coordinator;
#[path = "../lifecycle/load.rs"]
mod load;
#[path = "../lifecycle/progress.rs"]
mod progress;
mod report;
#[path = "../lifecycle/restart.rs"]
mod restart;
#[path = "../lifecycle/runner.rs"]
mod runner;
#[path = "../lifecycle/shard.rs"]
mod shard;
mod simulator;
mod verify;
#[path = "../lifecycle/way.rs"]
mod way;

use std::process::ExitCode;

use arguments::Chosen;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a step of the benchmark returns: whatever goes wrong ends it, and is told to a person.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "usage: cargo bench --bench durability [-- [--short] [--only backup|verify|simulator]…]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [flag, role, settings] if flag == child::ROLE_FLAG => play(role, settings),
        words => conduct(words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(role: &str, settings: &str) -> Outcome<()> {
    match role {
        restart::ROLE => restart::play(serde_json::from_str(settings)?),
        load::ROLE => load::play(serde_json::from_str(settings)?),
        unknown => Err(format!("there is no role `{unknown}`").into()),
    }
}

fn conduct(words: &[String]) -> Outcome<()> {
    let chosen = Chosen::parse(words, &["backup", "verify", "simulator"], USAGE)?;
    let scale = &chosen.scale;
    let binary = || coordinator::build("muster-coordinator");
    let folder = tempfile::Builder::new()
        .prefix("durability-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
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
    figures.print()
}
