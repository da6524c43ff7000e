//! `muster organization update`, `suspend` and `resume`.

use clap::ArgGroup;
use muster_proto::v1::{
    Organization, Quotas, ResumeOrganizationRequest, SuspendOrganizationRequest, UpdateOrganizationRequest,
};
use prost_types::FieldMask;

use super::{Limits, Named, tell};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;

/// What an update may change; it needs one of them.
const CHANGES: [&str; 8] = [
    "display_name",
    "integrations",
    "runners",
    "open_executions",
    "uploads_per_second",
    "records_mib",
    "retention_days",
    "audit_retention_days",
];

/// Change what people call an organization, how much it may have, or for how long its history and its audit log are kept
#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("change").args(CHANGES).required(true).multiple(true),
    after_help = "\
Examples:
  muster organization update acme --integrations 20000
  muster organization update acme --runners none --retention-days 400
  muster organization update acme --display-name Acme

What it has beyond a limit that is lowered stays; nothing new is taken until there is room."
)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[command(flatten)]
    limits: Limits,
    /// Only say whether it could be changed
    #[arg(long)]
    dry_run: bool,
}

/// Let nothing new happen in an organization; what there is can be read
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster organization suspend acme --reason unpaid

Nothing of it is created, changed, run or given to runners, its own runners are not let in, and their streams end. Whoever is refused reads the
reason.")]
pub struct Suspend {
    #[command(flatten)]
    named: Named,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Changes it.
pub async fn update(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let mut quotas = Quotas::default();
    let mut paths: Vec<String> = args.limits.apply(&mut quotas).into_iter().map(str::to_owned).collect();
    paths.extend(args.display_name.is_some().then(|| "display_name".to_owned()));
    for (days, path) in [
        (args.limits.retention_days, "retention_days"),
        (args.limits.audit_retention_days, "audit_retention_days"),
    ] {
        paths.extend(days.map(|_| path.to_owned()));
    }
    let request = UpdateOrganizationRequest {
        organization: Some(Organization {
            name: args.named.name(),
            display_name: args.display_name.clone().unwrap_or_default(),
            retention_days: args.limits.retention_days.unwrap_or(0),
            audit_retention_days: args.limits.audit_retention_days.unwrap_or(0),
            quotas: Some(quotas),
            ..Organization::default()
        }),
        update_mask: Some(FieldMask { paths }),
        validate_only: args.dry_run,
    };
    let changed = client.organizations().update_organization(request).await;
    let changed = changed
        .map_err(|status| client.error(format!("update organization `{}`", args.named.organization), &status))?
        .into_inner();
    let what = if args.dry_run {
        "could be changed so"
    } else {
        "is changed"
    };
    tell(output, &changed, what)?;
    Ok(Exit::Success)
}

/// Suspends it.
pub async fn suspend(args: Suspend, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let request = SuspendOrganizationRequest {
        name: args.named.name(),
        reason: args.reason,
        ..Default::default()
    };
    let suspended = client.organizations().suspend_organization(request).await;
    let suspended = suspended
        .map_err(|status| client.error(format!("suspend organization `{}`", args.named.organization), &status))?
        .into_inner();
    tell(output, &suspended, "is suspended")?;
    Ok(Exit::Success)
}

/// Lets it go on.
pub async fn resume(named: &Named, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let request = ResumeOrganizationRequest {
        name: named.name(),
        ..Default::default()
    };
    let resumed = client.organizations().resume_organization(request).await;
    let resumed = resumed
        .map_err(|status| client.error(format!("resume organization `{}`", named.organization), &status))?
        .into_inner();
    tell(output, &resumed, "goes on")?;
    Ok(Exit::Success)
}
