//! The disk of the coordinator's store: the memory engine, with writes and flushes that fail, and power cuts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_store::StoreError;
use muster_store::backend::{Backend, Change, Direction, KeyRange, Note, Tree, Visit};
use muster_store::memory::MemoryBackend;

/// What a write or a flush does that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// It has done all of it, and says that it failed.
    All,
    /// It has done none of it.
    Nothing,
}

/// The disk. Clones are the same disk, so it outlives the process that uses it.
#[derive(Clone)]
pub struct Disk {
    memory: MemoryBackend,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// The notes that were kept: a power cut may bring back an earlier one.
    notes: Vec<Note>,
    write_fails: Option<Failing>,
    flush_fails: Option<Failing>,
    /// How many writes there ever were, and how many of them survive whatever comes.
    writes: u64,
    durable: u64,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self {
            memory: MemoryBackend::new(),
            inner: Arc::default(),
        }
    }

    /// How many writes there ever were.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// How many of them survive whatever comes.
    pub fn durable(&self) -> u64 {
        self.lock().durable
    }

    /// How many writes a power cut could take.
    pub fn unflushed(&self) -> usize {
        self.memory.unflushed()
    }

    /// The next write fails.
    pub fn fail_write(&self, how: Failing) {
        self.lock().write_fails = Some(how);
    }

    /// The next flush fails.
    pub fn fail_flush(&self, how: Failing) {
        self.lock().flush_fails = Some(how);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut inner = self.lock();
        inner.write_fails = None;
        inner.flush_fails = None;
    }

    /// The process ends: the first `kept` writes since the last flush had reached the machine, which may still lose them.
    pub fn kill(&self, kept: usize) {
        let mut inner = self.lock();
        let kept = kept.min(self.memory.unflushed());
        self.memory.lose_unflushed_but(kept);
        inner.writes = inner.durable + kept as u64;
    }

    /// A power cut that the first `kept` writes since the last flush survive, and an earlier note if `old_note`.
    pub fn cut_power(&self, kept: usize, old_note: bool) {
        self.kill(kept);
        let mut inner = self.lock();
        self.memory.forget_what_was_before();
        inner.durable = inner.writes;
        if old_note && inner.notes.len() > 1 {
            inner.notes.pop();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(action: &str) -> StoreError {
    StoreError::Backend {
        action: action.to_owned(),
        message: "the simulator's disk has failed".to_owned(),
    }
}

impl Backend for Disk {
    fn write(&self, tree: Tree, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let fails = inner.write_fails.take();
        if fails != Some(Failing::Nothing) {
            self.memory.write(tree, changes)?;
            inner.writes += 1;
        }
        match fails {
            Some(_) => Err(failed("write")),
            None => Ok(()),
        }
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(tree, key)
    }

    fn scan(
        &self,
        tree: Tree,
        range: KeyRange<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        self.memory.scan(tree, range, direction, visit)
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let fails = inner.flush_fails.take();
        if fails != Some(Failing::Nothing) {
            self.memory.flush()?;
            inner.durable = inner.writes;
        }
        match fails {
            Some(_) => Err(failed("flush")),
            None => Ok(()),
        }
    }

    fn keep_note(&self, note: &Note) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.notes.len() > 1 {
            inner.notes.remove(0);
        }
        inner.notes.push(*note);
        Ok(())
    }

    fn note(&self) -> Result<Option<Note>, StoreError> {
        Ok(self.lock().notes.last().copied())
    }
}
