//! `muster login`.

use std::io::{self, IsTerminal as _, Read as _};

use muster_proto::v1::{WhoAmIRequest, WhoAmIResponse};

use super::who;
use crate::client::{Client, Server};
use crate::command::context::tell;
use crate::contexts::{Context, ContextName, Contexts, Token};
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::{Given, Origin, Said, Settings};

/// What a context is called that is made here, when nobody says.
const CONTEXT_DEFAULT: &str = "default";

/// The most bytes that are read as a token.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// Log in to a coordinator: it is asked who the token's owner is, and the token is kept in the context
///
/// The token is asked for on the terminal, without an echo, or read from standard input. It has no flag, since what is typed stands in the shell's history. The
/// variable `MUSTER_TOKEN` goes before what is kept. The file that `--ca-file` names is kept in the context, too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster login --server http://127.0.0.1:7443
  muster login --server https://coordinator.internal:7443 --ca-file ca.pem
  muster --context hq login --server http://127.0.0.1:7443
  muster login --token-stdin < token-file")]
pub struct Args {
    /// Read the token from standard input
    #[arg(long)]
    token_stdin: bool,
}

/// Logs in.
pub fn run(args: Args, given: Given) -> Result<Exit, Error> {
    let mut contexts = Contexts::read()?;
    let name = chosen(&given, &contexts);
    let kept = contexts
        .iter()
        .find(|(one, _)| **one == name)
        .map(|(_, context)| context.clone());
    let mut settings = settings(given, &contexts, &name, kept.as_ref())?;
    if let Some(other) = kept
        .and_then(|context| context.server)
        .filter(|kept| *kept != settings.server.value)
    {
        return Err(Error::OtherServer {
            context: name.to_string(),
            kept: other.url().to_owned(),
            given: settings.server.value.url().to_owned(),
        });
    }
    let token = read(args.token_stdin, &settings.server.value)?;
    settings.token = Some(Said {
        value: token.clone(),
        origin: Origin::Default,
    });
    let told = ask(&settings)?;
    // It is used from other folders, too.
    let ca_file = settings
        .ca_file
        .map(|said| std::path::absolute(&said.value).unwrap_or(said.value));
    let organization = told.scope.strip_prefix("organizations/").map(str::to_owned);
    contexts.set(name.clone(), |context| {
        context.server = Some(settings.server.value.clone());
        context.token = Some(token);
        context.ca_file = ca_file;
        if context.organization.is_none() {
            context.organization = organization.and_then(|organization| organization.parse().ok());
        }
    });
    contexts.use_one(Some(name.clone()))?;
    contexts.write()?;
    tell(&format!(
        "logged in to {} as {}; context `{name}` is in use from now on",
        settings.server.value.url(),
        who(&told)
    ))
}

/// The context that is to keep it: the one that was named, or is in use.
fn chosen(given: &Given, contexts: &Contexts) -> ContextName {
    let named = given.context.as_ref().map(|said| said.value.clone());
    named.or_else(|| contexts.in_use().cloned()).unwrap_or_else(|| {
        CONTEXT_DEFAULT
            .parse()
            .expect("the default is a name, as a test sees to")
    })
}

/// Where to log in: as for any other command, but that the context may be a new one.
fn settings(
    mut given: Given,
    contexts: &Contexts,
    name: &ContextName,
    kept: Option<&Context>,
) -> Result<Settings, Error> {
    given.context = match kept {
        Some(_) => given.context.or_else(|| {
            Some(Said {
                value: name.clone(),
                origin: Origin::Default,
            })
        }),
        None => None,
    };
    given.token = None;
    if kept.is_none() {
        return Settings::resolve(given, &Contexts::none());
    }
    Settings::resolve(given, contexts)
}

fn read(from_stdin: bool, server: &Server) -> Result<Token, Error> {
    let unusable = |problem: String| Error::TokenUnusable {
        place: if from_stdin { "standard input" } else { "the terminal" }.to_owned(),
        problem,
    };
    let text = if from_stdin {
        let mut text = String::new();
        let read = io::stdin().take(TOKEN_BYTES_MAX).read_to_string(&mut text);
        read.map_err(|error| unusable(error.to_string()))?;
        text
    } else if io::stdin().is_terminal() {
        let asked = rpassword::prompt_password(format!("token for {}: ", server.url()));
        asked.map_err(|error| unusable(error.to_string()))?
    } else {
        return Err(unusable("there is none to ask on".to_owned()));
    };
    text.parse().map_err(unusable)
}

fn ask(settings: &Settings) -> Result<WhoAmIResponse, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        let client = Client::new(settings);
        let told = client.access().who_am_i(WhoAmIRequest {}).await;
        let told = told.map_err(|status| client.error("log in", &status))?;
        Ok(told.into_inner())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_name() {
        assert!(CONTEXT_DEFAULT.parse::<ContextName>().is_ok());
    }
}
