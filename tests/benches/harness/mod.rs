//! What the benchmarks stand on. One process only conducts: whatever is measured, and whatever makes load, runs in processes of its own, which are the
//! benchmark's binary in another role, or one of the product's. All of them end when their owner drops them.

#![allow(dead_code, reason = "no benchmark has a use for all of it")]

pub(crate) mod arguments;
pub(crate) mod child;
pub(crate) mod coordinator;
pub(crate) mod full;
pub(crate) mod load;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod restart;
pub(crate) mod runner;
pub(crate) mod shard;
pub(crate) mod way;

use std::process::ExitCode;

use tempfile::TempDir;

use arguments::Chosen;
use report::Row;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a step of a benchmark returns: whatever goes wrong ends it, and is told to a person.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What the binary does in another role, with these settings; `None` when it has no such role.
pub(crate) type Play = fn(role: &str, settings: &str) -> Option<Outcome<()>>;

/// Runs a benchmark of these parts and tells what it has found; or plays the role that it is told to.
pub(crate) fn run(name: &str, parts: &[&str], play: Play, conduct: fn(&Chosen) -> Outcome<Vec<Row>>) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [flag, role, settings] if flag == child::ROLE_FLAG => {
            play(role, settings).unwrap_or_else(|| Err(format!("there is no role `{role}`").into()))
        }
        words => Chosen::parse(words, name, parts).and_then(|chosen| {
            report::print_machine(&chosen.scale);
            report::print(&conduct(&chosen)?, &chosen.scale);
            Ok(())
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays a role whose settings these are.
pub(crate) fn with<S: serde::de::DeserializeOwned>(settings: &str, play: fn(S) -> Outcome<()>) -> Option<Outcome<()>> {
    Some(serde_json::from_str(settings).map_err(Into::into).and_then(play))
}

/// A folder inside the target folder, so that all parts write to one disk, and `cargo clean` clears what a kill leaves behind.
pub(crate) fn folder() -> Outcome<TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}
