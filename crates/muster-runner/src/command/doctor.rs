//! `muster-runner doctor`.

use std::io::Write as _;
use std::time::Duration;

use clap::{Args, Command, ValueEnum};
use muster_process::config::values::duration_within;
use muster_process::config::{self, Found, OpenTable};
use muster_process::{Exit, exit};

use crate::config::{Config, Settings};
use crate::doctor::{examine, is_well, line, to_json};

/// The word that begins it.
pub(super) const NAME: &str = "doctor";

/// How long the stream may rest: the coordinator ends it after 15 min.
const IDLE_MAX: Duration = Duration::from_secs(10 * 60);

const ABOUT: &str = "Try the way to the coordinator step by step, and tell what to do where it fails";

const TEXTS: &str = "\
It takes the runner's own settings, and may run beside the runner. It ends with 0 when nothing has failed, and with 1 otherwise.

Examples:
  muster-runner doctor --config /etc/muster/runner.toml
  muster-runner doctor --coordinator https://muster.example.com:443 --idle 70s --output json

docs/runner.md tells what each step means.";

/// The runner's settings, and what is asked of the doctor.
#[derive(Debug, Args)]
struct Asked {
    #[command(flatten)]
    settings: Settings,
    /// How long the stream rests before it is tried again, 1 s to 10 min: as long as a check-in rests at most. Those who look after what is between
    /// may want more.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration_within(Duration::from_secs(1)..=IDLE_MAX))]
    idle: Duration,
    /// How what was found is printed.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each step, and one more where something is to be done.
    Text,
    /// One JSON document.
    Json,
}

struct Examination {
    config: Config,
    idle: Duration,
    output: Output,
}

impl config::Settings for Asked {
    type Config = Examination;

    fn tables() -> &'static [OpenTable] {
        Settings::tables()
    }

    fn judge(self, found: &mut Found<'_>) -> Option<Examination> {
        Some(Examination {
            config: self.settings.judge(found)?,
            idle: self.idle,
            output: self.output,
        })
    }
}

/// Runs it.
pub(super) fn run() -> Exit {
    let command = Command::new("muster-runner doctor")
        .bin_name("muster-runner doctor")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(TEXTS);
    match config::read_after::<Asked>(command, NAME) {
        Ok(configured) => told(configured.config),
        Err(exit) => exit,
    }
}

fn told(Examination { config, idle, output }: Examination) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {}", exit::chain(&error));
            return Exit::Failure;
        }
    };
    let coordinator = config.coordinator.to_string();
    let mut stdout = std::io::stdout();
    // Whoever closes the pipe has seen enough.
    let mut say = |text: &str| drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
    let findings = runtime.block_on(examine(config, idle, |finding| {
        if output == Output::Text {
            say(&line(finding));
        }
    }));
    match output {
        Output::Text if is_well(&findings) => say("all is well\n"),
        Output::Text => say("something has failed: what to do stands behind `do:`\n"),
        Output::Json => say(&format!("{:#}\n", to_json(&coordinator, &findings))),
    }
    if is_well(&findings) {
        Exit::Success
    } else {
        Exit::Failure
    }
}
