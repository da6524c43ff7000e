//! Publishing: what is staged becomes visible, all at once, however often it is tried.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use muster_core::planted;
use muster_core::words::{Counts, Staged};
use muster_failpoint::failpoint;
use object_store::path::Path;

use super::files::Files;
use super::manifest::Manifest;
use super::place::StagedName;
use super::{Destination, Impossible, Inner, Landing, LandingError, PublishError};

/// How often a publish tries before it says that it is to be tried later, and how long it waits in between: short troubles pass in three
/// seconds, and for long ones the caller has a timer of its own.
const TRIES: usize = 5;
const WAIT_LEAST: Duration = Duration::from_millis(100);
const WAIT_MOST: Duration = Duration::from_secs(2);

pub(super) fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(WAIT_LEAST)
        .with_max_delay(WAIT_MOST)
        .with_max_times(TRIES - 1)
        .with_jitter()
}

/// Records that are visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where, as a URI.
    pub uri: String,
    /// How much.
    pub counts: Counts,
}

impl Landing {
    /// Makes staged records visible. Idempotent: publishing again, also after a crash at any point of an earlier try, ends with the same files.
    ///
    /// Tries again by itself for about three seconds when the landing can't be written to.
    ///
    /// # Errors
    /// [`PublishError::Transient`]: to be called again later. [`PublishError::Impossible`]: it never will be; nothing is visible.
    pub async fn publish(&self, destination: &Destination, staged: &Staged) -> Result<Published, PublishError> {
        let attempt = || self.publish_once(destination, staged);
        attempt
            .retry(self.inner.backoff)
            .when(|error| matches!(error, PublishError::Transient(_)))
            .notify(
                |error, wait| tracing::warn!(%destination, error = %chain(error), ?wait, "publishing is tried again"),
            )
            .await
    }

    /// The same without trying again, for whoever has timers of its own.
    ///
    /// # Errors
    /// As [`Landing::publish`].
    pub async fn publish_once(&self, destination: &Destination, staged: &Staged) -> Result<Published, PublishError> {
        let publication = Publication::new(&self.inner, destination, staged)?;
        for step in Step::ALL {
            match publication.carry_out(step).await {
                Ok(()) => {}
                Err(PublishError::Impossible(impossible @ (Impossible::Gone(_) | Impossible::Damaged { .. }))) => {
                    publication.withdraw().await.map_err(PublishError::Transient)?;
                    return Err(impossible.into());
                }
                // What is visible then is whole, and others have committed to it.
                Err(PublishError::Impossible(
                    impossible @ (Impossible::Foreign { .. } | Impossible::Occupied { .. }),
                )) => {
                    return Err(impossible.into());
                }
                Err(error @ PublishError::Transient(_)) => return Err(error),
            }
        }
        Ok(Published {
            uri: self.uri(destination),
            counts: staged.counts,
        })
    }
}

/// The steps of a publish, as the module's page tells them. Each may be repeated, and finds what the earlier ones have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Verify,
    MakeFolders,
    PlaceManifest,
    PlaceData,
    Clear,
}

impl Step {
    pub(super) const ALL: [Self; 5] = [
        Self::Verify,
        Self::MakeFolders,
        Self::PlaceManifest,
        Self::PlaceData,
        Self::Clear,
    ];
}

/// The way of one upload from its staged place to its final one.
#[derive(Debug)]
pub(super) struct Publication<'p> {
    landing: &'p Inner,
    destination: &'p Destination,
    staged: &'p Staged,
    name: StagedName,
}

impl<'p> Publication<'p> {
    pub(super) fn new(
        landing: &'p Inner,
        destination: &'p Destination,
        staged: &'p Staged,
    ) -> Result<Self, Impossible> {
        let name = StagedName::of(&staged.id)
            .filter(|name| name.execution == destination.execution)
            .ok_or_else(|| Impossible::Gone(staged.id.clone()))?;
        Ok(Self {
            landing,
            destination,
            staged,
            name,
        })
    }

    pub(super) async fn carry_out(&self, step: Step) -> Result<(), PublishError> {
        let files = self.files();
        match step {
            Step::Verify => self.verify().await,
            Step::MakeFolders => files
                .make(&self.destination.folder())
                .await
                .map_err(PublishError::Transient),
            Step::PlaceManifest => self.place_manifest().await,
            Step::PlaceData => self.place_data().await,
            Step::Clear => {
                self.clear().await;
                Ok(())
            }
        }
    }

    async fn place_manifest(&self) -> Result<(), PublishError> {
        let files = self.files();
        let (data, manifest) = (self.destination.data(), self.destination.manifest());
        if self.name.attempt.is_after_restore()
            && let Some(other) = self.load(&manifest).await?
            && other.id() != self.staged.id
        {
            // Gone before its manifest is, so that nobody finds records beside the manifest of others.
            let gone = async {
                files.remove(&data).await?;
                files.sync(&self.destination.folder()).await
            };
            gone.await.map_err(PublishError::Transient)?;
        }
        failpoint!("publish-manifest");
        let placed = files.rename(&self.name.manifest(), &manifest).await;
        placed.map_err(PublishError::Transient)
    }

