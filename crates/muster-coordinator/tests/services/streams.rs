//! Streams whose runners are no more, or do not read: they end with their sessions.

use std::time::Duration;

use muster_coordinator::limits::Rates;
use muster_proto::v1;
use muster_proto::v1::runner_registry_service_client::RunnerRegistryServiceClient;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;

use super::rig::{ORGANIZATION, PATIENCE};
use super::served::{ADDRESSES, LEASE, Served, Stream};

/// The coordinator's grace after a lease, and some time to spare. Far less than it takes to give up a connection that is silent.
const OVER_WITHIN: Duration = Duration::from_secs(1 + 5 + 2 + 7);

/// A connection on which no more than a byte of each stream is taken unless its messages are asked for: as if its process stood still, but for the
/// answers to HTTP/2's pings.
async fn unread(served: &Served) -> Channel {
    let endpoint = served.endpoint(ADDRESSES[1]).initial_stream_window_size(1);
    endpoint.connect().await.expect("it listens")
}

/// Waits until the coordinator has heard the one runner, who cannot read that it is welcome.
async fn until_checked_in(served: &Served) {
    let mut registry = RunnerRegistryServiceClient::new(served.connect(ADDRESSES[2]).await);
    let request = v1::ListRunnersRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    let heard = async {
        loop {
            // Before its first check-in nobody knows the organization, either.
            if let Ok(known) = registry.list_runners(request.clone()).await
                && known.get_ref().runners.iter().any(|runner| runner.online)
            {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, heard).await.expect("it is heard in time");
}

/// Waits until the stream has ended, without reading it.
async fn until_cut(stream: &Stream, within: Duration) {
    let ended = timeout(within, stream.says.closed()).await;
    ended.expect("the stream ends in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_read_is_cut_when_its_lease_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::start(folder.path(), Rates::default()).await;
    let silent = Stream::open(unread(&served).await, 1).await.expect("the stream opens");
    let began = Instant::now();
    until_cut(&silent, OVER_WITHIN).await;
    assert!(began.elapsed() >= LEASE, "after {:?}", began.elapsed());
    served.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_read_is_cut_when_a_newer_one_takes_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::start(folder.path(), Rates::default()).await;
    let old = Stream::open(unread(&served).await, 1).await.expect("the stream opens");
    until_checked_in(&served).await;
    let _new = Stream::check_in(served.connect(ADDRESSES[1]).await, 1)
        .await
        .expect("it is welcome");
    // Before a lease could be over.
    until_cut(&old, LEASE + Duration::from_secs(4)).await;
}
