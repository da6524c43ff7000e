//! The binary `muster-coordinator`.

use std::error::Error;

use clap::Command;
use muster_coordinator::access::bootstrap::BootstrapError;
use muster_coordinator::{Coordinator, CoordinatorError, Settings};
use muster_process::{ConfigError, Exit, Process, Tasks, config, run, telemetry};
use muster_store::StoreError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: &str = "\
Commands:
  backup         Back up the store, also while it is served
  restore        Restore a backup into an empty folder
  verify         Look whether all that it keeps is whole
  token          Print a token for `bootstrap_token_file`

Examples:
  muster-coordinator --data /var/lib/muster
  muster-coordinator --config /etc/muster/coordinator.toml
  muster-coordinator --config /etc/muster/coordinator.toml --check-config
  muster-coordinator backup --data /var/lib/muster muster.backup
  grpcurl -plaintext 127.0.0.1:7443 list

It stops in order on SIGTERM and Ctrl-C: runners are told to check in anew, and all that was told to anybody is on the disk.
docs/configuration.md tells all settings, docs/coordinator.md what it keeps and how it ends.";

fn main() -> Exit {
    if let Some(exit) = muster_coordinator::command::run() {
        return exit;
    }
    let command = Command::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Queues the executions of integrations, gives them to runners, and takes their records in")
        .after_help(EXAMPLES);
    let configured = match config::read::<Settings>(command) {
        Ok(configured) => configured,
        Err(exit) => return exit,
    };
    keep_pages_small();
    take_all_files();
    telemetry::redact_by(muster_coordinator::access::text::redact);
    let process = Process {
        telemetry: configured.telemetry.clone(),
        stop_within: configured.config.stop_within,
    };
    run(&process, |tasks| {
        configured.log_warnings();
        serve(configured.config, tasks)
    })
}

async fn serve(settings: Settings, tasks: Tasks) -> Result<(), Box<dyn Error + Send + Sync>> {
    let coordinator = Coordinator::open(settings).await.map_err(explained)?;
    Ok(coordinator.serve(tasks).await?)
}

/// Tells what stays wrong until a person changes something from what may pass by itself, so that a service manager knows whether to try again.
fn explained(error: CoordinatorError) -> Box<dyn Error + Send + Sync> {
    let stays = matches!(
        error,
        CoordinatorError::NotLoopback(_)
            | CoordinatorError::Mail(_)
            | CoordinatorError::Bootstrap(BootstrapError::Unreadable { .. } | BootstrapError::NoToken(_))
            | CoordinatorError::Key(_)
            | CoordinatorError::Certificate(_)
            | CoordinatorError::Identity(_)
            | CoordinatorError::Store(StoreError::NotOurs { .. } | StoreError::Format { .. })
    );
    if stays {
        ConfigError::unfit(error).into()
    } else {
        error.into()
    }
}

/// Has as many files open at a time as the system lets this process have: each connection is one, and many systems give 1,024 to whoever does not ask for more.
/// Where the system refuses, fewer connections are accepted.
fn take_all_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    );
}

/// Has the system give memory in small pages. With huge ones each idle runner takes half as much again: its buffers lie far apart, and a huge page is
/// taken as a whole. Where the system refuses, only more memory is used.
fn keep_pages_small() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
