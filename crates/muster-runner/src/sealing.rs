//! The key to which secrets are sealed that this runner opens: made at its first start, kept in its folder, never told.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use muster_connector::secret::Opener;
use muster_core::words::{Sealed, SealingKey};
use muster_seal::SealingIdentity;

use crate::durable;

/// The file in a runner's folder: an identity file of age.
const FILE: &str = "sealing-key";

/// The most bytes that are read of it: a key has 74, and a person's editor may have added some blanks.
const FILE_BYTES_MAX: u64 = 1024;

/// A sealing key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SealingKeyError {
    /// The file cannot be read or written.
    #[error("cannot read or write the sealing key {}: check its permissions, and the space on its disk", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the sealing key {} can be read by others (its mode is {mode:o}): `chmod 600` it, and seal anew what was sealed to it if they may have", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is none.
    #[error(
        "the sealing key {} is damaged: bring it back from a backup; or remove it, restart the runner and seal its secrets anew",
        path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
    },
}

/// This runner's sealing key.
#[derive(Clone)]
pub struct Sealing(SealingIdentity);

/// Shows the public half.
impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sealing").field(self.0.key()).finish()
    }
}

impl Sealing {
    /// The key in a runner's folder; `None` when there is none so far.
    ///
    /// # Errors
    /// [`SealingKeyError`].
    pub fn find(folder: &Path) -> Result<Option<Self>, SealingKeyError> {
        let path = folder.join(FILE);
        let unreadable = |source| SealingKeyError::File {
            path: path.clone(),
            source,
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SealingKeyError::Open { path, mode });
        }
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
        let identity = std::str::from_utf8(&bytes).ok().and_then(SealingIdentity::from_text);
        identity
            .map(|identity| Some(Self(identity)))
            .ok_or(SealingKeyError::Damaged { path })
    }

    /// The same, made now when there is none.
    ///
    /// # Errors
    /// [`SealingKeyError`].
    pub(crate) fn find_or_make(folder: &Path) -> Result<Self, SealingKeyError> {
        if let Some(found) = Self::find(folder)? {
            return Ok(found);
        }
        let identity = SealingIdentity::generate();
        let text = format!("{}\n", identity.to_text());
        durable::write(folder, FILE, text.as_bytes()).map_err(|source| SealingKeyError::File {
            path: folder.join(FILE),
            source,
        })?;
        Ok(Self(identity))
    }

    /// The public half, which the coordinator and people are told.
    pub(crate) fn key(&self) -> &SealingKey {
        self.0.key()
    }
}

impl Opener for Sealing {
    fn open(&self, sealed: &Sealed<'_>) -> Result<String, String> {
        self.0.open(sealed).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_made_once_and_for_this_user_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Sealing::find(folder.path()).expect("none so far").is_none());
        let made = Sealing::find_or_make(folder.path()).expect("made");
        let again = Sealing::find_or_make(folder.path()).expect("found");
        assert_eq!(made.key(), again.key());
        let file = folder.path().join(FILE);
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&file).expect("it is there");
        assert!(!format!("{made:?}").contains(text.trim()));

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("its owner may");
        let error = Sealing::find(folder.path()).expect_err("others can read it");
        assert!(error.to_string().contains("its mode is 640"), "{error}");

        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("its owner may");
        fs::write(&file, "AGE-SECRET-KEY-1").expect("written");
        assert!(matches!(
            Sealing::find_or_make(folder.path()),
            Err(SealingKeyError::Damaged { .. })
        ));
    }
}
