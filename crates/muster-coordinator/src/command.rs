//! What can be done with what a coordinator keeps, beside serving it.

mod backup;
mod ready;
mod restore;
mod serving;
mod token;
mod verify;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use muster_process::{Exit, config, exit};

use crate::settings::Settings;

#[derive(Debug, Parser)]
#[command(name = "muster-coordinator", version, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Verify),
    #[command(name = "backup")]
    BackUp(backup::BackUp),
    Restore(restore::Restore),
    Ready(ready::Ready),
    Token(token::Token),
}

/// Which coordinator it is about.
#[derive(Debug, Args)]
struct Kept {
    /// The coordinator's configuration file. A variable goes before what stands in it, and a flag before both
    #[arg(long, env = config::FILE_VARIABLE, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of its store and, unless `--landing` says otherwise, of its landing
    #[arg(long, env = "MUSTER_DATA", value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The folder in which collected records land. The default is `landing` in the data folder
    #[arg(long, env = "MUSTER_LANDING", value_name = "FOLDER")]
    landing: Option<PathBuf>,
    /// Where it listens, if it serves
    #[arg(long, env = "MUSTER_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Kept {
    fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = match &self.config {
            Some(file) => config::of_file::<Settings>(file)?,
            None => config::defaults(),
        };
        if let Some(data) = &self.data {
            settings.data.clone_from(data);
        }
        if let Some(landing) = &self.landing {
            settings.landing = Some(landing.clone());
        }
        if let Some(listen) = self.listen {
            settings.listen = listen;
        }
        Ok(settings)
    }
}

/// Why a command has no success.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that the command line names; `None` when it names none, and so is that of a coordinator that serves.
#[must_use]
pub fn run() -> Option<Exit> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let first = arguments.get(1)?.to_str()?;
    Line::command().find_subcommand(first)?;
    let line = match Line::command().try_get_matches_from(arguments) {
        Ok(matches) => Line::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()),
        Err(error) => error.exit(),
    };
    let ended = match line.command {
        Command::Verify(verify) => verify.run(),
        Command::BackUp(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Ready(ready) => ready.run(),
        Command::Token(token) => token.run(),
    };
    Some(ended.unwrap_or_else(|error| {
        eprintln!("error: {}", exit::chain(&*error));
        Exit::because_of(&*error)
    }))
}
