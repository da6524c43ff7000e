//! The coordinator as a whole: opens what it keeps, starts the shard, serves, and stops in order.

use std::convert::Infallible;
use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use muster_failpoint::failpoint;
use muster_identity::seal::{KeyError, SealingKey};
use muster_process::Tasks;
use muster_proto::FILE_DESCRIPTOR_SET;
use muster_proto::v1::runner_service_server::RunnerServiceServer;
use muster_shard::{FatalError, LandingWork, Options, Running, ShardError, ShardHandle, Started};
use muster_store::{Location, Store, StoreError};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::service::{InterceptorLayer, Routes};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use crate::access::bootstrap::{BootstrapError, make_way_in};
use crate::connection::Connection;
use crate::disks::Disks;
use crate::http::{self, Stage};
use crate::identity::Registrar;
use crate::landing::{Landing, LandingError};
use crate::limits::{Limits, Rates};
use crate::mail::{Letterhead, MailError, Mailer};
use crate::metrics::Metrics;
use crate::service::{Services, TokenKey, explain_errors, itself};
use crate::settings::Settings;
use crate::tls::{ServerCertificate, TlsError, handshakes};
use crate::{notifier, organizations, publisher, stuck, tls, web};

// tonic's and hyper's defaults protect nobody, so each limit is set here.

/// Calls at the same time on one connection. A runner has one stream and its uploads; whoever has more waits.
const STREAMS_MAX: u32 = 16;
/// The bytes of a frame, which is read whole: what most calls take in a message. By HTTP/2's own 16 KiB a chunk of an upload would come in fifty pieces,
/// each with its own reading and writing.
const FRAME_BYTES_MAX: u32 = 256 * 1024;
/// The bytes of a call's headers.
const HEADER_BYTES_MAX: u32 = 8 * 1024;
/// Streams that a peer opened and reset before they were accepted (the "rapid reset" attack).
const PENDING_RESETS_MAX: usize = 20;
/// Streams that this end had to reset because of the peer's faults.
const LOCAL_RESETS_MAX: usize = 64;
/// How long a connection may be silent before it is asked for a sign of life, and how long that may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// How long a connection lives: so that runners spread anew over coordinators, and names are looked up again. Then it is told that it is over (GOAWAY), and
/// what is new goes over another one; how long what is under way may go on is for [`Connection`] to say. tonic's own grace would have it cut without a word.
const CONNECTION_AGE: Duration = Duration::from_secs(60 * 60);

/// How many connections may wait to be accepted: runners come in crowds when a coordinator has started anew.
const BACKLOG: u32 = 1024;

/// How long nobody is accepted when the system has refused to: it has no files left for connections, and asking at once would only be refused again.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How often the log says so.
const TELL_REFUSED_EVERY: Duration = Duration::from_secs(10);

/// The name under which `grpc.health.v1` tells whether history is what was put into it.
const HISTORY: &str = "muster.history";

/// The name under which it tells the same of the audit logs.
const AUDIT: &str = "muster.audit";

/// The name under which it tells whether the disks have room for new work.
const DISKS: &str = "muster.disks";

/// The name under which it tells whether the wall clock may stamp what is new.
const CLOCK: &str = "muster.clock";

