//! The binary `muster-runner`: a runner and its command line.

use clap::Parser;
use muster_process::exit::chain;
use muster_process::{Exit, Process, telemetry};
use muster_runner::CommandLine;

fn main() -> Exit {
    let config = match CommandLine::parse().resolve() {
        Ok(config) => config,
        Err(error) => {
            // There is no log yet to tell it in.
            eprintln!("error: {}", chain(&error));
            return Exit::Configuration;
        }
    };
    let process = Process {
        telemetry: telemetry::Settings::from_environment(),
        stop_within: config.stop_within,
    };
    muster_process::run(&process, |tasks| muster_runner::run(config, tasks))
}
