//! A folder as the landing's object store: all that an object store elsewhere would do otherwise.
//!
//! `object_store` flushes what it writes and the folder that it writes into. This adds what it leaves open: a folder that a crash has left
//! behind, or that another task has just made, is not durable merely because it is there, so each one's parent is flushed once per process.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use muster_core::words::ExecutionId;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error as StoreError, MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest as _, Sha256};

use super::LandingError;
use super::place::{STAGING, StagedName, shelf, shelves};

/// How many compressed bytes are written at once. A folder takes parts of any size (S3 would want at least 5 MiB); small ones keep an upload small.
pub(super) const PART_BYTES: usize = 256 * 1024;

/// How many folders are remembered as durable. The last few days of all integrations that collect are far fewer; when it is full, it begins anew.
const DURABLE_FOLDERS_MAX: usize = 100_000;

/// How much of a file is read at once to compute its checksum.
const READ_BYTES: usize = 64 * 1024;

/// A file in the staging folder.
#[derive(Debug)]
pub(super) struct StagedFile {
    pub name: StagedName,
    /// What follows the upload's name: `part`, `json`, or either with `#1` while it is being written.
    pub rest: String,
}

impl StagedFile {
    pub(super) fn is_manifest(&self) -> bool {
        self.rest == "json"
    }

    /// Whether nobody has finished writing it.
    pub(super) fn is_unfinished(&self) -> bool {
        self.rest.contains('#')
    }
}

/// The size and checksum of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Checksum {
    pub bytes: u64,
    pub sha256: [u8; 32],
}

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Returns once what was written is durable.
    durable: LocalFileSystem,
    /// Returns at once; for what a durable step follows.
    quick: LocalFileSystem,
    durable_folders: Mutex<HashSet<Path>>,
    /// Locked as long as this is alive; the kernel unlocks it if the process dies.
    _lock: File,
}

impl Folder {
    /// Opens or makes it. Blocks.
    pub(super) fn open(folder: &FilePath) -> Result<Self, LandingError> {
        let unusable = |source| LandingError::Unusable {
            folder: folder.to_path_buf(),
            source,
        };
        make_durably(folder).map_err(unusable)?;
        let root = folder.canonicalize().map_err(unusable)?;
        let staging = root.join(STAGING);
        make_durably(&staging).map_err(unusable)?;
        let lock = lock(&staging.join("lock"))
            .map_err(unusable)?
            .ok_or_else(|| LandingError::InUse {
                folder: folder.to_path_buf(),
            })?;
        for shelf in shelves() {
            make(&root.join(shelf.as_ref())).map_err(unusable)?;
        }
        sync(&staging).map_err(unusable)?;
        probe(&staging.join("probe")).map_err(unusable)?;
        let quick = LocalFileSystem::new_with_prefix(&root).map_err(|error| unusable(io::Error::other(error)))?;
        Ok(Self {
            root,
            durable: quick.clone().with_fsync(true),
            quick,
            durable_folders: Mutex::default(),
            _lock: lock,
        })
    }

    /// Begins to write a file that is there, durable, once the upload is complete.
    pub(super) async fn upload(&self, path: &Path) -> Result<Box<dyn MultipartUpload>, LandingError> {
        self.durable
            .put_multipart(path)
            .await
            .map_err(|error| store("write", path, error))
    }

    /// Writes a small file; it is durable when this returns.
    pub(super) async fn put(&self, path: &Path, content: Vec<u8>) -> Result<(), LandingError> {
        let written = self.durable.put(path, PutPayload::from(content)).await;
        written.map(drop).map_err(|error| store("write", path, error))
    }

    /// The content of a small file; `None` when it is not there.
    pub(super) async fn get(&self, path: &Path) -> Result<Option<Bytes>, LandingError> {
        let content = async { self.quick.get(path).await?.bytes().await };
        found(content.await).map_err(|error| store("read", path, error))
    }

