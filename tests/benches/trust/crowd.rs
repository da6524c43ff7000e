//! The process of a crowd of runners: each with a certificate and a connection of its own, and with the real runner's end of the check-in, which says when
//! it dials again. What they are given they do in no time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{Counts, RunnerId};
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_session::runner::{RunnerEnd, RunnerOutput, RunnerProfile, StreamEnd};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::harness::Outcome;
use crate::harness::child::say;
use crate::harness::load::{Operators, pace};
use crate::harness::progress::Progress;
use crate::harness::runner::{self, ORGANIZATION, POOL, SLOTS, Shared};
use crate::harness::way::{Shows, Way};

/// The role of this process.
pub(crate) const ROLE: &str = "crowd";

/// How many check in at a time at first.
const AT_A_TIME: u64 = 64;

/// A runner's messages that wait for the connection.
const SENDING_MAX: usize = 4;

/// How often the coordinator goes away.
const OUTAGES: u64 = 2;

/// What to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) way: Way,
    pub(crate) runners: u64,
    pub(crate) integrations: usize,
    /// How long the coordinator gets to come to rest before something is timed.
    pub(crate) settle: Duration,
    /// How long assignments are timed.
    pub(crate) window: Duration,
    /// How many executions are created in a second meanwhile.
    pub(crate) pace: f64,
}

/// Says how long assignments take; when all are back after the first outage, and again how long they take; when all are back after the second.
pub(crate) fn play(settings: Settings) -> Outcome<()> {
    // One thread: it leaves the other core to the coordinator.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(gather(settings))
}

async fn gather(settings: Settings) -> Outcome<()> {
    let shows = Arc::new(Shows::of(settings.way.clone())?);
    let shared = Arc::new(Shared::default());
    let mut runners = JoinSet::new();
    for n in 0..settings.runners {
        runners.spawn(live(Arc::clone(&shows), n, Arc::clone(&shared)));
        if (n + 1) % AT_A_TIME == 0 || n + 1 == settings.runners {
            let are_in = |progress: &Progress| progress.checked_in() == n + 1;
            shared.progress.until("the runners have checked in", are_in).await?;
        }
    }
    let mut names = Vec::new();
    for outage in 0..=OUTAGES {
        if outage > 0 {
            let are_back = |progress: &Progress| {
                let lost = progress.lost();
                lost >= outage * settings.runners && progress.checked_in() == settings.runners + lost
            };
            shared.progress.until("all runners are back", are_back).await?;
            say(&())?;
        }
        if outage < OUTAGES {
            // Connections of those that are gone are of no use.
            let operators = Operators::connect(&shows).await?;
            if names.is_empty() {
                names = operators.integrations(settings.integrations).await?;
            }
            // The first collections are the warm-up.
            shared.progress.quiet().await;
            tokio::time::sleep(settings.settle).await;
            say(&pace(&operators, &names, &shared, settings.window, settings.pace).await?)?;
        }
    }
    std::future::pending().await
}

/// A runner's life. It is over with the process, and when something is so wrong that nothing is measured any more.
async fn live(shows: Arc<Shows>, n: u64, shared: Arc<Shared>) {
    let why = match Runner::new(shows, n, shared) {
        Ok(runner) => runner.live().await.to_string(),
        Err(error) => error.to_string(),
    };
    eprintln!("error: runner {n} has ended: {why}");
    std::process::exit(1);
}

