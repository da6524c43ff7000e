//! A runner from its start to its end.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use muster_connector::redact::redact_known;
use muster_connectors::exec::{Exec, held};
use muster_core::words::{OrganizationId, PoolName, RunnerId, SealingKey};
use muster_failpoint::failpoint;
use muster_process::Tasks;
use muster_process::exit::chain;
use muster_process::telemetry;
use muster_proto::v1;
use muster_session::runner::{RunnerEnd, RunnerProfile};
use muster_session::wire::work_of_report;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Endpoint;
use tracing::Instrument;

use crate::checker::Checker;
use crate::collect::Threads;
use crate::config::{Config, NAME_DEFAULT, hostname, runs_in};
use crate::dial::Dialer;
use crate::enrollment::{Identity, keep_renewed};
use crate::error::RunnerError;
use crate::executor::Executor;
use crate::identity::DataFolder;
use crate::link::{Clock, Link};
use crate::sealing::Sealing;
use crate::secrets;
use crate::spans::Spans;
use crate::specification::specifications;
use crate::spool::{Kept, Spool};
use crate::upload::Uploads;

/// How long a connection may take to be made. The session gives a dialling up after some more.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// After how long a silence HTTP/2 asks whether the other end is there, and how long it waits for the answer. The
/// session's heartbeats find a dead coordinator; this finds a dead connection sooner, and keeps what is on the way from
/// forgetting it.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(30);
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// Runs a runner until `tasks` are told to stop; then it drains within [`Config::stop_within`]. What happens on the way
/// to the coordinator never ends it.
///
/// # Errors
/// [`RunnerError`] before anything is started: the data folder cannot be used, or is another's; a connector's
/// specification is wrong.
///
/// # Panics
/// Outside of a tokio runtime with time and I/O.
pub async fn run(mut config: Config, tasks: Tasks) -> Result<(), RunnerError> {
    telemetry::redact_by(redact_known);
    let folder = DataFolder::open(&config.data_folder)?;
    let stop = tasks.token();
    let runs = empty_folder(runs_in(&config.data_folder))?;
    tokio::select! {
        () = start_programs(&mut config, &runs) => {}
        () = stop.cancelled() => return Ok(()),
    }
    if config.connectors.iter().next().is_none() {
        return Err(RunnerError::NoConnector);
    }
    let (spool, spooled) = Spool::open(folder.spool()).map_err(|source| RunnerError::Folder {
        path: folder.spool(),
        source,
    })?;
    let proxy = config.proxies.to(&config.coordinator).map_err(RunnerError::Proxy)?;
    let by_proxy = proxy.as_ref().map(ToString::to_string);
    let dialer = Dialer::default().through(proxy);
    let identity = identify(&mut config, &folder, &dialer)?;
    let runner = identity
        .as_ref()
        .map_or(folder.runner(), |identity| identity.name().runner);
    let sealing = Sealing::find_or_make(&config.data_folder)?;
    let profile = profile(&config, runner, sealing.key())?;
    let span = tracing::error_span!("runner", %runner);
    let clock = Clock::start();
    let unreported = spooled.len();
    let (spans, spooled) = recall(spooled);
    let end = RunnerEnd::new(profile, spooled, fastrand::Rng::new(), clock.now())
        .expect("the spool gives out no report whose attempt it has not read");
    let endpoint = endpoint(&config);
    let (checked_in, is_checked_in) = watch::channel(false);
    let uploads = Uploads::new(&endpoint, dialer.clone(), runner, is_checked_in, tasks.clone());
    let renewing = identity.map(|identity| {
        let (folder, coordinator) = (folder.path().to_owned(), config.coordinator.clone());
        let renewing = keep_renewed(identity, folder, coordinator, config.ca_file.clone(), dialer.clone());
        AbortOnDropHandle::new(tasks.spawn("renewal", renewing.instrument(span.clone())))
    });
    let slots = config.slots.0;
    let sealing_key = sealing.key().clone();
    let commands = config.secret_commands.clone();
    let secrets = secrets::places(Some(&config.data_folder), commands, Some(sealing));
    let threads = Threads::new(slots as usize, secrets, config.guards.clone());
    let (checker, checked) = Checker::new(config.connectors.clone(), threads.clone(), tasks.clone());
    let (executor, news) = Executor::new(
        config.connectors,
        uploads,
        slots,
        config.time_limit,
        threads,
        tasks.clone(),
    );
    let link = Link {
        end,
        endpoint,
        dialer,
        executor,
        news,
        checker,
        checked,
        spool,
        checked_in,
        clock,
        tasks: tasks.clone(),
        stream: None,
        held_up: false,
        spans,
    };
    async {
        tracing::info!(
            display_name = %config.display_name,
            pool = %config.pool,
            slots,
            coordinator = %config.coordinator,
            proxy = by_proxy,
            data_folder = %config.data_folder.display(),
            unreported,
            %sealing_key,
            version = env!("CARGO_PKG_VERSION"),
            "the runner starts"
        );
        failpoint!("runner-started");
        link.serve(&stop, config.stop_within).await;
    }
    .instrument(span)
    .await;
    drop(renewing);
    // Held to the very end: another process may now take the folder.
    drop(folder);
    Ok(())
}

