//! The life of an execution on a runner.

use muster_core::decide::Work;
use muster_core::words::Attempt;
use serde_json::{Value, json};

use crate::coordinator::{Coordinator, records};
use crate::harness::{Runner, work};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hello_says_who_the_runner_is() {
    let mut coordinator = Coordinator::start().await;
    let _runner = Runner::start(&coordinator);
    let (_session, hello) = coordinator.check_in().await;
    assert_eq!(hello.organization, "organizations/default");
    assert_eq!((hello.pool.as_str(), hello.slots), ("default", 8));
    let connectors: Vec<&str> = hello.connectors.iter().map(|one| one.connector.as_str()).collect();
    assert_eq!(connectors, ["host", "test"]);
    let session = muster_core::words::SessionId(1);
    let checked = muster_session::wire::check_in_from_wire(hello, session);
    assert!(checked.is_ok(), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_machines_accounts_are_collected_and_uploaded() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign_to("host", "user", work(1), json!({})).await;
    session.started(work(1)).await;
    let completed = session.completed(work(1)).await;

    let passwd = std::fs::read_to_string("/etc/passwd").expect("read");
    let mut expected: Vec<&str> = passwd.lines().filter_map(|line| line.split(':').next()).collect();
    expected.sort_unstable();
    let uploaded = coordinator.uploaded();
    assert_eq!(uploaded.len(), 1);
    assert_eq!(uploaded[0].work, work(1));
    let accounts: Vec<Value> = uploaded[0]
        .lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut names: Vec<&str> = accounts.iter().filter_map(|account| account["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
    let counts = completed.counts.expect("counts");
    assert_eq!((counts.records, completed.staged), (names.len() as u64, true));
    assert_eq!(counts.bytes, uploaded[0].lines.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_records_go_up_in_order_with_their_cursor_and_log() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), records(50_000)).await;
    let completed = session.completed(work(1)).await;
    assert_eq!(completed.cursor.as_deref(), Some("after 50000"));
    let uploaded = coordinator.uploaded();
    let in_order = uploaded[0].lines.lines().enumerate().all(|(id, line)| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        record["id"] == id
    });
    assert!(in_order);
    // The line was said before the result, but may go out behind it.
    session.assign(work(2), records(0)).await;
    session.completed(work(2)).await;
    assert!(
        session.log.iter().any(|line| line == "giving 50000 records"),
        "{:?}",
        session.log
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_records_there_is_no_upload() {
    let mut coordinator = Coordinator::start().await;
    let (_runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), records(0)).await;
    let completed = session.completed(work(1)).await;
    assert_eq!(
        (completed.counts.unwrap_or_default().records, completed.staged),
        (0, false)
    );
    assert!(coordinator.uploaded().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_executions_than_slots_are_never_carried_out_at_once() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in_with(&mut coordinator, |config| config.slots.0 = 2).await;
    for execution in 1..=2 {
        session.assign(work(execution), json!({"do": "wait"})).await;
        session.started(work(execution)).await;
    }
    runner.controls.running(2).await;
    // No slot is free, so the runner does not take it, and the coordinator would withdraw it.
    session.assign(work(3), records(1)).await;
    // Once this has been heard, so has the assignment before it.
    session.cancel(work(2)).await;
    runner.controls.running(1).await;
    runner.controls.go_on.cancel();
    let (ended, _) = session.finished().await;
    assert_eq!(ended, work(1));
    session.ack(ended).await;
    let next: Work = (work(3).0, Attempt(2));
    session.assign(next, records(1)).await;
    session.completed(next).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_canceled_or_fenced_stops_and_is_not_reported() {
    let mut coordinator = Coordinator::start().await;
    let (runner, mut session) = Runner::checked_in(&mut coordinator).await;
    session.assign(work(1), json!({"do": "ignore cancel"})).await;
    session.assign(work(2), json!({"do": "hang"})).await;
    runner.controls.running(2).await;
    session.cancel(work(1)).await;
    runner.controls.running(1).await;
    session.fence(work(2)).await;
    runner.controls.running(0).await;
    // Whatever were said about them would come before this.
    session.assign(work(3), records(1)).await;
    session.completed(work(3)).await;
}
