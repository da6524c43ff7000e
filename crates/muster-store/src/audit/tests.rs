use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use muster_core::audit::{FieldChange, Note, Outcome};
use muster_core::words::Principal;

use super::*;
use crate::memory::MemoryBackend;
use crate::verify::Told;
use crate::{Location, Store};

fn logs() -> [Log; 3] {
    [None, Some("acme".parse().unwrap()), Some("umbrella".parse().unwrap())]
}

fn at(hours: u64) -> Stamp {
    Stamp::from_millis(1_732_000_000_000).after(Duration::from_secs(hours * 3_600))
}

fn recorded(log: &Log, hours: u64, chance: &mut fastrand::Rng) -> Recorded {
    let note = Note {
        log: log.clone(),
        method: "muster.v1.IntegrationService/UpdateIntegration".into(),
        peer: chance.bool().then(|| [192, 0, 2, 1].into()),
        request: String::new(),
        resource: format!("organizations/acme/integrations/{}", chance.u32(..)),
        outcome: match chance.u8(0..3) {
            0 => Outcome::Done,
            1 => Outcome::Refused {
                reason: "PERMISSION_DENIED".into(),
                message: "no".repeat(chance.usize(0..3_000)),
            },
            _ => Outcome::MoreRefused { count: chance.u64(..) },
        },
        changes: (0..chance.usize(0..4))
            .map(|ordinal| FieldChange {
                field: format!("field {ordinal}"),
                before: chance.bool().then(String::new),
                after: Some("x".repeat(chance.usize(0..300))),
            })
            .collect(),
    };
    Recorded {
        at: at(hours),
        by: Principal::local(),
        event: Event::Audited(Box::new(note)),
    }
}

/// Another event, as most are.
fn other(hours: u64) -> Recorded {
    Recorded {
        at: at(hours),
        by: Principal::Coordinator,
        event: Event::ThresholdLeft {
            integration: muster_core::words::IntegrationId(1),
        },
    }
}

fn open(backend: &Arc<dyn Backend>) -> Store {
    let store = Store::on(Arc::clone(backend)).unwrap();
    store.recover().unwrap();
    store
}

fn verify_all(store: &Store) {
    for (log, chain) in store.audit().chains() {
        let verified = store.audit().verify(&log, &mut |_| Ok(())).unwrap();
        assert_eq!(verified, chain, "{log:?}");
    }
}

/// Whatever is done in whatever order: each log has its notes, numbered without gaps, in one chain.
fn life(backend: Arc<dyn Backend>, seed: u64, steps: usize) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut store = open(&backend);
    let mut wanted: BTreeMap<Log, Vec<Recorded>> = BTreeMap::new();
    let mut known: Vec<(Log, u64, Hash)> = Vec::new();
    let (mut sequence, mut hours, mut kept_from) = (Sequence(0), 0, 0);
    for _ in 0..steps {
        match chance.u8(0..12) {
            0..=5 => {
                sequence = sequence.next();
                hours += chance.u64(0..3);
                let mut events = vec![other(hours)];
                for _ in 0..chance.usize(0..4) {
                    let log = chance.choice(logs()).unwrap();
                    let event = recorded(&log, hours, &mut chance);
                    wanted.entry(log).or_default().push(event.clone());
                    events.push(event);
                }
                store.append([(sequence, events.as_slice())]).unwrap();
                store.flush().unwrap();
            }
            6 => drop(store.carry_audit().unwrap()),
            7 => {
                store.put_finished(sequence, []).unwrap();
                store.history().checkpoint().unwrap();
                store.flush().unwrap();
                store.trim(Sequence(chance.u64(0..=sequence.0))).unwrap();
            }
            8 => {
                kept_from = kept_from.max(hours.saturating_sub(chance.u64(10..40)));
                for log in logs() {
                    while store.prune_audit(&log, at(kept_from)).unwrap() > 0 {}
                }
            }
            9 => {
                let (log, chain) = (chance.choice(logs()).unwrap(), store.audit());
                known.extend(chain.chain(&log).map(|chain| (log, chain.last, chain.hash)));
            }
            _ => {
                drop(store);
                store = open(&backend);
            }
        }
    }
    store.carry_audit_through(sequence).unwrap();
    drop(store);
    let store = open(&backend);
    verify_all(&store);
    for log in logs() {
        let wanted = wanted.remove(&log).unwrap_or_default();
        let Some(chain) = store.audit().chain(&log) else {
            assert_eq!(wanted, [], "{log:?}");
            continue;
        };
        assert_eq!(chain.last, wanted.len() as u64, "{log:?}");
        let first = usize::try_from(chain.first - 1).unwrap();
        let entries = store.audit().read(&log, 0, usize::MAX).unwrap();
        assert_eq!(entries.len(), wanted.len() - first);
        for (entry, wanted) in entries.iter().zip(&wanted[first..]) {
            assert_eq!((entry.at, &entry.by), (wanted.at, &wanted.by));
            assert_eq!(wanted.event, Event::Audited(Box::new(entry.note.clone())));
        }
        let kept_or_older = wanted[..first].iter().all(|one| one.at < at(kept_from));
        assert!(kept_or_older, "something young was removed");
        let newest_first = store.audit().read_before(&log, None, usize::MAX).unwrap();
        assert!(newest_first.iter().rev().eq(&entries));
        for (of, number, hash) in known.iter().filter(|(of, ..)| *of == log) {
            let now = entries.iter().find(|entry| entry.number == *number);
            assert!(
                now.is_none_or(|entry| entry.hash == *hash),
                "{of:?} {number} has another hash than was told"
            );
        }
    }
    if let Some(anchor) = Some(store.journal().anchor().sequence) {
        assert!(store.audit().marked() >= anchor);
    }
}