/// The results of earlier processes, and the names of what they are about.
fn recall(spooled: Vec<Kept>) -> (Spans, Vec<v1::Report>) {
    let mut spans = Spans::default();
    let reports = spooled.into_iter().map(|Kept { report, integration }| {
        if let (Ok(work), Some(integration)) = (work_of_report(&report), integration) {
            spans.recall(work, integration);
        }
        report
    });
    let reports = reports.collect();
    (spans, reports)
}

/// The folder for what programs keep while they run, without what a runner that was killed has left there.
fn empty_folder(path: PathBuf) -> Result<PathBuf, RunnerError> {
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => tracing::warn!(
            folder = %path.display(),
            error = chain(&error),
            "what programs have left behind cannot be removed"
        ),
        Ok(()) | Err(_) => {}
    }
    match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(RunnerError::Folder { path, source }),
    }
}

/// Asks each program what it is, all at the same time. One that does not say is left out until the runner is started anew: what is wrong with it must
/// not take the other connectors away.
async fn start_programs(config: &mut Config, runs: &Path) {
    let programs = std::mem::take(&mut config.programs);
    let held = held();
    if !programs.is_empty() && !held.is_whole() {
        tracing::warn!(
            missing = %held,
            "this machine's kernel cannot hold all that programs are confined to: docs/runner-security.md tells what that means"
        );
    }
    let starting = programs
        .into_iter()
        .map(|(name, launch)| Exec::start(name, launch.with_runs_in(runs.to_owned())));
    for started in join_all(starting).await {
        match started {
            Ok(program) => config.connectors.insert(Arc::new(program)),
            Err(error) => tracing::error!(
                connector = %error.name,
                error = chain(&error),
                "a connector is not offered: mend its program, then restart the runner"
            ),
        }
    }
}

/// Who the runner is, if it has enrolled: by an address that is protected it must have. What its certificate says counts, and what is configured must not
/// say otherwise.
fn identify(config: &mut Config, folder: &DataFolder, dialer: &Dialer) -> Result<Option<Identity>, RunnerError> {
    if config.coordinator.scheme_str() != Some("https") {
        return Ok(None);
    }
    let identity = Identity::read(folder.path())?;
    let identity = identity.ok_or_else(|| RunnerError::NotEnrolled {
        folder: folder.path().to_owned(),
    })?;
    take_place(config, &identity)?;
    dialer.set(identity.tls(config.ca_file.as_deref())?);
    Ok(Some(identity))
}

/// Puts into the configuration for what the runner has enrolled.
///
/// # Errors
/// [`RunnerError::OtherPool`] when it says something else.
pub(crate) fn take_place(config: &mut Config, identity: &Identity) -> Result<(), RunnerError> {
    let pool = &identity.name().pool;
    let of = |name: &PoolName, organization: Option<&OrganizationId>| match organization {
        Some(organization) => format!("the pool `{name}` of the organization `{organization}`"),
        None => format!("the pool `{name}` of the service"),
    };
    let said = |name: &str| name != NAME_DEFAULT;
    let other_pool = said(config.pool.as_str()) && config.pool != pool.name;
    let organization = config.organization.as_ref().filter(|name| said(name.as_str()));
    if other_pool || organization.is_some_and(|said| pool.organization.as_ref() != Some(said)) {
        return Err(RunnerError::OtherPool {
            enrolled: of(&pool.name, pool.organization.as_ref()),
            configured: of(&config.pool, config.organization.as_ref()),
        });
    }
    config.pool = pool.name.clone();
    config.organization.clone_from(&pool.organization);
    Ok(())
}

fn profile(config: &Config, runner: RunnerId, sealing_key: &SealingKey) -> Result<RunnerProfile, RunnerError> {
    let organization = config.organization.as_ref();
    Ok(RunnerProfile {
        runner,
        display_name: config.display_name.as_str().to_owned(),
        organization: organization.map_or_else(String::new, |organization| format!("organizations/{organization}")),
        pool: config.pool.as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        connectors: specifications(&config.connectors)?,
        slots: config.slots.0,
        host: v1::HostFacts {
            hostname: hostname(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
        },
        sealing_key: sealing_key.to_string(),
    })
}

/// How each connection is made. Nothing is looked up or opened here.
fn endpoint(config: &Config) -> Endpoint {
    Endpoint::from(config.coordinator.clone())
        .connect_timeout(CONNECT_WITHIN)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_WITHIN)
        .keep_alive_while_idle(true)
}
