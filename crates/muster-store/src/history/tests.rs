use super::*;
use crate::backend::Change;
use crate::memory::MemoryBackend;
use crate::tally::Tally;
use muster_core::time::Stamp;

/// No journal is behind these: everything counts as flushed.
const FLUSHED: Sequence = Sequence(u64::MAX);

fn open(memory: &MemoryBackend, head: u64) -> History {
    let history = History::open(Arc::new(memory.clone())).unwrap();
    history.recover(Sequence(0), Sequence(head)).unwrap();
    history
}

/// The execution of this ordinal, created in that hour.
fn id(hour: u64, ordinal: u64) -> ExecutionId {
    ExecutionId((u128::from(hour * hours::MILLIS_PER_HOUR) << 80) | u128::from(ordinal))
}

fn entry(integration: u128, execution: ExecutionId, sequence: u64, size: usize) -> HistoryEntry {
    HistoryEntry {
        integration: IntegrationId(integration),
        execution,
        sequence: Sequence(sequence),
        bytes: vec![sequence as u8; size],
    }
}

/// Batches 1 to `last`: one entry each for two integrations in turn, an hour apart, some of several pieces.
fn feed(history: &History, last: u64) {
    for sequence in history.absorbed().0 + 1..=last {
        let size = if sequence % 5 == 0 { 9_000 } else { 100 };
        let entry = entry(u128::from(sequence % 2), id(sequence, sequence), sequence, size);
        history.put(FLUSHED, Sequence(sequence), &[entry]).unwrap();
    }
}

fn verify(history: &History) -> Result<Tally, StoreError> {
    for _ in 0..1_000 {
        match history.verify_step(1)? {
            VerifyStep::Done { tally } => return Ok(tally),
            VerifyStep::More => {}
            VerifyStep::NotYet => panic!("not caught up"),
        }
    }
    panic!("it does not end");
}

fn newest(history: &History, integration: u128, before: Option<ExecutionId>) -> Vec<u64> {
    let mut found = Vec::new();
    history
        .newest_first(IntegrationId(integration), before, 10, &mut |entry| {
            assert!(entry.bytes.iter().all(|byte| *byte == entry.sequence.0 as u8));
            found.push(entry.sequence.0);
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn an_integrations_entries_come_newest_first_from_any_place() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 10);
    assert_eq!(newest(&history, 0, None), [10, 8, 6, 4, 2]);
    assert_eq!(newest(&history, 1, None), [9, 7, 5, 3, 1]);
    assert_eq!(newest(&history, 1, Some(id(5, 5))), [3, 1]);
    assert_eq!(newest(&history, 7, None), [0; 0]);
    let size = history.get(IntegrationId(1), id(5, 5), |entry| Ok(entry.bytes.len()));
    assert_eq!(size.unwrap(), Some(9_000));
    assert_eq!(history.get(IntegrationId(1), id(6, 6), |_| Ok(())).unwrap(), None);

    let of_all = |before, limit| {
        let mut all = Vec::new();
        let visited = history.newest_of_all(before, limit, &mut |entry| {
            all.push(entry.sequence.0);
            Ok(())
        });
        visited.map(|()| all).unwrap()
    };
    assert_eq!(of_all(None, 3), [10, 9, 8]);
    assert_eq!(of_all(Some(id(9, 9)), 2), [8, 7]);
    assert_eq!(of_all(Some(id(3, 3)), 10), [2, 1]);
    assert_eq!(
        history.find(id(9, 9), |entry| Ok(entry.integration)).unwrap(),
        Some(IntegrationId(1))
    );
}

#[test]
fn what_is_put_twice_counts_once() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 4);
    let before = verify(&history).unwrap();
    history
        .put(FLUSHED, Sequence(4), &[entry(0, id(4, 4), 4, 100)])
        .unwrap();
    history
        .put(FLUSHED, Sequence(5), &[entry(0, id(4, 4), 4, 100)])
        .unwrap();
    assert_eq!(verify(&history).unwrap(), before);
}

/// A stop at any place between puts and checkpoints, whatever of it has reached the disk: fed again from its mark,
/// history is the same.
#[test]
fn a_restart_at_any_place_gives_the_same_history() {
    let whole = MemoryBackend::new();
    let history = open(&whole, 0);
    feed(&history, 12);
    let expected = verify(&history).unwrap();

    for checkpoint in 0..=8 {
        for stop in checkpoint..=10 {
            let memory = MemoryBackend::new();
            let first = open(&memory, 0);
            feed(&first, checkpoint);
            first.checkpoint().unwrap();
            feed(&first, stop);
            drop(first);

            let second = open(&memory, 10);
            assert_eq!(second.marked(), Sequence(checkpoint));
            if checkpoint < 10 {
                assert_eq!(second.verify_step(1).unwrap(), VerifyStep::NotYet);
            }
            feed(&second, 12);
            assert_eq!(
                verify(&second).unwrap(),
                expected,
                "checkpoint {checkpoint}, stop {stop}"
            );
        }
    }
}

