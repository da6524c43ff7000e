//! The folder of a store: who may use it, and of which format it is. Nothing of an engine is known here.
//!
//! ```text
//! FORMAT      which version of the store's format this is; written last when a store is made
//! CREATING    there only while a store is being made
//! LOCK        locked by the process that has the store open, with its number in it
//! head        the journal's head, kept apart from the engine (see `note.rs`)
//! engine/     the engine's own files
//! set-aside/  what an opening found broken and unneeded, kept for an inquiry
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use muster_failpoint::failpoint;

use crate::StoreError;

/// The version of the format that this code reads and writes: of the folder, of the trees and their keys, and of what
/// values mean.
pub(crate) const FORMAT: u8 = 1;

const FORMAT_FILE: &str = "FORMAT";
const FORMAT_PREFIX: &str = "muster store, format ";
const CREATING_FILE: &str = "CREATING";
const LOCK_FILE: &str = "LOCK";
const NOTE_FILE: &str = "head";
const ENGINE_FOLDER: &str = "engine";
const SET_ASIDE_FOLDER: &str = "set-aside";

/// A store's folder that this process has to itself until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    is_new: bool,
    /// Locked; the operating system unlocks it also when the process is killed.
    _lock: File,
}

impl Folder {
    /// Takes the folder at `path`, which is made when it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NotOurs`], [`StoreError::Format`], or [`StoreError::Io`].
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(StoreError::io("create", path))?;
        // By its full name: a relative one would have no parent to sync, and errors would depend on where the process
        // runs.
        let path = fs::canonicalize(path).map_err(StoreError::io("find", path))?;
        let has_format = exists(&path.join(FORMAT_FILE))?;
        let is_unfinished = exists(&path.join(CREATING_FILE))?;
        if !has_format && !is_unfinished {
            // A store is whole before it gets this file, and loses it by damage only.
            if exists(&path.join(ENGINE_FOLDER))? && exists(&path.join(NOTE_FILE))? {
                return Err(StoreError::damaged(
                    "its file is not there",
                    path.join(FORMAT_FILE).display().to_string(),
                ));
            }
            if has_strangers(&path)? {
                return Err(StoreError::NotOurs { path });
            }
        }
        let lock = lock(&path)?;
        if has_format {
            check_format(&path)?;
            if is_unfinished {
                remove_file(&path.join(CREATING_FILE))?;
            }
        } else {
            begin(&path)?;
        }
        Ok(Self {
            path,
            is_new: !has_format,
            _lock: lock,
        })
    }

    /// Whether a store is there, or was: something of it is left.
    pub(crate) fn is_there(path: &Path) -> Result<bool, StoreError> {
        for name in [FORMAT_FILE, CREATING_FILE, NOTE_FILE, ENGINE_FOLDER] {
            if exists(&path.join(name))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the store is being made: [`Folder::finish`] must follow once the engine's files are there and durable.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Makes a new store one. Until now nothing that was in it has been told to anybody, and a start that finds it
    /// begins anew.
    pub(crate) fn finish(&mut self) -> Result<(), StoreError> {
        write_durably(
            &self.path.join(FORMAT_FILE),
            format!("{FORMAT_PREFIX}{FORMAT}\n").as_bytes(),
        )?;
        failpoint!("store-named");
        remove_file(&self.path.join(CREATING_FILE))?;
        sync_folder(&self.path)?;
        if let Some(parent) = self.path.parent() {
            sync_folder(parent)?;
        }
        self.is_new = false;
        Ok(())
    }

    /// Where the engine keeps its files.
    pub(crate) fn engine(&self) -> PathBuf {
        self.path.join(ENGINE_FOLDER)
    }

    /// Where the note is kept.
    pub(crate) fn note(&self) -> PathBuf {
        self.path.join(NOTE_FILE)
    }

    /// Moves a file of the engine's out of its sight, and keeps it. Returns its new name.
    pub(crate) fn set_aside(&self, file: &Path) -> Result<PathBuf, StoreError> {
        let folder = self.path.join(SET_ASIDE_FOLDER);
        fs::create_dir_all(&folder).map_err(StoreError::io("create", &folder))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut target = folder.join(&*name);
        let mut ordinal = 1;
        while exists(&target)? {
            ordinal += 1;
            target = folder.join(format!("{name}.{ordinal}"));
        }
        fs::rename(file, &target).map_err(StoreError::io("set aside", file))?;
        sync_folder(&folder)?;
        Ok(target)
    }
}

/// Makes what a folder lists durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    sync_file(path)
}

