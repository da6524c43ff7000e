//! What earlier lives of a coordinator have left staged is swept, while new records are staged beside it.

use std::fs;

use muster_proto::v1::{ExecutionStatus, ReportKind};
use muster_tests::{CONNECTOR, LIMIT, ScriptedRunner, Wanted, World, eventually, id_of, published, staged_files};
use uuid::Uuid;

/// Enough for a sweep to last longer than a runner needs to check in and upload.
const LEFTOVERS: u64 = 20_000;

const RECORDS: &str = "{\"id\":1}\n";

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_staged_while_leftovers_are_swept_stay() {
    let mut world = World::start_with(&[]).await;
    let (client, url) = (world.client(), world.coordinator.url());
    let identity = ScriptedRunner::named("runner", "default", 1);
    let runner = identity.check_in(&url).await;
    let wanted = Wanted::new("source", CONNECTOR).pool("later");
    let created = client.create_soon(&wanted).await;
    let execution = client.open_execution(&created.name).await;
    drop(runner);
    assert_eq!(world.coordinator.terminate(LIMIT).await.code(), Some(0));

    // All on the first shelf (the last byte of the execution's id), which a sweep looks at first.
    let landing = world.coordinator.landing();
    let shelf = landing.join(".staging/00");
    for number in 1..=LEFTOVERS {
        let nobody = Uuid::from_u128(u128::from(number) << 8);
        fs::write(shelf.join(format!("{nobody}.1.{number}.part")), "").expect("written");
    }
    world.coordinator.restart().await;
    let mut runner = ScriptedRunner::named("later", "later", 1).check_in(&url).await;
    let work = runner.begin_assigned().await;
    let counts = runner.upload(&work, RECORDS).await.expect("it holds the execution");
    let left = staged_files(&landing).len();
    assert!(
        left > 2,
        "all was swept before anything was staged: there must be more leftovers for this test to tell"
    );
    eventually("the sweep to end", LIMIT, async || {
        let left = staged_files(&landing);
        let all_are_own = left
            .iter()
            .all(|file| file.to_string_lossy().contains(id_of(&execution)));
        if all_are_own {
            Ok(())
        } else {
            Err(format!("{} leftovers", left.len()))
        }
    })
    .await;
    runner.report(vec![work.completed(Some(counts))]).await;
    runner.ack(&work, ReportKind::Finished).await;
    let ended = client.until_ended(&execution, LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{:?}", ended.failure);
    assert_eq!(published(&landing)[id_of(&execution)].lines, RECORDS.as_bytes());
}
