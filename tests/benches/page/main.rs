//! `cargo bench --bench page`: how soon the page of ten thousand integrations begins to come, and what a thousand people who look at it cost everybody else.
//!
//! `docs/benchmarks.md` says what is measured how. What makes load is that of the benchmark `lifecycle`.

#![allow(
    dead_code,
    reason = "of the parts of the other benchmark, what this one has no use for"
)]

#[path = "../lifecycle/arguments.rs"]
mod arguments;
mod audience;
#[path = "../lifecycle/child.rs"]
mod child;
#[path = "../lifecycle/coordinator.rs"]
mod coordinator;
#[path = "../lifecycle/full.rs"]
mod full;
#[path = "../lifecycle/load.rs"]
mod load;
mod look;
#[path = "../lifecycle/progress.rs"]
mod progress;
mod report;
#[path = "../lifecycle/runner.rs"]
mod runner;
mod throughput;
#[path = "../lifecycle/way.rs"]
mod way;

use std::process::ExitCode;

use arguments::{Chosen, Scale};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a step of the benchmark returns: whatever goes wrong ends it, and is told to a person.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "usage: cargo bench --bench page [-- [--short] [--only look|throughput]…]";

/// How many integrations there are.
const INTEGRATIONS: usize = 10_000;
const INTEGRATIONS_SHORT: usize = 1_000;

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
        audience::ROLE => audience::play(serde_json::from_str(settings)?),
        unknown => Err(format!("there is no role `{unknown}`").into()),
    }
}

fn conduct(words: &[String]) -> Outcome<()> {
    let chosen = Chosen::parse(words, &["look", "throughput"], USAGE)?;
    let short = chosen.scale.short;
    let scale = Scale {
        integrations: if short { INTEGRATIONS_SHORT } else { INTEGRATIONS },
        ..chosen.scale.clone()
    };
    let folder = tempfile::Builder::new()
        .prefix("page-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let binary = coordinator::build("muster-coordinator")?;
    let mut figures = report::Figures::default();
    if chosen.has("look") {
        figures.look = Some(look::measure(&binary, &folder.path().join("look"), &scale)?);
    }
    if chosen.has("throughput") {
        figures.throughput = Some(throughput::measure(&binary, &folder.path().join("throughput"), &scale)?);
    }
    figures.print(&scale)
}
