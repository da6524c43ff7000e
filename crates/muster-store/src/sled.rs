//! The engine on disk: sled 0.34, and what it does not do for us (DESIGN.md, section 4, has the list). The only file
//! that names sled.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use muster_failpoint::failpoint;

use crate::StoreError;
use crate::backend::{Backend, Change, Direction, KeyRange, Note, Tree, VALUE_BYTES_MAX, Visit};
use crate::folder::{Folder, sync_file, sync_folder};
use crate::memory::is_empty;
use crate::note::NoteFile;
use crate::precedence::Precedence;

/// How often sled's own thread runs, in milliseconds. Durability does not hang on it: whoever tells anybody anything
/// flushes first. It is on because that thread is the only one that collects sled's garbage (for at most half of this
/// time), and off would mean a file that grows for ever. Shorter costs more of its periodic syncs, longer lets garbage
/// pile up into longer pauses.
const FLUSH_EVERY_MS: u64 = 500;

/// How much of the trees sled keeps in memory, in bytes.
const CACHE_BYTES: u64 = 128 * 1024 * 1024;

/// How long closing waits for sled's thread. It never ends if it has panicked over a damaged page, and a process must
/// be able to stop all the same.
const CLOSE_WAIT: Duration = Duration::from_secs(20);

/// How long opening waits for threads of an engine that was closed before.
const UNLOCK_WAIT: Duration = Duration::from_secs(5);

/// Trees in a folder.
pub struct SledBackend {
    /// `None` only while it is being dropped.
    engine: Option<Engine>,
    /// Set once sled has panicked: what it holds in memory may be half changed, so nothing is asked of it any more.
    is_broken: AtomicBool,
    note: NoteFile,
    /// Let go of last, when nothing of ours touches the folder any more.
    folder: Folder,
}

struct Engine {
    path: PathBuf,
    trees: [sled::Tree; Tree::ALL.len()],
    db: sled::Db,
    /// Our own handle of sled's log, for `fdatasync`: sled's flush only starts the writing of pages.
    log: File,
    /// How often that was done.
    log_syncs: AtomicU64,
    precedence: Precedence,
}

impl SledBackend {
    /// Opens the store in `folder`, or makes one when it is empty or does not exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NotOurs`], [`StoreError::Format`], [`StoreError::Damaged`] or
    /// [`StoreError::Io`], each with what to do.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut folder = Folder::take(folder)?;
        let path = folder.engine();
        if folder.is_new() {
            NoteFile::create(&folder.note())?;
            failpoint!("store-noted");
        } else if !path.join("db").exists() {
            return Err(StoreError::damaged(
                "its file is not there",
                path.join("db").display().to_string(),
            ));
        } else {
            set_aside_unfinished_snapshots(&folder, &path)?;
        }
        let note = NoteFile::open(&folder.note())?;
        failpoint!("opening");
        let engine = guard("open", || Engine::open(&path))??;
        failpoint!("opened");
        if folder.is_new() {
            engine.flush("make")??;
            failpoint!("store-engine");
            for name in ["conf", "db"] {
                sync_file(&path.join(name))?;
            }
            sync_folder(&path.join("blobs"))?;
        }
        // An opening has written a snapshot, whose name is not durable by itself.
        sync_folder(&path)?;
        if folder.is_new() {
            failpoint!("store-synced");
            folder.finish()?;
        }
        Ok(Self {
            engine: Some(engine),
            is_broken: AtomicBool::new(false),
            note,
            folder,
        })
    }

    /// How often sled's log was synced since it was opened.
    #[must_use]
    pub fn log_syncs(&self) -> u64 {
        let engine = self.engine.as_ref();
        engine.map_or(0, |engine| engine.log_syncs.load(Ordering::Relaxed))
    }

    /// Runs `work` on the engine; a panic in it becomes an error, now and for every later call.
    fn with<T>(&self, action: &str, work: impl FnOnce(&Engine) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let engine = match &self.engine {
            Some(engine) if !self.is_broken.load(Ordering::Acquire) => engine,
            Some(_) | None => {
                return Err(StoreError::damaged(
                    format!("the engine broke down before, so it was not asked to {action}"),
                    self.folder.engine().display().to_string(),
                ));
            }
        };
        let result = guard(action, || work(engine));
        if result.is_err() {
            self.is_broken.store(true, Ordering::Release);
        }
        result?
    }
}

/// Opens sled once its own lock is free. The folder is ours by now, so only threads of an engine that this process has just closed can still hold it:
/// sled lets go of its files when the last of them has gone.
fn open_unlocked(config: &sled::Config) -> sled::Result<sled::Db> {
    let begin = Instant::now();
    loop {
        match config.open() {
            Err(sled::Error::Io(error))
                if error.to_string().starts_with("could not acquire lock") && begin.elapsed() < UNLOCK_WAIT =>
            {
                std::thread::sleep(UNLOCK_WAIT / 500);
            }
            opened => return opened,
        }
    }
}