#[test]
fn a_log_is_dense_and_whole_whatever_happens() {
    for seed in 0..60 {
        life(Arc::new(MemoryBackend::new()), seed, 200);
    }
    let folder = tempfile::tempdir().unwrap();
    life(Arc::new(crate::sled::SledBackend::open(folder.path()).unwrap()), 7, 60);
}

/// A store with a log of 30 entries, all carried.
fn filled(backend: &Arc<dyn Backend>) -> Store {
    let store = open(backend);
    let mut chance = fastrand::Rng::with_seed(1);
    for number in 1..=30 {
        let event = recorded(&logs()[1], number, &mut chance);
        store.append([(Sequence(number), [event].as_slice())]).unwrap();
        store.flush().unwrap();
    }
    store.carry_audit_through(Sequence(30)).unwrap();
    store.flush().unwrap();
    store
}

fn damage_of(backend: &Arc<dyn Backend>) -> Vec<String> {
    try_damage_of(backend).unwrap()
}

fn try_damage_of(backend: &Arc<dyn Backend>) -> Result<Vec<String>, StoreError> {
    let store = open(backend);
    store.put_finished(Sequence(30), []).unwrap();
    let mut found = Vec::new();
    let mut compare = |_: Vec<_>| Ok(Vec::new());
    store.verify_served(&mut compare, &mut |told| {
        if let Told::Found(finding) = told {
            found.push(format!("{}: {}", finding.place, finding.what));
        }
        Ok(())
    })?;
    Ok(found)
}

/// What somebody may do to the log who can write into the store's files and makes every checksum right.
#[test]
fn whatever_is_removed_changed_or_moved_is_found() {
    type Tamper = fn(&dyn Backend, &Log, Vec<Entry>);
    fn write(backend: &dyn Backend, entry: &Entry) {
        let mut changes = Vec::new();
        put_entry(entry, &mut changes).unwrap();
        backend.write(Tree::Audit, changes).unwrap();
    }
    let tampers: [(&str, Tamper, &str); 5] = [
        (
            "an entry is removed",
            |backend, log, entries| {
                let mut changes = Vec::new();
                value::remove(&entry_key(log, 12), codec::encode(&entries[11]).len(), 0, &mut changes);
                backend.write(Tree::Audit, changes).unwrap();
            },
            "entry 12 is missing",
        ),
        (
            "an entry is changed",
            |backend, _, mut entries| {
                entries[11].by = Principal::Coordinator;
                write(backend, &entries[11]);
            },
            "entry 12 is not what its hash was made of",
        ),
        (
            "an entry is changed, and its hash made anew",
            |backend, _, mut entries| {
                entries[11].by = Principal::Coordinator;
                entries[11].hash = hash(&entries[11]);
                write(backend, &entries[11]);
            },
            "entry 13 does not follow",
        ),
        (
            "two are put in another order",
            |backend, _, mut entries| {
                entries.swap(11, 12);
                for number in [12, 13] {
                    entries[number - 1].number = number as u64;
                    write(backend, &entries[number - 1]);
                }
            },
            "entry 12 does not follow",
        ),
        (
            "the last one is cut off",
            |backend, log, entries| {
                let mut changes = Vec::new();
                value::remove(&entry_key(log, 30), codec::encode(&entries[29]).len(), 0, &mut changes);
                backend.write(Tree::Audit, changes).unwrap();
            },
            "entry 30 is missing",
        ),
    ];
    for (what, tamper, expected) in tampers {
        let memory: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
        let store = filled(&memory);
        assert_eq!(damage_of(&memory), [""; 0], "{what}");
        let log = logs()[1].clone();
        let entries = store.audit().read(&log, 1, 100).unwrap();
        tamper(&*memory, &log, entries);
        let found = damage_of(&memory);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{what}: {found:?} instead of {expected}"
        );
    }
}