/// How often the clock is looked at for that.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// Why the coordinator cannot start, or has ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// It is told to listen where others can reach it, and not to ask who they are.
    #[error(
        "nobody is asked there who they are, so the coordinator listens on loopback only, and `{0}` is not: use 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error(
        "cannot listen on {address}: another process may have this port, such as another coordinator (`ss -ltnp` tells which). \
         End that one, or choose another port by `{flag}`"
    )]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What sets it.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key of its authorities' keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its certificate.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// Its authorities, or how it speaks TLS.
    #[error("the coordinator cannot certify runners, nor itself")]
    Identity(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its landing.
    #[error(transparent)]
    Landing(#[from] LandingError),
    /// Its way to the mail server.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Its shard has ended.
    #[error(transparent)]
    Shard(#[from] FatalError),
    /// A fault of the program in its shard.
    #[error(transparent)]
    Panicked(#[from] muster_process::TaskError),
    /// The runtime has ended before it.
    #[error("the coordinator was interrupted while it stopped: what was told to anybody is durable all the same")]
    Interrupted,
    /// What it tells of itself to clients cannot be built.
    #[error("the description of the services cannot be read: this is a fault of the program, please report it")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Nobody could come in.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The listener has failed.
    #[error("the gRPC server has failed")]
    Serve(#[from] tonic::transport::Error),
}

/// A coordinator that has its store, its landing and its address, and does not serve yet.
pub struct Coordinator {
    settings: Settings,
    listener: TcpListener,
    http: TcpListener,
    landing: Landing,
    store: Store,
    mailer: Mailer,
    limits: Limits,
    /// What encrypts the keys of authorities; `None` when there are none, since it is `insecure`.
    sealing: Option<SealingKey>,
}

impl Coordinator {
    /// Opens everything, and so finds what is wrong with it. The ports are taken first, so that one who cannot have them makes no store, and listened
    /// at last: nobody reaches a coordinator that cannot serve.
    ///
    /// # Errors
    /// [`CoordinatorError`].
    pub async fn open(settings: Settings) -> Result<Self, CoordinatorError> {
        if let Some((_, address)) = settings.reached_unasked().next() {
            return Err(CoordinatorError::NotLoopback(address));
        }
        let mailer = Mailer::open(&settings)?;
        if let (Some(certificate), Some(key)) = (&settings.tls_certificate, &settings.tls_key) {
            ServerCertificate::read(certificate, key)?;
        }
        let port = Port::take(settings.listen, "--listen")?;
        let http_port = Port::take(settings.http_listen, "--http-listen")?;
        let store = Store::open(&Location::Folder(settings.data.join("store")))?;
        let landing = Landing::open(&settings.landing())?;
        let sealing = match settings.insecure {
            true => None,
            false => Some(settings.key_source().key()?),
        };
        failpoint!("landing-opened");
        Ok(Self {
            settings,
            listener: port.listen()?,
            http: http_port.listen()?,
            landing,
            store,
            mailer,
            limits: Limits::default(),
            sealing,
        })
    }

    /// The same, with other bounds for what may come from one peer.
    #[must_use]
    pub fn with_rates(mut self, rates: Rates) -> Self {
        self.limits = Limits::new(rates);
        self
    }

    /// Where it listens: with the port that the system chose, if it was told to choose one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.settings.listen)
    }

    /// The same of HTTP.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        self.http.local_addr().unwrap_or(self.settings.http_listen)
    }

    /// Serves until the tasks are told to stop, and returns when everything that was told to anybody is durable and the store is closed.
    ///
    /// # Errors
    /// [`CoordinatorError`].
    pub async fn serve(self, tasks: Tasks) -> Result<(), CoordinatorError> {
        let (address, http) = (self.address(), self.http_address());
        let (stages, stage) = watch::channel(Stage::Starting);
        let end_of_http = CancellationToken::new();
        // However this ends, it does not go on without.
        let _end_of_http = end_of_http.clone().drop_guard();
        // Beyond this machine nothing is said in the clear.
        let (protecting, handshakes) = watch::channel(None);
        let handshakes = (!http.ip().is_loopback()).then_some(handshakes);
        let serving_http = http::serve(
            self.http,
            http::routes(stage),
            http::limits(),
            handshakes,
            end_of_http.clone(),
        );
        drop(tasks.spawn("http", serving_http));
        let folders = [self.settings.data.clone(), self.settings.landing()];
        let disks = Disks::new(folders, self.settings.low_water());
        let options = Options {
            limits: self.settings.limits(),
            policy: Arc::new(self.settings.policy()),
            retention: self.settings.retention(),
            trust_clock: self.settings.trust_clock,
            held: disks.look(),
            ..Options::default()
        };
        let Started {
            handle,
            landing,
            notes,
            history_damage,
            audit_damage,
            running,
        } = muster_shard::start(self.store, options)?;
        if let Err(error) = organizations::found(&handle, self.settings.retention_days()).await {
            // Then the shard has stopped, which is told below.
            tracing::error!(%error, "the first organization cannot be made");
        }
        let registrar = match self.sealing {
            Some(sealing) => Some(
                Registrar::open(handle.clone(), sealing, &self.settings)
                    .await
                    .map_err(identity)?,
            ),
            None => None,
        };
        let acceptor = match &registrar {
            Some(registrar) => {
                let (acceptor, page) = protect(registrar, &self.settings, &tasks).await?;
                protecting.send_replace(Some(page));
                Some(acceptor)
            }
            None => None,
        };
        let limits = self.limits;
        let metrics = Metrics::default();
        let sender = self.mailer.letterhead().map(Letterhead::sender);
        let itself = itself(&self.settings, address, sender);
        let services = Services::new(handle, self.landing, tasks.clone())
            .on_disks(disks.clone())
            .keeping(self.settings.retention_days())
            .counted_by(metrics.clone())
            .limited_by(limits.clone())
            .mailing_by(self.mailer)
            .telling(itself)
            .with_token_key(TokenKey::kept_in(&self.settings.data.join("page-token-key")));
        let services = if self.settings.insecure {
            services
        } else {
            services.guarded()
        };
        let services = match registrar {
            Some(registrar) => services.certified_by(registrar),
            None => services,
        };
        let stop = tasks.token();
        spawn_publisher(&tasks, &services, landing);
        spawn_notifier(&tasks, &services, metrics.clone());
        services.spawn_note_keeper(notes);
        let ended = spawn_watch_of_shard(&tasks, running);
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<RunnerServiceServer<Services>>().await;
        drop(tasks.spawn(
            "health of history",
            tell_health(health.clone(), HISTORY, history_damage),
        ));
        drop(tasks.spawn(
            "health of the audit logs",
            tell_health(health.clone(), AUDIT, audit_damage),
        ));
        drop(tasks.spawn("health of the disks", tell_health(health.clone(), DISKS, disks.watch())));
        drop(tasks.spawn(
            "health of the clock",
            tell_clock(health, services.shard.clone(), tasks.token()),
        ));
        drop(tasks.spawn("disks", disks.keep_looking(services.shard.clone(), tasks.token())));
        let looking = stuck::keep_looking(services.shard.clone(), metrics.clone(), tasks.token());
        drop(tasks.spawn("stuck executions", looking));
        if !self.settings.insecure {
            let given = self.settings.bootstrap_token_file.as_deref();
            let terminal = io::stdout().is_terminal();
            make_way_in(&services.shard, &self.settings.data, given, terminal).await?;
        }
        let telling = services.refusals.clone().keep_telling(tasks.token());
        drop(tasks.spawn("refused calls", telling));
        let using = services
            .used
            .clone()
            .keep_writing(services.shard.clone(), tasks.token());
        drop(tasks.spawn("used tokens", using));
        let page = web::routes(&services, &self.settings);
        stages.send_replace(Stage::Serving(Box::new(services.clone()), metrics.clone(), page));
        if self.settings.insecure {
            tracing::warn!(%address, "`insecure` is set: there is no TLS, and nobody is asked who they are");
        }
        let door = services.door();
        let routes = routes(services, health_service)?;
        tracing::info!(%address, %http, data = %self.settings.data.display(), "the coordinator is ready");
        let cut = CancellationToken::new();
        let calls = limits.clone();
        let serving = server(CONNECTION_AGE)
            .layer(metrics.count_calls())
            .layer(InterceptorLayer::new(move |request| calls.calls(request)))
            .layer(door)
            .add_routes(routes)
            .serve_with_incoming_shutdown(
                connections(self.listener, limits, acceptor, (&cut, &tasks), metrics.clone()),
                stop.cancelled(),
            );
        let served = tokio::select! {
            served = serving => served,
            never = cut_after(&stop, self.settings.stop_within * 4 / 5, cut) => match never {},
        };
        failpoint!("stop");
        stages.send_replace(Stage::Stopping);
        // All handles are gone when the last stream has ended; then the shard ends.
        let shard = ended.await;
        end_of_http.cancel();
        served?;
        shard
            .map_err(|_| CoordinatorError::Interrupted)??
            .map_err(CoordinatorError::Shard)?;
        tracing::info!("the coordinator has stopped");
        Ok(())
    }
}

/// An address that is taken.
struct Port {
    socket: TcpSocket,
    address: SocketAddr,
    /// What sets it.
    flag: &'static str,
}

impl Port {
    /// Takes an address that nobody listens on, without listening.
    fn take(address: SocketAddr, flag: &'static str) -> Result<Self, CoordinatorError> {
        let socket = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // Else a coordinator could not start for a minute after the one before it, while the system remembers the connections of that one.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        };
        match socket() {
            Ok(socket) => Ok(Self { socket, address, flag }),
            Err(source) => Err(CoordinatorError::Listen { address, flag, source }),
        }
    }

    fn listen(self) -> Result<TcpListener, CoordinatorError> {
        let Self { socket, address, flag } = self;
        let listening = socket.listen(BACKLOG);
        listening.map_err(|source| CoordinatorError::Listen { address, flag, source })
    }
}

fn connections(
    listener: TcpListener,
    limits: Limits,
    acceptor: Option<TlsAcceptor>,
    (cut, tasks): (&CancellationToken, &Tasks),
    metrics: Metrics,
) -> impl Stream<Item = io::Result<Connection>> + use<> {
    let cut = cut.clone();
    let accepted = paced(TcpIncoming::from(listener).with_nodelay(Some(true)));
    let coming = limits.clone();
    let kept = accepted.filter(move |accepted| {
        let stays = accepted.as_ref().map_or(true, |stream| may_stay(stream, &coming));
        std::future::ready(stays)
    });
    match acceptor {
        Some(acceptor) => handshakes(kept, acceptor, cut, tasks.clone(), (metrics, limits)).left_stream(),
        None => kept
            .map(move |accepted| Ok(Connection::new(accepted?, &cut)))
            .right_stream(),
    }
}

/// The same connections; with a pause when the system accepts none.
fn paced(
    accepted: impl Stream<Item = io::Result<TcpStream>> + Send + 'static,
) -> impl Stream<Item = io::Result<TcpStream>> + Send + 'static {
    let mut told: Option<Instant> = None;
    accepted.then(move |accepted| {
        let pause = match &accepted {
            // Of one connection, which has gone before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
            Err(error) => {
                if told.is_none_or(|told| told.elapsed() >= TELL_REFUSED_EVERY) {
                    told = Some(Instant::now());
                    tracing::error!(%error, "connections cannot be accepted: give the coordinator more files (`ulimit -n`)");
                }
                Some(ACCEPT_AGAIN_AFTER)
            }
            Ok(_) => None,
        };
        async move {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            accepted
        }
    })
}

/// How the listeners speak TLS with runners and operators, and with browsers, by a certificate that is kept good.
async fn protect(
    registrar: &Registrar,
    settings: &Settings,
    tasks: &Tasks,
) -> Result<(TlsAcceptor, TlsAcceptor), CoordinatorError> {
    let certificate = match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => ServerCertificate::read(certificate, key)?,
        (_, _) => ServerCertificate::issued(registrar, settings.certified_names())
            .await
            .map_err(identity)?,
    };
    let certificate = Arc::new(certificate);
    let keeping = Arc::clone(&certificate).keep_good(registrar.clone(), tasks.token());
    drop(tasks.spawn("certificate", keeping));
    let page = tls::page_acceptor(Arc::clone(&certificate)).map_err(identity)?;
    Ok((tls::acceptor(registrar.clone(), certificate).map_err(identity)?, page))
}

