//! `kill -9` at any moment keeps everything that was told.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use muster_core::entity::Finished;
use muster_core::words::Sequence;
use muster_store::{Location, Store};

use crate::{child, sample};

const ROUNDS: u64 = 12;

/// This test in a process of its own, working on `folder`.
pub(crate) fn child(folder: &Path) -> Command {
    child::command("kill::work_until_killed", folder)
}

/// What history does not hold yet: each batch stands for one end.
pub(crate) fn ended(store: &Store, head: Sequence) -> Vec<(Sequence, Finished)> {
    (store.history().absorbed().0 + 1..=head.0)
        .map(|ordinal| (Sequence(ordinal), sample::finished(ordinal, 5)))
        .collect()
}

#[test]
#[ignore = "the child of another test"]
fn work_until_killed() {
    let Some(folder) = child::folder() else { return };
    let store = Store::open(&Location::Folder(folder)).unwrap();
    let recovered = store.recover().unwrap();
    for next in recovered.head.0 + 1.. {
        let sequence = Sequence(next);
        store.append([(sequence, &sample::batch(next)[..])]).unwrap();
        store.flush().unwrap();
        println!("told {next}");
        std::io::stdout().flush().unwrap();
        let ended = ended(&store, sequence);
        store
            .put_finished(sequence, ended.iter().map(|(at, ended)| (*at, ended)))
            .unwrap();
        if next.is_multiple_of(7) {
            store.history().checkpoint().unwrap();
        }
    }
}

#[test]
fn everything_that_was_told_survives() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = 0;
    for round in 0..ROUNDS {
        let mut child = child(folder.path());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 1 + round * 7 % 40;
        for line in lines {
            // The test's own runner writes lines too; a last one may be cut off.
            if let Some(number) = line
                .unwrap()
                .strip_prefix("told ")
                .and_then(|number| number.parse().ok())
            {
                told = number;
                left = left.saturating_sub(1);
            }
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert_eq!(left, 0, "round {round}: the child has ended by itself");
        let store = Store::open(&Location::Folder(folder.path().to_owned())).unwrap();
        let recovered = store.recover().unwrap();
        assert!(
            recovered.head.0 >= told,
            "round {round}: batch {told} was told, the journal ends at {}",
            recovered.head
        );
        let ended = ended(&store, recovered.head);
        store
            .put_finished(recovered.head, ended.iter().map(|(at, ended)| (*at, ended)))
            .unwrap();
        let tally = store.history().verify().unwrap().expect("nothing is missing");
        assert_eq!(tally.count, recovered.head.0, "round {round}");
        if round % 3 == 2 {
            store.history().checkpoint().unwrap();
        }
    }
}
