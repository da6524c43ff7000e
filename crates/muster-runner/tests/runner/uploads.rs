//! Uploads that do not go well.

use std::time::Duration;

use muster_connector::{CHUNK_BYTES_MAX, CHUNKS_IN_FLIGHT_MAX};
use muster_proto::v1::ErrorCategory;
use serde_json::json;

use crate::coordinator::{Coordinator, Taking, records};
use crate::harness::{Runner, work};

/// More than all that may lie between the connector and a coordinator that reads nothing: the sink's chunks and the one
/// that is filled, one message that waits and one on its way, and HTTP/2's window of 1 MiB.
const BETWEEN_BYTES_MAX: u64 = (CHUNKS_IN_FLIGHT_MAX as u64 + 3) * CHUNK_BYTES_MAX as u64 + 1024 * 1024;

/// The bytes of one record of the connector `test`, at the least.
const RECORD_BYTES: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_nobody_reads_holds_its_connector_back() {
    let mut coordinator = Coordinator::start().await;
    coordinator.take_uploads(Taking::Nothing);
    let short = Duration::from_secs(2);
    let (runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.time_limit = short).await;
    session.assign(work(1), records(10_000_000)).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Timeout);
    let given = *runner.controls.given.borrow() * RECORD_BYTES;
    assert!(given > 0 && given < BETWEEN_BYTES_MAX, "{given} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fenced_upload_stops_the_connector_also_when_it_has_nothing_to_give() {
    let mut coordinator = Coordinator::start().await;
    coordinator.take_uploads(Taking::Fenced);
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    // Enough for one chunk to go out, and not for a second, which would meet the fence; then the connector waits.
    session
        .assign(work(1), json!({"do": "records, then wait", "records": 9_000}))
        .await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Landing);
    assert!(failure.message.contains("another attempt"), "{}", failure.message);
    runner.controls.running(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_landing_that_is_not_there_is_a_failure_of_it() {
    let mut coordinator = Coordinator::start().await;
    coordinator.take_uploads(Taking::Unavailable);
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), records(100_000)).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Landing);
    assert!(failure.message.contains("refused by the test"), "{}", failure.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_that_differ_are_no_success() {
    let mut coordinator = Coordinator::start().await;
    coordinator.take_uploads(Taking::OneLess);
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), records(7)).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Landing);
    assert!(failure.message.contains("has staged 6 records"), "{}", failure.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_fails_after_some_records_leaves_no_upload() {
    let mut coordinator = Coordinator::start().await;
    let short = Duration::from_secs(1);
    let (_runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.time_limit = short).await;
    session
        .assign(work(1), json!({"do": "records, then wait", "records": 5_000}))
        .await;
    session.failed(work(1)).await;
    assert!(coordinator.uploaded().is_empty());
}