/// A checkpoint is several writes: a stop after some of them.
#[test]
fn a_stop_in_the_middle_of_a_checkpoint_counts_nothing_twice() {
    let mark = vec![value::piece_key(&[1], 0), value::piece_key(&[0], 0)];
    // An integration's tally and hours are one write.
    let mut other = mark.clone();
    other.push(value::piece_key(&sums::sum_key(IntegrationId(1)), 0));
    other.extend([1, 3, 5].map(|hour| value::piece_key(&hours::hour_key(IntegrationId(1), hour), 0)));
    for lost in [mark, other] {
        let memory = MemoryBackend::new();
        let first = open(&memory, 0);
        feed(&first, 6);
        let expected = verify(&first).unwrap();
        first.checkpoint().unwrap();
        let changes = lost.into_iter().map(|key| Change::Remove { key }).collect();
        memory.write(Tree::History, changes).unwrap();
        let second = open(&memory, 6);
        feed(&second, 6);
        assert_eq!(verify(&second).unwrap(), expected);
        second.checkpoint().unwrap();
        assert_eq!(verify(&open(&memory, 6)).unwrap(), expected);
        assert_eq!(newest(&second, 1, None), [5, 3, 1]);
    }
}

/// An hour that has lost an id hides an entry that is there.
#[test]
fn a_hidden_entry_is_found() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 4);
    history.checkpoint().unwrap();
    let key = value::piece_key(&hours::hour_key(IntegrationId(1), 3), 0);
    memory.write(Tree::History, vec![Change::Remove { key }]).unwrap();
    let error = verify(&open(&memory, 4)).expect_err("hidden").to_string();
    assert!(
        error.contains("1 executions are there, and 2 were put (history of integration"),
        "{error}"
    );
    assert!(
        open(&memory, 4)
            .newest_first(IntegrationId(1), None, 10, &mut |_| Ok(()))
            .is_err()
    );
}

#[test]
fn a_lost_entry_is_found_when_it_is_read_and_in_the_background() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 8);
    history.checkpoint().unwrap();
    let key = value::piece_key(&entry_key(id(4, 4)), 0);
    memory.write(Tree::History, vec![Change::Remove { key }]).unwrap();

    let history = open(&memory, 8);
    let error = verify(&history).expect_err("lost").to_string();
    assert!(
        error.contains(&format!("execution {} is missing (history of integration", id(4, 4))),
        "{error}"
    );
    for _ in 0..2 {
        let error = history.newest_first(IntegrationId(0), None, 10, &mut |_| Ok(()));
        assert!(matches!(error, Err(StoreError::Damaged { .. })), "{error:?}");
    }
    assert_eq!(newest(&history, 1, None), [7, 5, 3, 1]);
}

#[test]
fn an_integration_that_is_lost_with_its_tally_is_found() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 4);
    history.checkpoint().unwrap();
    let mut changes = vec![Change::Remove {
        key: value::piece_key(&sums::sum_key(IntegrationId(1)), 0),
    }];
    for sequence in [1, 3] {
        let key = entry_key(id(sequence, sequence));
        changes.push(Change::Remove {
            key: value::piece_key(&key, 0),
        });
    }
    memory.write(Tree::History, changes).unwrap();
    let error = verify(&open(&memory, 4)).expect_err("lost").to_string();
    assert!(
        error.contains("2 executions are there, and 4 were put (history)"),
        "{error}"
    );
}

fn prune(history: &History, mut cursor: PruneCursor) -> (usize, Vec<ExecutionId>) {
    let (mut removed, mut forgotten) = (0, Vec::new());
    loop {
        let oldest: super::prune::Oldest<'_> = &|integration, _, _| {
            // The second keeps three hours less than the first.
            let hours = if integration == IntegrationId(1) { 3 } else { 6 };
            Ok(Stamp::from_millis(hours * hours::MILLIS_PER_HOUR))
        };
        let step = history.prune_step(cursor, oldest, &mut |executions| {
            forgotten.extend_from_slice(executions);
            Ok(())
        });
        let step = step.unwrap();
        removed += step.removed;
        match step.next {
            Some(next) => cursor = next,
            None => return (removed, forgotten),
        }
    }
}

#[test]
fn pruning_by_age_takes_the_oldest_with_their_share_of_the_tallies() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 10);
    history.checkpoint().unwrap();
    feed(&history, 12);
    let cutoff = PruneCursor::before(Stamp::from_millis(6 * hours::MILLIS_PER_HOUR + 5));
    let (removed, mut forgotten) = prune(&history, cutoff);
    forgotten.sort();
    assert_eq!(removed, 5);
    assert_eq!(
        forgotten,
        (1..=5).map(|ordinal| id(ordinal, ordinal)).collect::<Vec<_>>()
    );
    assert_eq!(newest(&history, 1, None), [11, 9, 7]);
    let expected = verify(&history).unwrap();
    assert_eq!(expected.count, 7);

    let history = open(&memory, 12);
    assert_eq!(history.marked(), Sequence(12), "pruning has written what had gathered");
    assert_eq!(verify(&history).unwrap(), expected);
}

