use std::fs;
use std::io::Write as _;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, IntegrationId, Sequence};

use super::*;
use crate::backend::{Backend, Change, Direction, Tree};
use crate::history::HistoryEntry;
use crate::memory::MemoryBackend;
use crate::records::{Record, RecordChange, RecordKey};
use crate::verify::Told;
use crate::{Store, StoreError};

const BATCHES: u64 = 200;

fn entry(number: u64) -> HistoryEntry {
    HistoryEntry {
        integration: IntegrationId(u128::from(number % 7)),
        execution: ExecutionId((u128::from(number) << 80) | u128::from(number)),
        sequence: Sequence(number),
        bytes: vec![number as u8; 20 + (number as usize * 97) % 9_000],
    }
}

/// A store in which everything has been used, in bytes that mean nothing.
fn used(memory: &MemoryBackend) -> Store {
    let store = Store::on(Arc::new(memory.clone())).unwrap();
    store.recover().unwrap();
    for number in 1..=BATCHES {
        let sequence = Sequence(number);
        // No events: what they say does not matter here.
        store.append([(sequence, [].as_slice())]).unwrap();
        store.flush().unwrap();
        store.history().put(sequence, sequence, &[entry(number)]).unwrap();
        let record = Record {
            key: RecordKey {
                kind: 9,
                id: number.to_be_bytes().to_vec(),
            },
            stamp: sequence,
            bytes: vec![number as u8; (number as usize * 131) % 9_000],
        };
        store.records().write(sequence, &[RecordChange::Put(record)]).unwrap();
        let line = vec![number as u8; 50];
        store
            .log_lines()
            .append(entry(number).execution, &[line.clone(), line])
            .unwrap();
        if number == 100 {
            store.history().checkpoint().unwrap();
            store.flush().unwrap();
            store.trim(Sequence(70)).unwrap();
        }
    }
    store
}

fn file_of(store: &Store, folder: &Path) -> PathBuf {
    let path = folder.join("backup");
    let mut file = fs::File::create(&path).unwrap();
    let mut last = Copied::default();
    let copied = store
        .back_up("test", Stamp::from_millis(7), &mut |bytes, copied| {
            file.write_all(&bytes).unwrap();
            last = copied;
            Ok(())
        })
        .unwrap();
    assert_eq!(copied, last);
    assert_eq!(copied.bytes, fs::metadata(&path).unwrap().len());
    path
}

fn refused(bytes: &[u8], folder: &Path) -> StoreError {
    let path = folder.join("changed");
    fs::write(&path, bytes).unwrap();
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let restored = restore::restore_into(&path, &backend, &mut |_: Told| {});
    restored.expect_err("it is no whole backup")
}

#[test]
fn what_is_restored_is_what_was_backed_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = used(&MemoryBackend::new());
    let path = file_of(&store, folder.path());
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    // The records here are of no kind that a ledger has, so what is made is looked at in bytes.
    let made = restore::restore_into(&path, &backend, &mut |_: Told| {});
    assert!(matches!(made, Err(StoreError::Format { .. })), "{made:?}");
    let again = Store::on(backend).unwrap();
    assert_eq!(again.journal().replay(&mut |_| Ok(())).unwrap(), store.journal().head());
    assert_eq!(again.journal().anchor(), store.journal().anchor());
    assert_eq!(again.journal().anchor().sequence, Sequence(70));
    assert_eq!(again.records().tally(), store.records().tally());
    assert_eq!(again.history().total(), store.history().total());
    assert_eq!(again.history().total().count, BATCHES);
    again.history().recover(Sequence(70), Sequence(BATCHES)).unwrap();
    assert_eq!(again.history().verify().unwrap(), Some(store.history().total()));
    for number in 1..=BATCHES {
        let execution = entry(number).execution;
        let (after, before) = (again.log_lines().counts(execution), store.log_lines().counts(execution));
        assert_eq!(after.unwrap(), before.unwrap());
    }
    let mut records = Vec::new();
    again
        .records()
        .load(Sequence(BATCHES), &mut |view| {
            records.push((view.id.to_vec(), view.bytes.len()));
            Ok(())
        })
        .unwrap();
    assert_eq!(records.len() as u64, BATCHES);
}

