//! Bytes as earlier versions have written them: see `tests/golden/README.md`.

use std::fmt::Write;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_core::ledger::Ledger;
use muster_core::words::Sequence;
use muster_store::backend::{Backend, Change, Direction, Tree};
use muster_store::memory::MemoryBackend;
use muster_store::{EntityChange, Store};

use crate::sample;

/// The file of today's format.
const TODAY: &str = "format-1.txt";
/// Set to write the file instead of comparing with it.
const BLESS: &str = "MUSTER_STORE_BLESS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A store with one of everything.
fn write(memory: &MemoryBackend) {
    let store = Store::on(Arc::new(memory.clone())).unwrap();
    store.recover().unwrap();
    store.append([(Sequence(1), &sample::events()[..])]).unwrap();
    store.append([(Sequence(2), &sample::batch(9)[..])]).unwrap();
    store.append([(Sequence(3), &sample::batch(10)[..])]).unwrap();
    store.flush().unwrap();
    let put = |entity| EntityChange::Put {
        entity: Box::new(entity),
        stamp: Sequence(2),
    };
    store
        .write_entities(&sample::entities().into_iter().map(put).collect::<Vec<_>>())
        .unwrap();
    let ended: Vec<_> = (1..=4).map(|ordinal| sample::finished(ordinal, 2)).collect();
    store
        .put_finished(Sequence(1), ended.iter().map(|ended| (Sequence(1), ended)))
        .unwrap();
    store.history().checkpoint().unwrap();
    store.flush().unwrap();
    store
        .append_log_lines(sample::execution(1), &sample::log_lines())
        .unwrap();
    store.carry_audit_through(Sequence(2)).unwrap();
}

/// One line for each key: tree, key, value.
fn dump(memory: &MemoryBackend) -> String {
    let mut text = String::new();
    for tree in Tree::ALL {
        let all = (Bound::Unbounded, Bound::Unbounded);
        memory
            .scan(tree, all, Direction::Forward, &mut |key, value| {
                writeln!(text, "{}: {} {}", tree.as_str(), hex(key), hex(value)).unwrap();
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|place| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap())
        .collect()
}

fn load(text: &str) -> MemoryBackend {
    let memory = MemoryBackend::new();
    for line in text.lines() {
        let (name, rest) = line.split_once(": ").unwrap();
        let (key, value) = rest.split_once(' ').unwrap();
        let tree = Tree::ALL.into_iter().find(|tree| tree.as_str() == name).unwrap();
        let change = Change::Put {
            key: unhex(key),
            value: unhex(value),
        };
        memory.write(tree, vec![change]).unwrap();
    }
    memory
}

#[test]
fn today_writes_the_bytes_of_its_format() {
    let memory = MemoryBackend::new();
    write(&memory);
    let today = dump(&memory);
    let path = folder().join(TODAY);
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &today).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    let differing = today
        .lines()
        .zip(golden.lines())
        .find(|(today, golden)| today != golden);
    assert_eq!(
        differing, None,
        "the bytes on disk have changed: see tests/golden/README.md"
    );
    assert_eq!(today.lines().count(), golden.lines().count());
}

#[test]
fn every_format_so_far_is_read() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let memory = load(&std::fs::read_to_string(&path).unwrap());
        let store = Store::on(Arc::new(memory)).unwrap();
        let recovered = store
            .recover()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(recovered.head, Sequence(3));
        if path.file_name().is_none_or(|name| name != TODAY) {
            continue;
        }

        let mut loaded = Ledger::default();
        for entity in sample::entities() {
            loaded.load(entity, Sequence(2));
        }
        for integration in loaded.integrations() {
            assert_eq!(recovered.ledger.integration(integration.id), Some(integration));
        }
        for execution in loaded.executions() {
            assert_eq!(recovered.ledger.execution(execution.id), Some(execution));
        }
        for person in loaded.people() {
            assert_eq!(recovered.ledger.person(person.id), Some(person));
        }
        for token in loaded.tokens() {
            assert_eq!(recovered.ledger.token(token.id), Some(token));
        }
        for runner in loaded.runners() {
            assert_eq!(recovered.ledger.runner(runner.id), Some(runner));
        }
        for connector in loaded.connectors() {
            assert_eq!(recovered.ledger.connector(&connector.key), Some(connector));
        }
        let mut batches = Vec::new();
        store
            .read_batches(Sequence(1), &mut |_, events| {
                batches.push(events);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!(batches, [sample::events(), sample::batch(9), sample::batch(10)]);
        for ordinal in 1..=4 {
            let finished = sample::finished(ordinal, 2);
            assert_eq!(
                store.finished(finished.integration, finished.id).unwrap(),
                Some(finished)
            );
        }
        let logs: Vec<_> = store
            .audit()
            .chains()
            .into_iter()
            .map(|(_, chain)| chain.last)
            .collect();
        assert_eq!(logs, [2, 1]);
        for (log, _) in store.audit().chains() {
            store.audit().verify(&log, &mut |_| Ok(())).unwrap();
        }
        assert_eq!(
            store.read_log_lines(sample::execution(1), 0, 10).unwrap(),
            sample::log_lines()
        );
    }
}
