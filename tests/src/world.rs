//! A coordinator with a folder that goes with it.

use std::path::Path;

use tempfile::TempDir;

use crate::client::Client;
use crate::coordinator::Coordinator;
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
        let folder = tempfile::Builder::new().prefix("muster-e2e-").tempdir();
        let folder = folder.expect("the system has a folder for temporary files");
        Self {
            coordinator: Coordinator::start(folder.path(), arguments).await,
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
