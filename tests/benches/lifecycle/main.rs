//! `cargo bench --bench lifecycle`: what the real coordinator carries, and the limits of this machine beside it.
//!
//! `docs/benchmarks.md` says what is measured how. This process only conducts: whatever is measured, and whatever makes load, runs in processes of
//! its own, which are this binary in another role, or the coordinator's. All of them end when their owner drops them.

#![allow(dead_code, reason = "what other benchmarks use of its parts")]

mod arguments;
mod bare;
mod child;
mod coordinator;
mod disk;
mod full;
mod idle;
mod load;
mod progress;
mod report;
mod restart;
mod runner;
mod shard;
mod way;

use std::process::ExitCode;

use arguments::{Arguments, Part};
use report::Figures;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a step of the benchmark returns: whatever goes wrong ends it, and is told to a person.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [flag, role, settings] if flag == child::ROLE_FLAG => play(role, settings),
        words => Arguments::parse(words).and_then(|arguments| conduct(&arguments)),
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
        shard::ROLE => shard::play(serde_json::from_str(settings)?),
        restart::ROLE => restart::play(serde_json::from_str(settings)?),
        bare::SERVER_ROLE => bare::play_server(serde_json::from_str(settings)?),
        bare::CLIENT_ROLE => bare::play_client(serde_json::from_str(settings)?),
        load::ROLE => load::play(serde_json::from_str(settings)?),
        idle::ROLE => idle::play(serde_json::from_str(settings)?),
        unknown => Err(format!("there is no role `{unknown}`").into()),
    }
}

fn conduct(arguments: &Arguments) -> Outcome<()> {
    let scale = &arguments.scale;
    report::print_machine(scale);
    let binary = coordinator::build("muster-coordinator")?;
    // Inside the target folder, so that all parts write to one disk, and `cargo clean` clears what a kill leaves behind.
    let folder = tempfile::Builder::new()
        .prefix("lifecycle-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path();
    let mut figures = Figures::default();
    for part in Part::ALL.into_iter().filter(|part| arguments.has(*part)) {
        eprintln!("{part:?}: {}", part.summary());
        let place = folder.join(format!("{part:?}"));
        std::fs::create_dir(&place)?;
        match part {
            Part::Disk => figures.disk_flushes_per_s = Some(disk::flushes_per_s(&place, scale.window)?),
            Part::Store => figures.store = Some(shard::measure(&place, scale)?),
            Part::Bare => figures.bare = Some(bare::measure(scale)?),
            Part::Full => figures.full = Some(full::measure(&binary, &place, scale)?),
            Part::Idle => figures.idle_runner_bytes = Some(idle::bytes_per_runner(&binary, &place, scale)?),
            Part::Restart => figures.restart = Some(restart::measure(&binary, &place, scale)?),
        }
        std::fs::remove_dir_all(&place)?;
    }
    figures.print();
    Ok(())
}
