//! The commands: one module for each noun.

mod connector;
mod dev;
mod execution;
mod integration;
mod logs;
mod records;
mod runner;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::client::{Client, Server};
use crate::error::Error;
use crate::exit::{self, Exit};
use crate::output::{Format, Output};

/// Runs collections from inside customer networks, and tells which integrations are healthy
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = exit::HELP,
    after_long_help = format!("\
Examples:
  muster integration create laptops --connector host --pool default
  muster integration run laptops --wait
  muster execution watch
  muster execution list --status error

{}", exit::HELP)
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Where the coordinator is
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "MUSTER_SERVER",
        default_value = "http://127.0.0.1:7443"
    )]
    server: Server,
    /// The organization that is asked about
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "MUSTER_ORGANIZATION",
        default_value = "default",
        value_parser = parse_organization
    )]
    organization: String,
    /// How results are printed
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "MUSTER_OUTPUT",
        default_value = "table"
    )]
    output: Format,
}

/// All that can be typed first.
#[derive(Debug, Subcommand)]
enum Command {
    /// Try it here: everything in one process.
    Dev(dev::Args),
    /// Those that ask a coordinator.
    #[command(flatten)]
    Operation(Operation),
}

/// What is asked of a coordinator.
#[derive(Debug, Subcommand)]
enum Operation {
    /// Create, show, change, run and delete integrations
    #[command(subcommand, visible_alias = "integrations")]
    Integration(integration::Command),
    /// Show, cancel and watch executions
    #[command(subcommand, visible_alias = "executions")]
    Execution(execution::Command),
    /// Print the log of an execution
    Logs(logs::Args),
    /// Print the records that an execution has collected, as JSON lines
    Records(records::Args),
    /// Show the runners that have checked in
    #[command(subcommand, visible_alias = "runners")]
    Runner(runner::Command),
    /// Show the connectors that runners offer
    #[command(subcommand, visible_alias = "connectors")]
    Connector(connector::Command),
}

/// What a command works with.
#[derive(Debug)]
struct Session {
    client: Client,
    output: Output,
}

/// Runs what was typed.
///
/// # Errors
/// Whatever kept it from doing what it was asked to.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.command {
        Command::Dev(args) => Ok(dev::run(args).into()),
        Command::Operation(operation) => operate(cli.global, operation).map(ExitCode::from),
    }
}

fn operate(global: Global, operation: Operation) -> Result<Exit, Error> {
    // One call at a time is all that there is to do.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        let mut session = Session {
            client: Client::new(&global.server, global.organization),
            output: Output::new(global.output),
        };
        let exit = match operation {
            Operation::Integration(command) => integration::run(command, &mut session).await,
            Operation::Execution(command) => execution::run(command, &mut session).await,
            Operation::Logs(args) => logs::run(args, &mut session).await,
            Operation::Records(args) => records::run(args, &mut session).await,
            Operation::Runner(command) => runner::run(command, &mut session).await,
            Operation::Connector(command) => connector::run(command, &mut session).await,
        };
        // What was printed before an error is let out before the error is told.
        session.output.flush()?;
        exit
    })
}

/// How many items a list prints.
#[derive(Debug, Args)]
struct Limit {
    /// The most to list
    #[arg(long, short = 'n', value_name = "N", default_value = "30", value_parser = parse_limit)]
    limit: usize,
}

/// Says on standard error that a list was cut.
fn note_more(more: bool, limit: &Limit) {
    if more {
        let doubled = limit.limit.saturating_mul(2);
        crate::output::note(format!("the first {}; more with --limit {doubled}", limit.limit));
    }
}

fn parse_limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if limit > 0 => Ok(limit),
        Ok(_) | Err(_) => Err("it must be a number from 1 on".to_owned()),
    }
}

fn parse_organization(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains('/') {
        return Err("it must be an organization's id, without `/`".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every command, the nouns too, has examples below its help.
    #[test]
    fn every_command_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_long_help().or(command.get_after_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  muster "), "`{path} --help` has no examples");
            command.get_subcommands().for_each(|command| check(command, &path));
        }
        check(&Cli::command(), "");
    }

    /// The examples of every help text are commands that parse.
    #[test]
    fn every_example_parses() {
        fn check(command: &clap::Command, seen: &mut usize) {
            let help = command.get_after_long_help().or(command.get_after_help());
            let help = help.map(ToString::to_string).unwrap_or_default();
            for example in help.lines().filter_map(|line| line.strip_prefix("  muster ")) {
                let typed = example.split(['|', '>']).next().unwrap_or(example);
                let words = typed.split_whitespace().map(|word| word.trim_matches('\''));
                let parsed = Cli::try_parse_from(std::iter::once("muster").chain(words));
                assert!(
                    parsed.is_ok(),
                    "`muster {example}`: {}",
                    parsed.err().map(|error| error.to_string()).unwrap_or_default()
                );
                *seen += 1;
            }
            command.get_subcommands().for_each(|command| check(command, seen));
        }
        let mut seen = 0;
        check(&Cli::command(), &mut seen);
        assert!(seen >= 20, "{seen} examples");
    }
}
