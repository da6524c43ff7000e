//! `cargo bench --bench exec`: how fast records go from a program into the landing, beside the same program piped into `zstd`.
//!
//! `docs/benchmarks.md` says what is measured how. The program is this binary in the role of a connector.

mod bare;
#[path = "../harness/mod.rs"]
mod harness;
mod report;
mod source;
mod through;

use std::process::ExitCode;

use harness::arguments::Chosen;
use harness::report::Row;
use harness::{Outcome, folder, run};
use report::{Figures, Run};

/// How many records of 1 KiB, and how often: the median counts.
const FULL: (u64, usize) = (1024 * 1024, 3);
const SHORT: (u64, usize) = (64 * 1024, 1);

fn main() -> ExitCode {
    run("exec", &[], play, conduct)
}

/// A connector: its role is how many records it has, and a runner adds the command.
fn play(records: &str, command: &str) -> Option<Outcome<()>> {
    Some(source::play(records, command))
}

fn conduct(chosen: &Chosen) -> Outcome<Vec<Row>> {
    let scale = &chosen.scale;
    let (records, rounds) = if scale.short { SHORT } else { FULL };
    let folder = folder()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut runs = Vec::new();
    // One after the other in turns, so that whatever else the machine does meets both.
    for round in 0..rounds {
        eprintln!("round {} of {}: into zstd", round + 1, rounds);
        let bare = bare::measure(folder.path(), records)?;
        eprintln!("round {} of {}: into the landing", round + 1, rounds);
        let place = folder.path().join(format!("round-{round}"));
        let through = runtime.block_on(through::measure(&place, records))?;
        runs.push(Run { bare, through });
    }
    eprintln!("a quarter of the records, for the memory");
    let small = runtime.block_on(through::measure(&folder.path().join("small"), records / 4))?;
    let figures = Figures { records, runs, small };
    Ok(figures.rows())
}
