//! `muster integration update`.

use clap::ArgGroup;
use muster_proto::v1::{CollectionSchedule, Enablement, ErrorReason, Integration, UpdateIntegrationRequest};
use prost_types::FieldMask;

use super::notified::Notified;
use super::{Named, Scheduled, fit, tell};
use crate::command::Session;
use crate::command::configured::Configured;
use crate::configuration::{KeyPath, assign, from_wire, remove, to_wire};
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::text::clean;

/// The flags of which one at least is needed.
const CHANGES: [&str; 17] = [
    "rename",
    "pool",
    "access_schema",
    "every",
    "data_type",
    "drop_data_type",
    "config",
    "set",
    "unset",
    "notify",
    "no_notify",
    "threshold",
    "recovery",
    "window",
    "sample_min",
    "hold",
    "reminder",
];

/// Change an integration; what already runs goes on as it began
#[derive(Debug, clap::Args)]
#[command(
    // The one that clap makes would name all of the group's flags.
    override_usage = "muster integration update [OPTIONS] <NAME>",
    group = ArgGroup::new("change").args(CHANGES).required(true).multiple(true),
    after_help = "\
Examples:
  muster integration update laptops --rename notebooks
  muster integration update laptops --every software=12h
  muster integration update laptops --drop-data-type user
  muster integration update directory --set server.port=636 --unset server.start_tls
  muster integration update directory --config directory.json --dry-run
  muster integration update laptops --notify oncall@example.com --threshold 50
  muster integration update laptops --no-notify

Only what the flags name is changed, and only if nobody else changes the integration meanwhile."
)]
pub struct Args {
    #[command(flatten)]
    named: Named,
    /// Call it so from now on
    #[arg(long, value_name = "NEW_NAME")]
    rename: Option<String>,
    /// Let the runners of this pool serve it
    #[arg(long)]
    pool: Option<String>,
    /// Configure it in this way of the connector's
    #[arg(long, value_name = "NAME")]
    access_schema: Option<String>,
    /// Only say whether it would be changed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    scheduled: Scheduled,
    /// Do not collect a data type any more
    #[arg(long, value_name = "DATA_TYPE", help_heading = "Schedule")]
    drop_data_type: Vec<String>,
    #[command(flatten)]
    configured: Configured,
    /// Remove a key from the configuration. After --set
    #[arg(long, value_name = "PATH.TO.KEY", help_heading = "Configuration")]
    unset: Vec<KeyPath>,
    #[command(flatten)]
    notified: Notified,
}

/// Changes it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let current = names::integration(client, &args.named.integration).await?;
    let name = clean(&current.display_name);
    let connector = current.connector.clone();
    let enabled = current.enablement() == Enablement::Enabled;
    let (integration, paths) = changed(current, &args)?;
    let is_changed = |field: &str| paths.iter().any(|path| path == field);
    if is_changed("configuration") || is_changed("access_schema") || is_changed("data_types") {
        let connector = names::connector(client, &connector).await?;
        fit::access_schema(&connector, args.access_schema.as_deref())?;
        fit::data_types(&connector, &args.scheduled)?;
        // What is not enabled may hold anything so far.
        if enabled && is_changed("configuration") {
            let object = integration.configuration.as_ref().map(from_wire).unwrap_or_default();
            let doing = format!("update integration `{name}`");
            fit::configuration(doing, &connector, &object, args.configured.given())?;
        }
    }
    let request = UpdateIntegrationRequest {
        integration: Some(integration),
        update_mask: Some(FieldMask { paths }),
        validate_only: args.dry_run,
    };
    let updated = client.integrations().update_integration(request).await;
    let updated = updated
        .map_err(|status| {
            let error = client.error(format!("update integration `{name}`"), &status);
            error.advise(ErrorReason::InvalidConfiguration, || {
                format!("see what the connector needs: muster connector spec {connector}")
            })
        })?
        .into_inner();
    let sentence = if args.dry_run {
        format!("integration `{name}` can be changed so; nothing was done")
    } else {
        format!("updated integration `{}`", clean(&updated.display_name))
    };
    tell(output, &updated, &sentence)?;
    output.flush()?;
    if let Some(pool) = &args.pool {
        fit::note_pool(client, pool).await;
    }
    Ok(Exit::Success)
}

/// The integration with its new values, and the fields that have one. Its etag guards what was read against somebody else's change.
fn changed(mut integration: Integration, args: &Args) -> Result<(Integration, Vec<String>), Error> {
    let mut paths = Vec::new();
    let mut name = |field: &str| paths.push(field.to_owned());
    if let Some(rename) = &args.rename {
        integration.display_name.clone_from(rename);
        name("display_name");
    }
    if let Some(pool) = &args.pool {
        integration.pool.clone_from(pool);
        name("pool");
    }
    if let Some(access_schema) = &args.access_schema {
        integration.access_schema.clone_from(access_schema);
        name("access_schema");
    }
    if !args.scheduled.is_empty() || !args.drop_data_type.is_empty() {
        reschedule(&mut integration.data_types, args)?;
        name("data_types");
    }
    if args.configured.config.is_some() || !args.configured.set.is_empty() || !args.unset.is_empty() {
        let mut object = match &args.configured.config {
            Some(source) => source.read()?,
            None => integration.configuration.as_ref().map(from_wire).unwrap_or_default(),
        };
        assign(&mut object, &args.configured.set)?;
        remove(&mut object, &args.unset)?;
        integration.configuration = Some(to_wire(object)?);
        name("configuration");
    }
    if args.notified.change(&mut integration.error_notifications) {
        name("error_notifications");
    }
    Ok((integration, paths))
}

fn reschedule(data_types: &mut Vec<CollectionSchedule>, args: &Args) -> Result<(), Error> {
    for schedule in args.scheduled.schedules() {
        match data_types.iter_mut().find(|one| one.data_type == schedule.data_type) {
            Some(one) => one.interval = schedule.interval,
            None => data_types.push(schedule),
        }
    }
    for dropped in &args.drop_data_type {
        let before = data_types.len();
        data_types.retain(|one| one.data_type != *dropped);
        if data_types.len() == before {
            let known: Vec<&str> = data_types.iter().map(|one| one.data_type.as_str()).collect();
            let next = "look at what it collects: muster integration show NAME";
            fit::one_of(dropped, &known, "among those of the integration", next)?;
        }
    }
    // The API takes an empty list for "all that the connector offers".
    if data_types.is_empty() {
        return Err(Error::Assignment {
            flag: "--drop-data-type".to_owned(),
            reason: "nothing would be left to collect; disable the integration instead".to_owned(),
        });
    }
    Ok(())
}
