//! `cargo bench --bench lifecycle`: what the real coordinator carries, and the limits of this machine beside it.
//!
//! `docs/benchmarks.md` says what is measured how.

mod bare;
mod disk;
#[path = "../harness/mod.rs"]
mod harness;
mod idle;
mod report;

use std::process::ExitCode;

use tempfile::TempDir;

use harness::arguments::Chosen;
use harness::report::Row;
use harness::{Outcome, coordinator, folder, full, load, restart, run, shard, with};
use report::Figures;

fn main() -> ExitCode {
    run(
        "lifecycle",
        &["disk", "store", "bare", "full", "idle", "restart"],
        play,
        conduct,
    )
}

fn play(role: &str, settings: &str) -> Option<Outcome<()>> {
    match role {
        shard::ROLE => with(settings, shard::play),
        restart::ROLE => with(settings, restart::play),
        bare::SERVER_ROLE => with(settings, bare::play_server),
        bare::CLIENT_ROLE => with(settings, bare::play_client),
        load::ROLE => with(settings, load::play),
        idle::ROLE => with(settings, idle::play),
        _ => None,
    }
}

fn conduct(chosen: &Chosen) -> Outcome<Vec<Row>> {
    let scale = &chosen.scale;
    let binary = coordinator::build("muster-coordinator")?;
    // A folder for a part that is chosen, which goes when it is done.
    let begin = |part: &str, what: &str| -> Outcome<Option<TempDir>> {
        if !chosen.has(part) {
            return Ok(None);
        }
        eprintln!("{part}: {what}");
        folder().map(Some)
    };
    let mut figures = Figures::default();
    if let Some(place) = begin("disk", "what the disk does: write and fdatasync of 4 KiB")? {
        figures.disk_flushes_per_s = Some(disk::flushes_per_s(place.path(), scale.window)?);
    }
    if let Some(place) = begin("store", "what the shard does on its store, without gRPC")? {
        figures.store = Some(shard::measure(place.path(), scale)?);
    }
    if begin("bare", "what bare streams carry, without a store")?.is_some() {
        figures.bare = Some(bare::measure(scale)?);
    }
    if let Some(place) = begin("full", "the coordinator under full load, then under half of it")? {
        figures.full = Some(full::measure(&binary, place.path(), scale)?);
    }
    if let Some(place) = begin("idle", "the coordinator's memory for runners that have nothing to do")? {
        figures.idle_runner_bytes = Some(idle::bytes_per_runner(&binary, place.path(), scale)?);
    }
    if let Some(place) = begin("restart", "the coordinator's restart")? {
        figures.restart = Some(restart::measure(&binary, place.path(), scale)?);
    }
    Ok(figures.rows())
}
