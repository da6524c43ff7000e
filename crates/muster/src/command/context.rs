//! `muster context`: names for coordinators, kept in a file, one of them in use.

mod set;
mod show;

use serde::Serialize;

use crate::contexts::{ContextName, Contexts};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::table::{Column, Table};
use crate::output::text::clean;
use crate::output::time::NONE;
use crate::output::{Format, Output, note};
use crate::settings::Given;

/// Keep names for coordinators, and choose one
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster context set hq --server http://127.0.0.1:7443
  muster context use hq
  muster context list
  muster --context hq runner list

A flag goes before a variable, a variable before the context in use. They are kept in muster/contexts.toml below $XDG_CONFIG_HOME
(~/.config), or where MUSTER_CONTEXTS says.")]
pub enum Command {
    /// List the contexts by name
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  muster context list
  muster context list --output json"
    )]
    List,
    Show(show::Args),
    /// Use a context from now on
    #[command(after_help = "\
Examples:
  muster context use hq
  muster context use --none")]
    Use(Choice),
    Set(set::Args),
    /// Delete a context
    #[command(
        visible_alias = "rm",
        after_help = "\
Examples:
  muster context delete hq"
    )]
    Delete {
        /// The context
        name: ContextName,
    },
}

/// One context, or none.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Choice {
    /// The context
    name: Option<ContextName>,
    /// Use none
    #[arg(long)]
    none: bool,
}

/// Runs it.
pub fn run(command: Command, given: Given) -> Result<Exit, Error> {
    let contexts = Contexts::read()?;
    let format = given.output.as_ref().map_or(Format::Table, |said| said.value);
    match command {
        Command::List => list(&contexts, &mut Output::new(format)),
        Command::Show(args) => show::run(&args, &contexts, given),
        Command::Use(choice) => choose(choice.name, contexts),
        Command::Set(args) => set::run(args, contexts, given),
        Command::Delete { name } => delete(&name, contexts),
    }
}

/// A context for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    name: &'a str,
    in_use: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
    /// Whether there is a token. What it is is nobody's business.
    logged_in: bool,
}

fn list(contexts: &Contexts, output: &mut Output) -> Result<Exit, Error> {
    let in_use = |name: &ContextName| contexts.in_use() == Some(name);
    if output.is_for_programs() {
        let all = contexts.iter().map(|(name, context)| Document {
            name: name.as_str(),
            in_use: in_use(name),
            server: context.server.as_ref().map(|server| server.url()),
            organization: context.organization.as_ref().map(|one| one.as_str()),
            output: context.output.map(Format::as_str),
            ca_file: context.ca_file.as_ref().map(|file| file.display().to_string()),
            logged_in: context.token.is_some(),
        });
        output.documents(&all.collect::<Vec<_>>())?;
        output.flush()?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new([
        Column::text("IN USE", 6),
        Column::text("NAME", 20),
        Column::text("SERVER", 40),
        Column::text("ORGANIZATION", 16),
        Column::text("OUTPUT", 6),
    ]);
    let or_none = |value: Option<&str>| value.unwrap_or(NONE).to_owned();
    for (name, context) in contexts.iter() {
        table.row([
            if in_use(name) { "*" } else { "" }.into(),
            name.as_str().into(),
            or_none(context.server.as_ref().map(|server| server.url())).into(),
            or_none(context.organization.as_ref().map(|one| one.as_str())).into(),
            or_none(context.output.map(Format::as_str)).into(),
        ]);
    }
    output.table(&table)?;
    output.flush()?;
    if contexts.iter().next().is_none() {
        note("there are none yet: muster context set NAME --server URL");
    }
    Ok(Exit::Success)
}

fn choose(name: Option<ContextName>, mut contexts: Contexts) -> Result<Exit, Error> {
    let told = match &name {
        Some(name) => format!("context `{name}` is in use from now on"),
        None => "no context is in use from now on".to_owned(),
    };
    contexts.use_one(name)?;
    contexts.write()?;
    tell(&told)
}

fn delete(name: &ContextName, mut contexts: Contexts) -> Result<Exit, Error> {
    let was_in_use = contexts.remove(name)?;
    contexts.write()?;
    if was_in_use {
        tell(&format!("deleted context `{name}`; none is in use now"))
    } else {
        tell(&format!("deleted context `{name}`"))
    }
}

/// Prints the sentence that says what was done.
pub(super) fn tell(sentence: &str) -> Result<Exit, Error> {
    let mut output = Output::new(Format::Table);
    output.line(clean(sentence))?;
    output.flush()?;
    Ok(Exit::Success)
}
