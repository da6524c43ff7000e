//! `muster dev`: a coordinator, a runner and an integration of this machine, in one process.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use muster_connectors::Registry;
use muster_coordinator::settings::{HTTP_PORT, duration};
use muster_coordinator::{Coordinator, CoordinatorError};
use muster_process::telemetry::{self, FILTER_VARIABLE};
use muster_process::{ConfigError, Process, Tasks, exit};
use muster_proto::v1::{
    CollectionSchedule, CreateIntegrationRequest, ErrorReason, GetConnectorRequest, Integration,
    ListIntegrationsRequest, RunIntegrationRequest,
};
use muster_runner::RunnerError;

use super::execution::live::Live;
use crate::client::{Backoff, Client, Server};
use crate::error::Error;
use crate::follow::{Follow, News};
use crate::output::words::has_ended;
use crate::output::{Format, Output, note};
use crate::settings::{Origin, Said, Settings};

/// What the integration is called, and whom it may name.
const INTEGRATION: &str = "this machine";
const ORGANIZATION: &str = "default";
const POOL: &str = "default";
const CONNECTOR: &str = "host";

/// The data types of `host`.
const DATA_TYPES: [&str; 3] = ["device", "user", "software"];

/// How long all has to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Try it here: a coordinator, a runner and an integration of this machine, in one process
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster dev
  muster dev --data /tmp/muster --every 1m

It listens on loopback only, and keeps everything in the one folder: delete that to begin anew. MUSTER_LOG=info shows what its
parts say. Ctrl-C stops it.")]
pub struct Args {
    /// The folder for all that it keeps; made if it is not there
    #[arg(long, value_name = "FOLDER", env = "MUSTER_DATA", default_value = "muster-data")]
    data: PathBuf,
    /// Where the coordinator listens, on loopback
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "MUSTER_LISTEN",
        default_value = "127.0.0.1:7443",
        value_parser = loopback
    )]
    listen: SocketAddr,
    /// Where the coordinator listens for HTTP, on loopback
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "MUSTER_HTTP_LISTEN",
        default_value_t = SocketAddr::from(([127, 0, 0, 1], HTTP_PORT)),
        value_parser = loopback
    )]
    http_listen: SocketAddr,
    /// Collect everything at this interval, 1m at the least, instead of devices and users every hour and software every day
    #[arg(long, value_name = "INTERVAL", value_parser = duration)]
    every: Option<Duration>,
}

/// Why it does not run, or has ended.
#[derive(Debug, thiserror::Error)]
enum DevError {
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
    #[error("its own address is not understood: {0}")]
    Address(String),
    #[error(transparent)]
    Settings(#[from] ConfigError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(transparent)]
    Client(#[from] Error),
}

/// Runs until it is told to stop.
pub fn run(args: Args) -> exit::Exit {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| "warn".to_owned());
    let telemetry = telemetry::Settings {
        filter,
        format: telemetry::Format::Text,
    };
    let process = Process {
        telemetry,
        stop_within: STOP_WITHIN,
    };
    let failed = Cell::new(None);
    let exit = muster_process::run(&process, async |tasks| {
        let stop = tasks.token();
        let ended = tokio::select! {
            ended = dev(args, tasks) => ended,
            () = stop.cancelled() => Ok(()),
        };
        if let Err(error) = ended {
            // A person has typed this and reads it, so it is told as by every other command, and not in the log.
            failed.set(Some(told(&error)));
        }
        Ok::<(), DevError>(())
    });
    failed.get().unwrap_or(exit)
}

fn told(error: &DevError) -> exit::Exit {
    match error {
        DevError::Client(error) => note(error.report().trim_end()),
        DevError::Coordinator(_) | DevError::Address(_) | DevError::Settings(_) | DevError::Runner(_) => {
            note(format!("error: {}", exit::chain(error)));
        }
    }
    exit::Exit::because_of(error)
}

/// An address on loopback: what listens elsewhere needs to know who asks, and this does not.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "it must be an address with a port, such as `127.0.0.1:7443`".to_owned())?;
    if !address.ip().is_loopback() {
        return Err(
            "it must be on loopback, such as `127.0.0.1:7443`: anybody who reaches it may do anything".to_owned(),
        );
    }
    Ok(address)
}

