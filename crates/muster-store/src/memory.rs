//! An engine without a disk: for tests, the simulator, and a trial that leaves nothing behind.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::StoreError;
use crate::backend::{Backend, Change, Direction, KeyRange, Note, Tree, VALUE_BYTES_MAX, Visit};

/// Trees in memory. Clones share them, so a test can "restart" a store on what an earlier one has left.
#[derive(Clone, Default)]
pub struct MemoryBackend {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    trees: [BTreeMap<Vec<u8>, Vec<u8>>; Tree::ALL.len()],
    /// What was written since the last flush, in the order of writing.
    unflushed: Vec<Write>,
    note: Option<Note>,
    flushes: u64,
}

/// One write: what its keys had before.
struct Write {
    tree: Tree,
    before: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl MemoryBackend {
    /// Empty trees.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A power cut: everything that was written since the last flush is gone.
    pub fn lose_unflushed(&self) {
        self.lose_unflushed_but(0);
    }

    /// What was written is what a disk holds after a power cut: nothing of it can be lost any more.
    pub fn forget_what_was_before(&self) {
        self.lock().unflushed.clear();
    }

    /// All but the first `kept` of the writes since the last flush are gone, each as a whole. Those that are left may still be lost.
    pub fn lose_unflushed_but(&self, kept: usize) {
        let mut inner = self.lock();
        let kept = kept.min(inner.unflushed.len());
        for write in inner.unflushed.split_off(kept).into_iter().rev() {
            let map = &mut inner.trees[write.tree as usize];
            for (key, before) in write.before.into_iter().rev() {
                match before {
                    Some(value) => map.insert(key, value),
                    None => map.remove(&key),
                };
            }
        }
    }

    /// How many writes a power cut could take now.
    #[must_use]
    pub fn unflushed(&self) -> usize {
        self.lock().unflushed.len()
    }

    /// How often it was flushed.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.lock().flushes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A thread that panicked with the lock held was visiting, which changes nothing: what is behind it is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for MemoryBackend {
    fn write(&self, tree: Tree, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let mut before_all = Vec::with_capacity(changes.len());
        for change in changes {
            let map = &mut inner.trees[tree as usize];
            let (key, before) = match change {
                Change::Put { key, value } => {
                    debug_assert!(value.len() <= VALUE_BYTES_MAX, "a value of {} bytes", value.len());
                    let before = map.insert(key.clone(), value);
                    (key, before)
                }
                Change::Remove { key } => {
                    let before = map.remove(&key);
                    (key, before)
                }
            };
            before_all.push((key, before));
        }
        inner.unflushed.push(Write {
            tree,
            before: before_all,
        });
        Ok(())
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().trees[tree as usize].get(key).cloned())
    }

    fn scan(
        &self,
        tree: Tree,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        if is_empty(range) {
            return Ok(());
        }
        let inner = self.lock();
        let mut entries = inner.trees[tree as usize].range::<[u8], _>(range);
        loop {
            let entry = match direction {
                Direction::Forward => entries.next(),
                Direction::Backward => entries.next_back(),
            };
            let Some((key, value)) = entry else { return Ok(()) };
            if visit(key, value)?.is_break() {
                return Ok(());
            }
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.unflushed.clear();
        inner.flushes += 1;
        Ok(())
    }

    fn keep_note(&self, note: &Note) -> Result<(), StoreError> {
        self.lock().note = Some(*note);
        Ok(())
    }

    fn note(&self) -> Result<Option<Note>, StoreError> {
        Ok(self.lock().note)
    }
}

/// Whether no key can lie in `range`; a map of the standard library panics over such a range.
pub(crate) fn is_empty(range: KeyRange<'_>) -> bool {
    match range {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
        | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &[u8], value: &[u8]) -> Change {
        Change::Put {
            key: key.to_vec(),
            value: value.to_vec(),
        }
    }

    #[test]
    fn a_power_cut_takes_what_was_not_flushed_and_nothing_else() {
        let memory = MemoryBackend::new();
        memory
            .write(Tree::Meta, vec![put(b"a", b"1"), put(b"b", b"1")])
            .unwrap();
        memory.flush().unwrap();
        memory
            .write(Tree::Meta, vec![put(b"a", b"2"), put(b"c", b"2")])
            .unwrap();
        memory
            .write(Tree::Meta, vec![put(b"a", b"3"), Change::Remove { key: b"b".to_vec() }])
            .unwrap();
        memory.lose_unflushed();
        assert_eq!(memory.get(Tree::Meta, b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(memory.get(Tree::Meta, b"b").unwrap(), Some(b"1".to_vec()));
        assert_eq!(memory.get(Tree::Meta, b"c").unwrap(), None);
    }

    #[test]
    fn the_first_writes_can_be_kept_and_each_is_whole() {
        let memory = MemoryBackend::new();
        memory
            .write(Tree::Meta, vec![put(b"a", b"1"), put(b"b", b"1")])
            .unwrap();
        memory
            .write(Tree::Meta, vec![put(b"a", b"2"), put(b"b", b"2")])
            .unwrap();
        assert_eq!(memory.unflushed(), 2);
        memory.lose_unflushed_but(1);
        assert_eq!(memory.get(Tree::Meta, b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(memory.get(Tree::Meta, b"b").unwrap(), Some(b"1".to_vec()));
        memory.lose_unflushed();
        assert_eq!(
            memory.get(Tree::Meta, b"a").unwrap(),
            None,
            "what was kept was not flushed either"
        );
    }
}
