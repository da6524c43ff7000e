//! Runners that do not answer: their work goes to others, and what they say too late changes nothing.

use std::time::{Duration, Instant};

use muster_proto::v1::{self, ExecutionStatus, FenceReason, ReportKind};
use muster_tests::{
    CONNECTOR, Client, LIMIT, ScriptedRunner, Wanted, Work, World, id_of, passwd_of, published, staged_files,
};
use nix::sys::signal::Signal;

/// How long a runner has to confirm an assignment.
const CONFIRM: Duration = Duration::from_secs(10);

/// The lease of the tests, the coordinator's grace, and the longest back-off after a first failure, with some time to spare.
const GIVEN_TO_ANOTHER_WITHIN: Duration = Duration::from_secs(5 + 5 + 30 + 15);

/// The lease of the tests, and the coordinator's grace: more than that.
const PAST_THE_LEASE: Duration = Duration::from_secs(5 + 5 + 2);

/// What the runner collects whose result counts.
const RECORDS: &str = "{\"id\":1,\"by\":\"second\"}\n{\"id\":2,\"by\":\"second\"}\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_that_is_never_accepted_is_given_to_another() {
    let world = World::start_with(&[]).await;
    let (client, url) = (world.client(), world.coordinator.url());
    let mut deaf = ScriptedRunner::named("deaf", "default", 1).check_in(&url).await;
    let created = client.create_soon(&Wanted::new("source", CONNECTOR)).await;
    let execution = client.open_execution(&created.name).await;
    let first = deaf.assignment().await;
    let assigned = Instant::now();
    assert_eq!((first.id().as_str(), first.attempt), (id_of(&execution), 1));

    // With more room than the deaf one, so that the plan takes this one.
    let mut second = ScriptedRunner::named("second", "default", 2).check_in(&url).await;
    let work = Work::from(&second.assignments_within(CONFIRM + LIMIT).await[0]);
    assert!(
        assigned.elapsed() > CONFIRM - Duration::from_secs(1),
        "withdrawn after {:?}",
        assigned.elapsed()
    );
    assert_eq!(work, first.attempt(2));
    assert_eq!(deaf.fence(&first, LIMIT).await, FenceReason::Withdrawn);
    // It wakes up, and says that it takes it.
    deaf.report(vec![first.accepted(), first.started()]).await;
    assert_eq!(deaf.fence(&first, LIMIT).await, FenceReason::NotHeld);

    collect(&mut second, &work).await;
    let ended = client.until_status(&execution, ExecutionStatus::Completed).await;
    assert_eq!(
        (ended.attempt, ended.failures),
        (2, 0),
        "a withdrawal is nobody's failure"
    );
}

/// Carries work out, with records.
async fn collect(runner: &mut ScriptedRunner, work: &Work) {
    runner.report(vec![work.accepted(), work.started()]).await;
    runner.ack(work, ReportKind::Started).await;
    collect_begun(runner, work).await;
}

