//! A verification while a shard serves: it finds what is damaged, and ends when nobody listens any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::entity::EntityKey;
use muster_core::ledger::Entity;
use muster_core::time::Stamp;
use muster_core::words::{DisplayName, LogLevel, LogLine, LogSource, Sequence};
use muster_shard::{ShardError, ShardHandle};
use muster_store::backend::Tree;
use muster_store::memory::MemoryBackend;
use muster_store::verify::{Finding, Severity, Told};
use muster_store::{EntityChange, Store, StoreError};

use crate::rig::{PATIENCE, Runner, begin, create, end};
use crate::verify::{ENTRY, flip};

/// Has a runner carry out what is due of `count` new integrations, with a log line each.
async fn work(handle: &ShardHandle, count: u64) {
    let mut runner = Runner::check_in(handle, 1).await;
    for number in 0..count {
        create(handle, &format!("done {number}")).await;
        let assignment = runner.assigned().await;
        runner.carry_out(handle, &assignment).await;
        let line = LogLine {
            at: Stamp::from_millis(number),
            source: LogSource::Connector,
            level: LogLevel::Info,
            message: "a word".to_owned(),
            attempt: None,
        };
        let appended = handle.append_log_lines(assignment.execution, vec![line]).await;
        appended.expect("it runs");
    }
}

/// What a verification finds.
async fn findings(handle: &ShardHandle) -> Vec<Finding> {
    let mut given = handle.verify().await.expect("it runs");
    let mut found = Vec::new();
    while let Some(told) = given.next().await.expect("it ends whole") {
        if let Told::Found(finding) = told {
            found.push(finding);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_record_and_a_changed_entry_of_history_are_found_while_the_store_is_served() {
    let memory = MemoryBackend::new();
    let store = Store::on(Arc::new(memory.clone())).expect("memory is there");
    let (handle, running) = begin(store.clone());
    work(&handle, 12).await;
    let held = create(&handle, "held").await;
    // Long enough for records, and for history.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(findings(&handle).await, []);

    let key = EntityKey::Integration(held);
    let ours = handle.turn(move |turn| turn.state().everywhere().entity(&key)).await;
    let (mut entity, stamp) = ours.expect("it runs").expect("it is there");
    let Entity::Integration(integration) = &mut entity else {
        panic!("it is an integration, not {entity:?}")
    };
    integration.definition.display_name = DisplayName::new("another").expect("a name");
    let entity = Box::new(entity);
    store
        .write_entities(&[EntityChange::Put { entity, stamp }])
        .expect("written");
    let found = findings(&handle).await;
    let [only] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((only.severity, only.place.as_str()), (Severity::Damage, "ledger"));
    assert!(only.what.contains("is not what the ledger says"), "{only:?}");

    flip(&memory, Tree::History, ENTRY, 5);
    let found = findings(&handle).await;
    let [_, entry] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!(entry.severity, Severity::Damage);
    assert!(entry.place.starts_with("history"), "{entry:?}");
    assert!(entry.what.contains("does not match its checksum"), "{entry:?}");
    drop(store);
    end(handle, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_takes_no_step_more_once_nobody_listens() {
    let store = Store::on(Arc::new(MemoryBackend::new())).expect("memory is there");
    let (handle, running) = begin(store.clone());
    work(&handle, 60).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // How much is told until the end when it is told until there.
    let verify = |until: usize| {
        let mut parts = Vec::new();
        let verified = store.verify_served(&mut |_| Ok(Vec::new()), &mut |told| {
            if let Told::Progress { part, .. } = told {
                parts.push(part);
            }
            if parts.len() < until {
                Ok(())
            } else {
                Err(StoreError::NotTaken)
            }
        });
        (parts, verified)
    };
    let (all, verified) = verify(usize::MAX);
    verified.expect("it is whole");
    for part in ["journal", "records", "history", "log lines"] {
        assert!(all.contains(&part), "{part} is not told of: {all:?}");
    }
    for until in 1..=all.len() {
        let (parts, verified) = verify(until);
        assert_eq!(parts.len(), until, "it goes on although nobody listens");
        assert!(matches!(verified, Err(StoreError::NotTaken)), "{verified:?}");
    }
    drop(store);
    end(handle, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_begins_at_once_when_whoever_had_verified_has_gone() {
    const BATCHES: u64 = 400_000;
    let memory = MemoryBackend::new();
    let long = Store::on(Arc::new(memory.clone())).expect("memory is there");
    long.recover().expect("it is new");
    for number in 1..=BATCHES {
        long.append([(Sequence(number), [].as_slice())]).expect("written");
    }
    long.flush().expect("flushed");
    drop(long);
    let store = Store::on(Arc::new(memory)).expect("memory is there");
    let (handle, running) = begin(store);
    let begun = Instant::now();
    assert_eq!(findings(&handle).await, []);
    let whole = begun.elapsed();

    let mut given = handle.verify().await.expect("it runs");
    given.next().await.expect("it has begun");
    drop(given);
    let gone = Instant::now();
    loop {
        let mut backup = handle.back_up("test", Stamp::default()).await.expect("it runs");
        match backup.next().await {
            Ok(first) => break assert!(first.is_some()),
            Err(ShardError::UnderWay) => tokio::time::sleep(Duration::from_millis(2)).await,
            Err(other) => panic!("{other}"),
        }
        assert!(gone.elapsed() < PATIENCE, "the verification goes on");
    }
    let waited = gone.elapsed();
    assert!(
        waited < whole / 3,
        "it has begun after {waited:?}; a verification takes {whole:?}"
    );
    end(handle, running).await;
}
