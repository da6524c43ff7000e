//! `cargo bench --bench trust`: what it costs to ask everybody who they are; and how soon a crowd of runners is back when their coordinator was away.
//!
//! `docs/benchmarks.md` says what is measured how. What makes load is that of the benchmark `lifecycle`.

#![allow(
    dead_code,
    reason = "of the parts of the other benchmark, what this one has no use for"
)]

#[path = "../lifecycle/arguments.rs"]
mod arguments;
#[path = "../lifecycle/child.rs"]
mod child;
#[path = "../lifecycle/coordinator.rs"]
mod coordinator;
mod crowd;
mod enrolling;
#[path = "../lifecycle/full.rs"]
mod full;
#[path = "../lifecycle/load.rs"]
mod load;
#[path = "../lifecycle/progress.rs"]
mod progress;
mod report;
#[path = "../lifecycle/runner.rs"]
mod runner;
mod storm;
mod throughput;
#[path = "../lifecycle/way.rs"]
mod way;

use std::process::ExitCode;

use arguments::Chosen;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a step of the benchmark returns: whatever goes wrong ends it, and is told to a person.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "usage: cargo bench --bench trust [-- [--short] [--only throughput|storm]…]";

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
        load::ROLE => load::play(serde_json::from_str(settings)?),
        crowd::ROLE => crowd::play(serde_json::from_str(settings)?),
        unknown => Err(format!("there is no role `{unknown}`").into()),
    }
}

fn conduct(words: &[String]) -> Outcome<()> {
    let chosen = Chosen::parse(words, &["throughput", "storm"], USAGE)?;
    let scale = &chosen.scale;
    let binary = coordinator::build("muster-coordinator")?;
    let folder = tempfile::Builder::new()
        .prefix("trust-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut figures = report::Figures::default();
    if chosen.has("storm") {
        figures.storm = Some(storm::measure(&binary, &folder.path().join("storm"), scale)?);
    }
    if chosen.has("throughput") {
        figures.throughput = Some(throughput::measure(&binary, folder.path(), scale)?);
    }
    figures.print(scale)
}
