//! A flipped bit in history, or in an audit log, is found in the background, and does not keep the shard from working.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::time::Duration;

use muster_core::audit::{Note, Outcome};
use muster_core::words::{OrganizationId, Principal};
use muster_shard::{Options, start};
use muster_store::backend::{Backend, Change, Direction, Tree};
use muster_store::sled::SledBackend;
use muster_store::{Location, Store};

use crate::rig::{PATIENCE, Runner, begin, create, end, finished, organization};

/// Flips a bit of the largest value in a tree: in history that is an execution, among audit logs an entry, whatever else is kept beside it.
fn flip(folder: &Path, tree: Tree) {
    let backend = SledBackend::open(folder).expect("it is a store");
    let mut largest: Option<(Vec<u8>, Vec<u8>)> = None;
    let all = (Bound::Unbounded, Bound::Unbounded);
    backend
        .scan(tree, all, Direction::Forward, &mut |key, value| {
            if largest.as_ref().is_none_or(|(_, most)| value.len() > most.len()) {
                largest = Some((key.to_vec(), value.to_vec()));
            }
            Ok(ControlFlow::Continue(()))
        })
        .expect("it is sound");
    let (key, mut value) = largest.expect("something is there");
    let middle = value.len() / 2;
    value[middle] ^= 1;
    backend.write(tree, vec![Change::Put { key, value }]).expect("written");
    backend.flush().expect("flushed");
}

/// A store in which an execution has ended, and history has it.
async fn fill(location: &Location) {
    let (handle, running) = begin(Store::open(location).expect("a new store"));
    let mut runner = Runner::check_in(&handle, 1).await;
    let done = create(&handle, "done").await;
    let assignment = runner.assigned().await;
    runner.carry_out(&handle, &assignment).await;
    assert_eq!(finished(&handle, done).await.len(), 1);
    end(handle, running).await;
}

fn options() -> Options {
    Options {
        verify_step_every: Duration::from_millis(5),
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_history_is_found_and_all_else_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("store");
    let location = Location::Folder(folder.clone());
    fill(&location).await;
    flip(&folder, Tree::History);
    let store = Store::open(&location).expect("it opens");
    let mut started = start(store, options()).expect("it starts");
    let found = started.history_damage.wait_for(Option::is_some);
    let found = tokio::time::timeout(PATIENCE, found)
        .await
        .expect("it is found in time");
    let damage = found.expect("the shard goes on").clone().expect("it was waited for");
    assert_eq!(damage.findings, 1);
    assert!(damage.what.contains("the store is damaged"), "{}", damage.what);
    assert!(damage.what.contains("restore"), "it names no way back: {}", damage.what);

    let handle = started.handle;
    create(&handle, "another").await;
    let mut runner = Runner::check_in(&handle, 1).await;
    let assignment = runner.assigned().await;
    runner.carry_out(&handle, &assignment).await;
    end(handle, started.running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_an_audit_log_is_found_and_other_logs_are_walked_through_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("store");
    let location = Location::Folder(folder.clone());
    let (handle, running) = begin(Store::open(&location).expect("a new store"));
    let note = |log: Option<OrganizationId>, resource: String| Note {
        log,
        method: "test".into(),
        peer: None,
        request: String::new(),
        resource,
        outcome: Outcome::Done,
        changes: Vec::new(),
    };
    // More than it walks through in a step, and the largest one among them.
    let leaving = handle.turn(move |turn| {
        for number in 0..450 {
            turn.note(&Principal::local(), note(None, format!("{number}")));
        }
        turn.note(&Principal::local(), note(None, "x".repeat(300)));
        turn.note(&Principal::local(), note(Some(organization()), "whole".to_owned()));
    });
    leaving.await.expect("it runs");
    handle.verify_audit(None).await.expect("it is whole");
    end(handle, running).await;

    flip(&folder, Tree::Audit);
    let mut started = start(Store::open(&location).expect("it opens"), options()).expect("it starts");
    let found = tokio::time::timeout(PATIENCE, started.audit_damage.wait_for(Option::is_some)).await;
    let damage = found.expect("it is found in time").expect("the shard goes on").clone();
    let damage = damage.expect("it was waited for");
    assert_eq!(damage.findings, 1);
    assert!(
        damage.what.contains("audit log of service") && damage.what.contains("entry 451"),
        "{}",
        damage.what
    );
    assert_eq!(*started.history_damage.borrow(), None, "that is another part");
    assert_eq!(started.handle.figures().await.expect("it runs").audit_findings.get(), 1);
    let handle = started.handle;
    handle.verify_audit(Some(organization())).await.expect("it is whole");
    create(&handle, "another").await;
    end(handle, started.running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_whole_is_gone_through_without_a_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Folder(folder.path().join("store"));
    fill(&location).await;
    let store = Store::open(&location).expect("it opens");
    let started = start(store.clone(), options()).expect("it starts");
    // Its size is known only when a pass has seen all of it.
    let gone_through = async {
        while store.history().bytes().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, gone_through).await;
    ended.expect("a pass ends in time");
    assert!(store.history().bytes() > Some(0));
    assert_eq!(*started.history_damage.borrow(), None);
    drop(store);
    end(started.handle, started.running).await;
}
