//! The landing: where collected records are put, through `object_store`.
//!
//! Records are JSON objects, one a line, compressed with zstd. An upload is *staged* first: durable, and not to be seen. Once the ledger
//! has committed to it (the event `LandingCommitted`), it is *published*: visible all at once, also to a reader that only globs. Nothing
//! here knows the ledger, or what an execution's status is.
//!
//! ```text
//! <folder>/.staging/<xx>/<execution>.<attempt>.<ordinal>.part     staged records          (xx: the last byte of the execution's id)
//! <folder>/.staging/<xx>/<execution>.<attempt>.<ordinal>.json     their manifest
//! <folder>/organization=…/integration=…/data_type=…/date=YYYY-MM-DD/<execution>.jsonl.zst       published records
//! <folder>/organization=…/integration=…/data_type=…/date=YYYY-MM-DD/_<execution>.manifest.json  their manifest
//! ```
//!
//! The date is that of the execution's creation (in UTC), which its id holds, so that a repeated publish finds the same place. The manifest's
//! name begins with `_`: Spark, Hive and Athena, which read whole folders, take it for no data. Globs of `organization=*/**` or
//! `**/*.jsonl.zst` find nothing below `.staging`.
//!
//! # Steps, and what a crash after each of them leaves
//!
//! | step | after a crash (`kill -9` or a power cut) |
//! | --- | --- |
//! | stage 1: records go into `….part#1` | an unfinished upload: the attempt's next upload or a sweep removes it |
//! | stage 2: flush it, rename it to `….part`, flush the folder | the same, but only a sweep, a discard or a publish removes it |
//! | stage 3: write, flush and rename `….json`, flush the folder | **staged**: [`Landing::staged`] tells of it after a restart |
//! | publish 1: compare the part's checksum with the manifest's | nothing has changed: publish again |
//! | publish 2: make the folders, flush each one's parent | empty folders: publish again |
//! | publish 3: rename the manifest to its final place | a manifest without data: publish again |
//! | publish 4: rename the data to its final place, flush the folder | **published**; publishing again finds that it is |
//! | publish 5: remove what else was staged of the execution | leftovers: publishing again or a sweep removes them |
//!
//! The manifest goes first, so that whoever sees data finds its manifest: the data's rename is the moment in which the whole becomes
//! visible. Neither rename need be durable before the other: a repeated publish takes each of both files from where it is, and flushes again. The manifest is
//! written once, when it is staged, so that a repeated publish gives the same bytes.
//!
//! What is visible of an execution is never replaced, but once: a coordinator that was restored from a backup does not know what was published after
//! that, and collects it again. Its attempts are above all others, and what they bring takes the place of what earlier ones have brought: in step 3 the old
//! records go before their manifest does.
//!
//! # Who may do what
//!
//! One process at a time has a landing open. Of the uploads of one attempt the newest wins: an older one that is still being written can no
//! longer finish. A finished one stays until a newer one has finished, and one more, so that an upload that overlaps with the commit cannot
//! take away what was committed to.

mod error;
mod files;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod kept;
mod line;
mod live;
mod manifest;
mod place;
mod publish;
mod read;
mod stage;
mod sweep;
#[cfg(test)]
mod tests;
pub mod verify;

use std::path::Path;
use std::sync::Arc;

use backon::ExponentialBuilder;
use muster_core::words::{Attempt, ExecutionId, Staged};

pub use error::{Impossible, LandingError, LineFault, PublishError, StageError};
pub use files::{Checksum, Doing, Files};
pub use line::LINE_BYTES_MAX;
pub use place::Destination;
pub use publish::Published;
pub use read::Lines;
pub use stage::Stage;
pub use sweep::Swept;

use files::{all_staged_now, staged_of};
use folder::Folder;
use live::Live;
use manifest::Manifest;
use place::StagedName;

/// A place for records. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Landing {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: Box<dyn Files>,
    live: Live,
    backoff: ExponentialBuilder,
}

impl Landing {
    /// Whether something has landed in `folder`, or could.
    #[must_use]
    pub fn is_there(folder: &Path) -> bool {
        folder.join(place::STAGING).is_dir()
    }

    /// Opens the landing in `folder`, and makes it if it is not there. Blocks for a moment, so it is for the start of a process.
    ///
    /// # Errors
    /// [`LandingError`] when the folder can't be made or written to, or another process has it open.
    pub fn open(folder: &Path) -> Result<Self, LandingError> {
        Self::open_with(folder, publish::backoff())
    }

    fn open_with(folder: &Path, backoff: ExponentialBuilder) -> Result<Self, LandingError> {
        Self::over(Box::new(Folder::open(folder)?), backoff)
    }

    /// The landing over these files.
    ///
    /// # Errors
    /// [`LandingError`] when they can't be listed.
    pub fn on(files: Box<dyn Files>) -> Result<Self, LandingError> {
        Self::over(files, publish::backoff())
    }

    fn over(files: Box<dyn Files>, backoff: ExponentialBuilder) -> Result<Self, LandingError> {
        let newest = all_staged_now(&*files)?.iter().map(|file| file.name.ordinal).max();
        Ok(Self {
            inner: Arc::new(Inner {
                files,
                live: Live::after(newest),
                backoff,
            }),
        })
    }

    /// What `attempt` of `execution` has staged: the newest upload that was finished. `None` when there is none: nothing was uploaded, or not
    /// to its end, or it was discarded or published.
    ///
    /// # Errors
    /// [`LandingError`] when the landing can't be read, or the manifest is damaged.
    pub async fn staged(&self, execution: ExecutionId, attempt: Attempt) -> Result<Option<Staged>, LandingError> {
        let files = staged_of(&*self.inner.files, execution).await?;
        let newest = files
            .iter()
            .filter(|file| file.name.attempt == attempt && file.is_manifest())
            .map(|file| file.name)
            .max_by_key(|name| name.ordinal);
        let Some(name) = newest else { return Ok(None) };
        let manifest = Manifest::load(&*self.inner.files, &name.manifest()).await?;
        Ok(manifest.map(|manifest| Staged {
            id: name.id(),
            counts: manifest.counts(),
            cursor: None,
        }))
    }

    /// Where the records of an execution lie once they are published, as a URI.
    #[must_use]
    pub fn uri(&self, destination: &Destination) -> String {
        self.inner.files.uri(&destination.data())
    }
}
