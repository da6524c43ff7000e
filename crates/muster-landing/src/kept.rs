//! How much lies in the landing, and whose it is.

use muster_core::words::OrganizationId;
use object_store::path::Path;

use super::{Destination, Landing, LandingError};

impl Landing {
    /// How many bytes of the disk the published records of each organization take. Looks at every file.
    ///
    /// # Errors
    /// [`LandingError`] when the landing cannot be read.
    pub async fn kept(&self) -> Result<Vec<(OrganizationId, u64)>, LandingError> {
        let files = &self.inner.files;
        let mut kept = Vec::new();
        for folder in files.folders(&Path::default()).await? {
            // Somebody may have put a folder of theirs beside ours.
            let name = folder.strip_prefix("organization=");
            if let Some(Ok(organization)) = name.map(OrganizationId::new) {
                kept.push((organization, files.bytes(&Path::from(folder)).await?));
            }
        }
        Ok(kept)
    }

    /// How many bytes of the disk the records of one execution take; 0 when they are not there.
    ///
    /// # Errors
    /// [`LandingError`] when the landing cannot be read.
    pub async fn kept_of(&self, destination: &Destination) -> Result<u64, LandingError> {
        self.inner.files.bytes(&destination.data()).await
    }
}
