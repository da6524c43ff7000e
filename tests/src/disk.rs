//! A disk of a few MiB, so that it can be full.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::process::run_by;

/// A file system in memory, at a place that only processes of its own mount namespace see. It goes with the process that holds that namespace.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Child,
    place: PathBuf,
}

impl SmallDisk {
    /// A disk of `mib` MiB at `place`, which is made; `None` where the system lets nobody have namespaces of their own.
    ///
    /// # Panics
    /// When the place cannot be made.
    #[must_use]
    pub fn make(place: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(place).expect("a folder can be made");
        let script = format!("mount -t tmpfs -o size={mib}m none \"$0\" && echo made && exec sleep infinity");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
            .arg(place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut said = [0; 4];
        let mut stdout = holder.stdout.take()?;
        if stdout.read_exact(&mut said).is_err() || said != *b"made" {
            let _ = holder.wait();
            return None;
        }
        Some(Self {
            holder,
            place: place.to_owned(),
        })
    }

    /// The same command among those who see the disk.
    #[must_use]
    pub fn command(&self, inner: &Command) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--mount", "--preserve-credentials", "--target"]);
        command.arg(self.holder.id().to_string());
        run_by(command, inner)
    }

    /// What lies on it, for whoever does not see it.
    #[must_use]
    pub fn from_outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.place.strip_prefix("/").unwrap_or(&self.place))
    }

    /// Its room, in bytes.
    ///
    /// # Panics
    /// When the system does not tell.
    #[must_use]
    pub fn free(&self) -> u64 {
        let found = nix::sys::statvfs::statvfs(&self.from_outside()).expect("a disk tells its room");
        found.blocks_available() * found.fragment_size()
    }

    /// Takes its room but for `left` bytes, until what is returned is dropped. Somebody else may write at the same time.
    ///
    /// # Panics
    /// When it cannot be written for another reason than that it is full.
    #[must_use]
    pub fn fill(&self, left: u64) -> Filler {
        const PIECE: usize = 64 * 1024;
        let path = self.from_outside().join("filler");
        let mut file = File::create(&path).expect("a file can be made");
        let filler = Filler { path };
        loop {
            let over = usize::try_from(self.free().saturating_sub(left)).unwrap_or(PIECE);
            match file.write_all(&vec![1; over.min(PIECE)]) {
                _ if over == 0 => return filler,
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return filler,
                Err(error) => panic!("the disk cannot be filled: {error}"),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// What takes the room of a disk. It is free again when this is dropped.
#[derive(Debug)]
pub struct Filler {
    path: PathBuf,
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
