//! `muster connector`: what connectors collect, what that needs, and how they do, also here and without a coordinator.

mod check;
mod collect;
mod here;
mod init;
mod list;
mod schema;
mod spec;
mod specification;
mod test;

use super::Session;
use crate::error::Error;
use crate::exit::Exit;

/// Show connectors, and run them here without a coordinator
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster connector list
  muster connector spec host
  muster connector check host
  muster connector collect host --data-type user
  muster connector init crm
  muster connector test crm/crm.py --config crm/config.json")]
pub enum Command {
    #[command(visible_alias = "ls")]
    List(list::Args),
    #[command(visible_alias = "show")]
    Spec(spec::Args),
    Check(check::Args),
    Collect(collect::Args),
    Init(init::Args),
    Test(test::Args),
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::List(args) => list::run(&args, session).await,
        Command::Spec(args) => spec::run(&args, session).await,
        Command::Check(args) => check::run(&args, session).await,
        Command::Collect(args) => collect::run(args, session).await,
        Command::Init(args) => init::run(&args, session),
        Command::Test(args) => test::run(&args, session).await,
    }
}
