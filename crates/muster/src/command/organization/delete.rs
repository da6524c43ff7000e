//! `muster organization delete`.

use std::io::{self, BufRead, IsTerminal, Write};

use muster_proto::v1::DeleteOrganizationRequest;

use super::{Named, get, id, tell};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;

/// Delete an organization that is suspended or empty, with all that it has; landed records stay
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster organization delete acme
  muster organization delete acme --yes

On a terminal it asks for the name once more; elsewhere it needs --yes. There is no way back. It is gone when `muster organization show` does not
find it.")]
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
    let organization = get(client, &args.named).await?;
    let name = id(&organization).to_owned();
    if !args.yes && !confirmed(&name)? {
        crate::output::note("nothing was deleted");
        return Ok(Exit::Failure);
    }
    // Guarded, so that nobody deletes what goes on again since it was shown.
    let request = DeleteOrganizationRequest {
        name: organization.name.clone(),
        etag: organization.etag.clone(),
        ..Default::default()
    };
    let deleted = client.organizations().delete_organization(request).await;
    let deleted = deleted
        .map_err(|status| client.error(format!("delete organization `{name}`"), &status))?
        .into_inner();
    tell(output, &deleted, "is being deleted")?;
    Ok(Exit::Success)
}

/// Asks on the terminal for the name: so much goes that a letter is too little.
fn confirmed(name: &str) -> Result<bool, Error> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Error::Unconfirmed { name: name.to_owned() });
    }
    let mut stderr = io::stderr();
    let asked = write!(
        stderr,
        "delete organization `{name}` with its integrations, runners, incidents and history? Type its name: "
    );
    asked.and_then(|()| stderr.flush()).map_err(Error::Output)?;
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(|_| Error::Unconfirmed { name: name.to_owned() })?;
    Ok(answer.trim() == name)
}
