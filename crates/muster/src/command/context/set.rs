//! `muster context set`.

use super::tell;
use crate::contexts::{ContextName, Contexts};
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::{Given, Origin, Said};

/// Make a context, or change what one says; the first one is in use at once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster context set hq --server http://127.0.0.1:7443
  muster context set hq --server https://coordinator.internal:7443 --ca-file ca.pem
  muster context set hq --organization acme --output jsonl

It keeps --server, --ca-file, --organization and --output as they are given here; what is not given stays as it was, or as it is without a context.")]
pub struct Args {
    /// What to call it
    name: ContextName,
}

/// Makes or changes it.
pub fn run(args: Args, mut contexts: Contexts, given: Given) -> Result<Exit, Error> {
    let Args { name } = args;
    let is_new = contexts.set(name.clone(), |context| {
        // What a variable says is said to this shell, not to the file.
        if let Some(server) = by_flag(given.server) {
            // They are for the coordinator that they were given for.
            if context.server.as_ref() != Some(&server) {
                context.token = None;
                context.ca_file = None;
            }
            context.server = Some(server);
        }
        if let Some(file) = by_flag(given.ca_file) {
            // It is used from other folders, too.
            context.ca_file = Some(std::path::absolute(&file).unwrap_or(file));
        }
        if let Some(organization) = by_flag(given.organization) {
            context.organization = Some(organization);
        }
        if let Some(output) = by_flag(given.output) {
            context.output = Some(output);
        }
    });
    let first = is_new && contexts.in_use().is_none();
    if first {
        contexts.use_one(Some(name.clone()))?;
    }
    contexts.write()?;
    match (is_new, first) {
        (true, true) => tell(&format!("made context `{name}`; it is in use from now on")),
        (true, false) => tell(&format!("made context `{name}`; use it:  muster context use {name}")),
        (false, _) => tell(&format!("changed context `{name}`")),
    }
}

fn by_flag<T>(said: Option<Said<T>>) -> Option<T> {
    said.filter(|said| matches!(said.origin, Origin::Flag(_)))
        .map(|said| said.value)
}
