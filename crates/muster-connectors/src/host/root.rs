//! The file tree that is read: the machine's own, or that of another one under a folder.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

/// The most bytes of a file that is read as a whole, such as one of `/proc` or `/etc/group`: far more than any real one has.
pub(super) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most entries of a folder that are looked at.
const ENTRIES_MAX: usize = 10_000;

/// The root of the file tree. All paths are relative to it.
///
/// With a root other than `/`, the kernel keeps every look-up inside of it, also through symbolic links: the tree may be of a container
/// image, whose links must not lead to the runner's own files.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// Opens the folder that is the root.
    pub(super) fn open_folder(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().canonicalize()?;
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
        let folder = nix::fcntl::open(&path, flags, Mode::empty())?;
        Ok(Self { folder, path })
    }

    /// Whether this is the tree of the machine that we run on, so that the kernel can be asked too.
    pub(super) fn is_own(&self) -> bool {
        self.path == Path::new("/")
    }

    /// Where `relative` is for another program, which does not look it up as we do.
    ///
    /// # Errors
    /// It is not there, or a link leads out of the tree.
    pub(super) fn path_for_others(&self, relative: &str) -> io::Result<PathBuf> {
        let path = self.path.join(relative).canonicalize()?;
        if path.starts_with(&self.path) {
            Ok(path)
        } else {
            Err(io::Error::other("a link leads out of the root folder"))
        }
    }

    /// Opens a regular file.
    pub(super) fn open(&self, relative: impl AsRef<Path>) -> io::Result<File> {
        // Without O_NONBLOCK a named pipe in place of the file would hold us up for ever.
        let file = File::from(self.look_up(relative.as_ref(), OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("it is not a regular file"))
        }
    }

    /// Reads a whole file of at most [`FILE_BYTES_MAX`] bytes.
    pub(super) fn read(&self, relative: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(relative)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        Ok(bytes)
    }

    /// Reads a small file of one value, as those of `/sys` are. `None`: it is not there, not readable, or empty.
    pub(super) fn value(&self, relative: impl AsRef<Path>) -> Option<String> {
        let text = String::from_utf8_lossy(&self.read(relative).ok()?)
            .trim_matches([' ', '\n', '\t', '\0'])
            .to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The same as a number.
    pub(super) fn number(&self, relative: impl AsRef<Path>) -> Option<u64> {
        self.value(relative)?.parse().ok()
    }

    /// What the file system says about a file or folder.
    pub(super) fn metadata(&self, relative: impl AsRef<Path>) -> io::Result<Metadata> {
        File::from(self.handle(relative)?).metadata()
    }

    /// A handle that names a file or folder and reads nothing of it.
    pub(super) fn handle(&self, relative: impl AsRef<Path>) -> io::Result<OwnedFd> {
        self.look_up(relative.as_ref(), OFlag::O_PATH)
    }

    /// The names in a folder, sorted; at most 10,000.
    pub(super) fn names(&self, relative: impl AsRef<Path>) -> io::Result<Vec<OsString>> {
        let folder = self.look_up(relative.as_ref(), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let mut names = Vec::new();
        for entry in Dir::from_fd(folder)?.iter() {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
            if names.len() == ENTRIES_MAX {
                break;
            }
        }
        names.sort();
        Ok(names)
    }

    fn look_up(&self, relative: &Path, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC;
        if self.is_own() {
            // There is nothing outside of this root, and some sandboxes do not know openat2.
            return Ok(nix::fcntl::openat(self.folder.as_fd(), relative, flags, Mode::empty())?);
        }
        let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT);
        Ok(openat2(self.folder.as_fd(), relative, how)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_do_not_lead_out_of_the_tree() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("etc")).expect("etc");
        fs::write(folder.path().join("etc/inside"), "inside").expect("a file");
        symlink("/etc/inside", folder.path().join("absolute")).expect("a link");
        symlink("/etc/passwd", folder.path().join("outside")).expect("a link");
        symlink("../../../../../../etc/passwd", folder.path().join("up")).expect("a link");
        let root = Root::open_folder(folder.path()).expect("a root");
        assert_eq!(root.value("absolute").as_deref(), Some("inside"));
        assert!(root.read("outside").is_err(), "there is no etc/passwd in the tree");
        assert!(root.read("up").is_err());
        assert!(root.path_for_others("outside").is_err());
        assert!(root.read("../../etc/passwd").is_err());
    }

    #[test]
    fn a_pipe_or_folder_is_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .expect("mkfifo")
                .success()
        );
        let root = Root::open_folder(folder.path()).expect("a root");
        assert!(root.read("pipe").is_err());
        assert!(root.read(".").is_err());
    }
}
