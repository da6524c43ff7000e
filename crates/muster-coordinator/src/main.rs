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
    let process = Process {
        telemetry: telemetry::Settings::from_environment(),
        stop_within: settings.stop_within,
    };
    run(&process, |tasks| async move {
        Coordinator::open(settings).await?.serve(tasks).await?;
        Ok::<(), CoordinatorError>(())
    })
}