#[test]
fn every_flipped_bit_of_an_entry_and_of_the_ends_is_found() {
    let memory = MemoryBackend::new();
    let backend: Arc<dyn Backend> = Arc::new(memory.clone());
    drop(filled(&backend));
    let mut values = Vec::new();
    let all = (Bound::Unbounded, Bound::Unbounded);
    memory
        .scan(Tree::Audit, all, Direction::Forward, &mut |key, value| {
            values.push((key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    let mut chance = fastrand::Rng::with_seed(3);
    for (key, value) in values {
        for _ in 0..20 {
            let mut flipped = value.clone();
            let bit = chance.usize(0..flipped.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            let put = |value: Vec<u8>| {
                let key = key.clone();
                memory.write(Tree::Audit, vec![Change::Put { key, value }]).unwrap();
            };
            put(flipped);
            // It is refused at once, or found when it is looked at.
            let is_found = match Store::on(Arc::clone(&backend)) {
                Err(_) => true,
                Ok(store) => {
                    store.recover().is_err() || try_damage_of(&backend).map_or(true, |found| !found.is_empty())
                }
            };
            assert!(is_found, "bit {bit} of {key:?}");
            put(value.clone());
        }
    }
}

/// The store's own verification, when nobody serves it, also compares with the journal.
#[test]
fn a_note_of_the_journal_that_is_in_no_log_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let findings = |folder: &Path| {
        let mut found = Vec::new();
        crate::verify::verify(folder, &mut |told| {
            if let Told::Found(finding) = told {
                found.push(format!("{}: {}", finding.place, finding.what));
            }
        })
        .unwrap();
        found
    };
    {
        let backend: Arc<dyn Backend> = Arc::new(crate::sled::SledBackend::open(folder.path()).unwrap());
        drop(filled(&backend));
    }
    assert_eq!(findings(folder.path()), [""; 0]);
    let log = logs()[1].clone();
    {
        let backend: Arc<dyn Backend> = Arc::new(crate::sled::SledBackend::open(folder.path()).unwrap());
        let store = open(&backend);
        let entries = store.audit().read(&log, 29, 2).unwrap();
        let mut chain = store.audit().chain(&log).unwrap();
        // Somebody who knows how it is made takes the last entry away, and says that the one before is the last.
        (chain.last, chain.hash) = (29, entries[0].hash);
        let mut changes = Vec::new();
        value::remove(&entry_key(&log, 30), codec::encode(&entries[1]).len(), 0, &mut changes);
        put_chain(&log, &chain, &mut changes);
        backend.write(Tree::Audit, changes).unwrap();
        backend.flush().unwrap();
    }
    let found = findings(folder.path());
    assert!(
        found.len() == 1 && found[0].contains("batch 30 of the journal has a call that is not in it"),
        "{found:?}"
    );
}

#[test]
fn a_backup_has_the_logs_and_what_is_carried_later_follows_them() {
    let memory: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let store = filled(&memory);
    let mut chance = fastrand::Rng::with_seed(9);
    while store.prune_audit(&logs()[1], at(11)).unwrap() > 0 {}
    store.put_finished(Sequence(30), []).unwrap();
    store.history().checkpoint().unwrap();
    store.flush().unwrap();
    store.trim(Sequence(25)).unwrap();
    // Two more that are not carried when it is made.
    for number in [31, 32] {
        let event = recorded(&logs()[1], number, &mut chance);
        store.append([(Sequence(number), [event].as_slice())]).unwrap();
    }
    store.flush().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, restored) = (folder.path().join("backup"), folder.path().join("data"));
    let mut made = fs::File::create(&file).unwrap();
    let copied = store
        .back_up("test", at(0), &mut |bytes, _| {
            made.write_all(&bytes).unwrap();
            Ok(())
        })
        .unwrap();
    assert_eq!(copied.audit_entries, 20, "all that are kept");
    crate::backup::restore(&file, &restored, &mut |_| {}).unwrap();
    let again = Store::open(&Location::Folder(restored)).unwrap();
    again.recover().unwrap();
    for store in [&store, &again] {
        store.carry_audit_through(Sequence(32)).unwrap();
        verify_all(store);
    }
    assert_eq!(store.audit().chains(), again.audit().chains());
    let log = &logs()[1];
    let read = |store: &Store| store.audit().read(log, 1, 100).unwrap();
    assert_eq!(read(&store), read(&again));
    assert_eq!(read(&again).len(), 22);
}

#[test]
fn the_ends_of_a_log_stay_when_its_entries_have_gone() {
    let memory: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    let store = filled(&memory);
    let log = &logs()[1];
    let before = store.audit().chain(log).unwrap();
    while store.prune_audit(log, at(1_000)).unwrap() > 0 {}
    drop(store);
    let store = open(&memory);
    let after = store.audit().chain(log).unwrap();
    assert_eq!((after.first, after.last, after.hash), (31, 30, before.hash));
    assert_eq!(after.before, before.hash);
    let event = recorded(log, 40, &mut fastrand::Rng::with_seed(2));
    store.append([(Sequence(31), [event].as_slice())]).unwrap();
    store.flush().unwrap();
    store.carry_audit().unwrap();
    let entries = store.audit().read(log, 1, 10).unwrap();
    assert_eq!(
        (entries.len(), entries[0].number, entries[0].previous),
        (1, 31, before.hash)
    );
    verify_all(&store);
}
