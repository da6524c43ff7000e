//! The commands: one module for each noun.

mod access;
mod alert;
mod audit;
mod authority;
mod completion;
mod configured;
mod connector;
mod context;
mod dev;
mod execution;
mod integration;
mod logs;
mod man;
mod organization;
mod records;
mod runner;
mod seal;
mod status;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::client::{Client, Server};
use crate::contexts::{ContextName, Contexts, Organization};
use crate::error::Error;
use crate::exit::{self, Exit};
use crate::output::{Format, Output};
use crate::settings::{Given, Origin, Said, Settings};

/// Runs collections from inside customer networks, and tells which integrations are healthy
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = exit::help(),
    after_long_help = format!("\
Examples:
  muster dev
  muster integration create laptops --connector host --pool default
  muster integration run laptops --wait
  muster execution watch
  muster execution list --status error
  muster context set hq --server http://127.0.0.1:7443

{}", exit::help())
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
    /// Which of the global options were given, and how.
    #[arg(skip)]
    given: Given,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Work with this context instead of the one in use: see `muster context`
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "MUSTER_CONTEXT",
        hide_env_values = true
    )]
    context: Option<ContextName>,
    /// Where the coordinator is [default: that of the context, else http://127.0.0.1:7443]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "MUSTER_SERVER",
        hide_env_values = true
    )]
    server: Option<Server>,
    /// The organization that is asked about [default: that of the context, else `default`]
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "MUSTER_ORGANIZATION",
        hide_env_values = true
    )]
    organization: Option<Organization>,
    /// How results are printed [default: that of the context, else `table`]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "MUSTER_OUTPUT",
        hide_env_values = true
    )]
    output: Option<Format>,
    /// A file with certificates of authorities by which the coordinator is known besides those that this system trusts, in PEM [default: that of the context]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "MUSTER_CA_FILE",
        hide_env_values = true
    )]
    ca_file: Option<PathBuf>,
}

/// All that can be typed first.
#[derive(Debug, Subcommand)]
enum Command {
    /// Try it here: everything in one process.
    Dev(dev::Args),
    /// Those that print results, and may ask a coordinator.
    #[command(flatten)]
    Operation(Operation),
    /// Keep names for coordinators, and choose one
    #[command(subcommand, visible_alias = "contexts")]
    Context(context::Command),
    Login(access::login::Args),
    Logout(access::logout::Args),
    Completion(completion::Args),
    Man(man::Args),
}

/// What prints results, and may ask a coordinator.
#[derive(Debug, Subcommand)]
enum Operation {
    Status(status::Args),
    /// Create, show, change, run and delete integrations
    #[command(subcommand, visible_alias = "integrations")]
    Integration(integration::Command),
    /// Show, cancel and watch executions
    #[command(subcommand, visible_alias = "executions")]
    Execution(execution::Command),
    #[command(name = "alert", visible_alias = "alerts")]
    Alert(alert::Args),
    #[command(subcommand)]
    Audit(audit::Command),
    /// Print the log of an execution
    Logs(logs::Args),
    /// Print the records that an execution has collected
    Records(records::Args),
    /// Show the runners that have checked in
    #[command(subcommand, visible_alias = "runners")]
    Runner(runner::Command),
    Seal(seal::Args),
    /// Show what certifies runners, and replace it
    #[command(subcommand)]
    Authority(authority::Command),
    /// Create, show, change, suspend and delete organizations: for those who operate the coordinator
    #[command(subcommand, visible_alias = "organizations")]
    Organization(organization::Command),
    /// Show connectors, and run them here without a coordinator
    #[command(subcommand, visible_alias = "connectors")]
    Connector(Box<connector::Command>),
    /// Let people in, and say what they may do
    #[command(subcommand, visible_alias = "people")]
    Person(access::person::Command),
    /// Make and revoke what people and programs show to be let in
    #[command(subcommand, visible_alias = "tokens")]
    Token(access::token::Command),
    #[command(name = "whoami")]
    WhoAmI(access::whoami::Args),
}

/// What a command works with.
#[derive(Debug)]
struct Session {
    client: Client,
    output: Output,
    /// The format that somebody has asked for; `None`: nobody has, so that a command may have a default of its own.
    asked_for: Option<Format>,
}

