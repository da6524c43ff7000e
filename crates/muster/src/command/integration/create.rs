//! `muster integration create`.

use muster_proto::v1::{CreateIntegrationRequest, ErrorReason, Integration};

use super::notified::Notified;
use super::{Scheduled, fit, id, tell, typed};
use crate::command::Session;
use crate::command::configured::Configured;
use crate::configuration::to_wire;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::text::clean;

/// Create an integration; it collects at once, unless it is a draft
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster integration create laptops --connector host --pool default
  muster integration create laptops --connector host --every device=1h --every software=24h
  muster integration create directory --connector ldap --set server.host=dc1 --set server.port=636
  muster integration create directory --connector ldap --pool hq --config directory.json --draft
  muster integration create directory --connector ldap --pool hq --config - --dry-run
  muster integration create laptops --connector host --notify oncall@example.com --sample-min 5")]
pub struct Args {
    /// What people call it
    name: String,
    /// The connector that reads the source: see `muster connector list`
    #[arg(long, value_name = "CONNECTOR")]
    connector: String,
    /// The pool of runners that serve it
    #[arg(long, default_value = "default")]
    pool: String,
    /// Which of the connector's ways of being configured: see `muster connector spec`
    #[arg(long, value_name = "NAME")]
    access_schema: Option<String>,
    /// Only save it: it collects nothing before it is enabled
    #[arg(long)]
    draft: bool,
    /// Only say whether it would be created
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    scheduled: Scheduled,
    #[command(flatten)]
    configured: Configured,
    #[command(flatten)]
    notified: Notified,
}

/// Creates it.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let doing = || format!("create integration `{}`", clean(&args.name));
    let object = args.configured.read()?;
    let connector = names::connector(client, &args.connector).await?;
    fit::access_schema(&connector, args.access_schema.as_deref())?;
    fit::data_types(&connector, &args.scheduled)?;
    if !args.draft {
        fit::configuration(doing(), &connector, &object, args.configured.given())?;
    }
    let mut error_notifications = None;
    args.notified.change(&mut error_notifications);
    let request = CreateIntegrationRequest {
        parent: client.parent(),
        integration: Some(Integration {
            display_name: args.name.clone(),
            connector: names::id(&connector.name).to_owned(),
            access_schema: args.access_schema.unwrap_or_default(),
            configuration: Some(to_wire(object)?),
            pool: args.pool.clone(),
            data_types: args.scheduled.schedules().collect(),
            error_notifications,
            ..Integration::default()
        }),
        draft: args.draft,
        validate_only: args.dry_run,
        request_id: String::new(),
    };
    let created = client.integrations().create_integration(request).await;
    let created = created
        .map_err(|status| {
            let error = client.error(doing(), &status);
            error.advise(ErrorReason::InvalidConfiguration, || {
                format!("see what the connector needs: muster connector spec {}", args.connector)
            })
        })?
        .into_inner();
    let name = clean(&created.display_name);
    let typed = typed(&created.display_name);
    let (sentence, next) = if args.dry_run {
        (format!("integration `{name}` can be created; nothing was done"), None)
    } else if args.draft {
        let sentence = format!("created integration `{name}` ({}) as a draft", id(&created));
        (
            sentence,
            Some(format!("activate it:  muster integration enable {typed}")),
        )
    } else {
        let sentence = format!("created integration `{name}` ({})", id(&created));
        (
            sentence,
            Some(format!("see it collect:  muster execution watch {typed}")),
        )
    };
    tell(output, &created, &sentence)?;
    if let Some(next) = next.filter(|_| !output.is_for_programs()) {
        output.line(next)?;
    }
    output.flush()?;
    fit::note_pool(client, &args.pool).await;
    Ok(Exit::Success)
}