impl Engine {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |error| failure("open the store", path, error);
        let config = sled::Config::new()
            .path(path)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .cache_capacity(CACHE_BYTES);
        let db = open_unlocked(&config).map_err(fail)?;
        let open = |tree: Tree| db.open_tree(tree.as_str()).map_err(fail);
        let trees = [
            open(Tree::Meta)?,
            open(Tree::Journal)?,
            open(Tree::Records)?,
            open(Tree::History)?,
            open(Tree::LogLines)?,
            open(Tree::Audit)?,
        ];
        let log = path.join("db");
        let log = File::open(&log).map_err(StoreError::io("open", &log))?;
        Ok(Self {
            path: path.to_owned(),
            trees,
            db,
            log,
            log_syncs: AtomicU64::new(0),
            precedence: Precedence::default(),
        })
    }

    fn flush(&self, action: &str) -> Result<Result<(), StoreError>, StoreError> {
        guard(action, || {
            failpoint!("appended");
            self.db.flush().map_err(|error| failure("flush", &self.path, error))?;
            failpoint!("engine-flushed");
            self.log
                .sync_data()
                .map_err(StoreError::io("sync the engine's log", &self.path.join("db")))?;
            failpoint!("synced");
            self.log_syncs.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }
}

impl Backend for SledBackend {
    fn write(&self, tree: Tree, changes: Vec<Change>) -> Result<(), StoreError> {
        for change in &changes {
            if let Change::Put { value, .. } = change
                && value.len() > VALUE_BYTES_MAX
            {
                let (bytes, tree) = (value.len(), tree.as_str());
                return Err(StoreError::misuse(format!("a value of {bytes} bytes in tree {tree}")));
            }
        }
        self.with("write", |engine| {
            let goal = &engine.trees[tree as usize];
            engine
                .precedence
                .go(tree, || apply(goal, changes))
                .map_err(|error| failure("write", &self.folder.engine(), error))
        })
    }

    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with("read", |engine| {
            engine.trees[tree as usize]
                .get(key)
                .map(|value| value.map(|value| value.to_vec()))
                .map_err(|error| failure("read", &self.folder.engine(), error))
        })
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
        self.with("read", |engine| {
            let mut entries = engine.trees[tree as usize].range::<&[u8], _>(range);
            loop {
                let entry = match direction {
                    Direction::Forward => entries.next(),
                    Direction::Backward => entries.next_back(),
                };
                let Some(entry) = entry else { return Ok(()) };
                let (key, value) = entry.map_err(|error| failure("read", &self.folder.engine(), error))?;
                if visit(&key, &value)?.is_break() {
                    return Ok(());
                }
            }
        })
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.with("flush", |engine| engine.flush("flush")?)
    }

    fn keep_note(&self, note: &Note) -> Result<(), StoreError> {
        self.note.keep(note)
    }

    fn note(&self) -> Result<Option<Note>, StoreError> {
        Ok(Some(self.note.found()))
    }
}

impl Drop for SledBackend {
    fn drop(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        failpoint!("stop-closing");
        // In a thread of its own, since dropping a damaged sled may panic or never end.
        let (closed, wait) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("muster-store-close".to_owned());
        let spawned = thread.spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| drop(engine))).is_err() {
                tracing::error!("the storage engine panicked while it closed");
            }
            drop(closed);
        });
        if spawned.is_ok() && wait.recv_timeout(CLOSE_WAIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            let folder = self.folder.engine();
            tracing::error!(folder = %folder.display(), "the storage engine does not close, and is left behind");
        }
        failpoint!("stop-closed");
    }
}

/// Makes all of the changes or none of them. One alone needs no batch of sled's, which costs much more: before and after it begins, sled hands what its
/// buffer holds to a thread that writes it, and all of those threads wake up.
fn apply(tree: &sled::Tree, changes: Vec<Change>) -> sled::Result<()> {
    let several = match <[Change; 1]>::try_from(changes) {
        Ok([Change::Put { key, value }]) => return tree.insert(key, value).map(drop),
        Ok([Change::Remove { key }]) => return tree.remove(key).map(drop),
        Err(changes) => changes,
    };
    let mut batch = sled::Batch::default();
    for change in several {
        match change {
            Change::Put { key, value } => batch.insert(key, value),
            Change::Remove { key } => batch.remove(key),
        }
    }
    tree.apply_batch(batch)
}

/// Moves `snap.*.generating` out of sled's sight: it is left when a process dies while sled writes a snapshot at its
/// start, and makes all later openings fail. The log holds the truth, a snapshot only spares reading it.
fn set_aside_unfinished_snapshots(folder: &Folder, engine: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(engine).map_err(StoreError::io("list", engine))? {
        let file = entry.map_err(StoreError::io("list", engine))?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            let kept = folder.set_aside(&file)?;
            tracing::warn!(
                file = %file.display(),
                kept = %kept.display(),
                "an earlier start was stopped while it wrote a snapshot: set aside, nothing is lost"
            );
        }
    }
    Ok(())
}