fn identity(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CoordinatorError {
    CoordinatorError::Identity(error.into())
}

/// Whether a connection that was just accepted is one of not too many.
fn may_stay(stream: &TcpStream, limits: &Limits) -> bool {
    // One without an address has gone already, which shows when it is read from.
    stream.peer_addr().map_or(true, |peer| limits.connects(peer.ip()))
}

/// Cuts the connections that are still open some time after the stop: calls that go on until then may end well, and what hangs must not hold up the
/// rest, which needs some time too.
async fn cut_after(stop: &CancellationToken, within: Duration, cut: CancellationToken) -> Infallible {
    stop.cancelled().await;
    tokio::time::sleep(within).await;
    tracing::warn!(after = ?within, "connections are still open: they are cut");
    cut.cancel();
    std::future::pending().await
}

fn server(age: Duration) -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .max_frame_size(FRAME_BYTES_MAX)
        .http2_max_header_list_size(HEADER_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(LOCAL_RESETS_MAX))
        .http2_keepalive_interval(Some(KEEP_ALIVE.0))
        .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
        .max_connection_age(age)
}

/// All services: the product's own, and what lets `grpcurl` and load balancers look at them.
fn routes(services: Services, health_service: HealthServer<impl Health>) -> Result<Routes, CoordinatorError> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // What the details of errors are: without it `grpcurl` prints them as bytes.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = services
        .with_runners(services.operator_routes())
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(explain_errors(routes))
}

