//! A whole coordinator in this process, as its binary runs it, and runners that speak the wire by hand.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use muster_coordinator::limits::Rates;
use muster_coordinator::{Coordinator, CoordinatorError, Settings};
use muster_process::{TaskError, Tasks};
use muster_proto::v1;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_proto::v1::{coordinator_message, runner_message};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use super::rig::{ORGANIZATION, PATIENCE};

/// The shortest lease that makes sense here, so that tests which wait for its end are short.
pub const LEASE: Duration = Duration::from_secs(1);

/// Three addresses of this machine. A coordinator listens on the first.
pub const ADDRESSES: [IpAddr; 3] = [address(1), address(2), address(3)];

const fn address(last: u8) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, last))
}

/// A coordinator that serves.
pub struct Served {
    pub address: SocketAddr,
    tasks: Tasks,
    ended: JoinHandle<Result<Result<(), CoordinatorError>, TaskError>>,
}

impl Served {
    /// Starts one that keeps its files in `data`.
    pub async fn start(data: &Path, rates: Rates) -> Self {
        let settings = Settings {
            listen: SocketAddr::new(ADDRESSES[0], 0),
            http_listen: SocketAddr::new(ADDRESSES[0], 0),
            insecure: true,
            lease: LEASE,
            ..Settings::in_folder(data.to_owned())
        };
        let coordinator = Coordinator::open(settings).await.expect("the folder is its own");
        let coordinator = coordinator.with_rates(rates);
        let (address, tasks) = (coordinator.address(), Tasks::new());
        let ended = tasks.spawn("coordinator", coordinator.serve(tasks.clone()));
        Self { address, tasks, ended }
    }

    /// How to connect from this address.
    pub fn endpoint(&self, from: IpAddr) -> Endpoint {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("an address");
        endpoint.local_address(Some(from))
    }

    /// A connection from this address.
    pub async fn connect(&self, from: IpAddr) -> Channel {
        self.endpoint(from).connect().await.expect("it listens")
    }

    /// Tells it to stop, and waits for its end for so long.
    pub async fn stop(self, within: Duration) {
        self.tasks.stop();
        let ended = tokio::time::timeout(within, self.ended).await;
        let ended = ended.expect("it stops in time").expect("nobody aborts it");
        ended.expect("it does not panic").expect("it stops in order");
    }
}

/// A runner's stream.
pub struct Stream {
    pub says: mpsc::Sender<v1::RunnerMessage>,
    pub hears: Streaming<v1::CoordinatorMessage>,
}

impl Stream {
    /// Opens a stream and says hello.
    pub async fn open(channel: Channel, runner: u8) -> Result<Self, Status> {
        Self::open_with(channel, hello(runner)).await
    }

    /// Opens a stream and says this hello.
    pub async fn open_with(channel: Channel, hello: v1::Hello) -> Result<Self, Status> {
        let (says, said) = mpsc::channel(64);
        says.send(message(runner_message::Kind::Hello(hello)))
            .await
            .expect("the stream has not begun");
        let opened = RunnerServiceClient::new(channel)
            .check_in(ReceiverStream::new(said))
            .await?;
        Ok(Self {
            says,
            hears: opened.into_inner(),
        })
    }

    /// Checks in: opens a stream, says hello and is welcomed.
    pub async fn check_in(channel: Channel, runner: u8) -> Result<Self, Status> {
        let mut stream = Self::open(channel, runner).await?;
        match stream.hear().await? {
            coordinator_message::Kind::Welcome(_) => Ok(stream),
            other => panic!("the first message is a welcome: {other:?}"),
        }
    }

    pub async fn say(&self, kind: runner_message::Kind) {
        self.says.send(message(kind)).await.expect("the stream goes on");
    }

    pub async fn report(&self, reports: Vec<v1::Report>) {
        self.say(runner_message::Kind::Reports(v1::Reports { reports })).await;
    }

    /// The next message, but for heartbeats.
    pub async fn hear(&mut self) -> Result<coordinator_message::Kind, Status> {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.hears.message()).await;
            let heard = heard.expect("something comes in time")?;
            match heard.expect("the stream goes on").kind {
                Some(coordinator_message::Kind::Heartbeat(_)) => {}
                kind => return Ok(kind.expect("a message has a kind")),
            }
        }
    }
}

pub fn runner_id(runner: u8) -> Bytes {
    vec![runner; 16].into()
}

fn message(kind: runner_message::Kind) -> v1::RunnerMessage {
    v1::RunnerMessage { kind: Some(kind) }
}

pub fn hello(runner: u8) -> v1::Hello {
    let connector = v1::ConnectorSpecification {
        connector: "ldap".to_owned(),
        version: "1.0.0".to_owned(),
        title: "Directory".to_owned(),
        data_types: vec![v1::DataTypeSpecification {
            data_type: "user".to_owned(),
            primary_key: vec!["sid".to_owned()],
            ..Default::default()
        }],
        ..Default::default()
    };
    v1::Hello {
        runner_id: runner_id(runner),
        display_name: format!("runner-{runner}"),
        organization: ORGANIZATION.to_owned(),
        pool: "hq".to_owned(),
        version: "1.0.0".to_owned(),
        connectors: vec![connector],
        slots: 4,
        ..Default::default()
    }
}
