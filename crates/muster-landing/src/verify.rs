//! Whether what is visible is what was collected: every file of records against its manifest, and both against what is known of their execution.
//!
//! The landing belongs to whoever reads it, too. So what is not there any more is told, and is no damage: somebody may have moved or deleted it, as a
//! bucket's own retention does. What is there and is not what was written is damage.

use std::collections::BTreeMap;

use muster_core::few::Few;
use muster_core::words::{Attempt, Counts, DataType, ExecutionId, IntegrationId, OrganizationId, StagedId};
use object_store::path::Path;

use super::manifest::Manifest;
use super::place::STAGING;
use super::{Destination, Landing, LandingError};

/// What a pass says while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The records of so many executions were looked at.
    Seen(u64),
    /// Something was found.
    Found {
        /// What.
        kind: Kind,
        /// Of which records.
        destination: Destination,
        /// What more there is to say; `None` when nothing is.
        more: Option<String>,
    },
    /// It was found of so many more, which are not told one by one.
    More {
        /// What.
        kind: Kind,
        /// Of how many.
        count: u64,
    },
}

/// What is known of the execution that records belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it never was, or its retention has ended.
    Nothing,
    /// It is open.
    Open {
        /// Its newest attempt.
        attempt: Attempt,
        /// What it is publishing; `None` when it is not past its commit point.
        committed: Option<StagedId>,
    },
    /// It has ended.
    Ended {
        /// Its last attempt.
        attempt: Attempt,
        /// What it has published, and how much; `None` when it had no records or has failed.
        published: Option<(StagedId, Counts)>,
    },
}

/// What may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The manifest cannot be read.
    Unreadable,
    /// The manifest is that of other records.
    Foreign,
    /// There are records, and no manifest.
    WithoutManifest,
    /// The records are not those that the manifest tells of.
    Changed,
    /// There are records, and their execution has not completed with any.
    NotCommitted,
    /// The execution has completed with other records.
    Other,
    /// The execution is not known.
    Unknown,
    /// They are from before the coordinator was restored.
    EarlierLife,
    /// There is a manifest, and no records.
    ManifestAlone,
    /// The execution has completed with records, and they are not there.
    Gone,
}

impl Kind {
    /// Whether what is there is not what was written, or should not be there. All else may be as somebody wants it.
    #[must_use]
    pub fn is_damage(self) -> bool {
        match self {
            Self::Unreadable
            | Self::Foreign
            | Self::WithoutManifest
            | Self::Changed
            | Self::NotCommitted
            | Self::Other => true,
            Self::Unknown | Self::EarlierLife | Self::ManifestAlone | Self::Gone => false,
        }
    }

    /// What is wrong, as a sentence without an end.
    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::Unreadable => "the manifest cannot be read",
            Self::Foreign => "the manifest is that of other records",
            Self::WithoutManifest => "records without a manifest",
            Self::Changed => "the records are not those that the manifest tells of",
            Self::NotCommitted => "records are visible of an execution that has not completed with any",
            Self::Other => "the records are not those that the execution has completed with",
            Self::Unknown => "records of an execution that is not known",
            Self::EarlierLife => "records that were collected after the backup that this coordinator was restored from",
            Self::ManifestAlone => "a manifest without records",
            Self::Gone => "the records of a completed execution are not there",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unreadable | Self::Foreign | Self::WithoutManifest | Self::Changed | Self::Other => {
                "bring both files back from a copy of the landing, or remove both and run the integration again; check the disk"
            }
            Self::NotCommitted => "do not use them: move both files away, and report it",
            Self::Unknown => {
                "it is safe to ignore: the landing keeps records for longer than history keeps executions. Those of the time between a \
                 backup and its restore may have been collected again by another execution"
            }
            Self::EarlierLife => "it is safe to ignore: they are replaced when the execution completes anew",
            Self::ManifestAlone => "it is safe to ignore if the records were moved or deleted on purpose",
            Self::Gone => {
                "it is safe to ignore if they were moved or deleted on purpose; otherwise bring them back from a copy of the landing"
            }
        }
    }
}

/// A pass over the landing.
pub struct Pass<'a> {
    landing: &'a Landing,
    tell: &'a mut (dyn FnMut(Told) + Send + Sync),
    kinds: Few<Kind>,
    /// How many executions' records were looked at.
    seen: u64,
}

impl Landing {
    /// Begins a verification, which says what it finds as it finds it.
    pub fn verify<'a>(&'a self, tell: &'a mut (dyn FnMut(Told) + Send + Sync)) -> Pass<'a> {
        Pass {
            landing: self,
            tell,
            kinds: Few::default(),
            seen: 0,
        }
    }
}

