//! What can be done with a runner beside running it: `muster-runner enroll`, and `muster-runner doctor`.

mod doctor;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use muster_identity::EnrollmentToken;
use muster_process::{Exit, config, exit};
use tonic::transport::Uri;

use crate::config::{Settings, coordinator_from};
use crate::enrollment::{EnrollError, Identity, enroll};
use crate::identity::DataFolder;
use crate::proxy::{Proxies, ProxySetting, proxy_from};

#[derive(Debug, Parser)]
#[command(name = "muster-runner", version, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Enroll(Enroll),
}

/// Make this runner known to a coordinator, by a token
///
/// The key is made here, and never leaves. What comes back is kept in the data folder, where the runner finds it when it starts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  muster-runner enroll --coordinator https://muster.example.com:7443 --token mse_…
  MUSTER_ENROLL_TOKEN=mse_… muster-runner enroll --config /etc/muster/runner.toml

`muster runner enroll-token create` makes a token. docs/enrollment.md tells it all.")]
struct Enroll {
    /// The runner's configuration file. A variable goes before what stands in it, and a flag before both
    #[arg(long, env = config::FILE_VARIABLE, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The coordinator's gRPC address
    #[arg(long, env = "MUSTER_COORDINATOR", value_name = "URL", value_parser = coordinator_from)]
    coordinator: Option<Uri>,
    /// The enrollment token
    #[arg(long, env = "MUSTER_ENROLL_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// The folder of this runner alone
    #[arg(long, env = "MUSTER_DATA_FOLDER", value_name = "FOLDER")]
    data_folder: Option<PathBuf>,
    /// The file with the certificates of the authorities, in PEM, one of which the coordinator's certificate comes from: for a coordinator that has one of
    /// another authority than its own
    #[arg(long, env = "MUSTER_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The proxy by which the coordinator is reached; `direct` for none. The default is what HTTPS_PROXY and NO_PROXY say
    #[arg(long, env = "MUSTER_PROXY", hide_env_values = true, value_name = "URL", value_parser = proxy_from)]
    proxy: Option<ProxySetting>,
    /// Also if it is enrolled already: it becomes another runner
    #[arg(long)]
    again: bool,
    /// Do nothing if it is enrolled already: for a service that enrolls before it starts
    #[arg(long, conflicts_with = "again")]
    unless_enrolled: bool,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that the command line names; `None` when it names none, and so is that of a runner that runs.
#[must_use]
pub fn run() -> Option<Exit> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let first = arguments.get(1)?.to_str()?;
    if first == doctor::NAME {
        return Some(doctor::run());
    }
    Line::command().find_subcommand(first)?;
    let line = match Line::command().try_get_matches_from(arguments) {
        Ok(matches) => Line::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()),
        Err(error) => error.exit(),
    };
    let Command::Enroll(command) = line.command;
    Some(command.run().unwrap_or_else(|error| {
        eprintln!("error: {}", exit::chain(&*error));
        Exit::because_of(&*error)
    }))
}

impl Enroll {
    fn run(self) -> Result<Exit, Failure> {
        let settings = match &self.config {
            Some(file) => config::of_file::<Settings>(file)?,
            None => Settings::default().into_config(muster_connectors::Registry::builtin())?,
        };
        let coordinator = self.coordinator.unwrap_or(settings.coordinator);
        let folder = DataFolder::open(&self.data_folder.unwrap_or(settings.data_folder))?;
        let ca_file = self.ca_file.or(settings.ca_file);
        if self.unless_enrolled && Identity::read(folder.path())?.is_some() {
            return Ok(Exit::Success);
        }
        let token = self.token.filter(|token| !token.trim().is_empty()).ok_or(
            "there is no token: give one by `--token` or the variable MUSTER_ENROLL_TOKEN; `muster runner enroll-token create` makes one",
        )?;
        let token: EnrollmentToken = token.trim().parse()?;
        let proxies = self
            .proxy
            .map_or(settings.proxies, |set| Proxies::of_process(Some(set)));
        let proxy = proxies.to(&coordinator)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let enrolled = enroll(&folder, (&coordinator, proxy), &token, ca_file.as_deref(), self.again);
        let identity = runtime
            .block_on(enrolled)
            .map_err(|error: EnrollError| Box::new(error))?;
        let name = identity.name();
        let whose = match &name.pool.organization {
            Some(organization) => format!("of the organization `{organization}`"),
            None => "of the service itself".to_owned(),
        };
        println!(
            "enrolled as {} for the pool `{}` {whose}; start the runner now",
            name.runner, name.pool.name
        );
        Ok(Exit::Success)
    }
}
