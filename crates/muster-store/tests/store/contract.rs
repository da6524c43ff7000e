//! What every engine owes to the store, and the store to its users.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use muster_core::entity::EntityKey;
use muster_core::event::{Event, Recorded};
use muster_core::ledger::{Ledger, Position};
use muster_core::words::{Category, Failure, LogLine, Principal, Sequence};
use muster_store::backend::{Backend, Change, Direction, Tree};
use muster_store::memory::MemoryBackend;
use muster_store::sled::SledBackend;
use muster_store::{EntityChange, Store, StoreError};

use crate::sample;

/// An engine that can be opened again on what it has kept.
trait Engine {
    fn open(&self) -> Arc<dyn Backend>;
}

impl Engine for MemoryBackend {
    fn open(&self) -> Arc<dyn Backend> {
        Arc::new(self.clone())
    }
}

struct Sled<'a>(&'a Path);

impl Engine for Sled<'_> {
    fn open(&self) -> Arc<dyn Backend> {
        Arc::new(SledBackend::open(self.0).unwrap())
    }
}

fn on_every_engine(test: fn(&dyn Engine)) {
    test(&MemoryBackend::new());
    let folder = tempfile::tempdir().unwrap();
    test(&Sled(folder.path()));
}

fn store(engine: &dyn Engine) -> Store {
    Store::on(engine.open()).unwrap()
}

