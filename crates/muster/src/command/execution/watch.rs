//! `muster execution watch`: the executions as they change, until Ctrl-C.

use std::io;

use super::live::Live;
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::follow::Follow;
use crate::names;

/// Print every change of an execution as it happens, until Ctrl-C. Times are UTC
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster execution watch
  muster execution watch laptops
  muster execution watch --output json | jq '.status'

It begins with what is open. With --output json it prints one object a line.")]
pub struct Args {
    /// Only those of this integration: its name, its id or its full name
    integration: Option<String>,
}

/// Prints changes until the signal comes.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    tokio::select! {
        ended = watch(args, session) => ended,
        // A watch has no other end, so this is a good one.
        signal = tokio::signal::ctrl_c() => signal.map(|()| Exit::Success).map_err(Error::Runtime),
    }
}

async fn watch(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let parent = match args.integration {
        Some(given) => names::integration(client, &given).await?.name,
        None => client.parent(),
    };
    let mut follow = Follow::new(client, parent, &[]);
    let mut live = Live::default();
    Live::titles(output)?;
    loop {
        let news = follow.next().await?;
        match live.tell(client, output, &news).await {
            Ok(()) => {}
            Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Success),
            Err(error) => return Err(error),
        }
    }
}
