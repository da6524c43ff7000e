//! The runner's folder: who it is, and that nobody else is at the same time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use muster_core::time::Stamp;
use muster_core::words::RunnerId;

use crate::durable;
use crate::error::RunnerError;

const LOCK_FILE: &str = "lock";
const IDENTITY_FILE: &str = "runner-id";
const SPOOL_FOLDER: &str = "spool";

/// The most bytes that are read of the identity's file: a UUID has 36, and a person's editor may have added some
/// blanks.
const IDENTITY_BYTES_MAX: u64 = 256;

/// The runner's folder, held by this process alone until this is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    runner: RunnerId,
    /// The operating system lets go of the lock when the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// Opens the folder, or makes it with a new identity.
    ///
    /// # Errors
    /// [`RunnerError::FolderTaken`] when another process holds it, [`RunnerError::IdentityDamaged`], and
    /// [`RunnerError::Folder`] when it cannot be read or written.
    pub(crate) fn open(path: &Path) -> Result<Self, RunnerError> {
        let unusable = |source| RunnerError::Folder {
            path: path.to_owned(),
            source,
        };
        let spool = path.join(SPOOL_FOLDER);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&spool)
            .map_err(unusable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK_FILE))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunnerError::FolderTaken { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let runner = match read_identity(path).map_err(unusable)? {
            Some(text) => text.trim().parse().map_err(|source| RunnerError::IdentityDamaged {
                file: path.join(IDENTITY_FILE),
                source,
            })?,
            None => new_identity(path).map_err(unusable)?,
        };
        Ok(Self {
            path: path.to_owned(),
            runner,
            _lock: lock,
        })
    }

    /// Who a runner is that has not enrolled, since its first start with this folder.
    #[must_use]
    pub(crate) fn runner(&self) -> RunnerId {
        self.runner
    }

    /// The folder itself.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the results are that were not reported yet.
    #[must_use]
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join(SPOOL_FOLDER)
    }
}

/// Who the runner of this folder is that has not enrolled, if it was ever started. Takes nothing and makes nothing.
pub(crate) fn known_runner(folder: &Path) -> Option<RunnerId> {
    read_identity(folder).ok()??.trim().parse().ok()
}

/// The text of the identity; `None` at the first start.
fn read_identity(folder: &Path) -> io::Result<Option<String>> {
    let file = match File::open(folder.join(IDENTITY_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(IDENTITY_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn new_identity(folder: &Path) -> io::Result<RunnerId> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Stamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let runner = RunnerId::generate(now, &mut fastrand::Rng::new());
    durable::write(folder, IDENTITY_FILE, format!("{runner}\n").as_bytes())?;
    // The folder may be new itself; its name is in its parent.
    if let Ok(Some(parent)) = fs::canonicalize(folder).map(|path| path.parent().map(Path::to_owned)) {
        durable::sync_folder(&parent)?;
    }
    Ok(runner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/runner");
        let first = DataFolder::open(&path).expect("made").runner();
        assert_eq!(DataFolder::open(&path).expect("opened").runner(), first);
        let other = tempfile::tempdir().expect("a folder");
        assert_ne!(DataFolder::open(other.path()).expect("made").runner(), first);
    }

    #[test]
    fn one_process_holds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = DataFolder::open(folder.path()).expect("made");
        let error = DataFolder::open(folder.path()).expect_err("taken");
        assert!(matches!(error, RunnerError::FolderTaken { .. }), "{error}");
        drop(held);
        assert!(DataFolder::open(folder.path()).is_ok());
    }

    #[test]
    fn a_damaged_identity_is_told_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(IDENTITY_FILE);
        fs::write(&file, "\0\0\0").expect("written");
        let error = DataFolder::open(folder.path()).expect_err("damaged");
        assert!(matches!(error, RunnerError::IdentityDamaged { .. }), "{error}");
        assert_eq!(fs::read(&file).expect("still there"), b"\0\0\0");
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let error = DataFolder::open(Path::new("/proc/muster")).expect_err("no folders there");
        assert!(error.to_string().contains("/proc/muster"), "{error}");
    }
}
