//! `muster integration`: what is collected, from where, how often, by which runners.

mod check;
mod create;
mod delete;
mod fit;
mod list;
mod notified;
mod pause;
mod run;
mod show;
mod switch;
mod update;

pub use fit::{HOSTED, one_of};

use muster_proto::v1::{CollectionSchedule, Integration};

use super::Session;
use crate::configuration::Every;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::Output;
use crate::output::json::Json;
use crate::output::text::clean;

/// Create, show, change, run and delete integrations
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster integration create laptops --connector host --pool default
  muster integration list --status error
  muster integration run laptops --wait")]
pub enum Command {
    Create(Box<create::Args>),
    #[command(visible_alias = "ls")]
    List(list::Args),
    Show(show::Args),
    Update(Box<update::Args>),
    /// Activate a draft or a disabled integration; it collects at once
    #[command(after_help = "\
Examples:
  muster integration enable laptops")]
    Enable(Named),
    /// Switch an integration off; what runs may finish, nothing new begins
    #[command(after_help = "\
Examples:
  muster integration disable laptops")]
    Disable(Named),
    Pause(pause::Args),
    /// Let the schedule of a paused integration go on
    #[command(after_help = "\
Examples:
  muster integration resume laptops")]
    Resume(Named),
    Check(check::Args),
    Run(run::Args),
    #[command(visible_alias = "rm")]
    Delete(delete::Args),
}

/// Names one integration.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// The integration: its name, its id or its full name
    #[arg(value_name = "NAME")]
    integration: String,
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::Create(args) => create::run(*args, session).await,
        Command::List(args) => list::run(args, session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Update(args) => update::run(*args, session).await,
        Command::Enable(named) => switch::enable(named, session).await,
        Command::Disable(named) => switch::disable(named, session).await,
        Command::Pause(args) => pause::run(args, session).await,
        Command::Resume(named) => pause::resume(named, session).await,
        Command::Check(args) => check::run(args, session).await,
        Command::Run(args) => run::run(args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
    }
}

/// What is collected, and how often.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Schedule")]
struct Scheduled {
    /// Collect a data type at this interval: 1m to 366d
    #[arg(long, value_name = "DATA_TYPE=INTERVAL")]
    every: Vec<Every>,
    /// Collect a data type at the connector's own interval
    #[arg(long, short, value_name = "DATA_TYPE")]
    data_type: Vec<String>,
}

impl Scheduled {
    fn is_empty(&self) -> bool {
        self.every.is_empty() && self.data_type.is_empty()
    }

    /// The data types that the flags name.
    fn names(&self) -> impl Iterator<Item = &str> {
        let every = self.every.iter().map(|every| every.data_type.as_str());
        every.chain(self.data_type.iter().map(String::as_str))
    }

    /// These data types with their intervals, those with one first.
    fn schedules(&self) -> impl Iterator<Item = CollectionSchedule> + '_ {
        let every = self.every.iter().map(|every| CollectionSchedule {
            data_type: every.data_type.clone(),
            // The parser takes no more than the wire's durations hold.
            interval: prost_types::Duration::try_from(every.interval).ok(),
            ..CollectionSchedule::default()
        });
        let plain = self.data_type.iter().map(|data_type| CollectionSchedule {
            data_type: data_type.clone(),
            ..CollectionSchedule::default()
        });
        every.chain(plain)
    }
}

/// Prints the integration for programs, or for people a sentence that names it.
fn tell(output: &mut Output, integration: &Integration, sentence: &str) -> Result<(), Error> {
    if output.is_for_programs() {
        return output.document(&Json(integration));
    }
    output.line(sentence)
}

/// A display name as it is typed in a command: quoted where a shell would part it.
fn typed(display_name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | ':' | '+');
    let name = clean(display_name);
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with('-') {
        return name;
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

/// The integration's identifier.
fn id(integration: &Integration) -> &str {
    names::id(&integration.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_a_shell_would_part_them() {
        assert_eq!(typed("laptops-hq.2"), "laptops-hq.2");
        assert_eq!(typed("Laptops of HQ"), "'Laptops of HQ'");
        assert_eq!(typed("Ann's"), r"'Ann'\''s'");
        assert_eq!(typed("--help"), "'--help'");
    }
}
