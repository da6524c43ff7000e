//! `cargo bench --bench health`: what the health of a million integrations costs: memory, time to start, transitions, ticks, lists, the summary.
//!
//! `docs/benchmarks.md` says what is measured how. What makes load is that of the benchmark `lifecycle`.

#![allow(
    dead_code,
    reason = "of the parts of the other benchmark, what this one has no use for"
)]

#[path = "../lifecycle/arguments.rs"]
mod arguments;
mod busy;
#[path = "../lifecycle/child.rs"]
mod child;
#[path = "../lifecycle/coordinator.rs"]
mod coordinator;
mod fill;
mod idle;
#[path = "../lifecycle/load.rs"]
mod load;
#[path = "../lifecycle/progress.rs"]
mod progress;
mod report;
#[path = "../lifecycle/runner.rs"]
mod runner;
mod served;
#[path = "../lifecycle/shard.rs"]
mod shard;
mod throughput;
#[path = "../lifecycle/way.rs"]
mod way;

use std::process::ExitCode;

use arguments::Chosen;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a step of the benchmark returns: whatever goes wrong ends it, and is told to a person.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const USAGE: &str = "usage: cargo bench --bench health [-- [--short] [--only scale|throughput]…]";

/// A million integrations, or fewer in a short run.
const INTEGRATIONS: usize = 1_000_000;
const INTEGRATIONS_SHORT: usize = 20_000;

/// What there are few of.
const INTEGRATIONS_FEW: usize = 1_000;

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
        fill::ROLE => fill::play(serde_json::from_str(settings)?),
        idle::ROLE => idle::play(serde_json::from_str(settings)?),
        busy::ROLE => busy::play(serde_json::from_str(settings)?),
        throughput::ROLE => throughput::play(serde_json::from_str(settings)?),
        unknown => Err(format!("there is no role `{unknown}`").into()),
    }
}

fn conduct(words: &[String]) -> Outcome<()> {
    let chosen = Chosen::parse(words, &["scale", "throughput"], USAGE)?;
    let scale = &chosen.scale;
    let folder = tempfile::Builder::new()
        .prefix("health-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
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
    figures.print()
}
