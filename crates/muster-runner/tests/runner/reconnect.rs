//! Streams that break, acknowledgements that are lost, and runners that start again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::words::SessionId;
use muster_runner::{RunnerError, run};
use serde_json::json;

use crate::connectors::Controls;
use crate::coordinator::{Coordinator, records};
use crate::harness::{Runner, config, work};

const SECOND: SessionId = SessionId(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_whose_stream_breaks_goes_on_with_its_work() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "wait", "records": 5})).await;
    session.started(work(1)).await;
    drop(session);

    let (mut session, hello) = coordinator.welcome(SECOND).await;
    assert_eq!((hello.running.len(), hello.finished.len()), (1, 0));
    runner.controls.go_on.cancel();
    session.completed(work(1)).await;
    assert_eq!(coordinator.uploaded()[0].work, work(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_begins_while_the_stream_is_broken_waits_for_the_next() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "wait", "records": 5})).await;
    session.started(work(1)).await;
    drop(session);
    let (mut session, hello) = coordinator.check_in().await;
    runner.controls.go_on.cancel();
    // Its connector has ended, and the records wait.
    runner.controls.running(0).await;
    session.welcome(SECOND, hello.running).await;
    session.completed(work(1)).await;
    assert_eq!(coordinator.uploaded()[0].work, work(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_a_welcome_does_not_give_back_is_stopped() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "hang"})).await;
    session.started(work(1)).await;
    drop(session);
    let (mut session, _) = coordinator.check_in().await;
    session.welcome(SECOND, Vec::new()).await;
    runner.controls.running(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_hears_nothing_stops_its_work_before_its_lease_is_over() {
    let mut coordinator = Coordinator::start().await;
    let runner = Runner::start(&coordinator);
    let (mut session, _) = coordinator.check_in().await;
    let lease = Duration::from_secs(3);
    session.welcome_for(SECOND, Vec::new(), lease).await;
    session.assign(work(1), json!({"do": "wait"})).await;
    let heard = Instant::now();
    session.started(work(1)).await;
    // It says that it is there, and nobody answers; nor does anybody when it dials again, with its work still in hand.
    session.heartbeat().await;
    let (_unanswered, hello) = coordinator.check_in().await;
    assert_eq!((hello.running.len(), hello.finished.len()), (1, 0));
    runner.controls.running(0).await;
    assert!(heard.elapsed() > lease / 2, "{:?}", heard.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_is_asked_for_again() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), records(5)).await;
    let first = session.finished().await;
    runner.spooled(1).await;
    drop(session);

    let (mut session, hello) = coordinator.welcome(SECOND).await;
    assert_eq!((hello.running.len(), hello.finished.len()), (0, 1));
    assert_eq!(session.finished().await, first);
    session.ack(work(1)).await;
    runner.spooled(0).await;
    drop(session);
    let (_session, hello) = coordinator.check_in().await;
    assert!(hello.finished.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_starts_again_is_the_same_and_reports_what_it_had_finished() {
    let mut coordinator = Coordinator::start().await;
    let runner = Runner::start(&coordinator);
    let (mut session, hello) = coordinator.welcome(SessionId(1)).await;
    let identity = hello.runner_id;
    session.assign(work(1), records(5)).await;
    session.assign(work(2), json!({"do": "panic"})).await;
    session.assign(work(3), json!({"do": "hang"})).await;
    let mut first = [session.finished().await, session.finished().await];
    let folder = runner.crash().await;
    drop(session);

    let runner = Runner::start_with(&coordinator, folder, |_| {});
    let (mut session, hello) = coordinator.welcome(SECOND).await;
    assert_eq!(hello.runner_id, identity);
    assert_eq!((hello.running.len(), hello.finished.len()), (0, 2));
    first.sort_by_key(|(work, _)| *work);
    assert_eq!([session.finished().await, session.finished().await], first);
    session.ack(work(1)).await;
    session.fence(work(2)).await;
    runner.spooled(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_serves_one_runner() {
    let mut coordinator = Coordinator::start().await;
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let first = Runner::start_with(&coordinator, Arc::clone(&folder), |_| {});
    let (_session, _) = coordinator.check_in().await;
    let second = run(
        config(&coordinator, folder.path(), &Controls::new()),
        first.tasks.clone(),
    )
    .await;
    assert!(matches!(second, Err(RunnerError::FolderTaken { .. })), "{second:?}");
}
