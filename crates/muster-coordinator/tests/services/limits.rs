//! Peers that flood: they are limited and told, and others are served meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use muster_coordinator::limits::{Rate, Rates};
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::rig::{ORGANIZATION, PATIENCE, assert_refused};
use super::served::{ADDRESSES, Served, Stream};

/// Slow enough that a test is not over before its bucket has filled again.
const SLOW: Rate = Rate {
    per_second: 1,
    burst: 20,
};

/// How long a connection that was refused may stay open: shorter than one that says nothing may.
const CLOSED_WITHIN: Duration = Duration::from_secs(4);

async fn serve(rates: Rates) -> (Served, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    (Served::start(folder.path(), rates).await, folder)
}

async fn list(channel: &Channel) -> Result<(), Status> {
    let request = v1::ListIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    let mut integrations = IntegrationServiceClient::new(channel.clone());
    integrations.list_integrations(request).await.map(drop)
}

#[track_caller]
fn assert_told_to_wait(refused: Status) {
    let wait = refused
        .get_error_details()
        .retry_info()
        .and_then(|info| info.retry_delay);
    assert!(
        wait.is_some_and(|wait| wait >= Duration::from_secs(1)),
        "{wait:?} in {refused:?}"
    );
    assert_refused(Err::<(), _>(refused), Code::ResourceExhausted, "RATE_LIMITED", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_floods_with_calls_is_told_to_wait_and_another_is_served() {
    let rates = Rates {
        requests: SLOW,
        ..Rates::default()
    };
    let (served, _folder) = serve(rates).await;
    let (flooding, other) = (served.connect(ADDRESSES[1]).await, served.connect(ADDRESSES[2]).await);
    let began = Instant::now();
    let (mut taken, mut refused) = (0, Vec::new());
    for _ in 0..200 {
        match list(&flooding).await {
            Ok(()) => taken += 1,
            Err(status) => refused.push(status),
        }
    }
    for _ in 0..SLOW.burst {
        list(&other).await.expect("it has not called before");
    }
    let most = u64::from(SLOW.burst) + 1 + began.elapsed().as_secs();
    assert!((u64::from(SLOW.burst)..=most).contains(&taken), "{taken} were taken");
    assert_told_to_wait(refused.remove(0));
    // It has to do with the address, not with the connection.
    let refused = list(&served.connect(ADDRESSES[1]).await).await;
    assert_told_to_wait(refused.expect_err("the bucket is empty"));
}

/// Connects from this address, and says nothing.
async fn connect(served: &Served, from: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(SocketAddr::new(ADDRESSES[from], 0))
        .expect("an address of this machine");
    socket.connect(served.address).await.expect("it listens")
}

/// Whether nothing says yet that it is closed.
async fn is_open(connection: &mut TcpStream) -> bool {
    let read = timeout(Duration::from_millis(1), connection.read_u8()).await;
    read.is_err() || read.is_ok_and(|read| read.is_ok())
}

async fn is_closed(connection: &mut TcpStream) -> bool {
    let read = timeout(CLOSED_WITHIN, async {
        let mut buffer = [0; 64];
        // What HTTP/2 has to say at first comes before the end, if it comes.
        while connection.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    });
    read.await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_floods_with_connections_has_them_closed_and_another_is_served() {
    let rates = Rates {
        connections: SLOW,
        ..Rates::default()
    };
    let (served, _folder) = serve(rates).await;
    let mut connections = Vec::new();
    for _ in 0..2 * SLOW.burst {
        connections.push(connect(&served, 1).await);
    }
    let other = served.connect(ADDRESSES[2]).await;
    list(&other).await.expect("it is the first connection of this address");
    assert!(is_closed(connections.last_mut().expect("there are some")).await);
    assert!(is_open(&mut connections[0]).await, "the first one was closed too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_checks_in_again_and_again_is_told_to_wait_and_another_is_welcome() {
    let rates = Rates {
        check_ins: Rate {
            per_second: 1,
            burst: 5,
        },
        ..Rates::default()
    };
    let (served, _folder) = serve(rates).await;
    let channel = served.connect(ADDRESSES[1]).await;
    let began = Instant::now();
    let mut welcome = 0;
    let refused = loop {
        match Stream::check_in(channel.clone(), 1).await {
            Ok(_) => welcome += 1,
            Err(status) => break status,
        }
        assert!(began.elapsed() < PATIENCE, "it was never refused");
    };
    assert!(welcome >= 5, "{welcome}");
    assert_told_to_wait(refused);
    // On the same connection.
    Stream::check_in(channel, 2).await.expect("another runner is welcome");
}

/// A report for an execution that never was.
fn bogus() -> v1::Report {
    v1::Report {
        execution_id: vec![7; 16].into(),
        attempt: 1,
        kind: Some(v1::report::Kind::Started(v1::Started {})),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_says_too_much_is_read_more_slowly_and_another_is_not() {
    const PER_SECOND: u32 = 500;
    const MESSAGES: u32 = 5;
    let said = Rate {
        per_second: PER_SECOND,
        burst: PER_SECOND,
    };
    let rates = Rates {
        said,
        ..Rates::default()
    };
    let (served, _folder) = serve(rates).await;
    let channel = served.connect(ADDRESSES[1]).await;
    let mut loud = Stream::check_in(channel, 1).await.expect("it is welcome");
    let mut quiet = Stream::check_in(served.connect(ADDRESSES[1]).await, 2)
        .await
        .expect("it is welcome");

    let began = Instant::now();
    for _ in 0..MESSAGES {
        loud.report(vec![bogus(); PER_SECOND as usize]).await;
    }
    // A last word, whose answer says that all before it was read.
    let last = v1::Report { attempt: 2, ..bogus() };
    loud.report(vec![last]).await;
    let loud_has_ended = async {
        loop {
            if let Kind::Fences(fences) = loud.hear().await.expect("it is slowed down, not thrown out")
                && fences.fences.iter().any(|fence| fence.attempt == 2)
            {
                return Instant::now();
            }
        }
    };
    let quiet_has_ended = async {
        for _ in 0..20 {
            quiet.report(vec![bogus()]).await;
            let heard = quiet.hear().await.expect("it has said little");
            assert!(matches!(heard, Kind::Fences(_)), "{heard:?}");
        }
        Instant::now()
    };
    let (loud_at, quiet_at) = tokio::join!(loud_has_ended, quiet_has_ended);
    // The first message takes the burst.
    let least = Duration::from_secs(u64::from(MESSAGES - 1));
    assert!(loud_at - began >= least, "all was read after {:?}", loud_at - began);
    assert!(
        quiet_at < loud_at,
        "the quiet one was answered after {:?}",
        quiet_at - began
    );
}
