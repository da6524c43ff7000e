//! Writes small files so that after a crash there is the old one or the new one, and nothing between.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use muster_failpoint::failpoint;

/// How the name of a file ends that was not written to its end. Whoever finds one may remove it.
pub(crate) const UNFINISHED: &str = "tmp";

/// Writes `name` in `folder`, in place of what was there. When this returns the file survives a power cut.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!("{name}.{UNFINISHED}"));
    let mut options = OpenOptions::new();
    // Only for this user: results name what stands in the customer's network.
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    failpoint!("spooling");
    fs::rename(&unfinished, folder.join(name))?;
    sync_folder(folder)
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