/// Runs `work`, and turns a panic into damage: sled panics over pages that it cannot read.
fn guard<T>(action: &str, work: impl FnOnce() -> T) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        // sled's messages name values at length: the first line is what helps.
        let line: String = message.lines().next().unwrap_or_default().chars().take(200).collect();
        StoreError::damaged(
            format!("the storage engine broke down when it was asked to {action}: {line}"),
            "the engine's files",
        )
    })
}

/// sled hands an error of the system on as text, such as `Os { code: 28, …`, when it has it from another of its threads.
fn as_the_system_said(error: io::Error) -> io::Error {
    let text = error.to_string();
    let code = text.strip_prefix("Os { code: ").and_then(|rest| rest.split(',').next());
    match code.and_then(|code| code.parse().ok()) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}

fn failure(action: &'static str, path: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) => StoreError::io(action, path)(as_the_system_said(source)),
        sled::Error::Corruption { at, .. } => {
            let at = at.map_or_else(|| "its files".to_owned(), |at| format!("{at:?}"));
            StoreError::damaged(
                format!("the storage engine found damage at {at}"),
                path.display().to_string(),
            )
        }
        // Nothing is asked of it that it does not support: it says so of a `conf` that is not what it wrote.
        error @ (sled::Error::CollectionNotFound(_) | sled::Error::ReportableBug(_) | sled::Error::Unsupported(_)) => {
            StoreError::damaged(format!("the storage engine says: {error}"), path.display().to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::synced;

    fn put(value: Vec<u8>) -> Vec<Change> {
        let key = b"key".to_vec();
        vec![Change::Put { key, value }]
    }

    /// What a power cut takes cannot be shown here; that the log is synced after what sled calls a flush can.
    #[test]
    fn every_flush_syncs_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let backend = SledBackend::open(folder.path()).unwrap();
        let before = backend.log_syncs();
        for flushes in 1..=3 {
            backend.write(Tree::Meta, put(vec![1])).unwrap();
            backend.flush().unwrap();
            assert_eq!(backend.log_syncs(), before + flushes);
        }
    }

    /// sled syncs none of these by itself.
    #[test]
    fn all_that_a_new_store_is_made_of_is_synced_before_it_counts_as_made() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().canonicalize().unwrap().join("store");
        synced::take();
        drop(SledBackend::open(&folder).unwrap());
        let synced = synced::take();
        let first = |path: &Path| {
            let place = synced.iter().position(|one| one == path);
            place.unwrap_or_else(|| panic!("{} is not synced: {synced:?}", path.display()))
        };
        let last = |path: &Path| synced.iter().rposition(|one| one == path);
        let engine = folder.join("engine");
        let parts = ["conf", "db", "blobs"].map(|name| engine.join(name));
        let made = first(&folder.join("FORMAT.draft"));
        for part in parts.iter().chain([&engine]) {
            assert!(first(part) < made, "{} is synced too late: {synced:?}", part.display());
        }
        assert!(
            last(&folder) > Some(made),
            "what says that it is made is not durable: {synced:?}"
        );
        assert!(
            last(folder.parent().unwrap()) > Some(made),
            "its own name is not durable: {synced:?}"
        );
        // Where an opening writes a file, its name is made durable.
        drop(SledBackend::open(&folder).unwrap());
        assert!(synced::take().contains(&engine));
    }

    #[test]
    fn a_panic_becomes_an_error_and_nothing_is_asked_of_the_engine_again() {
        let folder = tempfile::tempdir().unwrap();
        let backend = SledBackend::open(folder.path()).unwrap();
        let error = backend.with::<()>("read", |_| panic!("bad page\nwith all its bytes"));
        let text = error.expect_err("a panic").to_string();
        assert!(
            text.contains("broke down when it was asked to read: bad page ("),
            "{text}"
        );
        assert!(text.contains("restore a backup"), "{text}");
        assert!(matches!(backend.flush(), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn what_the_system_said_is_told_as_the_system_says_it() {
        let said = io::Error::from_raw_os_error(28);
        let handed_on = io::Error::new(said.kind(), format!("{said:?}"));
        assert_eq!(as_the_system_said(handed_on).to_string(), said.to_string());
        let other = io::Error::other("could not acquire lock");
        assert_eq!(as_the_system_said(other).to_string(), "could not acquire lock");
    }

    #[test]
    fn a_value_that_would_become_a_file_of_its_own_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let backend = SledBackend::open(folder.path()).unwrap();
        let error = backend.write(Tree::Meta, put(vec![1; VALUE_BYTES_MAX + 1]));
        assert!(matches!(error, Err(StoreError::Misuse { .. })));
        assert_eq!(backend.get(Tree::Meta, b"key").unwrap(), None);
    }
}
