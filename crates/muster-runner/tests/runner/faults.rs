//! What connectors do wrong, and that it hurts nobody else.

use std::time::Duration;

use muster_proto::v1::ErrorCategory;
use serde_json::json;

use crate::connectors::TOKEN;
use crate::coordinator::{Coordinator, records};
use crate::harness::{Runner, work};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_the_connectors_failure_and_nobody_elses() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "panic"})).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Connector);
    assert_eq!(failure.message, "the connector has panicked: no such column: serial");
    session.assign(work(2), records(3)).await;
    session.completed(work(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_hangs_is_timed_out() {
    let mut coordinator = Coordinator::start().await;
    let short = Duration::from_millis(300);
    let (runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.time_limit = short).await;
    session.assign(work(1), json!({"do": "hang"})).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Timeout);
    assert!(
        failure.message.contains("took longer than 300ms"),
        "{}",
        failure.message
    );
    runner.controls.running(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_blocked_connectors_than_worker_threads_hold_nobody_up() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.slots.0 = 5).await;
    for execution in 1..=4 {
        session.assign(work(execution), json!({"do": "block"})).await;
    }
    runner.controls.running(4).await;
    session.assign(work(5), records(10)).await;
    session.completed(work(5)).await;
    // Their slots come back although nobody can end their threads.
    for execution in 1..=4 {
        session.cancel(work(execution)).await;
    }
    for execution in 6..=9 {
        session.assign(work(execution), json!({"do": "wait"})).await;
    }
    runner.controls.running(8).await;
    runner.controls.unblock();
    runner.controls.running(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_record_is_the_connectors_failure() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "garbage"})).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Connector);
    assert!(failure.message.contains("not a JSON object"), "{}", failure.message);
    assert!(coordinator.uploaded().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_cannot_say_what_only_the_coordinator_may() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "fail as canceled"})).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Connector);
    assert!(!failure.message.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_is_not_allowed_is_told() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign_to("ldap", "device", work(1), json!({})).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Configuration);
    assert!(
        failure.message.contains("does not allow the connector `ldap`"),
        "{}",
        failure.message
    );
    assert!(failure.remedy.contains("`connectors`"), "{}", failure.remedy);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_is_told_with_its_place() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"records": 1})).await;
    let failure = session.failed(work(1)).await;
    assert_eq!(failure.category(), ErrorCategory::Configuration);
    assert!(failure.message.contains("/do"), "{}", failure.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_put_in_its_place_here_and_one_in_plain_text_is_refused() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    let secrets = runner.folder.path().join("secrets");
    std::fs::create_dir(&secrets).expect("made");
    std::fs::write(secrets.join("token"), format!("{TOKEN}\n")).expect("written");
    session
        .assign(work(1), json!({"do": "use the token", "token": "file:token"}))
        .await;
    session.completed(work(1)).await;

    session
        .assign(work(2), json!({"do": "use the token", "token": TOKEN}))
        .await;
    let failure = session.failed(work(2)).await;
    assert_eq!(failure.category(), ErrorCategory::Configuration);
    assert!(
        failure.message.starts_with("/token: is a secret: give a reference"),
        "{failure:?}"
    );
    assert!(!failure.message.contains(TOKEN), "{failure:?}");
}
