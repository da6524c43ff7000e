//! The binary `muster-runner`: a runner and its command line.

use clap::Command;
use muster_process::{Exit, Process, config};
use muster_runner::Settings;

const EXAMPLES: &str = "\
Commands:
  enroll         Make this runner known to a coordinator, by a token
  doctor         Try the way to the coordinator step by step, and tell what to do where it fails

Examples:
  muster-runner enroll --coordinator https://muster.example.com:7443 --token mse_…
  muster-runner --coordinator https://muster.example.com:7443
  muster-runner --config /etc/muster/runner.toml
  muster-runner --config /etc/muster/runner.toml --check-config
  muster-runner doctor --config /etc/muster/runner.toml

It stops in order on SIGTERM and Ctrl-C: what runs may finish within --stop-within. docs/configuration.md tells all settings,
docs/runner.md what happens when.";

fn main() -> Exit {
    if let Some(exit) = muster_runner::command::run() {
        return exit;
    }
    let command = Command::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Checks in with a coordinator, claims executions and carries them out")
        .after_help(EXAMPLES);
    let configured = match config::read::<Settings>(command) {
        Ok(configured) => configured,
        Err(exit) => return exit,
    };
    let process = Process {
        telemetry: configured.telemetry.clone(),
        stop_within: configured.config.stop_within,
    };
    muster_process::run(&process, |tasks| {
        configured.log_warnings();
        muster_runner::run(configured.config, tasks)
    })
}
