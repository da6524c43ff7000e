//! Runners that are told to stop.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::coordinator::Coordinator;
use crate::harness::{Runner, work};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_may_finish_and_nothing_new_is_taken() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "wait", "records": 5})).await;
    session.started(work(1)).await;
    runner.tasks.stop();
    session.drained().await;
    session.assign(work(2), json!({"do": "wait"})).await;
    runner.controls.go_on.cancel();
    session.completed(work(1)).await;
    assert_eq!(session.closed().await, None);
    drop(session);
    runner.spooled(0).await;
    runner.ended().await.expect("drained");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_finish_in_time_is_dropped_without_a_report() {
    let mut coordinator = Coordinator::start().await;
    let short = Duration::from_secs(3);
    let (runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.stop_within = short).await;
    for (execution, what) in [(1, "hang"), (2, "ignore cancel"), (3, "block")] {
        session.assign(work(execution), json!({ "do": what })).await;
    }
    runner.controls.running(3).await;
    let told = std::time::Instant::now();
    runner.tasks.stop();
    assert_eq!(session.closed().await, None);
    assert!(session.draining);
    drop(session);
    runner.spooled(0).await;
    runner.ended().await.expect("left");
    assert!(told.elapsed() < short, "{:?}", told.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_runner_without_a_coordinator_leaves_at_once() {
    let coordinator = Coordinator::start().await;
    let runner = Runner::start_with(
        &coordinator,
        Arc::new(tempfile::tempdir().expect("a folder")),
        |config| {
            // Nobody listens on the port for reserved use.
            config.coordinator = "http://127.0.0.1:1".parse().expect("an address");
            config.stop_within = Duration::from_secs(60 * 60);
        },
    );
    runner.tasks.stop();
    runner.ended().await.expect("left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_nobody_takes_waits_on_disk_and_holds_nobody_up() {
    let mut coordinator = Coordinator::start().await;
    let long = Duration::from_secs(60 * 60);
    let (runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.stop_within = long).await;
    session.assign(work(1), json!({"do": "wait", "records": 0})).await;
    session.started(work(1)).await;
    drop(session);
    // It dials again, and gets no welcome.
    let _unanswered = coordinator.check_in().await;
    runner.controls.go_on.cancel();
    runner.spooled(1).await;
    runner.tasks.stop();
    let folder = Arc::clone(&runner.folder);
    runner.ended().await.expect("left");
    let kept = std::fs::read_dir(folder.path().join("spool")).expect("listed").count();
    assert_eq!(kept, 1);
}
