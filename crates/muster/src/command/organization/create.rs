//! `muster organization create`.

use muster_proto::v1::{CreateOrganizationRequest, Organization, Quotas};

use super::{Limits, tell};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;

/// Create an organization
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster organization create acme
  muster organization create globex --display-name Globex --integrations 500
  muster organization create initech --runners none

Its name is never given to a second one. Without a word about them it has the usual limits: 10000 integrations, 1000 runners, 30000 open
executions, 100 uploads a second.")]
pub struct Args {
    /// Its name: lower-case letters, digits, `-` and `_`
    // An id of its own: `organization` is the global option.
    #[arg(id = "name", value_name = "NAME")]
    organization: String,
    /// What people call it [default: its name]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    display_name: String,
    #[command(flatten)]
    limits: Limits,
    /// A UUID by which the coordinator knows the request again if it is repeated
    #[arg(long, value_name = "UUID", default_value = "", hide_default_value = true)]
    request_id: String,
    /// Only say whether it could be created
    #[arg(long)]
    dry_run: bool,
}

/// Creates it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let mut quotas = usual();
    let limited = !args.limits.apply(&mut quotas).is_empty();
    let request = CreateOrganizationRequest {
        organization_id: args.organization.clone(),
        organization: Some(Organization {
            display_name: args.display_name,
            quotas: limited.then_some(quotas),
            retention_days: args.limits.retention_days.unwrap_or(0),
            audit_retention_days: args.limits.audit_retention_days.unwrap_or(0),
            ..Organization::default()
        }),
        request_id: args.request_id,
        validate_only: args.dry_run,
    };
    let created = client.organizations().create_organization(request).await;
    let created = created
        .map_err(|status| client.error(format!("create organization `{}`", args.organization), &status))?
        .into_inner();
    let what = if args.dry_run { "could be created" } else { "is there" };
    tell(output, &created, what)?;
    Ok(Exit::Success)
}

/// What an organization gets of which nothing else is said, as `organization_service.proto` has it.
fn usual() -> Quotas {
    Quotas {
        integrations: Some(10_000),
        runners: Some(1_000),
        open_executions: Some(30_000),
        uploads_per_second: Some(100),
        records_mib: Some(102_400),
    }
}