/// Makes what is in a file durable.
pub(crate) fn sync_file(path: &Path) -> Result<(), StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    file.sync_all().map_err(StoreError::io("sync", path))?;
    #[cfg(test)]
    synced::note(path);
    Ok(())
}

/// Writes a file that is either there with all of its bytes, or not at all, also after a power cut.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let draft = path.with_extension("draft");
    let mut file = File::create(&draft).map_err(StoreError::io("create", &draft))?;
    file.write_all(bytes).map_err(StoreError::io("write", &draft))?;
    drop(file);
    sync_file(&draft)?;
    fs::rename(&draft, path).map_err(StoreError::io("rename to", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Prepares a folder in which nothing is kept yet: it is empty, or an earlier process was stopped while it made a
/// store.
fn begin(path: &Path) -> Result<(), StoreError> {
    write_durably(&path.join(CREATING_FILE), b"a store is being made here\n")?;
    let engine = path.join(ENGINE_FOLDER);
    if exists(&engine)? {
        fs::remove_dir_all(&engine).map_err(StoreError::io("remove", &engine))?;
    }
    let note = path.join(NOTE_FILE);
    if exists(&note)? {
        remove_file(&note)?;
    }
    failpoint!("store-begun");
    Ok(())
}

/// Whether there is anything but what a start leaves that was stopped before it had made its first own file.
fn has_strangers(path: &Path) -> Result<bool, StoreError> {
    for entry in fs::read_dir(path).map_err(StoreError::io("list", path))? {
        let name = entry.map_err(StoreError::io("list", path))?.file_name();
        // `lost+found` stands in the root of a freshly made volume.
        if ![LOCK_FILE, "CREATING.draft", "lost+found"]
            .iter()
            .any(|known| name == *known)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let name = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&name)
        .map_err(StoreError::io("open", &name))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let holder = match file.read_to_string(&mut holder) {
                Ok(_) if !holder.trim().is_empty() => format!("process {}", holder.trim()),
                Ok(_) | Err(_) => "another process".to_owned(),
            };
            return Err(StoreError::Locked {
                path: path.to_owned(),
                holder,
            });
        }
        Err(TryLockError::Error(source)) => return Err(StoreError::io("lock", &name)(source)),
    }
    file.set_len(0).map_err(StoreError::io("write", &name))?;
    writeln!(file, "{}", std::process::id()).map_err(StoreError::io("write", &name))?;
    Ok(file)
}

fn check_format(path: &Path) -> Result<(), StoreError> {
    let name = path.join(FORMAT_FILE);
    let bytes = fs::read(&name).map_err(StoreError::io("read", &name))?;
    let text = String::from_utf8_lossy(&bytes);
    let number = text.strip_prefix(FORMAT_PREFIX).map(str::trim);
    if number == Some(FORMAT.to_string().as_str()) {
        return Ok(());
    }
    // Text from a file goes onto somebody's terminal: short, and escaped.
    let found: String = number.unwrap_or(&text).chars().take(40).collect();
    Err(StoreError::Format {
        place: path.display().to_string(),
        found: format!("`{}`", found.escape_debug()),
        known: FORMAT,
    })
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(StoreError::io("remove", path))
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("look at", path)(error)),
    }
}

/// What was synced: nothing short of a power cut would show it.
#[cfg(test)]
pub(crate) mod synced {
    use std::cell::RefCell;
    use std::path::{Path, PathBuf};

    thread_local! {
        static PATHS: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(path: &Path) {
        PATHS.with_borrow_mut(|paths| paths.push(path.to_owned()));
    }

    /// The files and folders that this thread has synced since it was asked last, in order.
    pub(crate) fn take() -> Vec<PathBuf> {
        PATHS.take()
    }
}