/// Tells whoever asks for the health of this part whether something is wrong with it. All else goes on being served: runners must be able to report when
/// no new work is taken, and damage to what has ended keeps nothing from being run.
async fn tell_health<T: Send + Sync>(health: HealthReporter, part: &str, mut fault: watch::Receiver<Option<T>>) {
    loop {
        let status = match *fault.borrow_and_update() {
            None => ServingStatus::Serving,
            Some(_) => ServingStatus::NotServing,
        };
        health.set_service_status(part, status).await;
        if fault.changed().await.is_err() {
            return;
        }
    }
}

/// The same of the wall clock, which nobody tells of: it is looked at.
async fn tell_clock(health: HealthReporter, shard: ShardHandle, stop: CancellationToken) {
    loop {
        let status = match shard.clock_fault() {
            None => ServingStatus::Serving,
            Some(_) => ServingStatus::NotServing,
        };
        health.set_service_status(CLOCK, status).await;
        if stop
            .run_until_cancelled(tokio::time::sleep(CLOCK_EVERY))
            .await
            .is_none()
        {
            return;
        }
    }
}

fn spawn_publisher(tasks: &Tasks, services: &Services, work: mpsc::Receiver<LandingWork>) {
    let (shard, landing, stop) = (services.shard.clone(), services.landing.clone(), tasks.token());
    let kept = services.kept.clone();
    let counting = kept.clone().keep_counting(landing.clone(), stop.clone());
    drop(tasks.spawn("count of the landing", counting));
    let publishing = publisher::run(shard, (landing, kept), work, stop.clone());
    tasks.spawn_essential("publisher", until_stopped(publishing, stop));
}

