//! SIGTERM: what runs goes on elsewhere or later, nothing is lost, and the exit code says that all went well.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use muster_proto::v1::ExecutionStatus;
use muster_tests::{CONNECTOR, LIMIT, ScriptedRunner, Wanted, World, id_of, passwd_of, published};

/// How long a process has to stop when nobody says, and what it takes the system to notice.
const STOP_WITHIN: Duration = Duration::from_secs(10 + 1);

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_goes_on_with_its_work_when_the_coordinator_is_restarted() {
    let mut world = World::start_with(&["--lease", "60s"]).await;
    let client = world.client();
    let source = world.folder().join("source");
    passwd_of(&source, super::SLOW_ACCOUNTS);
    let mut runner = world.runner("steady", &[]);
    client.until_online("steady").await;
    let wanted = Wanted::new("source", "host").data_type("user");
    let created = client
        .create_soon(&wanted.with("root", source.to_str().expect("text")))
        .await;
    let execution = client.open_execution(&created.name).await;
    client.until_status(&execution, ExecutionStatus::Executing).await;

    stop_in_time(&mut world).await;
    world.coordinator.restart().await;

    let ended = client.until_ended(&execution, LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");
    assert_eq!((ended.attempt, ended.failures), (1, 0), "the same attempt went on");
    let landed = published(&world.coordinator.landing());
    let records = landed[id_of(&execution)].records().len();
    assert_eq!(records, super::SLOW_ACCOUNTS as usize);
    assert_eq!(runner.terminate(LIMIT).await.code(), Some(0));
}

/// Tells a coordinator to stop, which must not wait for others to let go.
async fn stop_in_time(world: &mut World) {
    let asked = Instant::now();
    let status = world.coordinator.terminate(LIMIT).await;
    assert_eq!(status.code(), Some(0), "after {:?}", asked.elapsed());
    assert!(asked.elapsed() < STOP_WITHIN, "it took {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_does_not_leave_holds_nothing_up() {
    let mut world = World::start_with(&[]).await;
    let (client, url) = (world.client(), world.coordinator.url());
    let mut stubborn = ScriptedRunner::named("stubborn", "default", 1).check_in(&url).await;
    let created = client.create_soon(&Wanted::new("source", CONNECTOR)).await;
    let execution = client.open_execution(&created.name).await;
    stubborn.begin_assigned().await;

    stop_in_time(&mut world).await;
    world.coordinator.restart().await;
    let kept = client.execution(&execution).await.expect("it is known");
    assert_eq!((kept.status(), kept.attempt), (ExecutionStatus::Executing, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_does_not_go_on_holds_nothing_up() {
    let mut world = World::start_with(&[]).await;
    let (client, url) = (world.client(), world.coordinator.url());
    let mut runner = ScriptedRunner::named("runner", "default", 1).check_in(&url).await;
    client.create_soon(&Wanted::new("source", CONNECTOR)).await;
    let work = runner.begin_assigned().await;
    let _upload = runner.begin_upload(&work).await;
    stop_in_time(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_watches_holds_nothing_up() {
    let mut world = World::start_with(&[]).await;
    let watch = world.client().watch().await.expect("a watch");
    stop_in_time(&mut world).await;
    drop(watch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_comes_holds_nothing_up() {
    let mut world = World::start_with(&[]).await;
    let silent = TcpStream::connect(world.coordinator.address()).expect("connected");
    // Connections are taken in order, so that one is there when this is answered.
    world.client().runners().await.expect("it answers");
    stop_in_time(&mut world).await;
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_comes_is_closed() {
    let world = World::start_with(&[]).await;
    let mut silent = TcpStream::connect(world.coordinator.address()).expect("connected");
    silent.set_read_timeout(Some(LIMIT)).expect("a limit");
    let mut buffer = [0; 1024];
    // The server's own preface may come first.
    while silent.read(&mut buffer).expect("it is closed within the limit") > 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_told_to_stop_finishes_what_it_has() {
    let world = World::start_with(&[]).await;
    let client = world.client();
    let source = world.folder().join("source");
    passwd_of(&source, super::SLOW_ACCOUNTS);
    let mut runner = world.runner("leaving", &["--stop-within", "60s"]);
    client.until_online("leaving").await;
    let wanted = Wanted::new("source", "host").data_type("user");
    let created = client
        .create_soon(&wanted.with("root", source.to_str().expect("text")))
        .await;
    let execution = client.open_execution(&created.name).await;
    client.until_status(&execution, ExecutionStatus::Executing).await;
    assert_eq!(runner.terminate(LIMIT).await.code(), Some(0));
    // Its word counts from the commit to its records on; publishing them is not the runner's business.
    let ended = client.until_ended(&execution, LIMIT).await;
    assert_eq!(
        ended.status(),
        ExecutionStatus::Completed,
        "it has left before the end: {ended:?}"
    );
    assert_eq!((ended.attempt, ended.failures), (1, 0));
}