impl Cli {
    /// Reads the command line, and from where each global option comes.
    ///
    /// # Errors
    /// What is wrong with it; or the help or the version, where these were asked for.
    pub fn read() -> Result<Self, clap::Error> {
        Self::of(std::env::args_os())
    }

    fn of(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, clap::Error> {
        let mut command = <Self as CommandFactory>::command();
        let matches = command.try_get_matches_from_mut(words)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        let global = &cli.global;
        cli.given = Given {
            context: said(
                &matches,
                "context",
                global.context.as_ref(),
                "--context",
                "MUSTER_CONTEXT",
            ),
            server: said(&matches, "server", global.server.as_ref(), "--server", "MUSTER_SERVER"),
            organization: said(
                &matches,
                "organization",
                global.organization.as_ref(),
                "--organization",
                "MUSTER_ORGANIZATION",
            ),
            output: said(&matches, "output", global.output.as_ref(), "--output", "MUSTER_OUTPUT"),
            ca_file: said(
                &matches,
                "ca_file",
                global.ca_file.as_ref(),
                "--ca-file",
                "MUSTER_CA_FILE",
            ),
            // There is no flag for it: what is typed stands in the shell's history, and in the list of processes.
            token: None,
        };
        Ok(cli)
    }
}

/// A global option with its origin; `None` where it was not given.
fn said<T: Clone>(
    matches: &ArgMatches,
    id: &str,
    value: Option<&T>,
    flag: &'static str,
    variable: &'static str,
) -> Option<Said<T>> {
    let origin = match matches.value_source(id) {
        Some(ValueSource::EnvVariable) => Origin::Variable(variable),
        Some(_) | None => Origin::Flag(flag),
    };
    value.cloned().map(|value| Said { value, origin })
}

/// Runs what was typed.
///
/// # Errors
/// Whatever kept it from doing what it was asked to.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.command {
        Command::Dev(args) => Ok(dev::run(args).into()),
        Command::Operation(operation) => operate(cli.given, operation).map(ExitCode::from),
        Command::Context(command) => context::run(command, cli.given).map(ExitCode::from),
        Command::Login(args) => access::login::run(args, cli.given).map(ExitCode::from),
        Command::Logout(_) => access::logout::run(cli.given).map(ExitCode::from),
        Command::Completion(args) => completion::run(&args).map(ExitCode::from),
        Command::Man(args) => man::run(&args).map(ExitCode::from),
    }
}

fn operate(mut given: Given, operation: Operation) -> Result<Exit, Error> {
    given.token = access::given_token()?;
    let settings = Settings::resolve(given, &Contexts::read()?)?;
    // One call at a time is all that there is to do.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let exit = runtime.block_on(async {
        let asked_for = settings.output.as_ref().map(|said| said.value);
        let mut session = Session {
            client: Client::new(&settings),
            output: Output::new(asked_for.unwrap_or(Format::Table)),
            asked_for,
        };
        let exit = match operation {
            Operation::Status(args) => status::run(args, &mut session).await,
            Operation::Integration(command) => integration::run(command, &mut session).await,
            Operation::Execution(command) => execution::run(command, &mut session).await,
            Operation::Alert(args) => alert::run(args, &mut session).await,
            Operation::Audit(command) => audit::run(command, &mut session).await,
            Operation::Logs(args) => logs::run(args, &mut session).await,
            Operation::Records(args) => records::run(args, &mut session).await,
            Operation::Runner(command) => runner::run(command, &mut session).await,
            Operation::Authority(command) => authority::run(command, &mut session).await,
            Operation::Seal(args) => seal::run(args, &mut session).await,
            Operation::Connector(command) => connector::run(*command, &mut session).await,
            Operation::Organization(command) => organization::run(command, &mut session).await,
            Operation::Person(command) => access::person::run(command, &mut session).await,
            Operation::Token(command) => access::token::run(command, &mut session).await,
            Operation::WhoAmI(_) => access::whoami::run(&mut session).await,
        };
        // What was printed before an error is let out before the error is told.
        session.output.flush()?;
        exit
    });
    // A connector that was run here may have left a thread that hangs on its source; nobody waits for it.
    runtime.shutdown_background();
    exit
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

#[cfg(test)]
mod tests {
    use super::*;

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
                let typed = example.split(['|', '>', '<']).next().unwrap_or(example);
                let words = typed.split_whitespace().map(|word| word.trim_matches('\''));
                let parsed = Cli::of(std::iter::once("muster").chain(words));
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