impl Pass<'_> {
    /// Looks at everything that is visible. What is known of an execution is asked when its records were read; so while executions go on, what
    /// looks wrong is looked at once more before it is told.
    ///
    /// # Errors
    /// [`LandingError`] when the landing cannot be read.
    pub async fn visible<F>(&mut self, known: impl Fn(ExecutionId) -> F) -> Result<(), LandingError>
    where
        F: Future<Output = Known>,
    {
        let mut folders = vec![Path::default()];
        while let Some(folder) = folders.pop() {
            let below = self.landing.inner.files.folders(&folder).await?;
            folders.extend(
                below
                    .iter()
                    .filter(|name| *name != STAGING)
                    .map(|name| folder.clone().join(name.as_str())),
            );
            let mut executions = BTreeMap::new();
            for name in self.landing.inner.files.names(&folder).await? {
                let (id, has_data) = match name.strip_suffix(".jsonl.zst") {
                    Some(id) => (id, true),
                    None => match name
                        .strip_prefix('_')
                        .and_then(|name| name.strip_suffix(".manifest.json"))
                    {
                        Some(id) => (id, false),
                        None => continue,
                    },
                };
                if let Some(destination) = destination(&folder, id) {
                    executions
                        .entry(destination.execution)
                        .or_insert((destination, false))
                        .1 |= has_data;
                }
            }
            for (destination, has_data) in executions.into_values() {
                self.look_at(&destination, has_data, &known).await?;
            }
        }
        Ok(())
    }

    /// Notes when the records of a completed execution are not there.
    ///
    /// # Errors
    /// [`LandingError`] when the landing cannot be read.
    pub async fn published(&mut self, destination: &Destination) -> Result<(), LandingError> {
        if !self.landing.inner.files.has(&destination.data()).await? {
            self.found(Kind::Gone, destination, None);
        }
        Ok(())
    }

    /// How many executions' records were looked at. Tells of what there were too many to be told one by one.
    pub fn end(self) -> u64 {
        for (kind, count) in self.kinds.untold() {
            (self.tell)(Told::More { kind, count });
        }
        self.seen
    }

    async fn look_at<F>(
        &mut self,
        destination: &Destination,
        has_data: bool,
        known: impl Fn(ExecutionId) -> F,
    ) -> Result<(), LandingError>
    where
        F: Future<Output = Known>,
    {
        self.seen += 1;
        (self.tell)(Told::Seen(self.seen));
        let Some((kind, more)) = self.judge(destination, has_data, &known).await? else {
            return Ok(());
        };
        // Between the two looks it may have been published, replaced or removed.
        let has_data = self.landing.inner.files.has(&destination.data()).await?;
        if let Some((again, _)) = self.judge(destination, has_data, &known).await?
            && again == kind
        {
            self.found(kind, destination, more);
        }
        Ok(())
    }

    /// What is wrong with the records of an execution; `None` when nothing is.
    async fn judge<F>(
        &self,
        destination: &Destination,
        has_data: bool,
        known: impl Fn(ExecutionId) -> F,
    ) -> Result<Option<(Kind, Option<String>)>, LandingError>
    where
        F: Future<Output = Known>,
    {
        let files = &*self.landing.inner.files;
        let manifest = match Manifest::load(files, &destination.manifest()).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) if has_data => return Ok(Some((Kind::WithoutManifest, None))),
            Ok(None) => return Ok(None),
            Err(LandingError::Damaged { reason, .. }) => return Ok(Some((Kind::Unreadable, Some(reason)))),
            Err(error) => return Err(error),
        };
        if !manifest.belongs_to(destination) {
            return Ok(Some((Kind::Foreign, Some(manifest.destination()))));
        }
        let checksum = files.checksum(&destination.data()).await?;
        if let Some(checksum) = &checksum
            && let Some(reason) = manifest.fault(checksum)
        {
            return Ok(Some((Kind::Changed, Some(reason))));
        }
        let known = known(destination.execution).await;
        Ok(judge_known(&manifest, checksum.is_some(), &known).map(|kind| (kind, None)))
    }

    fn found(&mut self, kind: Kind, destination: &Destination, more: Option<String>) {
        if self.kinds.count(kind) {
            let destination = destination.clone();
            (self.tell)(Told::Found {
                kind,
                destination,
                more,
            });
        }
    }
}

/// Whole records, or their manifest alone, against what is known of their execution.
fn judge_known(manifest: &Manifest, has_data: bool, known: &Known) -> Option<Kind> {
    // Of its attempts the newest is the one that a coordinator stands by; those from before it was restored are older.
    let is_earlier = |attempt: Attempt| attempt.is_after_restore() && manifest.attempt() < attempt;
    let kind = match known {
        Known::Nothing => Kind::Unknown,
        Known::Open {
            committed: Some(id), ..
        } if *id == manifest.id() => return None,
        Known::Open { attempt, .. } if is_earlier(*attempt) => Kind::EarlierLife,
        Known::Open { .. } => Kind::NotCommitted,
        Known::Ended {
            published: Some((id, counts)),
            ..
        } => {
            if *id == manifest.id() && *counts == manifest.counts() {
                return (!has_data).then_some(Kind::ManifestAlone);
            }
            Kind::Other
        }
        Known::Ended {
            attempt,
            published: None,
        } => {
            if is_earlier(*attempt) {
                Kind::EarlierLife
            } else {
                Kind::NotCommitted
            }
        }
    };
    Some(if has_data { kind } else { Kind::ManifestAlone })
}

/// Whose records lie in this folder under this name; `None` when no landing puts any there.
fn destination(folder: &Path, id: &str) -> Option<Destination> {
    let mut parts = folder.as_ref().split('/');
    let mut value = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    let destination = Destination {
        organization: OrganizationId::new(value("organization")?).ok()?,
        integration: value("integration")?.parse::<IntegrationId>().ok()?,
        data_type: DataType::new(value("data_type")?).ok()?,
        execution: id.parse().ok()?,
    };
    (destination.folder() == *folder).then_some(destination)
}