async fn dev(args: Args, tasks: Tasks) -> Result<(), DevError> {
    let mut output = Output::new(Format::Table);
    let settings = muster_coordinator::Settings {
        listen: args.listen,
        http_listen: args.http_listen,
        insecure: true,
        stop_within: STOP_WITHIN,
        ..muster_coordinator::Settings::in_folder(args.data.clone())
    };
    let coordinator = Coordinator::open(settings).await?;
    let url = format!("http://{}", coordinator.address());
    output.line(format!("coordinator  {url}, all of it in {}", args.data.display()))?;
    output.line(format!(
        "page         http://{}, metrics at /metrics",
        coordinator.http_address()
    ))?;
    tasks.spawn_essential("coordinator", coordinator.serve(tasks.clone()));

    let runner = muster_runner::Settings {
        coordinator: url
            .parse()
            .map_err(|_| DevError::Address(format!("`{url}` is no address of the runner's coordinator")))?,
        data_folder: Some(args.data.join("runner")),
        display_name: Some("dev".parse().expect("letters make a display name")),
        ..muster_runner::Settings::default()
    };
    let runner = runner.into_config(Registry::builtin())?;
    tasks.spawn_essential("runner", muster_runner::run(runner, tasks.clone()));
    output.line(format!(
        "runner       `dev` of pool `{POOL}`, which may run the connector `{CONNECTOR}`"
    ))?;

    let server = Said {
        value: url.parse::<Server>().map_err(DevError::Address)?,
        origin: Origin::Default,
    };
    let organization = Said {
        value: ORGANIZATION.parse().expect("letters make an organization's id"),
        origin: Origin::Default,
    };
    let client = Client::new(&Settings {
        server,
        organization,
        output: None,
        ca_file: None,
        token: None,
    });
    connector_is_offered(&client).await?;
    let mut follow = Follow::new(&client, client.parent(), &[]);
    // The watch begins before the work does, so that every status is seen.
    follow.begin().await?;
    collect(&client, &args).await?;
    output.line(format!("integration  `{INTEGRATION}`: {}\n", DATA_TYPES.join(", ")))?;
    show(&client, &mut output, &mut follow, &args).await
}

/// Waits until the runner has checked in and offered its connector.
async fn connector_is_offered(client: &Client) -> Result<(), Error> {
    let name = format!("{}/connectors/{CONNECTOR}", client.parent());
    let mut backoff = Backoff::default();
    loop {
        match client
            .connectors()
            .get_connector(GetConnectorRequest { name: name.clone() })
            .await
        {
            Ok(_) => return Ok(()),
            Err(status) => {
                let error = client.error("wait for the runner", &status);
                if !error.may_pass() && !error.has_reason(ErrorReason::ConnectorNotFound) {
                    return Err(error);
                }
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

/// Creates the integration, which collects at once; one of an earlier run collects now.
async fn collect(client: &Client, args: &Args) -> Result<(), Error> {
    let named = ListIntegrationsRequest {
        parent: client.parent(),
        filter: format!("display_name = \"{INTEGRATION}\""),
        ..ListIntegrationsRequest::default()
    };
    let known = client.integrations().list_integrations(named).await;
    let known = known.map_err(|status| client.error("look for the integration", &status))?;
    if let Some(integration) = known.into_inner().integrations.into_iter().next() {
        let request = RunIntegrationRequest {
            name: integration.name,
            data_types: Vec::new(),
            ..Default::default()
        };
        let ran = client.integrations().run_integration(request).await;
        ran.map_err(|status| client.error("run the integration", &status))?;
        return Ok(());
    }
    let schedule = |data_type: &str| CollectionSchedule {
        data_type: data_type.to_owned(),
        interval: args.every.and_then(|every| every.try_into().ok()),
        ..CollectionSchedule::default()
    };
    let create = CreateIntegrationRequest {
        parent: client.parent(),
        integration: Some(Integration {
            display_name: INTEGRATION.to_owned(),
            connector: CONNECTOR.to_owned(),
            configuration: Some(prost_types::Struct::default()),
            pool: POOL.to_owned(),
            data_types: DATA_TYPES.map(schedule).into(),
            ..Integration::default()
        }),
        ..CreateIntegrationRequest::default()
    };
    let created = client.integrations().create_integration(create).await;
    created.map_err(|status| client.error("create the integration", &status))?;
    Ok(())
}

/// Shows executions as they change, and says once what to type next.
async fn show(client: &Client, output: &mut Output, follow: &mut Follow, args: &Args) -> Result<(), DevError> {
    let mut live = Live::default();
    Live::titles(output)?;
    let mut ended = 0;
    loop {
        let news = follow.next().await?;
        live.tell(client, output, &news).await?;
        let News::Changed(executions) = news else { continue };
        let before = ended;
        ended += executions.iter().filter(|one| has_ended(one.status())).count();
        if before < DATA_TYPES.len() && ended >= DATA_TYPES.len() {
            output.line(next_steps(args))?;
            output.flush()?;
        }
    }
}

fn next_steps(args: &Args) -> String {
    let server = if args.listen.port() == muster_coordinator::settings::PORT {
        String::new()
    } else {
        format!(" --server http://{}", args.listen)
    };
    format!(
        "
The records are in {landing}. Type next, in another terminal:
  muster{server} integration show '{INTEGRATION}'
  muster{server} execution list
  muster{server} integration run '{INTEGRATION}' --wait
  grpcurl -plaintext {listen} list
(`cargo run --bin muster --` stands for `muster` where it is not installed.) Ctrl-C stops this.
",
        landing = args.data.join("landing").display(),
        listen = args.listen,
    )
}
