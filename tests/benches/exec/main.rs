//! `cargo bench --bench exec`: how fast records go from a program into the landing, beside the same program piped into `zstd`.
//!
//! `docs/benchmarks.md` says what is measured how. The program is this binary in the role of a connector.

mod arguments;
mod bare;
mod report;
mod source;
mod through;

use std::process::ExitCode;

use arguments::Scale;
use report::{Figures, Run};

/// What a step of the benchmark returns: whatever goes wrong ends it, and is told to a person.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [flag, records, command] if flag == source::ROLE_FLAG => source::play(records, command),
        words => Scale::parse(words).and_then(|scale| conduct(&scale)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn conduct(scale: &Scale) -> Outcome<()> {
    report::print_machine(scale);
    // Inside the target folder, so that both write to one disk, and `cargo clean` clears what a kill leaves behind.
    let folder = tempfile::Builder::new()
        .prefix("exec-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut runs = Vec::new();
    // One after the other in turns, so that whatever else the machine does meets both.
    for round in 0..scale.rounds {
        eprintln!("round {} of {}: into zstd", round + 1, scale.rounds);
        let bare = bare::measure(folder.path(), scale.records)?;
        eprintln!("round {} of {}: into the landing", round + 1, scale.rounds);
        let place = folder.path().join(format!("round-{round}"));
        let through = runtime.block_on(through::measure(&place, scale.records))?;
        runs.push(Run { bare, through });
    }
    eprintln!("a quarter of the records, for the memory");
    let small = runtime.block_on(through::measure(&folder.path().join("small"), scale.records / 4))?;
    let figures = Figures {
        records: scale.records,
        runs,
        small,
    };
    figures.print();
    Ok(())
}