    /// The content of a file, a few KiB at a time; `None` when it is not there.
    pub(super) async fn read(
        &self,
        path: &Path,
    ) -> Result<Option<BoxStream<'static, Result<Bytes, StoreError>>>, LandingError> {
        let file = found(self.quick.get(path).await).map_err(|error| store("read", path, error))?;
        Ok(file.map(|file| file.into_stream().boxed()))
    }

    /// The checksum of a file; `None` when it is not there.
    pub(super) async fn checksum(&self, path: &Path) -> Result<Option<Checksum>, LandingError> {
        let file = self.root.join(path.as_ref());
        match blocking(move || checksum(&file)).await? {
            Ok(checksum) => Ok(Some(checksum)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", path, error)),
        }
    }

    /// Renames a file, if it is there. To be followed by [`Folder::sync`], in any case: an earlier try may have renamed it and not come so far.
    pub(super) async fn rename(&self, from: &Path, to: &Path) -> Result<(), LandingError> {
        let renamed = found(self.quick.rename(from, to).await);
        renamed.map(drop).map_err(|error| store("rename", from, error))
    }

    /// Makes durable which files a folder has. One that is not there has none.
    pub(super) async fn sync(&self, folder: &Path) -> Result<(), LandingError> {
        let path = self.root.join(folder.as_ref());
        match blocking(move || sync(&path)).await? {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("flush the folder", folder, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether a file is there.
    pub(super) async fn has(&self, path: &Path) -> Result<bool, LandingError> {
        let file = found(self.quick.head(path).await).map_err(|error| store("look for", path, error))?;
        Ok(file.is_some())
    }

    /// Removes a file, if it is there.
    pub(super) async fn remove(&self, path: &Path) -> Result<(), LandingError> {
        let removed = found(self.quick.delete(path).await);
        removed.map(drop).map_err(|error| store("remove", path, error))
    }

    /// Removes a file of the staging folder; unfinished ones too, which the object store itself does not see.
    pub(super) async fn remove_staged(&self, file: &StagedFile) -> Result<(), LandingError> {
        let name = format!("{}.{}", file.name, file.rest);
        let path = self.root.join(shelf(file.name.execution).as_ref()).join(&name);
        match blocking(move || std::fs::remove_file(path)).await? {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", &name, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Makes a folder and those above it; all are durable when this returns.
    pub(super) async fn make(&self, folder: &Path) -> Result<(), LandingError> {
        let known = self.lock_durable_folders().contains(folder);
        let root = self.root.clone();
        let wanted = folder.clone();
        blocking(move || {
            // Somebody may have removed a folder that was there.
            if known && root.join(wanted.as_ref()).is_dir() {
                return Ok(());
            }
            let mut here = root;
            for part in wanted.parts() {
                let parent = here.clone();
                here.push(part.as_ref());
                make(&here)?;
                sync(&parent)?;
            }
            Ok(())
        })
        .await?
        .map_err(|error| failed("make the folder", folder, error))?;
        let mut durable = self.lock_durable_folders();
        if durable.len() >= DURABLE_FOLDERS_MAX {
            durable.clear();
        }
        durable.insert(folder.clone());
        Ok(())
    }

    /// All that is staged of an execution, unfinished uploads too.
    pub(super) async fn list(&self, execution: ExecutionId) -> Result<Vec<StagedFile>, LandingError> {
        let shelf = shelf(execution);
        let folder = self.root.join(shelf.as_ref());
        let files = blocking(move || list(&folder))
            .await?
            .map_err(|error| failed("list", &shelf, error))?;
        Ok(files
            .into_iter()
            .filter(|file| file.name.execution == execution)
            .collect())
    }

    /// All that is staged in one of the [`shelves`].
    pub(super) async fn list_shelf(&self, shelf: &Path) -> Result<Vec<StagedFile>, LandingError> {
        let folder = self.root.join(shelf.as_ref());
        blocking(move || list(&folder))
            .await?
            .map_err(|error| failed("list", shelf, error))
    }

    /// All that is staged. Blocks.
    pub(super) fn list_all_now(&self) -> Result<Vec<StagedFile>, LandingError> {
        let mut files = Vec::new();
        for shelf in shelves() {
            files.extend(list(&self.root.join(shelf.as_ref())).map_err(|error| failed("list", &shelf, error))?);
        }
        Ok(files)
    }

    /// Where a file is, as a `file:` URI.
    pub(super) fn uri(&self, path: &Path) -> String {
        let mut uri = String::from("file://");
        for byte in self.root.join(path.as_ref()).as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' | b'=' => {
                    uri.push(char::from(*byte))
                }
                other => write!(uri, "%{other:02X}").expect("a String takes whatever is written"),
            }
        }
        uri
    }

    fn lock_durable_folders(&self) -> std::sync::MutexGuard<'_, HashSet<Path>> {
        // A panic under the lock leaves the set as it was.
        self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what blocks on a thread where it may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LandingError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| LandingError::Interrupted { source })
}

fn store(doing: &'static str, what: &Path, source: StoreError) -> LandingError {
    let what = what.to_string();
    LandingError::Store { doing, what, source }
}

fn failed(doing: &'static str, what: impl ToString, source: io::Error) -> LandingError {
    let what = what.to_string();
    LandingError::Folder { doing, what, source }
}

/// `None` for what is not there.
fn found<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn checksum(file: &FilePath) -> io::Result<Checksum> {
    let mut file = File::open(file)?;
    let mut buffer = vec![0; READ_BYTES];
    let mut sha256 = Sha256::new();
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                sha256.update(&buffer[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Checksum {
        bytes,
        sha256: sha256.finalize().into(),
    })
}

fn list(folder: &FilePath) -> io::Result<Vec<StagedFile>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.file_name();
        let named = file.to_str().and_then(StagedName::of_file);
        // Whatever else lies here is not the landing's to judge or to remove.
        files.extend(named.map(|(name, rest)| StagedFile {
            name,
            rest: rest.to_owned(),
        }));
    }
    Ok(files)
}

/// Makes a folder and those above it, and flushes the parents of all that were not there, and of the folder itself in any case.
fn make_durably(folder: &FilePath) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let missing = folder.ancestors().take_while(|folder| !folder.exists()).count();
    std::fs::create_dir_all(&folder)?;
    folder.ancestors().skip(1).take(missing.max(1)).try_for_each(sync)
}

fn make(folder: &FilePath) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made,
    }
}

fn sync(folder: &FilePath) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// `None` when somebody else has it.
fn lock(file: &FilePath) -> io::Result<Option<File>> {
    let file = File::options().create(true).write(true).truncate(false).open(file)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether files can be written and flushed here: better known at the start than at the first upload.
fn probe(file: &FilePath) -> io::Result<()> {
    std::fs::write(file, b"muster")?;
    File::open(file)?.sync_all()?;
    std::fs::remove_file(file)
}
