//! Checks that the coordinator asks for.

use std::time::Duration;

use muster_core::words::SessionId;
use muster_proto::v1::ErrorCategory;
use serde_json::json;

use crate::connectors::TOKEN;
use crate::coordinator::{Coordinator, LIMIT, records};
use crate::harness::{Runner, work};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_runs_beside_full_slots_and_says_how_it_ended() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.slots.0 = 1).await;
    session.assign(work(1), json!({"do": "wait", "records": 3})).await;
    runner.controls.running(1).await;
    session.check(1, LIMIT, records(0)).await;
    assert_eq!(session.checked().await, (1, None));
    session.check(2, LIMIT, json!({"do": "dance"})).await;
    let (check, failure) = session.checked().await;
    let failure = failure.expect("it fails");
    assert_eq!((check, failure.category()), (2, ErrorCategory::Configuration));
    assert_eq!(failure.message, "cannot `dance`");
    runner.controls.go_on.cancel();
    session.completed(work(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_hangs_or_panics_fails_by_itself() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.check(1, LIMIT, json!({})).await;
    let (_, unfit) = session.checked().await;
    assert_eq!(
        unfit.expect("`do` is required").category(),
        ErrorCategory::Configuration
    );
    session.check(2, LIMIT, json!({"do": "panic"})).await;
    let panicked = session.checked().await.1.expect("it fails");
    assert_eq!(panicked.message, "the connector has panicked: no such column: serial");
    session.check(3, Duration::from_secs(1), json!({"do": "hang"})).await;
    let overdue = session.checked().await.1.expect("it fails");
    assert_eq!(overdue.category(), ErrorCategory::Timeout);
    assert_eq!(overdue.message, "the check took longer than 1 s, and was stopped");
    runner.controls.checking(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_resolved_and_never_told() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    let file = runner.folder.path().join("secrets").join("token");
    std::fs::create_dir_all(file.parent().expect("it has one")).expect("made");
    std::fs::write(&file, TOKEN).expect("written");
    let reference = format!("file:{}", file.display());
    session
        .check(1, LIMIT, json!({"do": "use the token", "token": reference}))
        .await;
    assert_eq!(session.checked().await, (1, None));
    session
        .check(2, LIMIT, json!({"do": "tell the token", "token": reference}))
        .await;
    let told = session.checked().await.1.expect("it fails");
    assert!(!told.message.contains(TOKEN), "{}", told.message);
    assert!(told.message.starts_with("401 for"), "{}", told.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_is_stopped_when_its_session_ends() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.check(1, LIMIT, json!({"do": "hang"})).await;
    runner.controls.checking(1).await;
    drop(session);
    runner.controls.checking(0).await;
    let (mut session, _) = coordinator.welcome(SessionId(2)).await;
    session.check(2, LIMIT, records(0)).await;
    assert_eq!(session.checked().await, (2, None), "nothing is said of the first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_leaves_says_how_its_check_has_ended() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.check(1, LIMIT, json!({"do": "wait"})).await;
    runner.controls.checking(1).await;
    runner.tasks.stop();
    session.drained().await;
    runner.controls.go_on.cancel();
    assert_eq!(session.checked().await, (1, None));
    session.closed().await;
    drop(session);
    runner.ended().await.expect("it leaves");
}
