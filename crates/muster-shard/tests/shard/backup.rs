//! A backup that is made while a shard works is a store as it was at one moment, and what has happened since is fenced after its restore.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_core::decide::execution::{Report, progress};
use muster_core::decide::{Command, Rejection};
use muster_core::entity::Phase;
use muster_core::time::Stamp;
use muster_core::words::{Claim, LogLevel, LogLine, LogSource, Principal, Sequence};
use muster_shard::{AskError, fence_all};
use muster_store::verify::{Told, verify};
use muster_store::{Location, Store, StoreError, backup};

use crate::rig::{PATIENCE, Runner, begin, create, end, finished};

fn back_up(store: &Store, file: &Path, slowly: Duration) -> Result<backup::Copied, StoreError> {
    let mut file = File::create(file).expect("a file");
    store.back_up("test", Stamp::from_millis(7), &mut |bytes, _| {
        std::thread::sleep(slowly);
        file.write_all(&bytes).expect("written");
        Ok(())
    })
}

fn restore(file: &Path, folder: &Path) -> backup::Restored {
    backup::restore(file, folder, &mut |_| {}).expect("it is whole")
}

fn assert_whole(store: &Path) {
    let verified = verify(store, &mut |told| {
        if let Told::Found(finding) = told {
            panic!("{finding:#?}");
        }
    });
    assert!(verified.expect("it can be verified").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_whole_and_holds_all_that_was_told_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Folder(folder.path().join("store"));
    let store = Store::open(&location).expect("a new store");
    let (handle, running) = begin(store.clone());
    let stop = Arc::new(AtomicBool::new(false));
    // Three who work without a pause: most of what a backup copies changes while it is copied.
    let mut working = tokio::task::JoinSet::new();
    for caller in 0..3 {
        let (handle, stop) = (handle.clone(), Arc::clone(&stop));
        working.spawn(async move {
            let mut runner = Runner::check_in(&handle, 1).await;
            let mut done = 0_u64;
            while !stop.load(Ordering::Acquire) {
                create(&handle, &format!("{caller} {done}")).await;
                let assignment = runner.assigned().await;
                let line = LogLine {
                    at: Stamp::from_millis(done),
                    source: LogSource::Connector,
                    level: LogLevel::Info,
                    message: "a word".repeat(100),
                    attempt: None,
                };
                let lines = handle.append_log_lines(assignment.execution, vec![line]);
                lines.await.expect("it runs");
                runner.carry_out(&handle, &assignment).await;
                done += 1;
            }
            done
        });
    }
    let mut backups = 0;
    while backups < 8 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let told = handle
            .turn(|turn| turn.state().everywhere().integrations().count())
            .await
            .expect("it runs");
        let through = store.journal().flushed();
        let (file, copied) = (folder.path().join(format!("backup {backups}")), store.clone());
        let path = file.clone();
        let made = tokio::task::spawn_blocking(move || back_up(&copied, &path, Duration::from_millis(20)));
        made.await.expect("no panic").expect("it is whole");
        let restored = folder.path().join(format!("restored {backups}"));
        let said = restore(&file, &restored);
        assert!(said.head >= through, "it ends before it began: {said:?}, {through}");
        assert_whole(&restored);
        let again = Store::open(&Location::Folder(restored)).expect("a store");
        let recovered = again.recover().expect("it is whole");
        assert!(recovered.ledger.integrations().count() >= told);
        backups += 1;
    }
    stop.store(true, Ordering::Release);
    let done: u64 = working.join_all().await.into_iter().sum();
    assert!(done > 100, "there was no load: {done}");
    assert!(
        store.journal().anchor().sequence > Sequence(0),
        "nothing was trimmed in between"
    );
    drop(store);
    end(handle, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_backup_is_made_nobody_waits_and_nothing_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Folder(folder.path().join("store"));
    let store = Store::open(&location).expect("a new store");
    let (handle, running) = begin(store.clone());
    for n in 0..200 {
        create(&handle, &format!("before {n}")).await;
    }
    let file = folder.path().join("backup");
    let (copied, path) = (store.clone(), file.clone());
    // It holds the store for two seconds at least: what the file begins with, one block, and the checksum.
    let made = tokio::task::spawn_blocking(move || back_up(&copied, &path, Duration::from_millis(700)));
    let begun = Instant::now();
    // Only what it gives says that it is the backup that holds the store: for a moment the keeper does, too, when it trims.
    while std::fs::metadata(&file).map_or(0, |file| file.len()) == 0 {
        assert!(begun.elapsed() < PATIENCE, "the backup does not begin");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let anchor = store.journal().anchor();
    let refused = store.back_up("test", Stamp::default(), &mut |_, _| Ok(()));
    assert!(matches!(refused, Err(StoreError::BackupUnderWay)), "{refused:?}");
    let mut waited = Vec::new();
    let mut n = 0;
    while !made.is_finished() {
        let asked = Instant::now();
        create(&handle, &format!("while {n}")).await;
        waited.push(asked.elapsed());
        n += 1;
        let found = store.journal().anchor();
        // It may have ended in between, and then may be trimmed.
        if made.is_finished() {
            break;
        }
        assert_eq!(found, anchor, "the journal is trimmed");
    }
    made.await.expect("no panic").expect("it is whole");
    // Each of these waits for the disk, too, and for whatever else the machine does: so not the very longest counts.
    waited.sort();
    let most = waited[waited.len() * 99 / 100];
    println!(
        "{} were served meanwhile; of 100 one waited for {most:?} or longer",
        waited.len()
    );
    assert!(
        most < Duration::from_millis(50),
        "somebody waited: {:?}",
        &waited[waited.len() * 9 / 10..]
    );
    let until = Instant::now() + PATIENCE;
    while store.journal().anchor() == anchor {
        assert!(Instant::now() < until, "the journal is not trimmed any more");
        create(&handle, &format!("after {n}")).await;
        n += 1;
    }
    drop(store);
    end(handle, running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_after_the_backup_is_fenced_by_the_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&Location::Folder(folder.path().join("store"))).expect("a new store");
    let (handle, running) = begin(store.clone());
    let mut runner = Runner::check_in(&handle, 2).await;
    let before = create(&handle, "done before").await;
    let assignment = runner.assigned().await;
    runner.carry_out(&handle, &assignment).await;
    create(&handle, "held").await;
    let held = runner.assigned().await;
    let file = folder.path().join("backup");
    back_up(&store, &file, Duration::ZERO).expect("it is whole");
    runner.carry_out(&handle, &held).await;
    create(&handle, "created after").await;
    let after = runner.assigned().await;
    drop(store);
    end(handle, running).await;

    let restored = folder.path().join("restored");
    restore(&file, &restored);
    let wall = Stamp::from_millis(1_900_000_000_000);
    {
        let store = Store::open(&Location::Folder(restored.clone())).expect("a store");
        assert_eq!(fence_all(&store, wall).expect("fenced"), 1);
    }
    assert_whole(&restored);
    let store = Store::open(&Location::Folder(restored)).expect("a store");
    let (handle, running) = begin(store);
    for (name, work) in [("held", &held), ("created after", &after)] {
        let claim = Claim {
            runner: runner.id,
            attempt: work.attempt,
        };
        let report = Report {
            execution: work.execution,
            claim,
        };
        let told = handle
            .ask(Principal::Runner(runner.id), Command::Start(progress::Start(report)))
            .await;
        let fenced = matches!(
            told,
            Err(AskError::Rejected(Rejection::Fenced { .. } | Rejection::NotOpen(_)))
        );
        assert!(fenced, "{name}: {told:?}");
    }
    assert_eq!(
        finished(&handle, before).await.len(),
        1,
        "what was done before the backup is done"
    );
    let open = handle.turn(move |turn| turn.state().everywhere().execution(held.execution).cloned());
    let open = open.await.expect("it runs").expect("it is open again");
    assert_eq!(open.phase, Phase::Created { not_before: None });
    let mut runner = Runner::check_in(&handle, 1).await;
    let again = runner.assigned().await;
    assert_eq!(again.execution, open.id);
    assert!(again.attempt.0 > 1_900_000_000, "{:?}", again.attempt);
    runner.carry_out(&handle, &again).await;
    end(handle, running).await;
}
