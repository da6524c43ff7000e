//! A coordinator with a folder that goes with it.

use std::path::Path;

use tempfile::TempDir;

use crate::client::Client;
use crate::coordinator::{Coordinator, Ground};
use crate::disk::SmallDisk;
use crate::disk_faults::DiskFaults;
use crate::runner::Runner;

/// A coordinator, and a folder for it and all that checks in with it.
#[derive(Debug)]
pub struct World {
    /// The coordinator.
    pub coordinator: Coordinator,
    // Dropped last: processes write into it until they are killed.
    folder: TempDir,
}

impl World {
    /// A fresh coordinator with the shortest lease, so that tests which wait for one are short.
    pub async fn start() -> Self {
        Self::start_with(&["--lease", "5s"]).await
    }

    /// A fresh coordinator with these arguments.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let folder = fresh_folder();
        Self {
            coordinator: Coordinator::start(folder.path(), arguments).await,
            folder,
        }
    }

    /// The same, with what the coordinator keeps on a disk of so many MiB; `None` where there can be no such disk.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_on_disk(mib: u32, arguments: &[&str]) -> Option<Self> {
        let folder = fresh_folder();
        let disk = SmallDisk::make(&folder.path().join("data"), mib)?;
        Some(Self {
            coordinator: Coordinator::start_on(Ground::Disk(disk), folder.path(), arguments).await,
            folder,
        })
    }

    /// The same, on a disk with these faults.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_on_failing_disk(faults: DiskFaults, arguments: &[&str]) -> Self {
        let folder = fresh_folder();
        Self {
            coordinator: Coordinator::start_on(Ground::Failing(faults), folder.path(), arguments).await,
            folder,
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client of the coordinator.
    #[must_use]
    pub fn client(&self) -> Client {
        self.coordinator.client()
    }

    /// Starts a real runner of the pool `default`.
    #[must_use]
    pub fn runner(&self, name: &str, arguments: &[&str]) -> Runner {
        Runner::start(self.folder(), &self.coordinator.url(), name, arguments)
    }
}

fn fresh_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("muster-e2e-").tempdir();
    folder.expect("the system has a folder for temporary files")
}
