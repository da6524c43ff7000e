//! `muster logout`.

use crate::command::context::tell;
use crate::contexts::Contexts;
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::Given;

/// Forget the token that the context keeps; it is not revoked
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster logout
  muster --context hq logout

To have it open nothing any more, whoever has it: muster token revoke TOKEN")]
pub struct Args {}

/// Forgets it.
pub fn run(given: Given) -> Result<Exit, Error> {
    let mut contexts = Contexts::read()?;
    let named = given.context.map(|said| said.value);
    let Some(name) = named.or_else(|| contexts.in_use().cloned()) else {
        return tell("no context is in use, so there is nothing to forget");
    };
    if contexts.get(&name)?.token.is_none() {
        return tell(&format!("context `{name}` keeps no token"));
    }
    contexts.set(name.clone(), |context| context.token = None);
    contexts.write()?;
    tell(&format!("context `{name}` keeps no token any more"))
}
