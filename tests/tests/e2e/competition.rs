//! Many runners compete for many executions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::{self, ExecutionStatus, ReportKind};
use muster_tests::{CONNECTOR, Client, Identity, ScriptedRunner, Wanted, Work, World};
use tokio::task::JoinSet;

const RUNNERS: usize = 20;
const SLOTS: u32 = 4;
const EXECUTIONS: usize = 1_000;

/// How many integrations are created at the same time.
const CREATORS: usize = 16;

/// Far longer than it takes.
const DONE_WITHIN: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn twenty_runners_complete_each_of_a_thousand_executions_once() {
    let world = World::start_with(&[]).await;
    let (client, url) = (world.client(), world.coordinator.url());
    // What it offers is known from now on; its own pool has nothing to do.
    let _offers = ScriptedRunner::named("offers", "elsewhere", 1).check_in(&url).await;
    create_all(&client).await;

    let done = Arc::new(AtomicUsize::new(0));
    let mut runners = JoinSet::new();
    for number in 0..RUNNERS {
        let identity = ScriptedRunner::named(&format!("runner {number}"), "crowd", SLOTS);
        runners.spawn(compete(identity, url.clone(), Arc::clone(&done)));
    }
    let all = async {
        let mut all = Vec::new();
        while let Some(one) = runners.join_next().await {
            all.push(one.expect("a runner does not fail"));
        }
        all
    };
    let all = tokio::time::timeout(DONE_WITHIN, all).await;
    let all = all.unwrap_or_else(|_| panic!("only {} are done", done.load(Ordering::SeqCst)));

    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    for work in all.iter().flatten() {
        assert_eq!(work.attempt, 1, "{} was given out again", work.id());
        *given.entry(work.id()).or_default() += 1;
    }
    assert_eq!(given.len(), EXECUTIONS);
    assert!(
        given.values().all(|times| *times == 1),
        "an execution was given to two runners"
    );
    assert!(all.iter().all(|works| !works.is_empty()), "a runner got nothing to do");

    let executions = client.all_executions().await.expect("they are known");
    let names: BTreeSet<&str> = executions.iter().map(|execution| execution.name.as_str()).collect();
    assert_eq!((executions.len(), names.len()), (EXECUTIONS, EXECUTIONS));
    for execution in &executions {
        assert_eq!(execution.status(), ExecutionStatus::Completed, "{execution:?}");
        assert_eq!((execution.attempt, execution.failures), (1, 0), "{execution:?}");
    }
}

async fn create_all(client: &Client) {
    let mut creators = JoinSet::new();
    for creator in 0..CREATORS {
        let client = client.clone();
        creators.spawn(async move {
            for number in (creator..EXECUTIONS).step_by(CREATORS) {
                let wanted = Wanted::new(&format!("source {number}"), CONNECTOR).pool("crowd");
                client.create_soon(&wanted).await;
            }
        });
    }
    while let Some(created) = creators.join_next().await {
        created.expect("all are created");
    }
}

/// Takes and finishes work until all of it is done, and tells what it was given.
async fn compete(identity: Identity, url: String, done: Arc<AtomicUsize>) -> Vec<Work> {
    let mut runner = identity.check_in(&url).await;
    let mut chance = fastrand::Rng::new();
    let mut given = Vec::new();
    let mut running: Vec<Work> = Vec::new();
    let mut unanswered: BTreeSet<Work> = BTreeSet::new();
    while done.load(Ordering::SeqCst) < EXECUTIONS {
        // Not for ever: what runs has to end, and the last end of all is told to one runner only.
        let next = tokio::time::timeout(Duration::from_millis(20), runner.message()).await;
        match next.map(|message| message.expect("the stream goes on")) {
            Ok(Kind::Assignments(assignments)) => {
                let works: Vec<Work> = assignments.assignments.iter().map(Work::from).collect();
                running.extend(works.iter().cloned());
                assert!(running.len() <= SLOTS as usize, "more than its slots: {running:?}");
                runner.report(works.iter().flat_map(begin).collect()).await;
                given.extend(works);
            }
            Ok(Kind::Acks(acks)) => {
                for ack in acks.acks.iter().filter(|ack| ack.kind() == ReportKind::Finished) {
                    let work = Work {
                        execution: ack.execution_id.clone(),
                        attempt: ack.attempt,
                    };
                    // A second one of the same is the answer to the repeated report.
                    if unanswered.remove(&work) {
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
            Ok(other) => panic!("nothing else is expected: {other:?}"),
            Err(_) => {}
        }
        // Some of what runs ends, so that slots become free one by one and several at once.
        chance.shuffle(&mut running);
        let ended = running.split_off(chance.usize(0..=running.len()));
        if !ended.is_empty() {
            unanswered.extend(ended.iter().cloned());
            runner.report(ended.iter().flat_map(end).collect()).await;
        }
    }
    given
}

/// Reports are sent twice, as after a lost acknowledgement.
fn begin(work: &Work) -> [v1::Report; 4] {
    [work.accepted(), work.started(), work.accepted(), work.started()]
}

fn end(work: &Work) -> [v1::Report; 2] {
    [work.completed(None), work.completed(None)]
}
