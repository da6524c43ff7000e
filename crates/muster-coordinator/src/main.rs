//! The binary `muster-coordinator`.

use clap::Parser;
use muster_coordinator::{Coordinator, CoordinatorError, Settings};
use muster_process::{Exit, Process, run, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Queues the executions of integrations, gives them to runners, and takes their records in.
#[derive(Debug, Parser)]
#[command(name = "muster-coordinator", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

const EXAMPLES: &str = "\
Examples:
  muster-coordinator --data /var/lib/muster
  grpcurl -plaintext 127.0.0.1:7443 list

It stops in order on SIGTERM and Ctrl-C: runners are told to check in anew, and all that was told to anybody is on the disk.
The log goes to standard error; MUSTER_LOG=debug shows more of it.";

fn main() -> Exit {
    let Arguments { settings } = Arguments::parse();
    keep_pages_small();
    let process = Process {
        telemetry: telemetry::Settings::from_environment(),
        stop_within: settings.stop_within,
    };
    run(&process, |tasks| async move {
        Coordinator::open(settings).await?.serve(tasks).await?;
        Ok::<(), CoordinatorError>(())
    })
}

/// Has the system give memory in small pages. With huge ones each idle runner takes half as much again: its buffers lie far apart, and a huge page is
/// taken as a whole. Where the system refuses, only more memory is used.
fn keep_pages_small() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
