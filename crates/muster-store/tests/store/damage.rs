//! A flipped bit anywhere in a store's files: it serves everything that was told, or refuses clearly.

use std::fs;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use muster_core::words::Sequence;
use muster_store::{EntityChange, Location, Store, StoreError};

use crate::{disk, sample};

const FOLDER: &str = "MUSTER_STORE_DAMAGED_FOLDER";
const TRIALS: u64 = 100;
/// How long an opening may take; a healthy one takes milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

const BATCHES: u64 = 300;
const INTEGRATIONS: u64 = 7;

/// A store in which everything has been used: trimmed, checkpointed, with records and history, some of it behind the
/// last checkpoint.
fn fill(folder: &Path) {
    let store = Store::open(&Location::Folder(folder.to_owned())).unwrap();
    store.recover().unwrap();
    for next in 1..=BATCHES {
        let sequence = Sequence(next);
        store.append([(sequence, &sample::batch(next)[..])]).unwrap();
        store.flush().unwrap();
        store
            .put_finished(sequence, [(sequence, &sample::finished(next, INTEGRATIONS))])
            .unwrap();
        if next == 200 {
            store.history().checkpoint().unwrap();
            store.flush().unwrap();
            let put = |entity| EntityChange::Put {
                entity: Box::new(entity),
                stamp: sequence,
            };
            store
                .write_entities(&sample::entities().into_iter().map(put).collect::<Vec<_>>())
                .unwrap();
            store.flush().unwrap();
            store.trim(Sequence(150)).unwrap();
        }
    }
    store.flush().unwrap();
}

/// Reads everything that was told and compares.
fn check(folder: &Path) -> Result<(), StoreError> {
    let store = Store::open(&Location::Folder(folder.to_owned()))?;
    let recovered = store.recover()?;
    assert_eq!(recovered.head, Sequence(BATCHES));
    let mut next = 151;
    store.read_batches(Sequence(next), &mut |sequence, events| {
        assert_eq!((sequence, events), (Sequence(next), sample::batch(next)));
        next += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    assert_eq!(next, BATCHES + 1);
    assert_eq!(recovered.records, sample::entities().len() as u64);
    for entity in sample::entities() {
        let integrations = recovered
            .ledger
            .integrations()
            .cloned()
            .map(muster_core::ledger::Entity::Integration);
        let executions = recovered
            .ledger
            .executions()
            .cloned()
            .map(muster_core::ledger::Entity::Execution);
        let runners = recovered
            .ledger
            .runners()
            .cloned()
            .map(muster_core::ledger::Entity::Runner);
        let connectors = recovered
            .ledger
            .connectors()
            .cloned()
            .map(muster_core::ledger::Entity::Connector);
        let mut all = integrations.chain(executions).chain(runners).chain(connectors);
        assert!(all.any(|found| found == entity), "{entity:?} is lost");
    }
    let ended: Vec<_> = (store.history().marked().0 + 1..=BATCHES)
        .map(|ordinal| (Sequence(ordinal), sample::finished(ordinal, INTEGRATIONS)))
        .collect();
    store.put_finished(recovered.head, ended.iter().map(|(at, ended)| (*at, ended)))?;
    for number in 0..INTEGRATIONS {
        let found = store.finished_before(sample::integration(number), None, 1_000)?;
        let expected = (1..=BATCHES).rev().filter(|ordinal| ordinal % INTEGRATIONS == number);
        let expected: Vec<_> = expected
            .map(|ordinal| sample::finished(ordinal, INTEGRATIONS))
            .collect();
        assert_eq!(found, expected, "integration {number}");
    }
    let tally = store.history().verify()?;
    assert_eq!(tally.map(|tally| tally.count), Some(BATCHES));
    Ok(())
}

#[test]
#[ignore = "the child of another test"]
fn open_what_is_damaged() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    match check(Path::new(&folder)) {
        Ok(()) => println!("served"),
        Err(
            error @ (StoreError::Damaged { .. }
            | StoreError::Format { .. }
            | StoreError::Io { .. }
            | StoreError::Backend { .. }),
        ) => {
            println!("refused: {error}");
        }
        Err(error) => panic!("an error that does not say what is wrong: {error}"),
    }
}

fn files(folder: &Path, found: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let length = fs::metadata(&path).unwrap().len();
            found.push((path, length));
        }
    }
}

/// What a process of its own says, so that one that hangs or is aborted is a finding and no more.
fn outcome(folder: &Path) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "damage::open_what_is_damaged", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            return "hangs".to_owned();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("served") || line.starts_with("refused"));
    match line {
        Some(line) if status.success() => line.to_owned(),
        Some(_) | None => format!("{status}: {text}"),
    }
}

#[test]
fn a_flipped_bit_loses_nothing_silently() {
    let whole = tempfile::tempdir().unwrap();
    fill(whole.path());
    check(whole.path()).unwrap();
    let mut chance = fastrand::Rng::with_seed(20_261_124);
    let (mut served, mut refused) = (0, 0);
    for trial in 0..TRIALS {
        let damaged = tempfile::tempdir().unwrap();
        disk::copy(whole.path(), damaged.path());
        let mut all = Vec::new();
        files(damaged.path(), &mut all);
        all.retain(|(_, length)| *length > 0);
        all.sort();
        // Half of the flips are in the log, the others in any file: most of the bytes are the log's.
        let log = all.iter().position(|(path, _)| path.ends_with("engine/db")).unwrap();
        let (path, length) = &all[if trial.is_multiple_of(2) {
            log
        } else {
            chance.usize(..all.len())
        }];
        let mut bytes = fs::read(path).unwrap();
        // What was never written is zeros, and most of a new log.
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(*length, |last| last as u64 + 1);
        let bit = chance.u64(..used * 8);
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        fs::write(path, bytes).unwrap();
        let said = outcome(damaged.path());
        if said == "served" {
            served += 1;
        } else if said.starts_with("refused: ") {
            refused += 1;
        } else {
            panic!("trial {trial}, bit {bit} of {}: {said}", path.display());
        }
    }
    assert!(served > 0 && refused > 0, "{served} served, {refused} refused");
}
