//! What can go wrong with a store, in words for the person who runs the coordinator.

use std::io;
use std::path::{Path, PathBuf};

/// What a person does about a damaged store.
const RESTORE: &str = "stop the coordinator, move its data folder away and keep it for an inquiry, restore a backup \
                       (`muster-coordinator restore FILE --data FOLDER`) and start again; docs/backup.md goes through it";

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} `{}`: check that the disk is there, writable and not full", path.display())]
    Io {
        /// What was tried: "open", "sync".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What was read is not what was written. The store refuses to serve rather than to guess.
    #[error("the store is damaged: {what} ({place}); {remedy}")]
    Damaged {
        /// What is wrong: "batch 17 does not follow the batch before it".
        what: String,
        /// Where: "journal", "records", "history of integration …", a file.
        place: String,
        /// The way back.
        remedy: &'static str,
    },
    /// Another process has the store open.
    #[error(
        "the store `{}` is in use by {holder}: one process at a time may open it; stop that one, \
         or name another folder",
        path.display()
    )]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// Who holds it: "process 4711", as far as it is known.
        holder: String,
    },
    /// The store was written by a version that this one does not know.
    #[error(
        "the store `{place}` has format {found}, and this version reads format {known}: \
         start the version that wrote it, or restore a backup of format {known}"
    )]
    Format {
        /// The folder, or the part of the store.
        place: String,
        /// What was found there, as text.
        found: String,
        /// What this version reads.
        known: u8,
    },
    /// The folder has something in it, and it is not a store.
    #[error(
        "the folder `{}` is not empty and holds no store: name an empty folder, or one that a coordinator made",
        path.display()
    )]
    NotOurs {
        /// That folder.
        path: PathBuf,
    },
    /// There is nothing to look at.
    #[error("there is no store in `{}`: name the folder that a coordinator was started with", path.display())]
    Missing {
        /// That folder.
        path: PathBuf,
    },
    /// What was to be restored is no backup.
    #[error("this is no backup: name a file that `muster-coordinator backup` has made; nothing was restored")]
    BackupForeign,
    /// What was to be restored is a backup of another format.
    #[error(
        "the backup has format `{found}`, and this version reads format {known}: restore it with the version that made it; nothing was restored"
    )]
    BackupFormat {
        /// What was found.
        found: String,
        /// What this version reads.
        known: &'static str,
    },
    /// What was to be restored is not what was backed up.
    #[error(
        "the backup is damaged at byte {at}: {what}; take another copy of it, or an earlier one; nothing was restored"
    )]
    BackupDamaged {
        /// What is wrong.
        what: String,
        /// Where: how many bytes of the file are before it.
        at: u64,
    },
    /// The backup cannot be read to its end.
    #[error("the backup cannot be read from byte {at} on: check the disk that it lies on; nothing was restored")]
    BackupUnreadable {
        /// Where.
        at: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody walks through all of the store already.
    #[error("a backup of this store is being made, or it is being verified: wait until that has ended")]
    BackupUnderWay,
    /// What was given out has not been taken.
    #[error("nobody takes what is read: it was ended")]
    NotTaken,
    /// The engine refused, for a reason of its own.
    #[error(
        "the storage engine could not {action}: {message}; restart the coordinator, and report it if it happens again"
    )]
    Backend {
        /// What was tried: "write to journal".
        action: String,
        /// What the engine said.
        message: String,
    },
    /// The caller broke a rule of the store. A fault of the program, told so that nothing wrong gets onto the disk.
    #[error("{what}: this is a fault of the program, and nothing was written; please report it")]
    Misuse {
        /// Which rule, with the numbers.
        what: String,
    },
}

impl StoreError {
    /// An error of the file system, for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Damage, with the way back.
    pub(crate) fn damaged(what: impl Into<String>, place: impl Into<String>) -> Self {
        Self::Damaged {
            what: what.into(),
            place: place.into(),
            remedy: RESTORE,
        }
    }

    /// A broken rule.
    pub(crate) fn misuse(what: impl Into<String>) -> Self {
        Self::Misuse { what: what.into() }
    }
}
