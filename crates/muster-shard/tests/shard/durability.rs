//! What was told survives, and what was not durable was not told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use muster_core::words::Sequence;
use muster_store::backend::{Backend, Change, Direction, KeyRange, Note, Tree, Visit};
use muster_store::memory::MemoryBackend;
use muster_store::{Location, Store, StoreError};

use crate::rig::{PATIENCE, Runner, begin, create, end, finished, try_create};

/// An engine whose power can be cut: from then on nothing reaches it.
#[derive(Default)]
struct Cuttable {
    disk: MemoryBackend,
    power_off: AtomicBool,
}

impl Cuttable {
    fn powered(&self) -> Result<(), StoreError> {
        if self.power_off.load(Ordering::Acquire) {
            return Err(StoreError::Backend {
                action: "write".into(),
                message: "no power".into(),
            });
        }
        Ok(())
    }
}

impl Backend for Cuttable {
    fn write(&self, tree: Tree, changes: Vec<Change>) -> Result<(), StoreError> {
        self.powered()?;
        self.disk.write(tree, changes)
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.get(tree, key)
    }

    fn scan(
        &self,
        tree: Tree,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        self.disk.scan(tree, range, direction, visit)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.powered()?;
        self.disk.flush()
    }

    fn keep_note(&self, note: &Note) -> Result<(), StoreError> {
        self.powered()?;
        self.disk.keep_note(note)
    }

    fn note(&self) -> Result<Option<Note>, StoreError> {
        self.disk.note()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_answered_survives_a_power_cut_at_any_moment() {
    for round in 0..20 {
        // Somewhere in the middle of what four callers have going on.
        let cut_after = 3 + 7 * round;
        let answers = Arc::new(AtomicUsize::new(0));
        let backend = Arc::new(Cuttable::default());
        let (handle, running) = begin(Store::on(backend.clone()).expect("a new store"));
        let mut creating = tokio::task::JoinSet::new();
        for caller in 0..4 {
            let (handle, backend, answers) = (handle.clone(), Arc::clone(&backend), Arc::clone(&answers));
            creating.spawn(async move {
                let mut answered = Vec::new();
                for n in 0.. {
                    let Some(id) = try_create(&handle, &format!("{caller} {n}")).await else {
                        break;
                    };
                    answered.push(id);
                    if answers.fetch_add(1, Ordering::AcqRel) == cut_after {
                        backend.power_off.store(true, Ordering::Release);
                    }
                }
                answered
            });
        }
        let mut counting = tokio::task::JoinSet::new();
        counting.spawn(async move {
            let mut told = 0;
            while let Ok(figures) = handle.figures().await {
                told = figures.created.get();
            }
            told
        });
        let answered = creating.join_all().await.concat();
        let told: u64 = counting.join_all().await.into_iter().sum();
        let ended = tokio::task::spawn_blocking(move || running.join())
            .await
            .expect("no panic");
        assert!(ended.is_err(), "a shard whose store fails says so");
        backend.disk.lose_unflushed();
        let (handle, running) = begin(Store::on(Arc::new(backend.disk.clone())).expect("it was a store"));
        assert!(answered.len() > cut_after, "something was answered before the cut");
        let missing = handle
            .turn(move |turn| {
                answered
                    .into_iter()
                    .filter(|id| turn.state().everywhere().integration(*id).is_none())
                    .count()
            })
            .await
            .expect("it runs");
        assert_eq!(missing, 0, "round {round}");
        let created = handle.turn(|turn| turn.state().everywhere().executions().count()).await;
        let created = created.expect("it runs") as u64;
        assert!(
            created >= told,
            "round {round}: {told} were counted, and {created} are there"
        );
        end(handle, running).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_written_behind_the_journal_is_trimmed_and_a_restart_finds_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Folder(folder.path().join("store"));
    let store = Store::open(&location).expect("a new store");
    let (handle, running) = begin(store.clone());
    let mut runner = Runner::check_in(&handle, 1).await;
    let done = create(&handle, "done").await;
    let assignment = runner.assigned().await;
    let waits = create(&handle, "waits").await;
    runner.carry_out(&handle, &assignment).await;
    // Something goes on, so that the newest batch, which always stays, is not the only one.
    let trimmed = tokio::time::timeout(PATIENCE, async {
        let mut n = 0;
        while store.journal().anchor().sequence < Sequence(5) {
            n += 1;
            create(&handle, &format!("more {n}")).await;
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    trimmed
        .await
        .unwrap_or_else(|_| panic!("not trimmed: {:?}", store.journal().anchor()));
    let before = handle
        .turn(|turn| turn.state().everywhere().clone())
        .await
        .expect("it runs");
    drop(store);
    end(handle, running).await;

    let (handle, running) = begin(Store::open(&location).expect("it is a store"));
    let after = handle
        .turn(|turn| turn.state().everywhere().clone())
        .await
        .expect("it runs");
    let ids = |ledger: &muster_core::ledger::Ledger| {
        let integrations: Vec<_> = ledger.integrations().cloned().collect();
        let executions: Vec<_> = ledger.executions().cloned().collect();
        (integrations, executions)
    };
    assert_eq!(ids(&after), ids(&before));
    assert_eq!(finished(&handle, done).await.len(), 1);
    assert_eq!(finished(&handle, waits).await.len(), 0);
    end(handle, running).await;
}