/// Where a runner's stream stands.
enum Link {
    Away,
    Dialing(BoxFuture<'static, Outcome<Channel>>),
    Opening(mpsc::Sender<v1::RunnerMessage>, BoxFuture<'static, Outcome<Incoming>>),
    Open(mpsc::Sender<v1::RunnerMessage>, Box<Incoming>),
}

type Incoming = Streaming<v1::CoordinatorMessage>;

/// What has happened to it.
enum Happened {
    Time,
    Room(mpsc::OwnedPermit<v1::RunnerMessage>),
    Dialed(Outcome<Channel>),
    Opened(Outcome<Incoming>),
    Message(Outcome<v1::CoordinatorMessage>),
}

struct Runner {
    end: RunnerEnd,
    link: Link,
    shows: Arc<Shows>,
    /// Its own, as every runner has one: what TLS remembers of a session is remembered in it.
    dialer: muster_runner::dial::Dialer,
    shared: Arc<Shared>,
    start: Instant,
}

impl Runner {
    fn new(shows: Arc<Shows>, n: u64, shared: Arc<Shared>) -> Outcome<Self> {
        let id: [u8; 16] = shows.runner_id(n).as_ref().try_into()?;
        let profile = RunnerProfile {
            runner: RunnerId(u128::from_be_bytes(id)),
            display_name: format!("runner {n}"),
            organization: ORGANIZATION.to_owned(),
            pool: POOL.to_owned(),
            version: "1.0.0".to_owned(),
            connectors: vec![runner::specification()],
            slots: SLOTS,
            host: v1::HostFacts {
                hostname: "bench".to_owned(),
                os: std::env::consts::OS.to_owned(),
                arch: std::env::consts::ARCH.to_owned(),
            },
            sealing_key: String::new(),
        };
        let start = Instant::now();
        Ok(Self {
            end: RunnerEnd::new(profile, Vec::new(), fastrand::Rng::new(), now(start))?,
            link: Link::Away,
            dialer: shows.dialer(n)?,
            shows,
            shared,
            start,
        })
    }

    async fn live(mut self) -> Box<dyn std::error::Error + Send + Sync> {
        loop {
            if let Err(error) = self.carry_out() {
                return error;
            }
            let happened = self.happened().await;
            let now = now(self.start);
            match happened {
                Happened::Time => self.end.tick(now),
                Happened::Room(room) => {
                    if let Some(message) = self.end.poll_send(now) {
                        room.send(message);
                    }
                }
                Happened::Dialed(Ok(channel)) => {
                    self.end.connected(now);
                    let (sender, outgoing) = mpsc::channel(SENDING_MAX);
                    self.link = Link::Opening(sender, Box::pin(open(channel, outgoing)));
                }
                Happened::Opened(Ok(incoming)) => {
                    if let Link::Opening(sender, _) = std::mem::replace(&mut self.link, Link::Away) {
                        self.link = Link::Open(sender, Box::new(incoming));
                    }
                }
                Happened::Message(Ok(message)) => {
                    if let (Some(Kind::Assignments(it)), Some(latencies)) = (&message.kind, self.shared.latencies.get())
                    {
                        latencies.arrived(&it.assignments, Instant::now());
                    }
                    if let Err(error) = self.end.receive(message, now) {
                        return error.into();
                    }
                }
                Happened::Dialed(Err(_)) | Happened::Opened(Err(_)) | Happened::Message(Err(_)) => {
                    self.lose();
                    self.end.disconnected(StreamEnd::Broken, now);
                }
            }
        }
    }

    /// Its link is gone.
    fn lose(&mut self) {
        self.link = Link::Away;
        if self.end.is_checked_in() {
            self.shared.progress.lose();
        }
    }

    fn carry_out(&mut self) -> Outcome<()> {
        while let Some(output) = self.end.poll_output() {
            match output {
                RunnerOutput::Connect => {
                    let (endpoint, dialer) = (self.shows.way.endpoint()?, self.dialer.clone());
                    self.link = Link::Dialing(Box::pin(
                        async move { Ok(endpoint.connect_with_connector(dialer).await?) },
                    ));
                }
                // It was not welcome then, or nobody would have told it to go: an outage is noticed by the connection's end.
                RunnerOutput::Disconnect { why } => {
                    self.link = Link::Away;
                    eprintln!("a runner gives a stream up: {why:?}");
                }
                RunnerOutput::Welcomed { .. } => self.shared.progress.check_in(),
                RunnerOutput::Start(task) => {
                    let work = (task.assignment.execution, task.assignment.attempt);
                    self.end.started(work);
                    self.end.completed(work, Counts::default(), None, false);
                }
                RunnerOutput::Unspool { accepted, .. } => match accepted {
                    true => self.shared.progress.finish(1),
                    false => self.shared.progress.fence(1),
                },
                RunnerOutput::Stop { .. }
                | RunnerOutput::Check(_)
                | RunnerOutput::StopCheck(_)
                | RunnerOutput::Spool(_)
                | RunnerOutput::Ignored { .. } => {}
            }
        }
        Ok(())
    }

    async fn happened(&mut self) -> Happened {
        let deadline = self.end.next_deadline();
        let due = async {
            match deadline {
                Some(at) => tokio::time::sleep_until((self.start + at.since(Moment::default())).into()).await,
                None => std::future::pending().await,
            }
        };
        let has_to_send = self.end.has_to_send();
        tokio::select! {
            happened = of_link(&mut self.link, has_to_send) => happened,
            () = due => Happened::Time,
        }
    }
}

async fn of_link(link: &mut Link, has_to_send: bool) -> Happened {
    let room = |sender: &mpsc::Sender<v1::RunnerMessage>| {
        let sender = sender.clone();
        async move {
            match sender.reserve_owned().await {
                Ok(room) if has_to_send => Happened::Room(room),
                // The stream's end is told by its other half.
                _ => std::future::pending().await,
            }
        }
    };
    match link {
        Link::Away => std::future::pending().await,
        Link::Dialing(dialing) => Happened::Dialed(dialing.await),
        Link::Opening(sender, opening) => tokio::select! {
            happened = room(sender), if has_to_send => happened,
            opened = opening => Happened::Opened(opened),
        },
        Link::Open(sender, incoming) => tokio::select! {
            happened = room(sender), if has_to_send => happened,
            message = incoming.message() => Happened::Message(match message {
                Ok(Some(message)) => Ok(message),
                Ok(None) => Err("the coordinator has closed it".into()),
                Err(status) => Err(status.into()),
            }),
        },
    }
}

async fn open(channel: Channel, outgoing: mpsc::Receiver<v1::RunnerMessage>) -> Outcome<Incoming> {
    let mut client = RunnerServiceClient::new(channel);
    Ok(client.check_in(ReceiverStream::new(outgoing)).await?.into_inner())
}

fn now(start: Instant) -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        stamp: Stamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        moment: Moment::from_start(start.elapsed()),
    }
}
