//! `muster organization`: the tenants of a coordinator, for those who operate it.

mod change;
mod create;
mod delete;
mod list;

use muster_proto::v1::{GetOrganizationRequest, Organization, Quotas};

use super::Session;
use crate::client::Client;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::Output;
use crate::output::json::Json;

/// Create, show, change, suspend and delete organizations: for those who operate the coordinator
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  muster organization list
  muster organization create acme --display-name Acme
  muster organization suspend acme --reason unpaid")]
pub enum Command {
    Create(create::Args),
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Show one organization
    #[command(after_help = "\
Examples:
  muster organization show acme
  muster organization show acme --output json")]
    Show(Named),
    Update(change::Args),
    Suspend(change::Suspend),
    /// Let a suspended organization go on
    #[command(after_help = "\
Examples:
  muster organization resume acme

Of each data type that has fallen due meanwhile the newest time is collected at once. Its runners are back within two minutes.")]
    Resume(Named),
    #[command(visible_alias = "rm")]
    Delete(delete::Args),
}

/// Names one organization.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// The organization: the last part of its name
    // An id of its own: `organization` is the global option.
    #[arg(id = "name", value_name = "NAME")]
    organization: String,
}

impl Named {
    /// The full name, of what was typed with it or without.
    fn name(&self) -> String {
        let id = self.organization.strip_prefix("organizations/");
        format!("organizations/{}", id.unwrap_or(&self.organization))
    }
}

/// How much it may have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// The most integrations, or `none` for no limit
    #[arg(long, value_name = "N", value_parser = limit)]
    integrations: Option<Limit>,
    /// The most runners of its own, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    runners: Option<Limit>,
    /// The most executions that are open at the same time, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    open_executions: Option<Limit>,
    /// The most uploads that begin in a second, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    uploads_per_second: Option<Limit>,
    /// The most MiB of records that lie in the landing, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    records_mib: Option<Limit>,
    /// Keep history and logs for so many days
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<u32>,
    /// Keep its audit log for so many days
    #[arg(long, value_name = "DAYS")]
    audit_retention_days: Option<u32>,
}

/// A limit as it is typed; `None` inside for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(Option<u32>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let number = text.parse();
    number
        .map(|number| Limit(Some(number)))
        .map_err(|_| "it must be a number, or `none`".to_owned())
}

impl Limits {
    /// The quotas after these changes, and the names of what has changed.
    fn apply(&self, quotas: &mut Quotas) -> Vec<&'static str> {
        let mut changed = Vec::new();
        let all = [
            (self.integrations, &mut quotas.integrations, "quotas.integrations"),
            (self.runners, &mut quotas.runners, "quotas.runners"),
            (
                self.open_executions,
                &mut quotas.open_executions,
                "quotas.open_executions",
            ),
            (
                self.uploads_per_second,
                &mut quotas.uploads_per_second,
                "quotas.uploads_per_second",
            ),
            (self.records_mib, &mut quotas.records_mib, "quotas.records_mib"),
        ];
        for (asked, quota, name) in all {
            if let Some(Limit(limit)) = asked {
                *quota = limit;
                changed.push(name);
            }
        }
        changed
    }
}

/// Runs it.
pub async fn run(command: Command, session: &mut Session) -> Result<Exit, Error> {
    match command {
        Command::Create(args) => create::run(args, session).await,
        Command::List(args) => list::run(&args, session).await,
        Command::Show(named) => list::show(&named, session).await,
        Command::Update(args) => change::update(&args, session).await,
        Command::Suspend(args) => change::suspend(args, session).await,
        Command::Resume(named) => change::resume(&named, session).await,
        Command::Delete(args) => delete::run(args, session).await,
    }
}

async fn get(client: &Client, named: &Named) -> Result<Organization, Error> {
    let request = GetOrganizationRequest { name: named.name() };
    let found = client.organizations().get_organization(request).await;
    let found = found.map_err(|status| client.error(format!("show organization `{}`", named.organization), &status))?;
    Ok(found.into_inner())
}

/// Prints the organization for programs, or for people a sentence that names it.
fn tell(output: &mut Output, organization: &Organization, what: &str) -> Result<(), Error> {
    if output.is_for_programs() {
        return output.document(&Json(organization));
    }
    output.line(format!("organization `{}` {what}", id(organization)))
}

/// The last part of its name.
fn id(organization: &Organization) -> &str {
    names::id(&organization.name)
}