#[test]
fn a_changed_a_cut_and_a_foreign_file_are_refused_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(file_of(&used(&MemoryBackend::new()), folder.path())).unwrap();
    let mut chance = fastrand::Rng::with_seed(5);
    for _ in 0..200 {
        let at = chance.usize(..whole.len());
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << chance.u8(..8);
        match refused(&flipped, folder.path()) {
            StoreError::BackupDamaged { at: told, .. } => assert!(told <= at as u64, "told at {told}, flipped at {at}"),
            StoreError::BackupForeign | StoreError::BackupFormat { .. } => assert!(at < 24, "flipped at {at}"),
            other => panic!("flipped at {at}: {other}"),
        }
        let cut = chance.usize(24..whole.len());
        match refused(&whole[..cut], folder.path()) {
            StoreError::BackupDamaged { at: told, what } => {
                assert_eq!((told, what.as_str()), (cut as u64, "it is cut off"))
            }
            other => panic!("cut at {cut}: {other}"),
        }
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(matches!(
        refused(&longer, folder.path()),
        StoreError::BackupDamaged { .. }
    ));
    for foreign in [b"".as_slice(), b"\x28\xb5\x2f\xfd", b"muster store, format 1\n"] {
        assert!(matches!(refused(foreign, folder.path()), StoreError::BackupForeign));
    }
    let newer = refused(b"muster backup, format 2\n", folder.path());
    assert!(matches!(newer, StoreError::BackupFormat { .. }), "{newer}");
}

#[test]
fn what_is_damaged_makes_no_backup() {
    for (tree, prefix) in [(Tree::Records, 1), (Tree::History, 2), (Tree::Journal, 1)] {
        let memory = MemoryBackend::new();
        let store = used(&memory);
        let mut last = None;
        let all = (Bound::Unbounded, Bound::Unbounded);
        let find = &mut |key: &[u8], _: &[u8]| {
            if key[0] == prefix {
                last = Some(key.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        };
        memory.scan(tree, all, Direction::Forward, find).unwrap();
        let key = last.unwrap();
        memory.write(tree, vec![Change::Remove { key }]).unwrap();
        let made = store.back_up("test", Stamp::default(), &mut |_, _| Ok(()));
        assert!(matches!(made, Err(StoreError::Damaged { .. })), "{tree:?}: {made:?}");
    }
}

#[test]
fn damaged_log_lines_are_left_out_and_nothing_else() {
    let memory = MemoryBackend::new();
    let store = used(&memory);
    let mut first = None;
    let all = (Bound::Unbounded, Bound::Unbounded);
    let find = &mut |key: &[u8], _: &[u8]| {
        first = Some(key.to_vec());
        Ok(ControlFlow::Break(()))
    };
    memory.scan(Tree::LogLines, all, Direction::Forward, find).unwrap();
    let key = first.unwrap();
    memory.write(Tree::LogLines, vec![Change::Remove { key }]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let checked = check(&file_of(&store, folder.path()), &mut |_| {}).unwrap();
    assert_eq!((checked.records, checked.finished), (BATCHES, BATCHES));
    let copied = store.back_up("test", Stamp::default(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((copied.log_lines, copied.left_out), (BATCHES - 1, 1));
}

#[test]
fn a_log_line_of_nobody_takes_no_others_out_of_a_backup() {
    let memory = MemoryBackend::new();
    let store = used(&memory);
    let stray = Change::Put {
        key: vec![0],
        value: vec![7],
    };
    memory.write(Tree::LogLines, vec![stray]).unwrap();
    let copied = store.back_up("test", Stamp::default(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((copied.log_lines, copied.left_out), (BATCHES, 0));
}
