//! `muster context show`.

use serde::Serialize;

use crate::contexts::{ContextName, Contexts};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::table::Facts;
use crate::output::{Format, Output};
use crate::settings::{Given, Origin, Said, Settings};

/// Show with what commands work now, and which flag, variable or context says so
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster context show
  muster context show hq
  muster context show --output json | jq -r .server")]
pub struct Args {
    /// With what they would work if this context were named
    name: Option<ContextName>,
}

/// What commands work with, for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    context: Option<&'a str>,
    server: &'a str,
    server_from: String,
    organization: &'a str,
    organization_from: String,
    output: &'a str,
    output_from: String,
    ca_file: Option<String>,
    ca_file_from: Option<String>,
    file: Option<String>,
}

/// Shows it.
pub fn run(args: &Args, contexts: &Contexts, mut given: Given) -> Result<Exit, Error> {
    if let Some(name) = &args.name {
        given.context = Some(Said {
            value: name.clone(),
            origin: Origin::Flag("--context"),
        });
    }
    let context = given
        .context
        .as_ref()
        .map(|said| &said.value)
        .or(contexts.in_use())
        .cloned();
    let settings = Settings::resolve(given, contexts)?;
    let printed = settings.output.clone().unwrap_or(Said {
        value: Format::Table,
        origin: Origin::Default,
    });
    let mut output = Output::new(printed.value);
    let file = contexts.path().map(|path| path.display().to_string());
    let Settings {
        server,
        organization,
        ca_file,
        ..
    } = &settings;
    if output.is_for_programs() {
        output.document(&Document {
            context: context.as_ref().map(ContextName::as_str),
            server: server.value.url(),
            server_from: server.origin.to_string(),
            organization: organization.value.as_str(),
            organization_from: organization.origin.to_string(),
            output: printed.value.as_str(),
            output_from: printed.origin.to_string(),
            ca_file: ca_file.as_ref().map(|said| said.value.display().to_string()),
            ca_file_from: ca_file.as_ref().map(|said| said.origin.to_string()),
            file,
        })?;
        output.flush()?;
        return Ok(Exit::Success);
    }
    let with = |value: &str, origin: &Origin| match origin {
        Origin::Default => format!("{value}  (default)"),
        Origin::Flag(_) | Origin::Variable(_) | Origin::Context(_) => format!("{value}  (from {origin})"),
    };
    let mut facts = Facts::default();
    facts.add("context", context.as_ref().map_or("none", ContextName::as_str));
    facts.add("server", with(server.value.url(), &server.origin));
    facts.add("organization", with(organization.value.as_str(), &organization.origin));
    facts.add("output", with(printed.value.as_str(), &printed.origin));
    if let Some(said) = ca_file {
        facts.add("ca file", with(&said.value.display().to_string(), &said.origin));
    }
    facts.add("file", file.unwrap_or_default());
    for line in facts.lines() {
        output.line(line)?;
    }
    output.flush()?;
    Ok(Exit::Success)
}
