//! `muster integration delete`.

use std::io::{self, BufRead, IsTerminal, Write};

use muster_proto::v1::DeleteIntegrationRequest;

use super::{Named, id};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::Json;
use crate::output::text::clean;

/// Delete an integration and cancel its open executions; collected records stay
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster integration delete laptops
  muster integration delete laptops --yes

On a terminal it asks; elsewhere it needs --yes. With --output json it prints what was deleted.")]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Deletes it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &args.named.integration).await?;
    let name = clean(&integration.display_name);
    if !args.yes && !confirmed(&name)? {
        crate::output::note("nothing was deleted");
        return Ok(Exit::Failure);
    }
    // Guarded, so that nobody deletes what has become something else since it was shown.
    let request = DeleteIntegrationRequest {
        name: integration.name.clone(),
        etag: integration.etag.clone(),
        ..Default::default()
    };
    let deleted = client.integrations().delete_integration(request).await;
    deleted.map_err(|status| client.error(format!("delete integration `{name}`"), &status))?;
    if output.is_for_programs() {
        output.document(&Json(&integration))?;
    } else {
        output.line(format!("deleted integration `{name}` ({})", id(&integration)))?;
    }
    Ok(Exit::Success)
}

/// Asks on the terminal.
fn confirmed(name: &str) -> Result<bool, Error> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::Unconfirmed { name: name.to_owned() });
    }
    let mut stderr = io::stderr();
    let asked = write!(
        stderr,
        "delete integration `{name}` and cancel its open executions? [y/N] "
    );
    asked.and_then(|()| stderr.flush()).map_err(Error::Output)?;
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(|_| Error::Unconfirmed { name: name.to_owned() })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