    /// Whether what is visible is of a time that a restore of the coordinator has undone: then these records take its place. Attempts of a restored
    /// coordinator are above all that there were before.
    fn replaces(&self, other: &Manifest) -> bool {
        self.name.attempt.is_after_restore() && other.attempt() < self.name.attempt
    }

    async fn place_data(&self) -> Result<(), PublishError> {
        let (data, manifest) = (self.destination.data(), self.destination.manifest());
        let placed = async {
            let files = self.files();
            failpoint!("publish-data");
            files.rename(&self.name.part(), &data).await?;
            failpoint!("published-unsynced");
            if !planted!("folder-not-synced") {
                files.sync(&self.destination.folder()).await?;
            }
            // A file that was not there to be renamed was placed by an earlier try, or has gone since it was verified.
            Ok(files.has(&data).await? && files.has(&manifest).await?)
        };
        match placed.await.map_err(PublishError::Transient)? {
            true => Ok(()),
            false => Err(Impossible::Gone(self.staged.id.clone()).into()),
        }
    }

    /// Whether both files are there, in either place, and are what was committed to.
    async fn verify(&self) -> Result<(), PublishError> {
        let id = &self.staged.id;
        if let Some(other) = self.load(&self.destination.manifest()).await?
            && other.id() != *id
            && !self.replaces(&other)
        {
            let (id, by) = (id.clone(), other.id());
            return Err(Impossible::Occupied { id, by }.into());
        }
        let manifest = match self.load(&self.name.manifest()).await? {
            Some(manifest) => Some(manifest),
            None => self.load(&self.destination.manifest()).await?,
        };
        let manifest = manifest.ok_or_else(|| Impossible::Gone(id.clone()))?;
        if manifest.id() != *id || manifest.counts() != self.staged.counts || !manifest.belongs_to(self.destination) {
            return Err(Impossible::Foreign {
                id: id.clone(),
                there: manifest.counts(),
                committed: self.staged.counts,
                found: manifest.destination(),
                wanted: self.destination.to_string(),
            }
            .into());
        }
        let files = self.files();
        let checksum = match files
            .checksum(&self.name.part())
            .await
            .map_err(PublishError::Transient)?
        {
            Some(checksum) => Some(checksum),
            None => files
                .checksum(&self.destination.data())
                .await
                .map_err(PublishError::Transient)?,
        };
        let checksum = checksum.ok_or_else(|| Impossible::Gone(id.clone()))?;
        match manifest.fault(&checksum) {
            Some(reason) if !planted!("checksum-not-compared") => Err(self.damaged(reason)),
            Some(_) | None => Ok(()),
        }
    }

    async fn load(&self, path: &Path) -> Result<Option<Manifest>, PublishError> {
        match Manifest::load(self.files(), path).await {
            Ok(manifest) => Ok(manifest),
            Err(LandingError::Damaged { what, reason }) => Err(self.damaged(format!("{what}: {reason}"))),
            Err(error) => Err(PublishError::Transient(error)),
        }
    }

    fn damaged(&self, reason: String) -> PublishError {
        let id = self.staged.id.clone();
        Impossible::Damaged { id, reason }.into()
    }

    /// Removes what else was staged of the execution: its end has come. What stays behind is found by a sweep, so a failure is only told.
    async fn clear(&self) {
        if let Err(error) = self.landing.remove_staged(self.destination.execution, |_| true).await {
            tracing::warn!(destination = %self.destination, error = %chain(&error), "leftovers stay until the next sweep");
        }
    }

    /// Takes back what an earlier try has already put into its final place, so that nothing of an impossible publish is visible. What belongs to
    /// another upload stays.
    async fn withdraw(&self) -> Result<(), LandingError> {
        let files = self.files();
        let manifest = self.destination.manifest();
        match Manifest::load(files, &manifest).await {
            // Whose an unreadable one is does not matter: no reader can make anything of it, or trust the data beside it.
            Err(LandingError::Damaged { .. }) => {}
            Err(error) => return Err(error),
            Ok(Some(placed)) if placed.id() != self.staged.id => return Ok(()),
            Ok(Some(_) | None) => {}
        }
        files.rename(&self.destination.data(), &self.name.part()).await?;
        files.rename(&manifest, &self.name.manifest()).await?;
        files.sync(&self.destination.folder()).await
    }

    fn files(&self) -> &'p dyn Files {
        &*self.landing.files
    }
}

/// An error with all that is behind it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    muster_process::exit::chain(error)
}