#[test]
fn pruning_by_owners_takes_what_each_keeps_no_longer_and_counts_the_rest() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 10);
    history.checkpoint().unwrap();
    verify(&history).unwrap();
    let all = history.bytes().unwrap();
    let latest = Stamp::from_millis(6 * hours::MILLIS_PER_HOUR + 5);
    let (removed, mut forgotten) = prune(&history, PruneCursor::by_owner(latest));
    forgotten.sort();
    // Of the one those before the third hour, of the other those before the sixth.
    assert_eq!(forgotten, [1, 2, 4].map(|ordinal| id(ordinal, ordinal)));
    assert_eq!(removed, 3);
    assert_eq!(history.bytes(), Some(all - 3 * 168));
    assert_eq!(prune(&history, PruneCursor::by_owner(latest)).0, 0, "once is enough");
    let known = history.bytes();
    verify(&history).unwrap();
    assert_eq!(history.bytes(), known, "a new pass finds what was counted on the way");
}

#[test]
fn pruning_by_bytes_takes_whole_hours_until_the_budget_holds() {
    let memory = MemoryBackend::new();
    let history = open(&memory, 0);
    feed(&history, 9);
    history.checkpoint().unwrap();
    assert_eq!(history.over_budget(0), None, "the size is not known yet");
    verify(&history).unwrap();
    let all = history.bytes().unwrap();
    assert_eq!(history.over_budget(all), None);
    let cursor = history.over_budget(all - 1).unwrap();
    assert_eq!(prune(&history, cursor).0, 1);
    assert_eq!(history.bytes(), Some(all - 168));
    feed(&history, 10);
    let known = history.bytes();
    verify(&history).unwrap();
    assert_eq!(history.bytes(), known, "a new pass finds what was counted on the way");
}

#[test]
fn a_pass_is_not_disturbed_by_what_happens_meanwhile() {
    // Twelve steps: ten through the executions, and two through the integrations. Something happens between any two of them.
    for disturbed in 1..=11 {
        let memory = MemoryBackend::new();
        let history = open(&memory, 0);
        feed(&history, 10);
        history.checkpoint().unwrap();
        for _ in 0..disturbed {
            assert_eq!(history.verify_step(1).unwrap(), VerifyStep::More);
        }
        // Both integrations get an entry: perhaps one was seen by the pass, and the other was not.
        feed(&history, 12);
        if disturbed % 2 == 0 {
            history.checkpoint().unwrap();
        }
        prune(
            &history,
            PruneCursor::before(Stamp::from_millis(5 * hours::MILLIS_PER_HOUR)),
        );
        feed(&history, 13);
        assert_eq!(verify(&history).unwrap().count, 9, "after {disturbed} steps");
    }
}

#[test]
fn an_entry_is_not_written_before_its_batch_is_flushed() {
    let history = open(&MemoryBackend::new(), 0);
    let early = history.put(Sequence(1), Sequence(2), &[entry(0, id(1, 1), 2, 1)]);
    assert!(matches!(early, Err(StoreError::Misuse { .. })));
    let beyond = history.put(Sequence(9), Sequence(2), &[entry(0, id(1, 1), 3, 1)]);
    assert!(matches!(beyond, Err(StoreError::Misuse { .. })));
}

#[test]
fn a_checkpoint_may_be_made_step_by_step_while_more_is_put() {
    let memory = MemoryBackend::new();
    let first = open(&memory, 0);
    let put = |history: &History, sequence: u64| {
        let entries = (0..40).map(|integration| {
            entry(
                integration,
                id(sequence, sequence * 40 + integration as u64),
                sequence,
                50,
            )
        });
        history
            .put(FLUSHED, Sequence(sequence), &entries.collect::<Vec<_>>())
            .unwrap();
    };
    put(&first, 1);
    let mut cursor = first.begin_checkpoint();
    assert_eq!(cursor.map(|cursor| cursor.left), Some(40));
    let mut sequence = 1;
    while let Some(at) = cursor {
        sequence += 1;
        put(&first, sequence);
        cursor = first.checkpoint_step(at).unwrap();
    }
    assert!(sequence > 3, "it took several steps");
    assert_eq!(first.marked(), Sequence(1), "through what was put when it began");
    drop(first);

    // What was put behind the mark comes again, and counts once.
    let second = open(&memory, sequence);
    for again in 2..=sequence {
        put(&second, again);
    }
    assert_eq!(verify(&second).unwrap().count, sequence * 40);
    assert_eq!(newest(&second, 39, None).len(), 10.min(sequence as usize));
    second.checkpoint().unwrap();
    assert_eq!(second.marked(), Sequence(sequence));
    assert!(second.begin_checkpoint().is_none());
}