fn put(key: &[u8], value: &[u8]) -> Change {
    Change::Put {
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

fn keys(backend: &dyn Backend, from: Bound<&[u8]>, to: Bound<&[u8]>, direction: Direction, most: usize) -> String {
    let mut found = Vec::new();
    backend
        .scan(Tree::Records, (from, to), direction, &mut |key, value| {
            assert_eq!(key, value);
            found.extend_from_slice(key);
            Ok(if found.len() == most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
        .unwrap();
    String::from_utf8(found).unwrap()
}

#[test]
fn trees_are_ordered_apart_from_each_other_and_kept() {
    on_every_engine(|engine| {
        let backend = engine.open();
        backend
            .write(Tree::Records, "daceb".bytes().map(|key| put(&[key], &[key])).collect())
            .unwrap();
        backend.write(Tree::History, vec![put(b"a", b"history")]).unwrap();
        backend
            .write(
                Tree::Records,
                vec![Change::Remove { key: b"d".to_vec() }, put(b"f", b"f")],
            )
            .unwrap();
        backend.flush().unwrap();
        drop(backend);

        let backend = engine.open();
        let (b, e): (&[u8], &[u8]) = (b"b", b"e");
        let all = (Bound::Unbounded, Bound::Unbounded);
        assert_eq!(keys(&*backend, all.0, all.1, Direction::Forward, 9), "abcef");
        assert_eq!(keys(&*backend, all.0, all.1, Direction::Backward, 2), "fe");
        assert_eq!(
            keys(&*backend, Bound::Included(b), Bound::Excluded(e), Direction::Forward, 9),
            "bc"
        );
        assert_eq!(
            keys(
                &*backend,
                Bound::Excluded(b),
                Bound::Included(e),
                Direction::Backward,
                9
            ),
            "ec"
        );
        assert_eq!(
            keys(&*backend, Bound::Included(e), Bound::Excluded(b), Direction::Forward, 9),
            ""
        );
        assert_eq!(backend.get(Tree::History, b"a").unwrap(), Some(b"history".to_vec()));
        assert_eq!(backend.get(Tree::Records, b"d").unwrap(), None);
    });
}

#[test]
fn an_error_of_the_visitor_ends_a_scan() {
    on_every_engine(|engine| {
        let backend = engine.open();
        backend
            .write(Tree::Meta, vec![put(b"a", b"1"), put(b"b", b"2")])
            .unwrap();
        let mut seen = 0;
        let all = (Bound::Unbounded, Bound::Unbounded);
        let result = backend.scan(Tree::Meta, all, Direction::Forward, &mut |_, _| {
            seen += 1;
            Err(StoreError::Misuse {
                what: "enough".to_owned(),
            })
        });
        assert!(matches!(result, Err(StoreError::Misuse { .. })));
        assert_eq!(seen, 1);
        assert!(backend.get(Tree::Meta, b"a").unwrap().is_some(), "the engine goes on");
    });
}

#[test]
fn batches_come_back_in_order_and_the_journal_goes_on_behind_them() {
    on_every_engine(|engine| {
        let first = store(engine);
        assert_eq!(first.recover().unwrap().head, Sequence(0));
        first.append([(Sequence(1), &sample::events()[..])]).unwrap();
        for sequence in 2..=40 {
            first
                .append([(Sequence(sequence), &sample::batch(sequence + 10)[..])])
                .unwrap();
        }
        first.flush().unwrap();
        drop(first);

        let second = store(engine);
        let recovered = second.recover().unwrap();
        assert_eq!(recovered.head, Sequence(40));
        assert_eq!(recovered.last_stamp, Some(sample::at(50)));
        let mut read = Vec::new();
        let mut keep = |sequence, events| {
            read.push((sequence, events));
            Ok(if read.len() == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        };
        second.read_batches(Sequence(1), &mut keep).unwrap();
        let expected = vec![
            (Sequence(1), sample::events()),
            (Sequence(2), sample::batch(12)),
            (Sequence(3), sample::batch(13)),
        ];
        assert_eq!(read, expected);
        second.append([(Sequence(41), &sample::batch(51)[..])]).unwrap();
        assert_eq!(second.journal().verify(&mut || Ok(())).unwrap().sequence, Sequence(41));
    });
}

/// Every cut between the events of a life: records written there, the journal trimmed there, and the ledger is the one
/// that never stopped.
#[test]
fn the_ledger_is_the_same_over_any_fuzzy_checkpoint() {
    on_every_engine(|engine| {
        let events: Vec<Recorded> = sample::events();
        let last = Sequence(events.len() as u64);
        let mut ledger = Ledger::default();
        let first = store(engine);
        first.recover().unwrap();
        let keys = |recorded: &Recorded| {
            let (one, other) = recorded.event.entities();
            [Some(one), other].into_iter().flatten()
        };
        for (sequence, recorded) in (1..).map(Sequence).zip(&events) {
            first.append([(sequence, std::slice::from_ref(recorded))]).unwrap();
            first.flush().unwrap();
            let ended = ledger.apply(Position { sequence, ordinal: 0 }, recorded);
            first
                .put_finished(sequence, ended.iter().map(|ended| (sequence, ended)))
                .unwrap();
            // Every other batch writes what it has changed; an ended execution stays until history is durable.
            if sequence.0.is_multiple_of(2) {
                let changes = keys(recorded).filter_map(|key| match ledger.entity(&key) {
                    Some((entity, stamp)) => Some(EntityChange::Put {
                        entity: Box::new(entity),
                        stamp,
                    }),
                    None if matches!(key, EntityKey::Execution(_)) => None,
                    None => Some(EntityChange::Remove { key, sequence }),
                });
                first.write_entities(&changes.collect::<Vec<_>>()).unwrap();
            }
        }
        first.flush().unwrap();
        drop(first);

        let second = store(engine);
        let recovered = second.recover().unwrap();
        assert_same(&recovered.ledger, &ledger);
        let ended: Vec<_> = recovered.ended.iter().map(|(_, finished)| finished.id).collect();
        assert_eq!(ended, [sample::execution(1), sample::execution(2)]);
        second
            .put_finished(
                last,
                recovered.ended.iter().map(|(sequence, ended)| (*sequence, &**ended)),
            )
            .unwrap();

        // Everything that the journal has changed is written, and the journal trimmed: the records alone tell the same.
        let early = second.trim(Sequence(1));
        assert!(matches!(early, Err(StoreError::Misuse { .. })), "{early:?}");
        second.history().checkpoint().unwrap();
        second.flush().unwrap();
        let changes = recovered.changed.iter().map(|key| match recovered.ledger.entity(key) {
            Some((entity, stamp)) => EntityChange::Put {
                entity: Box::new(entity),
                stamp,
            },
            None => EntityChange::Remove {
                key: key.clone(),
                sequence: last,
            },
        });
        second.write_entities(&changes.collect::<Vec<_>>()).unwrap();
        second.flush().unwrap();
        second.trim(last).unwrap();
        second.flush().unwrap();
        drop(second);

        let third = store(engine);
        let recovered = third.recover().unwrap();
        assert_eq!(recovered.head, last);
        assert_eq!(recovered.events, 1, "the newest batch stays");
        assert_same(&recovered.ledger, &ledger);
        assert_eq!(recovered.ended, []);
    });
}

/// All but the positions, of which a record keeps only the batch.
fn assert_same(one: &Ledger, other: &Ledger) {
    assert!(one.integrations().eq(other.integrations()));
    assert!(one.executions().eq(other.executions()));
    assert!(one.runners().eq(other.runners()));
    assert!(one.connectors().eq(other.connectors()));
}

#[test]
fn entities_of_every_kind_come_back() {
    on_every_engine(|engine| {
        let first = store(engine);
        first.recover().unwrap();
        first.append([(Sequence(1), &[][..])]).unwrap();
        first.flush().unwrap();
        let changes: Vec<_> = sample::entities()
            .into_iter()
            .map(|entity| EntityChange::Put {
                entity: Box::new(entity),
                stamp: Sequence(1),
            })
            .collect();
        first.write_entities(&changes).unwrap();
        first.flush().unwrap();
        drop(first);
        let mut expected = Ledger::default();
        for entity in sample::entities() {
            expected.load(entity, Sequence(1));
        }
        assert_eq!(store(engine).recover().unwrap().ledger, expected);
    });
}

#[test]
fn an_ended_execution_is_kept_until_history_durably_has_it() {
    on_every_engine(|engine| {
        let store = store(engine);
        store.recover().unwrap();
        store.append([(Sequence(1), &sample::batch(1)[..])]).unwrap();
        store.flush().unwrap();
        let remove = [EntityChange::Remove {
            key: EntityKey::Execution(sample::execution(1)),
            sequence: Sequence(1),
        }];
        assert!(matches!(store.write_entities(&remove), Err(StoreError::Misuse { .. })));
        store
            .put_finished(Sequence(1), [(Sequence(1), &sample::finished(1, 1))])
            .unwrap();
        store.history().checkpoint().unwrap();
        assert!(
            matches!(store.write_entities(&remove), Err(StoreError::Misuse { .. })),
            "not flushed"
        );
        store.flush().unwrap();
        store.write_entities(&remove).unwrap();
    });
}

#[test]
fn finished_executions_are_read_in_pages_and_pruned() {
    on_every_engine(|engine| {
        let first = store(engine);
        first.recover().unwrap();
        for sequence in 1..=30 {
            first.append([(Sequence(sequence), &[][..])]).unwrap();
            first.flush().unwrap();
            first
                .put_finished(
                    Sequence(sequence),
                    [(Sequence(sequence), &sample::finished(sequence, 3))],
                )
                .unwrap();
            first
                .append_log_lines(sample::execution(sequence), &sample::log_lines())
                .unwrap();
            if sequence == 20 {
                first.history().checkpoint().unwrap();
            }
        }
        let newest = first.finished_before(sample::integration(1), None, 4).unwrap();
        let expected: Vec<_> = [28, 25, 22, 19].map(|ordinal| sample::finished(ordinal, 3)).into();
        assert_eq!(newest, expected);
        let next = first
            .finished_before(sample::integration(1), Some(newest[3].id), 2)
            .unwrap();
        assert_eq!(next, [sample::finished(16, 3), sample::finished(13, 3)]);
        assert_eq!(
            first.finished(sample::integration(0), sample::execution(3)).unwrap(),
            Some(sample::finished(3, 3))
        );
        assert_eq!(
            first.finished(sample::integration(0), sample::execution(4)).unwrap(),
            None
        );
        first.flush().unwrap();
        drop(first);

        let second = store(engine);
        assert_eq!(
            second.recover().unwrap().ended,
            [],
            "no event of the journal has ended them"
        );
        assert_eq!(second.history().marked(), Sequence(20));
        let again: Vec<_> = (21..=30)
            .map(|ordinal| (Sequence(ordinal), sample::finished(ordinal, 3)))
            .collect();
        second
            .put_finished(
                Sequence(30),
                again.iter().map(|(sequence, finished)| (*sequence, finished)),
            )
            .unwrap();
        let tally = second.history().verify().unwrap().expect("nothing is missing");
        assert_eq!(tally.count, 30);

        second.history().checkpoint().unwrap();
        let budget = second.history().bytes().unwrap() / 2;
        let cursor = second.history().over_budget(budget).expect("over");
        assert_eq!(
            second
                .prune_step(cursor, &|_| muster_core::time::Stamp::default())
                .unwrap()
                .removed,
            30,
            "all of them are of one hour"
        );
        assert_eq!(second.finished_before(sample::integration(1), None, 4).unwrap(), []);
        assert_eq!(second.read_log_lines(sample::execution(5), 0, 10).unwrap(), []);
    });
}

#[test]
fn the_largest_page_tells_that_there_are_more() {
    on_every_engine(|engine| {
        let store = store(engine);
        store.recover().unwrap();
        store.append([(Sequence(1), &[][..])]).unwrap();
        store.flush().unwrap();
        let finished: Vec<_> = (1..=1_002).map(|ordinal| sample::finished(ordinal, 1)).collect();
        store
            .put_finished(Sequence(1), finished.iter().map(|one| (Sequence(1), one)))
            .unwrap();
        let newest_first: Vec<_> = finished.iter().rev().map(|one| one.id).take(1_001).collect();
        let page = |found: Vec<muster_core::entity::Finished>| found.iter().map(|one| one.id).collect::<Vec<_>>();
        let one = store.finished_before(finished[0].integration, None, 1_001).unwrap();
        assert_eq!(page(one), newest_first);
        let all = store.finished_of_all_before(None, 1_001).unwrap();
        assert_eq!(page(all), newest_first);
    });
}

#[test]
fn log_lines_are_cut_counted_and_read_from_any_number() {
    on_every_engine(|engine| {
        let store = store(engine);
        let execution = sample::execution(1);
        let mut lines = sample::log_lines();
        lines[1].message = "ä".repeat(LogLine::BYTES_MAX);
        store.append_log_lines(execution, &lines).unwrap();
        let read = store.read_log_lines(execution, 0, 100).unwrap();
        assert_eq!(read[0], lines[0]);
        assert_eq!(read[1].message, "ä".repeat(LogLine::BYTES_MAX / 2));
        assert_eq!(read[2..], lines[2..]);
        assert_eq!(store.read_log_lines(execution, 2, 1).unwrap(), lines[2..3]);

        let many = vec![lines[0].clone(); LogLine::LINES_MAX];
        let counts = store.append_log_lines(execution, &many).unwrap();
        assert_eq!((counts.kept as usize, counts.dropped), (LogLine::LINES_MAX, 4));
    });
}

#[test]
fn what_a_later_version_has_invented_is_refused_and_not_skipped() {
    on_every_engine(|engine| {
        let store = store(engine);
        store.recover().unwrap();
        // An event of kind 99, with a time and a principal.
        let newer = [11, 0x08, 1, 0x12, 2, 0x1A, 0, 0x9A, 0x06, 2, 0x08, 1];
        store.journal().append(&[(Sequence(1), newer.to_vec())]).unwrap();
        store.flush().unwrap();
        drop(store);
        let error = Store::on(engine.open()).unwrap().recover().expect_err("newer");
        assert!(matches!(error, StoreError::Format { .. }), "{error}");
        assert!(error.to_string().contains("journal, batch 1"), "{error}");
    });
}

#[test]
fn many_threads_use_one_store() {
    on_every_engine(|engine| {
        const BATCHES: u64 = 200;
        let store = store(engine);
        store.recover().unwrap();
        std::thread::scope(|scope| {
            let committer = scope.spawn(|| {
                for sequence in 1..=BATCHES {
                    store
                        .append([(Sequence(sequence), &sample::batch(sequence)[..])])
                        .unwrap();
                    store.flush().unwrap();
                }
            });
            let history = scope.spawn(|| {
                while store.history().absorbed() < Sequence(BATCHES) {
                    let (from, to) = (store.history().absorbed().0 + 1, store.journal().flushed().0);
                    let ended: Vec<_> = (from..=to)
                        .map(|ordinal| (Sequence(ordinal), sample::finished(ordinal, 7)))
                        .collect();
                    store
                        .put_finished(Sequence(to), ended.iter().map(|(at, ended)| (*at, ended)))
                        .unwrap();
                    store.history().checkpoint().unwrap();
                }
            });
            let reader = scope.spawn(|| {
                while store.history().absorbed() < Sequence(BATCHES) {
                    let page = store.finished_before(sample::integration(1), None, 50).unwrap();
                    assert!(page.is_sorted_by(|newer, older| newer.id > older.id));
                    store.journal().verify(&mut || Ok(())).unwrap();
                    store
                        .trim(Sequence(store.history_durable().0.saturating_sub(10)))
                        .unwrap();
                }
            });
            for thread in [committer, history, reader] {
                thread.join().unwrap();
            }
        });
        let tally = store.history().verify().unwrap().expect("nothing is missing");
        assert_eq!(tally.count, BATCHES);
    });
}

#[test]
fn a_power_cut_takes_only_what_was_not_flushed() {
    let memory = MemoryBackend::new();
    let first = store(&memory);
    first.recover().unwrap();
    first.append([(Sequence(1), &sample::batch(1)[..])]).unwrap();
    first.flush().unwrap();
    first.append([(Sequence(2), &sample::batch(2)[..])]).unwrap();
    memory.lose_unflushed();
    let second = store(&memory);
    let recovered = second.recover().unwrap();
    assert_eq!(recovered.head, Sequence(1));
    assert!(recovered.ledger.execution(sample::execution(1)).is_some());
    assert!(recovered.ledger.execution(sample::execution(2)).is_none());
}

#[test]
fn what_a_recovery_returns_survives_a_power_cut() {
    let memory = MemoryBackend::new();
    let killed = store(&memory);
    killed.recover().unwrap();
    killed.append([(Sequence(1), sample::batch(1).as_slice())]).unwrap();
    drop(killed);
    // The process was killed before it could flush: the next one finds the batch, and tells of it.
    assert_eq!(store(&memory).recover().unwrap().head, Sequence(1));
    memory.lose_unflushed();
    assert_eq!(store(&memory).recover().unwrap().head, Sequence(1));
}

#[test]
fn a_canceled_failure_keeps_its_words() {
    on_every_engine(|engine| {
        let store = store(engine);
        store.recover().unwrap();
        let batches: Vec<Recorded> = Category::ALL
            .into_iter()
            .map(|category| Recorded {
                at: sample::at(1),
                by: Principal::Coordinator,
                event: Event::ExecutionFailed {
                    execution: sample::execution(1),
                    integration: sample::INTEGRATION,
                    data_type: "user".parse().unwrap(),
                    failures: 1,
                    failure: Failure::new(category, category.as_str()),
                    reported: None,
                },
            })
            .collect();
        store.append([(Sequence(1), &batches[..])]).unwrap();
        store
            .read_batches(Sequence(1), &mut |_, read| {
                assert_eq!(read, batches);
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
    });
}
