//! `muster audit`: who has asked for what, when and from where, and what became of it.

mod export;
mod list;
mod verify;

use super::Session;
use crate::client::Client;
use crate::error::Error;
use crate::exit::Exit;

/// Show, export and verify the audit log
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster audit list
  muster audit export > audit.jsonl
  muster audit verify audit.jsonl")]
pub enum Command {
    List(list::Args),
    Export(export::Args),
    Verify(verify::Args),
}

/// Whose log it is.
#[derive(Debug, clap::Args)]
struct Of {
    /// That of the service itself, for its own staff
    #[arg(long)]
    service: bool,
}

impl Of {
    fn parent(&self, client: &Client) -> String {
        if self.service {
            "service".to_owned()
        } else {
            client.parent()
        }
    }
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::List(args) => list::run(args, session).await,
        Command::Export(args) => export::run(&args, session).await,
        Command::Verify(args) => verify::run(args, session).await,
    }
}
