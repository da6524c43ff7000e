//! Keys of the coordinator's own that lie beside its store, so that what is sealed by them outlives its restart.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::rand::{GetRandomFlags, getrandom};

pub(crate) const KEY_BYTES: usize = 32;

/// The key in this file, which is made if it is not there.
///
/// A file that cannot be read or made is no reason not to serve: then what is sealed ends with this process, and the log says so.
pub(crate) fn kept_key(file: &Path, of: &str) -> [u8; KEY_BYTES] {
    let kept = read(file).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => make(file),
        _ => Err(error),
    });
    kept.unwrap_or_else(|error| {
        tracing::warn!(file = %file.display(), %error, "the key of {of} cannot be kept: they end with this process");
        random_key()
    })
}

fn read(file: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let bytes = fs::read(file)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| {
        io::Error::other(format!(
            "it has {found} bytes, and a key has {KEY_BYTES}: remove it, and a new one is made"
        ))
    })
}

fn make(file: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let key = random_key();
    let mut made = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    made.write_all(&key)?;
    made.sync_all()?;
    Ok(key)
}

/// A key that nobody has had before.
pub(crate) fn random_key() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    // Up to 256 bytes the system gives all that is asked for, and it fails only before it has gathered any randomness, for which this call waits.
    let filled = getrandom(&mut key, GetRandomFlags::empty());
    assert_eq!(filled, Ok(KEY_BYTES), "the system gives random bytes");
    key
}
