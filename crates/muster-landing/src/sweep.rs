//! Removing what was staged and will not be published.

use muster_core::planted;
use muster_core::words::{Attempt, ExecutionId};

use super::files::{StagedFile, remove_staged, staged_in, staged_of};
use super::place::shelves;
use super::{Inner, Landing, LandingError};

/// What a sweep has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many files it has removed.
    pub removed: u64,
    /// How many it has left: they belong to attempts that are open, or to uploads that have not ended.
    pub kept: u64,
}

impl Landing {
    /// Removes all that an attempt has staged, and lets none of its uploads that have begun finish. Does nothing when there is nothing.
    ///
    /// # Errors
    /// [`LandingError`]: something may be left, for the next sweep.
    pub async fn discard(&self, execution: ExecutionId, attempt: Attempt) -> Result<(), LandingError> {
        self.inner.live.stop(execution, attempt);
        let of_attempt = |file: &StagedFile| file.name.attempt == attempt || planted!("discard-takes-all");
        self.inner.remove_staged(execution, of_attempt).await
    }

    /// Removes what attempts have staged that are no longer open: those that neither hold their execution nor have been committed to without
    /// being published yet. To be called after a start and now and then, also while records are staged: whether an attempt is open is asked anew for
    /// each file that has been found, so one that begins meanwhile is safe. An answer from before the file was found would not do.
    ///
    /// # Errors
    /// [`LandingError`]: what is left is for the next sweep.
    pub async fn sweep<F>(&self, is_open: impl Fn(ExecutionId, Attempt) -> F) -> Result<Swept, LandingError>
    where
        F: Future<Output = bool>,
    {
        let mut swept = Swept::default();
        for shelf in shelves() {
            for file in staged_in(&*self.inner.files, &shelf).await? {
                let name = file.name;
                if is_open(name.execution, name.attempt).await && !planted!("sweep-takes-open") {
                    swept.kept += 1;
                    continue;
                }
                self.inner.live.stop(name.execution, name.attempt);
                if self.inner.live.has(name) {
                    swept.kept += 1;
                    continue;
                }
                remove_staged(&*self.inner.files, &file).await?;
                swept.removed += 1;
            }
        }
        Ok(swept)
    }
}

impl Inner {
    /// Removes what was staged of an execution and is wanted gone, but for uploads that are being written: those remove themselves.
    pub(super) async fn remove_staged(
        &self,
        execution: ExecutionId,
        wanted: impl Fn(&StagedFile) -> bool,
    ) -> Result<(), LandingError> {
        for file in staged_of(&*self.files, execution).await? {
            if wanted(&file) && !self.live.has(file.name) {
                remove_staged(&*self.files, &file).await?;
            }
        }
        Ok(())
    }
}
