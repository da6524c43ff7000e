//! Files that hold keys: written for their owner alone, and not used when others can read them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The most bytes of a file of a key: none of ours has more than some hundred.
const BYTES_MAX: u64 = 64 * 1024;

/// Why a file of a key is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Others can read or write it.
    #[error(
        "others can read `{path}`, which holds a key (mode {mode:04o}): `chmod 600` it, and think of the key as known to them"
    )]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It cannot be read or written.
    #[error("cannot use `{path}`, which is to hold a key")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads a file of a key; `None` when there is none.
///
/// # Errors
/// [`KeyFileError`].
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, KeyFileError> {
    let unusable = |source| KeyFileError::Unusable {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    };
    let mode = file.metadata().map_err(unusable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(unusable)?;
    Ok(Some(bytes))
}

/// Writes a file of a key: it is there with all of its bytes and durable, or as it was before.
///
/// # Errors
/// [`KeyFileError::Unusable`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = || {
        // Left by a writer that was killed; made anew, so that its mode is ours.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|source| KeyFileError::Unusable {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        assert!(read(&path).expect("read").is_none());
        fs::write(folder.path().join("key.new"), "left").expect("written");
        write(&path, b"one").expect("written");
        write(&path, b"secret").expect("written again");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o600);
        assert_eq!(read(&path).expect("read").as_deref(), Some(&b"secret"[..]));
        for mode in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
            let error = read(&path).expect_err("refused");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("changed");
        assert!(read(&path).is_ok());
    }
}
