//! The folder of a store: who may open it, and what stands in it.

use std::fs;
use std::path::Path;

use muster_core::words::Sequence;
use muster_store::{Location, Store, StoreError};

use crate::sample;

fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(&Location::Folder(folder.to_owned()))
}

/// A store of one batch.
fn filled(folder: &Path) {
    let store = open(folder).unwrap();
    store.recover().unwrap();
    store.append([(Sequence(1), &sample::batch(1)[..])]).unwrap();
    store.flush().unwrap();
}

#[test]
fn a_second_opener_is_refused_and_told_who_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let error = open(folder.path()).err().expect("two openers");
    assert!(matches!(error, StoreError::Locked { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&format!("in use by process {}", std::process::id())),
        "{text}"
    );
    drop(first);
    open(folder.path()).unwrap();
}

#[test]
fn a_strangers_folder_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let error = open(folder.path()).err().expect("not ours");
    assert!(matches!(error, StoreError::NotOurs { .. }), "{error}");
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["thesis.txt"]);
}

#[test]
fn an_unknown_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    for (text, shown) in [
        ("muster store, format 2\n", "format `2`"),
        ("\u{1b}[2J", r"format `\u{1b}[2J`"),
        ("", "format ``"),
    ] {
        fs::write(folder.path().join("FORMAT"), text).unwrap();
        let error = open(folder.path()).err().expect("unknown");
        assert!(matches!(error, StoreError::Format { .. }), "{error}");
        assert!(error.to_string().contains(shown), "{error}");
    }
}

#[test]
fn an_unfinished_snapshot_is_set_aside_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    for round in 1..=2 {
        let left = folder.path().join("engine/snap.00000000000012AB.generating");
        fs::write(&left, [7; 100]).unwrap();
        let recovered = open(folder.path()).unwrap().recover().unwrap();
        assert_eq!(recovered.head, Sequence(1));
        assert!(!left.exists());
        let kept = fs::read_dir(folder.path().join("set-aside")).unwrap().count();
        assert_eq!(kept, round);
    }
}

#[test]
fn a_start_that_was_stopped_while_it_made_the_store_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    // As it is before the last step: not a store yet.
    fs::remove_file(folder.path().join("FORMAT")).unwrap();
    fs::write(folder.path().join("CREATING"), "").unwrap();
    fs::write(folder.path().join("engine/conf"), "torn").unwrap();
    assert_eq!(open(folder.path()).unwrap().recover().unwrap().head, Sequence(0));
    // And after the last step but one: it is one.
    filled(folder.path());
    fs::write(folder.path().join("CREATING"), "").unwrap();
    assert_eq!(open(folder.path()).unwrap().recover().unwrap().head, Sequence(1));
    assert!(!folder.path().join("CREATING").exists());
}

#[test]
fn an_engine_that_has_lost_its_latest_writes_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let (engine, before) = (folder.path().join("engine"), folder.path().join("before"));
    copy(&engine, &before);
    let store = open(folder.path()).unwrap();
    store.recover().unwrap();
    store.append([(Sequence(2), &sample::batch(2)[..])]).unwrap();
    store.flush().unwrap();
    drop(store);
    fs::remove_dir_all(&engine).unwrap();
    fs::rename(&before, &engine).unwrap();
    let error = open(folder.path()).unwrap().recover().expect_err("lost");
    assert!(
        error.to_string().contains("ends at batch 1, and batch 2 was flushed"),
        "{error}"
    );
}

#[test]
fn a_lost_file_of_the_engine_is_damage_and_not_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    fs::remove_file(folder.path().join("engine/db")).unwrap();
    let error = open(folder.path()).err().expect("lost");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

/// sled never syncs the files that it makes of large pages.
#[test]
fn no_value_becomes_a_file_of_its_own_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.recover().unwrap();
    for sequence in 1..=150_u64 {
        let size = [100, 5_000, 60_000, 400_000][sequence as usize % 4];
        store
            .journal()
            .append(&[(Sequence(sequence), vec![sequence as u8; size])])
            .unwrap();
        let ended: Vec<_> = (0..50)
            .map(|ordinal| sample::finished(sequence * 50 + ordinal, 40))
            .collect();
        store.flush().unwrap();
        let ended = ended.iter().map(|ended| (Sequence(sequence), ended));
        store.put_finished(Sequence(sequence), ended).unwrap();
        let mut lines = sample::log_lines();
        lines[0].message = "x".repeat(8_000);
        store
            .append_log_lines(sample::execution(sequence % 10), &lines)
            .unwrap();
        if sequence.is_multiple_of(20) {
            store.history().checkpoint().unwrap();
            store.flush().unwrap();
            store.trim(Sequence(sequence - 5)).unwrap();
        }
        assert_eq!(
            fs::read_dir(folder.path().join("engine/blobs")).unwrap().count(),
            0,
            "batch {sequence}"
        );
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
