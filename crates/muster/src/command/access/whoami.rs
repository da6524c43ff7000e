//! `muster whoami`.

use muster_proto::v1::WhoAmIRequest;

use super::{role, scope};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::Json;
use crate::output::table::Facts;
use crate::output::text::clean;
use crate::output::time;

/// Show who you are to the coordinator, and what you may do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster whoami
  muster whoami --output json")]
pub struct Args {}

/// Shows it.
pub async fn run(session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let told = client.access().who_am_i(WhoAmIRequest {}).await;
    let told = told
        .map_err(|status| client.error("ask who you are", &status))?
        .into_inner();
    if output.is_for_programs() {
        output.document(&Json(&told))?;
        return Ok(Exit::Success);
    }
    let mut facts = Facts::default();
    facts.add("you are", clean(&told.principal));
    facts.add("role", role(told.role()));
    facts.add("of", scope(&told.scope));
    facts.add("coordinator", client.place());
    if !told.token.is_empty() {
        facts.add("token", names::short_id(&told.token));
        let expires = told.expire_time.as_ref();
        facts.add(
            "expires",
            expires.map_or_else(|| "never".to_owned(), |time| time::exact(Some(time))),
        );
    }
    for line in facts.lines() {
        output.line(line)?;
    }
    Ok(Exit::Success)
}