/// The same from its start on.
async fn collect_begun(runner: &mut ScriptedRunner, work: &Work) {
    let counts = runner.upload(work, RECORDS).await.expect("it holds the execution");
    runner.report(vec![work.completed(Some(counts))]).await;
    runner.ack(work, ReportKind::Finished).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_runner_says_after_its_lease_is_fenced() {
    let world = World::start().await;
    let (client, url) = (world.client(), world.coordinator.url());
    let identity = ScriptedRunner::named("late", "default", 1);
    let mut late = identity.check_in(&url).await;
    let created = client.create_soon(&Wanted::new("source", CONNECTOR)).await;
    let execution = client.open_execution(&created.name).await;
    let lost = late.begin_assigned().await;
    let mut second = ScriptedRunner::named("second", "default", 2).check_in(&url).await;

    late.fall_silent();
    let over = late
        .ended(GIVEN_TO_ANOTHER_WITHIN)
        .await
        .expect("its session has lapsed");
    assert!(over.message().contains("lease"), "{over}");
    let work = Work::from(&second.assignments_within(GIVEN_TO_ANOTHER_WITHIN).await[0]);
    assert_eq!(work, lost.attempt(2));
    second.report(vec![work.accepted(), work.started()]).await;
    second.ack(&work, ReportKind::Started).await;

    // While the other one works: neither its records nor its report are taken.
    let mut late = identity.check_in_with(&url, &[], std::slice::from_ref(&lost)).await;
    let refused = late
        .upload(&lost, "{\"id\":1,\"by\":\"late\"}\n")
        .await
        .expect_err("it is fenced");
    assert!(refused.message().contains("does not hold"), "{refused}");
    late.report(vec![lost.completed(None)]).await;
    assert_eq!(late.fence(&lost, LIMIT).await, FenceReason::NotHeld);

    let counts = second.upload(&work, RECORDS).await.expect("it holds the execution");
    second.report(vec![work.completed(Some(counts))]).await;
    second.ack(&work, ReportKind::Finished).await;
    client.until_status(&execution, ExecutionStatus::Completed).await;
    // And when the other one has finished.
    late.report(vec![lost.completed(None)]).await;
    assert_eq!(late.fence(&lost, LIMIT).await, FenceReason::Ended);
    // A report of the one that counts may come again, and gets the same answer.
    second.report(vec![work.completed(Some(counts))]).await;
    second.ack(&work, ReportKind::Finished).await;

    let ended = client.execution(&execution).await.expect("it is known");
    assert_eq!(ended.status(), ExecutionStatus::Completed);
    assert_eq!((ended.attempt, ended.failures, ended.counts), (2, 1, Some(counts)));
    assert_only_result(&world, &execution, 2, RECORDS.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_a_runner_that_was_stopped_past_its_lease_is_fenced() {
    let world = World::start().await;
    let client = world.client();
    let source = world.folder().join("source");
    passwd_of(&source, super::SLOW_ACCOUNTS);
    let mut stopped = world.runner("stopped", &[]);
    client.until_online("stopped").await;
    let wanted = Wanted::new("source", "host").data_type("user");
    let wanted = wanted.with("root", source.to_str().expect("text"));
    let created = client.create_soon(&wanted).await;
    let execution = client.open_execution(&created.name).await;
    client.until_status(&execution, ExecutionStatus::Executing).await;
    stopped.pause();
    let held = client.execution(&execution).await.expect("it is known");
    assert_eq!(
        held.status(),
        ExecutionStatus::Executing,
        "the source is too small: it was collected before the stop"
    );

    let _second = world.runner("second", &[]);
    let ended = client.until_ended(&execution, GIVEN_TO_ANOTHER_WITHIN + LIMIT).await;
    assert_second_has_done_it(&client, &ended).await;
    let landed = published(&world.coordinator.landing())[id_of(&execution)].lines.clone();

    stopped.resume();
    client.until_online("stopped").await;
    stopped.process().until_logged("work is given up", LIMIT).await;
    // It is there again, has nothing in hand, and nothing of what it had has changed anything.
    assert_eq!(stopped.terminate(LIMIT).await.code(), Some(0));
    assert_eq!(client.execution(&execution).await.expect("it is known"), ended);
    assert_only_result(&world, &execution, 2, &landed);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_in_which_the_coordinator_is_stopped_counts_against_no_runner() {
    let mut world = World::start().await;
    let client = world.client();
    let mut runner = ScriptedRunner::named("steady", "default", 1)
        .check_in(&world.coordinator.url())
        .await;
    let created = client.create_soon(&Wanted::new("source", CONNECTOR)).await;
    let execution = client.open_execution(&created.name).await;
    let work = runner.begin_assigned().await;
    let source = world.folder().join("source");
    passwd_of(&source, super::SLOW_ACCOUNTS);
    let _real = world.runner("real", &[]);
    client.until_online("real").await;
    let wanted = Wanted::new("slow source", "host").data_type("user");
    let wanted = wanted.with("root", source.to_str().expect("text"));
    let slow = client.create_soon(&wanted).await;
    let slow = client.open_execution(&slow.name).await;
    client.until_status(&slow, ExecutionStatus::Executing).await;

    // The heartbeats of the one go on, and lie in the coordinator's socket until it looks. The other gives up when it hears nothing for most of its lease.
    world.coordinator.process().signal(Signal::SIGSTOP);
    tokio::time::sleep(PAST_THE_LEASE).await;
    world.coordinator.process().signal(Signal::SIGCONT);

    collect_begun(&mut runner, &work).await;
    let ended = client.until_status(&execution, ExecutionStatus::Completed).await;
    assert_eq!((ended.attempt, ended.failures), (1, 0), "the runner was taken for dead");
    let ended = client.until_ended(&slow, GIVEN_TO_ANOTHER_WITHIN + LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed);
    assert_eq!((ended.attempt, ended.failures), (2, 0), "the runner is blamed for it");
}

async fn assert_second_has_done_it(client: &Client, ended: &v1::Execution) {
    assert_eq!(ended.status(), ExecutionStatus::Completed);
    assert_eq!((ended.attempt, ended.failures), (2, 1));
    let runners = client.runners().await.expect("they are known");
    let by = runners
        .iter()
        .find(|runner| runner.name == ended.runner)
        .expect("it is known");
    assert_eq!(by.display_name, "second");
}

/// One file, of this attempt, with these records; and nothing staged beside it.
fn assert_only_result(world: &World, execution: &str, attempt: u32, lines: &[u8]) {
    let landing = world.coordinator.landing();
    let landed = published(&landing);
    assert_eq!(landed.keys().collect::<Vec<_>>(), [id_of(execution)]);
    let only = &landed[id_of(execution)];
    assert_eq!(only.manifest["attempt"], attempt);
    assert!(only.lines == lines, "other records have landed than those that count");
    assert_eq!(staged_files(&landing), Vec::<std::path::PathBuf>::new());
}
