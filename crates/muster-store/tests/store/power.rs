//! A power cut at any moment, also while the store is opened, keeps everything that was told: what was not synced may be gone.
//!
//! A process that works is recorded by strace, call by call; then each cut is made on paper, and a store is opened on what it has left.

mod cut;
mod recording;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_core::words::Sequence;
use muster_store::{Location, Store, StoreError};

use self::recording::{Call, Time, What};
use crate::child::{self, outcome};
use crate::damage::files;
use crate::disk;

/// How many cuts are made, unless `MUSTER_POWER_CUTS` says otherwise.
const CUTS: u64 = 60;

/// What the recorded process tells before it is killed.
const TOLD: usize = 60;

/// How long an opening may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that has worked on a store, and its store before it did.
struct Recorded {
    base: tempfile::TempDir,
    place: PathBuf,
    calls: Vec<Call>,
    /// What was told, and when.
    told: Vec<(Time, u64)>,
    /// When the recording ends.
    end: Time,
}

/// Records a process that works on a store until it has told enough; `None` where there is no strace, or nobody may look at another process.
fn record() -> Option<Recorded> {
    let (base, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    work(&mut crate::kill::child(store.path()), TOLD / 2);
    disk::copy(store.path(), base.path());
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = recording::recorded(&crate::kill::child(store.path()), log.path());
    work(&mut command, TOLD)?;
    let text = fs::read_to_string(log.path()).unwrap();
    let calls = recording::read(&text);
    let place = store.path().canonicalize().unwrap();
    let told: Vec<(Time, u64)> = calls
        .iter()
        .filter_map(|call| match &call.what {
            What::Say(line) => Some((call.begin, told_in(line)?)),
            _ => None,
        })
        .collect();
    assert!(told.len() >= TOLD, "the recording lacks what was told");
    Some(Recorded {
        base,
        place,
        calls,
        told,
        end: text.lines().count(),
    })
}

/// Runs it until it has told so much, and kills it; `None` when it ends by itself before.
fn work(command: &mut Command, enough: usize) -> Option<()> {
    let mut working = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let lines = BufReader::new(working.stdout.take().unwrap()).lines();
    let told = lines.map_while(Result::ok).filter(|line| told_in(line).is_some());
    let has_told = told.take(enough).count();
    working.kill().unwrap();
    working.wait().unwrap();
    // strace writes on until it has seen the end.
    std::thread::sleep(Duration::from_millis(300));
    (has_told == enough).then_some(())
}

fn told_in(line: &str) -> Option<u64> {
    line.strip_prefix("told ")?.trim().parse().ok()
}

/// How many stores served all that was told, were refused, and had lost something, after so many cuts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    whole: u64,
    refused: u64,
    lost: u64,
}

fn cut(recorded: &Recorded, cuts: u64, counts: impl Fn(bool, &Path) -> bool, chance: &mut fastrand::Rng) -> Found {
    let mut found = Found::default();
    for number in 0..cuts {
        let at = chance.usize(1..recorded.end);
        let told = recorded
            .told
            .iter()
            .take_while(|(when, _)| *when < at)
            .map(|(_, told)| *told)
            .last();
        let left = tempfile::tempdir().unwrap();
        let base = (recorded.base.path(), recorded.place.as_path());
        cut::rebuild(&recorded.calls, base, at, &counts, chance, left.path());
        let said = outcome("power::open_what_is_left", left.path(), LIMIT);
        let head = said.strip_prefix("served ").and_then(|head| head.parse::<u64>().ok());
        match (head, told) {
            (Some(head), told) if head >= told.unwrap_or(0) => found.whole += 1,
            (Some(head), told) => {
                println!("cut {number} at {at}: {told:?} was told, and {head} is there");
                found.lost += 1;
            }
            (None, told) => {
                println!("cut {number} at {at}, {told:?} told: {said}");
                found.refused += 1;
            }
        }
    }
    found
}

#[test]
#[ignore = "the child of another test"]
fn open_what_is_left() {
    let Some(folder) = child::folder() else { return };
    match head_of(&folder) {
        Ok(head) => println!("served {head}"),
        Err(error) => println!("refused: {error}"),
    }
}

fn head_of(folder: &Path) -> Result<Sequence, StoreError> {
    let store = Store::open(&Location::Folder(folder.to_owned()))?;
    let recovered = store.recover()?;
    let ended = crate::kill::ended(&store, recovered.head);
    store.put_finished(recovered.head, ended.iter().map(|(at, ended)| (*at, ended)))?;
    let tally = store.history().verify()?;
    assert_eq!(tally.map(|tally| tally.count), Some(recovered.head.0));
    Ok(recovered.head)
}

#[test]
fn a_power_cut_at_any_moment_keeps_what_was_told() {
    let Some(recorded) = record() else {
        println!("NOT RUN: there is no strace, or it may not look at other processes");
        return;
    };
    let cuts = child::number("MUSTER_POWER_CUTS").unwrap_or(CUTS);
    let seed = child::number("MUSTER_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!(
        "{} calls; the cuts are those of MUSTER_SEED={seed}",
        recorded.calls.len()
    );
    let mut chance = fastrand::Rng::with_seed(seed);
    let found = cut(&recorded, cuts, |_, _| true, &mut chance);
    println!("{found:?}");
    let whole = Found {
        whole: cuts,
        ..Found::default()
    };
    assert_eq!(found, whole);

    // And without the sync of our own that follows what sled calls a flush: if nothing were lost then, this would show nothing.
    let log = recorded.place.join("engine/db");
    let found = cut(
        &recorded,
        cuts.div_ceil(3),
        |data_only, file| !(data_only && file == log),
        &mut chance,
    );
    println!("without the sync of our own: {found:?}");
    assert!(found.lost + found.refused > 0, "{found:?}");
}
