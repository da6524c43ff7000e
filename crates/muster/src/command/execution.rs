//! `muster execution`: the collections that there are, were, and go on.

mod cancel;
pub mod list;
pub mod live;
mod show;
mod watch;

use super::Session;
use crate::error::Error;
use crate::exit::Exit;

/// Show, cancel and watch executions
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster execution list --status error
  muster execution show 456789ab
  muster execution watch laptops")]
pub enum Command {
    #[command(visible_alias = "ls")]
    List(list::Args),
    Show(show::Args),
    Cancel(cancel::Args),
    Watch(watch::Args),
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::List(args) => list::run(args, session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Cancel(args) => cancel::run(args, session).await,
        Command::Watch(args) => watch::run(args, session).await,
    }
}
