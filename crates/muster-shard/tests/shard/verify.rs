//! What a verification finds in what a shard has left: nothing when nothing is wrong, and each thing that is.

use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_core::entity::Phase;
use muster_core::ledger::Entity;
use muster_core::time::Stamp;
use muster_core::words::{LogLevel, LogLine, LogSource};
use muster_store::backend::{Backend, Change, Direction, Tree};
use muster_store::sled::SledBackend;
use muster_store::verify::{Finding, Severity, Told, verify};
use muster_store::{EntityChange, Location, Store};
use tempfile::TempDir;

use crate::rig::{Runner, begin, create, end};

/// A store in which everything has been used.
async fn used(folder: &Path) {
    let store = Store::open(&Location::Folder(folder.to_owned())).expect("a new store");
    let (handle, running) = begin(store.clone());
    let mut runner = Runner::check_in(&handle, 1).await;
    for round in 0..30 {
        create(&handle, &format!("done {round}")).await;
        let assignment = runner.assigned().await;
        runner.carry_out(&handle, &assignment).await;
        let line = LogLine {
            at: Stamp::from_millis(round),
            source: LogSource::Connector,
            level: LogLevel::Info,
            message: "a word".repeat(1_000),
            attempt: None,
        };
        let appended = handle.append_log_lines(assignment.execution, vec![line; 3]).await;
        appended.expect("it runs");
        if round == 20 {
            // Long enough for records, and for a trimming.
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    }
    create(&handle, "held").await;
    runner.assigned().await;
    create(&handle, "waits").await;
    drop(store);
    end(handle, running).await;
}

fn findings(store: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    let verified = verify(store, &mut |told| {
        if let Told::Found(finding) = told {
            found.push(finding);
        }
    });
    verified.expect("it can be verified");
    found
}

/// A copy of a store, for one fault.
struct Copied(TempDir);

impl Copied {
    fn of(store: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let copied = Command::new("cp")
            .arg("-a")
            .args([store, &folder.path().join("store")])
            .status();
        assert!(copied.expect("there is a cp").success());
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }
}

/// The keys of a tree that begin like this, with their values.
fn entries(backend: &dyn Backend, tree: Tree, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    backend
        .scan(
            tree,
            (Bound::Unbounded, Bound::Unbounded),
            Direction::Forward,
            &mut |key, value| {
                if key.starts_with(prefix) {
                    found.push((key.to_vec(), value.to_vec()));
                }
                Ok(ControlFlow::Continue(()))
            },
        )
        .expect("read");
    found
}

type Fault = fn(&SledBackend, usize);

fn remove(backend: &SledBackend, tree: Tree, prefix: &[u8], nth: usize) {
    let mut found = entries(backend, tree, prefix);
    let (key, _) = found.swap_remove(nth % found.len());
    backend.write(tree, vec![Change::Remove { key }]).expect("written");
}

pub fn flip(backend: &dyn Backend, tree: Tree, prefix: &[u8], nth: usize) {
    let mut found = entries(backend, tree, prefix);
    let (key, mut value) = found.swap_remove(nth % found.len());
    let last = value.last_mut().expect("a value");
    *last ^= 1;
    backend.write(tree, vec![Change::Put { key, value }]).expect("written");
}

const JOURNAL: &[u8] = &[1];
const RECORD: &[u8] = &[1];
pub const ENTRY: &[u8] = &[2];
const SUM: &[u8] = &[3];
const HOUR: &[u8] = &[4];

/// Each fault, and what is told of it: its place, and a part of the sentence.
#[rustfmt::skip]
const FAULTS: &[(&str, Fault, &str, &str)] = &[
    ("a batch is gone", |b, n| remove(b, Tree::Journal, JOURNAL, n), "journal", "batch"),
    ("a batch is another", |b, n| flip(b, Tree::Journal, JOURNAL, n), "journal", "does not match its checksum"),
    ("a record is gone", |b, n| remove(b, Tree::Records, RECORD, n), "records", "were written"),
    ("a record is another", |b, n| flip(b, Tree::Records, RECORD, n), "records", "does not match its checksum"),
    ("the count of records is gone", |b, _| remove(b, Tree::Records, &[0], 0), "records", "was made"),
    ("an entry of history is gone", |b, n| remove(b, Tree::History, ENTRY, n), "history of integration", "is missing"),
    ("an entry of history is another", |b, n| flip(b, Tree::History, ENTRY, n), "history", "does not match its checksum"),
    ("an integration's tally is gone", |b, n| remove(b, Tree::History, SUM, n), "history", "executions"),
    ("an integration's hour is gone", |b, n| remove(b, Tree::History, HOUR, n), "history of integration", "executions"),
    ("history's mark is gone", |b, _| remove(b, Tree::History, &[1], 0), "history", "it is complete through batch 0"),
    ("log lines are others", |b, n| flip(b, Tree::LogLines, &[], n), "execution", "its log lines"),
    ("log lines are gone", |b, n| remove(b, Tree::LogLines, &[], n), "execution", "its log lines"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_found_in_its_place_and_a_whole_store_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    used(&store).await;
    assert_eq!(findings(&store), [], "a store that was just left is whole");
    assert_eq!(findings(&store), [], "looking at it has changed nothing");
    for (name, plant, place, what) in FAULTS {
        for nth in [0, 7, 1_000_003] {
            let copied = Copied::of(&store);
            {
                let backend = SledBackend::open(&copied.path()).expect("it is a store");
                plant(&backend, nth);
                backend.flush().expect("written");
            }
            let found = findings(&copied.path());
            let told = found
                .iter()
                .any(|one| one.severity == Severity::Damage && one.place.contains(place) && one.what.contains(what));
            assert!(told, "{name} ({nth}): {found:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_not_what_the_journal_made_of_it_is_found_though_all_checksums_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    used(&store).await;
    type Change = fn(&mut Entity) -> bool;
    let changes: [(&str, Change); 2] = [
        ("an execution forgets who holds it", |entity| match entity {
            Entity::Execution(execution) if execution.holder().is_some() => {
                execution.phase = Phase::Created { not_before: None };
                true
            }
            _ => false,
        }),
        ("an integration is another organization's", |entity| match entity {
            Entity::Integration(integration) => {
                integration.organization = muster_core::words::OrganizationId::new("other").expect("a name");
                true
            }
            _ => false,
        }),
    ];
    for (name, change) in changes {
        let copied = Copied::of(&store);
        {
            let store = Store::open(&Location::Folder(copied.path())).expect("it is a store");
            let recovered = store.recover().expect("it is whole");
            let mut put = Vec::new();
            for (key, _) in recovered.ledger.positions() {
                let (mut entity, stamp) = recovered.ledger.entity(&key).expect("it is there");
                if change(&mut entity) {
                    let entity = Box::new(entity);
                    put.push(EntityChange::Put { entity, stamp });
                }
            }
            assert!(!put.is_empty(), "{name}: nothing to change");
            store.write_entities(&put).expect("written");
            store.flush().expect("written");
        }
        let found = findings(&copied.path());
        let told = found.iter().any(|one| one.severity == Severity::Damage);
        assert!(told, "{name}: {found:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lacks_a_file_is_damaged_and_says_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store");
    used(&store).await;
    for file in ["FORMAT", "head", "engine/db"] {
        let copied = Copied::of(&store);
        fs::remove_file(copied.path().join(file)).expect("it was there");
        let found = findings(&copied.path());
        let [only] = found.as_slice() else {
            panic!("{file}: {found:?}")
        };
        assert!(only.place.ends_with(file), "{file}: {only:?}");
        assert!(
            only.remedy.contains("muster-coordinator restore FILE"),
            "{file}: {only:?}"
        );
        assert!(!copied.path().join("CREATING").exists(), "{file}: it was made anew");
    }
}

#[test]
fn where_there_is_no_store_none_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("store"), folder.path().to_owned()] {
        let refused = verify(&path, &mut |told| panic!("{told:?}"));
        let text = refused.err().expect("there is none").to_string();
        assert!(text.contains("there is no store in"), "{text}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
}
