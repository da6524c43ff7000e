use super::*;
use crate::memory::MemoryBackend;

const FLUSHED: Sequence = Sequence(100);

fn put(id: &[u8], stamp: u64, size: usize) -> RecordChange {
    RecordChange::Put(Record {
        key: RecordKey {
            kind: 1,
            id: id.to_vec(),
        },
        stamp: Sequence(stamp),
        bytes: vec![stamp as u8; size],
    })
}

fn remove(id: &[u8]) -> RecordChange {
    RecordChange::Remove {
        key: RecordKey {
            kind: 1,
            id: id.to_vec(),
        },
        sequence: Sequence(9),
    }
}

/// What a start finds: ids, stamps and sizes.
fn load(memory: &MemoryBackend, head: u64) -> Result<Vec<(Vec<u8>, u64, usize)>, StoreError> {
    let records = Records::open(Arc::new(memory.clone()))?;
    let mut found = Vec::new();
    records.load(Sequence(head), &mut |record| {
        found.push((record.id.to_vec(), record.stamp.0, record.bytes.len()));
        Ok(())
    })?;
    Ok(found)
}

#[test]
fn records_are_replaced_and_removed_with_all_their_pieces() {
    let memory = MemoryBackend::new();
    let records = Records::open(Arc::new(memory.clone())).unwrap();
    records
        .write(FLUSHED, &[put(b"a", 1, 20_000), put(b"b", 2, 10), put(b"c", 2, 9_000)])
        .unwrap();
    records
        .write(FLUSHED, &[put(b"a", 3, 5_000), remove(b"c"), remove(b"none")])
        .unwrap();
    records.write(FLUSHED, &[put(b"b", 4, 1), put(b"b", 5, 2)]).unwrap();
    let expected = vec![(b"a".to_vec(), 3, 5_000), (b"b".to_vec(), 5, 2)];
    assert_eq!(load(&memory, 100).unwrap(), expected);
    assert_eq!(records.tally().count, 2);
}

#[test]
fn a_lost_record_a_lost_write_and_a_stamp_beyond_the_head_are_damage() {
    let memory = MemoryBackend::new();
    let records = Records::open(Arc::new(memory.clone())).unwrap();
    records.write(FLUSHED, &[put(b"a", 1, 10), put(b"b", 2, 10)]).unwrap();
    memory.flush().unwrap();

    let beyond = load(&memory, 1).expect_err("beyond the head").to_string();
    assert!(
        beyond.contains("of batch 2, and the journal ends at batch 1"),
        "{beyond}"
    );

    let key = value::piece_key(
        &encode_key(&RecordKey {
            kind: 1,
            id: b"a".to_vec(),
        })
        .unwrap(),
        0,
    );
    memory.write(Tree::Records, vec![Change::Remove { key }]).unwrap();
    let lost = load(&memory, 100).expect_err("lost").to_string();
    assert!(lost.contains("1 are there, and 2 were written"), "{lost}");
    memory.lose_unflushed();

    let mut before = Vec::new();
    encode_sum(&Sum::default(), &mut before);
    memory.write(Tree::Records, before).unwrap();
    let stale = load(&memory, 100).expect_err("stale").to_string();
    assert!(stale.contains("as of write 0, and write 1 was made"), "{stale}");
}

#[test]
fn a_record_is_not_written_before_its_batch_is_flushed() {
    let records = Records::open(Arc::new(MemoryBackend::new())).unwrap();
    let error = records.write(Sequence(4), &[put(b"a", 5, 1)]).expect_err("too early");
    assert!(matches!(error, StoreError::Misuse { .. }), "{error}");
    assert_eq!(records.tally(), Tally::default());
}
