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
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error as StoreError, MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use super::LandingError;
use super::files::{Checksum, Doing, Files};
use super::place::{STAGING, shelves};

/// How many compressed bytes are written at once. A folder takes parts of any size (S3 would want at least 5 MiB); small ones keep an upload small.
pub(super) const PART_BYTES: usize = 256 * 1024;

/// How many folders are remembered as durable. The last few days of all integrations that collect are far fewer; when it is full, it begins anew.
const DURABLE_FOLDERS_MAX: usize = 100_000;

/// How much of a file is read at once to compute its checksum.
const READ_BYTES: usize = 64 * 1024;

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

    fn lock_durable_folders(&self) -> std::sync::MutexGuard<'_, HashSet<Path>> {
        // A panic under the lock leaves the set as it was.
        self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for Folder {
    fn upload<'a>(&'a self, path: &'a Path) -> Doing<'a, Box<dyn MultipartUpload>> {
        Box::pin(async move {
            let begun = self.durable.put_multipart(path).await;
            begun.map_err(|error| store("write", path, error))
        })
    }

    fn put<'a>(&'a self, path: &'a Path, content: Vec<u8>) -> Doing<'a, ()> {
        Box::pin(async move {
            let written = self.durable.put(path, PutPayload::from(content)).await;
            written.map(drop).map_err(|error| store("write", path, error))
        })
    }

    fn get<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<Bytes>> {
        Box::pin(async move {
            let content = async { self.quick.get(path).await?.bytes().await };
            found(content.await).map_err(|error| store("read", path, error))
        })
    }

    fn read<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<BoxStream<'static, Result<Bytes, StoreError>>>> {
        Box::pin(async move {
            let file = found(self.quick.get(path).await).map_err(|error| store("read", path, error))?;
            Ok(file.map(|file| file.into_stream().boxed()))
        })
    }

    fn checksum<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<Checksum>> {
        Box::pin(async move {
            let file = self.root.join(path.as_ref());
            match blocking(move || checksum(&file)).await? {
                Ok(checksum) => Ok(Some(checksum)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(failed("read", path, error)),
            }
        })
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Doing<'a, ()> {
        Box::pin(async move {
            let renamed = found(self.quick.rename(from, to).await);
            renamed.map(drop).map_err(|error| store("rename", from, error))
        })
    }

    fn sync<'a>(&'a self, folder: &'a Path) -> Doing<'a, ()> {
        Box::pin(async move {
            let path = self.root.join(folder.as_ref());
            match blocking(move || sync(&path)).await? {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("flush the folder", folder, error)),
                Ok(()) | Err(_) => Ok(()),
            }
        })
    }

    fn has<'a>(&'a self, path: &'a Path) -> Doing<'a, bool> {
        Box::pin(async move {
            let file = found(self.quick.head(path).await).map_err(|error| store("look for", path, error))?;
            Ok(file.is_some())
        })
    }

    fn remove<'a>(&'a self, path: &'a Path) -> Doing<'a, ()> {
        Box::pin(async move {
            let removed = found(self.quick.delete(path).await);
            removed.map(drop).map_err(|error| store("remove", path, error))
        })
    }

    fn remove_named<'a>(&'a self, folder: &'a Path, name: &'a str) -> Doing<'a, ()> {
        Box::pin(async move {
            let path = self.root.join(folder.as_ref()).join(name);
            match blocking(move || std::fs::remove_file(path)).await? {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", name, error)),
                Ok(()) | Err(_) => Ok(()),
            }
        })
    }

    fn make<'a>(&'a self, folder: &'a Path) -> Doing<'a, ()> {
        Box::pin(async move {
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
        })
    }

    fn names<'a>(&'a self, folder: &'a Path) -> Doing<'a, Vec<String>> {
        Box::pin(async move {
            let path = self.root.join(folder.as_ref());
            let names = blocking(move || names(&path)).await?;
            names.map_err(|error| failed("list", folder, error))
        })
    }

    fn folders<'a>(&'a self, folder: &'a Path) -> Doing<'a, Vec<String>> {
        Box::pin(async move {
            let path = self.root.join(folder.as_ref());
            let folders = blocking(move || folders(&path)).await?;
            folders.map_err(|error| failed("list", folder, error))
        })
    }

    fn bytes<'a>(&'a self, path: &'a Path) -> Doing<'a, u64> {
        Box::pin(async move {
            let at = self.root.join(path.as_ref());
            let bytes = blocking(move || bytes(&at)).await?;
            bytes.map_err(|error| failed("measure", path, error))
        })
    }

    fn names_now(&self, folder: &Path) -> Result<Vec<String>, LandingError> {
        names(&self.root.join(folder.as_ref())).map_err(|error| failed("list", folder, error))
    }

    fn uri(&self, path: &Path) -> String {
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
}

/// Begins what blocks, on a thread where it may; in place where there is no runtime, as `object_store` does: in the simulator.
pub(super) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, LandingError>> + Send + 'static {
    let begun = match Handle::try_current() {
        Ok(runtime) => Ok(runtime.spawn_blocking(work)),
        Err(_) => Err(work()),
    };
    async {
        match begun {
            Ok(begun) => begun.await.map_err(|source| LandingError::Interrupted { source }),
            Err(done) => Ok(done),
        }
    }
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

fn names(folder: &FilePath) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        // What has no name that is text is none of the landing's.
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn folders(folder: &FilePath) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// What goes while this looks is not counted.
fn bytes(path: &FilePath) -> io::Result<u64> {
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        found => found?,
    };
    if !found.is_dir() {
        return Ok(found.len());
    }
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    entries.map(|entry| bytes(&entry?.path())).sum()
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
