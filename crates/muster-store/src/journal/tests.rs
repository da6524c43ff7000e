use super::*;
use crate::memory::MemoryBackend;

fn journal(memory: &MemoryBackend) -> Journal {
    Journal::open(Arc::new(memory.clone())).unwrap()
}

/// A journal of batches 1 to `count`, the third of them of several pieces.
fn filled(memory: &MemoryBackend, count: u64) -> Journal {
    let journal = journal(memory);
    journal.replay(&mut |_| Ok(())).unwrap();
    for sequence in 1..=count {
        let size = if sequence == 3 { 10_000 } else { 100 };
        journal
            .append(&[(Sequence(sequence), vec![sequence as u8; size])])
            .unwrap();
    }
    journal.flush().unwrap();
    journal
}

/// What a start says of the journal that `spoil` has changed.
fn damage(spoil: impl Fn(&MemoryBackend)) -> String {
    let memory = MemoryBackend::new();
    filled(&memory, 5);
    spoil(&memory);
    let error = journal(&memory)
        .replay(&mut |_| Ok(()))
        .expect_err("the damage is not seen");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    error.to_string()
}

fn key(sequence: u64, piece: u16) -> Vec<u8> {
    value::piece_key(&batch_key(Sequence(sequence)), piece)
}

fn value(memory: &MemoryBackend, sequence: u64, piece: u16) -> Vec<u8> {
    memory.get(Tree::Journal, &key(sequence, piece)).unwrap().unwrap()
}

fn change(memory: &MemoryBackend, change: Change) {
    memory.write(Tree::Journal, vec![change]).unwrap();
}

#[test]
fn damage_is_named_with_its_batch() {
    let lost = damage(|memory| {
        change(memory, Change::Remove { key: key(2, 0) });
    });
    assert!(lost.contains("batch 2 is missing, batch 3 is there"), "{lost}");

    let torn = damage(|memory| {
        change(memory, Change::Remove { key: key(3, 1) });
    });
    assert!(torn.contains("batch 3 lacks a piece"), "{torn}");

    let changed = damage(|memory| {
        let mut bytes = value(memory, 4, 0);
        bytes[60] ^= 1;
        change(
            memory,
            Change::Put {
                key: key(4, 0),
                value: bytes,
            },
        );
    });
    assert!(changed.contains("batch 4 does not match its checksum"), "{changed}");

    let first = damage(|memory| {
        change(memory, Change::Remove { key: key(1, 0) });
    });
    assert!(first.contains("batch 1 is missing"), "{first}");
}

#[test]
fn a_batch_of_another_history_does_not_follow() {
    let other = MemoryBackend::new();
    let strange = journal(&other);
    strange.replay(&mut |_| Ok(())).unwrap();
    for sequence in 1..=4 {
        strange
            .append(&[(Sequence(sequence), b"another history".to_vec())])
            .unwrap();
    }
    let message = damage(|memory| {
        let bytes = value(&other, 4, 0);
        change(
            memory,
            Change::Put {
                key: key(4, 0),
                value: bytes,
            },
        );
    });
    assert!(
        message.contains("batch 4 does not follow the batch before it"),
        "{message}"
    );
}

#[test]
fn an_end_that_is_lost_after_its_flush_is_noticed() {
    let message = damage(|memory| {
        change(memory, Change::Remove { key: key(5, 0) });
    });
    assert!(
        message.contains("ends at batch 4, and batch 5 was flushed"),
        "{message}"
    );
}

#[test]
fn trimming_keeps_the_chain_verifiable_and_a_stop_in_it_does_no_harm() {
    let memory = MemoryBackend::new();
    let journal = filled(&memory, 5);
    journal.trim(Sequence(3)).unwrap();
    journal.flush().unwrap();
    // What a stop in the middle leaves: a batch before the anchor.
    change(
        &memory,
        Change::Put {
            key: key(2, 0),
            value: vec![1; 50],
        },
    );

    let reopened = self::journal(&memory);
    let mut seen = Vec::new();
    let head = reopened.replay(&mut |batch| {
        seen.push(batch.sequence.0);
        Ok(())
    });
    assert_eq!(seen, [4, 5]);
    assert_eq!(head.unwrap().sequence, Sequence(5));
    reopened.sweep().unwrap();
    assert_eq!(memory.get(Tree::Journal, &key(2, 0)).unwrap(), None);
    reopened.append(&[(Sequence(6), b"goes on".to_vec())]).unwrap();
    assert!(
        reopened
            .read_from(Sequence(3), &mut |_| Ok(ControlFlow::Continue(())))
            .is_err()
    );
}

#[test]
fn batches_are_taken_in_order_and_after_a_replay_only() {
    let memory = MemoryBackend::new();
    let journal = journal(&memory);
    assert!(matches!(
        journal.append(&[(Sequence(1), Vec::new())]),
        Err(StoreError::Misuse { .. })
    ));
    journal.replay(&mut |_| Ok(())).unwrap();
    assert!(matches!(
        journal.append(&[(Sequence(2), Vec::new())]),
        Err(StoreError::Misuse { .. })
    ));
    journal.append(&[(Sequence(1), Vec::new())]).unwrap();
    assert!(
        matches!(journal.trim(Sequence(1)), Err(StoreError::Misuse { .. })),
        "not flushed yet"
    );
}

#[test]
fn several_batches_are_appended_by_one_write_or_none_is() {
    let memory = MemoryBackend::new();
    let journal = journal(&memory);
    journal.replay(&mut |_| Ok(())).unwrap();
    let of = |sequence: u64| (Sequence(sequence), vec![sequence as u8]);
    journal.append(&[of(1), of(2), of(3)]).unwrap();
    let gap = journal.append(&[of(4), of(6)]);
    assert!(matches!(gap, Err(StoreError::Misuse { .. })), "{gap:?}");
    assert_eq!(journal.head().sequence, Sequence(3));
    journal.append(&[of(4)]).unwrap();
    journal.append(&[]).unwrap();
    journal.flush().unwrap();
    let mut read = Vec::new();
    let again = self::journal(&memory);
    again
        .replay(&mut |batch| {
            read.push((batch.sequence, batch.events.to_vec()));
            Ok(())
        })
        .unwrap();
    assert_eq!(read, [of(1), of(2), of(3), of(4)]);
}
