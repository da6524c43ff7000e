//! Whether the disks have room for new work. With too little nothing new begins, so that what runs has room to end; what a full disk would break is the
//! store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_shard::ShardHandle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the disks are looked at: a busy coordinator writes some hundred MiB in that time at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The folders whose disks must have room, and what was found when they were last looked at. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Disks {
    folders: Arc<[PathBuf]>,
    /// The least room, in bytes.
    low_water: u64,
    found: watch::Sender<Option<Shortage>>,
    /// The room of each folder's disk, in bytes, as it was last seen; `None` for one that cannot be asked.
    rooms: Arc<Mutex<Vec<Option<u64>>>>,
}

/// A disk with too little room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// A folder on that disk.
    folder: PathBuf,
    /// Its room, in bytes.
    free: u64,
    /// The least that it must have to go on, in bytes.
    wanted: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, free, wanted) = (self.folder.display(), self.free >> 20, self.wanted.div_ceil(1 << 20));
        write!(
            f,
            "the disk of `{folder}` has {free} MiB of room, and needs {wanted} MiB"
        )
    }
}

impl Default for Disks {
    /// None, so none of them is full.
    fn default() -> Self {
        Self::new([], 0)
    }
}

impl Disks {
    /// The disks on which these folders lie, each with at least `low_water` bytes of room.
    #[must_use]
    pub fn new(folders: impl IntoIterator<Item = PathBuf>, low_water: u64) -> Self {
        Self {
            folders: folders.into_iter().collect(),
            low_water,
            found: watch::Sender::new(None),
            rooms: Arc::default(),
        }
    }

    /// The room of each folder's disk, in bytes, as it was last seen, in the order of the folders; `None` for one that cannot be asked.
    #[must_use]
    pub fn rooms(&self) -> Vec<Option<u64>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The least room that each must have, in bytes.
    #[must_use]
    pub fn low_water(&self) -> u64 {
        self.low_water
    }

    /// The disk with too little room, if there is one.
    #[must_use]
    pub fn shortage(&self) -> Option<Shortage> {
        self.found.borrow().clone()
    }

    /// What was found, each time that it has changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Shortage>> {
        self.found.subscribe()
    }

    /// Looks at the disks now, and tells why new work is to be held back; `None` while all have room.
    #[must_use]
    pub fn look(&self) -> Option<String> {
        let was_short = self.found.borrow().is_some();
        // Somewhat more to go on than to stop, so that it does not change each second.
        let wanted = self.low_water + self.low_water / 10;
        let least = if was_short { wanted } else { self.low_water };
        let rooms: Vec<_> = self.folders.iter().map(|folder| free(folder)).collect();
        let found = self.folders.iter().zip(&rooms).find_map(|(folder, room)| {
            let (folder, free) = (folder.clone(), room.filter(|free| *free < least)?);
            Some(Shortage { folder, free, wanted })
        });
        *self.rooms.lock().unwrap_or_else(PoisonError::into_inner) = rooms;
        match &found {
            Some(shortage) if !was_short => {
                tracing::error!(%shortage, "no new work is taken until there is room; what runs goes on");
            }
            None if was_short => tracing::info!("the disks have room again: new work is taken"),
            _ => {}
        }
        let why = found.as_ref().map(ToString::to_string);
        // What is told of a shortage is its newest figure; whoever watches learns of its beginning and its end.
        self.found.send_if_modified(|old| {
            let turned = old.is_some() != found.is_some();
            *old = found;
            turned
        });
        why
    }

    /// Looks at the disks again and again, and holds new work back while one has too little room.
    pub(crate) async fn keep_looking(self, shard: ShardHandle, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let disks = self.clone();
            // The folder of a dead network disk would hold up whoever looks, for ever.
            let looking = tokio::task::spawn_blocking(move || disks.look());
            match stop.run_until_cancelled(looking).await {
                None => return,
                Some(Ok(why)) => shard.hold(why),
                Some(Err(panic)) => tracing::error!(%panic, "the disks could not be looked at"),
            }
        }
    }
}

/// The room that this process may use, in bytes. `None` for a disk that cannot be asked, which counts as one with room: whoever writes there is told
/// more.
fn free(folder: &Path) -> Option<u64> {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => Some(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => {
            tracing::debug!(folder = %folder.display(), %error, "the room of this disk is not known");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_says_where_how_much_there_is_and_how_much_it_takes() {
        let shortage = Shortage {
            folder: "/var/lib/muster".into(),
            free: (30 << 20) + 7,
            wanted: (35 << 20) + 1,
        };
        assert_eq!(
            shortage.to_string(),
            "the disk of `/var/lib/muster` has 30 MiB of room, and needs 36 MiB"
        );
    }

    #[test]
    fn a_disk_that_cannot_be_asked_is_not_full() {
        assert_eq!(free(Path::new("/no/such/folder")), None);
        assert!(free(Path::new("/")).is_some());
    }
}