fn spawn_notifier(tasks: &Tasks, services: &Services, metrics: Metrics) {
    let (shard, mailer, stop) = (services.shard.clone(), services.mailer.clone(), tasks.token());
    let notifying = notifier::run(shard, mailer, metrics, stop.clone());
    tasks.spawn_essential("notifier", until_stopped(notifying, stop));
}

/// An essential task's work. A shard that has stopped under it says why by itself, and then stops everything.
async fn until_stopped(
    work: impl Future<Output = Result<(), ShardError>>,
    stop: CancellationToken,
) -> Result<(), ShardError> {
    match work.await {
        Ok(()) | Err(ShardError::Stopped) => {
            stop.cancelled().await;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

type ShardEnded = tokio::task::JoinHandle<Result<Result<(), FatalError>, muster_process::TaskError>>;

/// A shard that ends by itself has lost its store: then everything stops.
fn spawn_watch_of_shard(tasks: &Tasks, running: Running) -> ShardEnded {
    let stop = tasks.clone();
    tasks.spawn("shard", async move {
        let ended = tokio::task::spawn_blocking(move || running.join()).await;
        stop.stop();
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tonic::transport::Channel;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;

    use super::*;

    /// Long enough for some calls.
    const AGE: Duration = Duration::from_millis(500);

    #[tokio::test]
    async fn an_old_connection_is_told_so_and_what_is_under_way_goes_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it has one"));
        let came = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&came);
        let cut = CancellationToken::new();
        let accepted = TcpIncoming::from(listener).map(move |stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            stream.map(|stream| Connection::new(stream, &cut))
        });
        let (health, service) = tonic_health::server::health_reporter();
        let tasks = Tasks::new();
        let serving = server(AGE).add_service(service).serve_with_incoming(accepted);
        drop(tasks.spawn("server", serving));
        health.set_service_status("it", ServingStatus::Serving).await;

        let channel = Channel::from_shared(url).expect("an address").connect_lazy();
        let asked = || HealthCheckRequest {
            service: "it".to_owned(),
        };
        let mut client = HealthClient::new(channel);
        let mut watched = client.watch(asked()).await.expect("it is there").into_inner();
        watched.message().await.expect("it goes on").expect("it is told");
        client.check(asked()).await.expect("it is there");
        assert_eq!(came.load(Ordering::Relaxed), 1, "the same connection");
        let began = Instant::now();
        while came.load(Ordering::Relaxed) == 1 {
            assert!(began.elapsed() < 20 * AGE, "it is never told that it is over");
            // The client may learn of it in the very moment of a call, which it has not sent then.
            if client.check(asked()).await.is_err() {
                client.check(asked()).await.expect("it goes over another connection");
            }
            tokio::time::sleep(AGE / 20).await;
        }
        // What began before it was told so still hears what there is.
        health.set_service_status("it", ServingStatus::NotServing).await;
        let told = watched.message().await.expect("it goes on").expect("it is told");
        assert_eq!(
            told.status(),
            tonic_health::pb::health_check_response::ServingStatus::NotServing
        );
    }
}
