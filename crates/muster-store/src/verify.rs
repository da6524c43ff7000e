//! Whether a store that nobody serves is what was told: everything that its parts say of themselves and of each other.
//!
//! Each part is looked at even when another one is damaged, as far as it can be; of a part the first damage is told,
//! since what follows it means nothing. Nothing is repaired. As a start does, it lets history take in what a stop had cut
//! off, since only then its counts can be right.

mod audit;
mod history;
mod ledger;
mod served;
mod teller;

use std::path::Path;
use std::sync::Arc;

use muster_core::state::State;
use muster_core::words::Sequence;

use self::audit::{verify_carried, verify_chains};
use self::history::{verify_entries, verify_history, verify_log_lines};
use self::ledger::{verify_journal, verify_ledger, verify_records};
pub use self::served::Compare;
use self::teller::Teller;
use crate::backend::Backend;
use crate::folder::Folder;
use crate::history::History;
use crate::sled::SledBackend;
use crate::{Store, StoreError};

/// How many entries or batches lie between two words on how far it is.
const TOLD_EVERY: u64 = 10_000;

/// What a person does about what is wrong in the ledger though every checksum is right.
const REPORT: &str = "report it with the store: every checksum is right, so this is a fault of the program. Until then restore \
                      a backup that verifies";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What is there is what was written. It is told since somebody may not know of it.
    Note,
    /// What is there is not what was written.
    Damage,
}

/// Something that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: "journal", "history of integration …", a file.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    /// Damage, as a store tells it. Other errors are not findings: then it is not known whether anything is wrong.
    ///
    /// # Errors
    /// The error, when it tells of no damage.
    pub fn of(error: StoreError) -> Result<Self, StoreError> {
        match error {
            StoreError::Damaged { what, place, remedy } => Ok(Self {
                severity: Severity::Damage,
                place,
                what,
                remedy: remedy.to_owned(),
            }),
            other => Err(other),
        }
    }

    fn fault(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Damage,
            place: place.into(),
            what: what.into(),
            remedy: REPORT.to_owned(),
        }
    }
}

/// What a verification says while it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// How far it is.
    Progress {
        /// What is looked at: "journal", "history".
        part: &'static str,
        /// How much of it is done.
        done: u64,
        /// How much there is; `None` while that is not known.
        of: Option<u64>,
    },
    /// Something was found.
    Found(Finding),
}

/// A store that was verified, for whoever goes on with what it leads to.
pub struct Verified {
    /// The store. Its history is complete.
    pub store: Store,
    /// The state that a coordinator would start with.
    pub state: State,
}

/// Judges whether a store is there, or something of one; nothing is made.
///
/// # Errors
/// [`StoreError::Missing`] when none is.
pub fn judge_presence(folder: &Path) -> Result<(), StoreError> {
    if Folder::is_there(folder)? {
        return Ok(());
    }
    let path = folder.to_owned();
    Err(StoreError::Missing { path })
}

/// Verifies the store in `folder`, and says what it finds as it finds it. Returns what is needed to look further; `None`
/// when the damage is such that no coordinator would start.
///
/// # Errors
/// [`StoreError`] when it cannot be verified: it is not there, in use, of another format, or the disk refuses.
pub fn verify(folder: &Path, tell: &mut dyn FnMut(Told)) -> Result<Option<Verified>, StoreError> {
    judge_presence(folder)?;
    let mut tell = |told| {
        tell(told);
        Ok(())
    };
    let mut teller = Teller::new(&mut tell);
    teller.progress("files", 0, None)?;
    let Some(backend) = teller.judge(SledBackend::open(folder))? else {
        return Ok(None);
    };
    let verified = verify_engine(Arc::new(backend), &mut teller)?;
    teller.end()?;
    Ok(verified)
}

fn verify_engine(backend: Arc<dyn Backend>, teller: &mut Teller<'_>) -> Result<Option<Verified>, StoreError> {
    let journal = verify_journal(&backend, teller)?;
    let head = journal.map_or(Sequence(u64::MAX), |head| head.sequence);
    let records = verify_records(&backend, head, teller)?;
    if journal.is_none() || records.is_none() {
        // Its own counts can be judged all the same, if no journal is needed for that.
        teller.judge(History::open(backend).map(drop))?;
        return Ok(None);
    }
    let Some(store) = teller.judge(Store::on(backend))? else {
        return Ok(None);
    };
    let Some(recovered) = teller.judge(store.recover())? else {
        return Ok(None);
    };
    let state = verify_ledger(&store, &recovered, teller)?;
    let ended = recovered
        .ended
        .iter()
        .map(|(sequence, finished)| (*sequence, &**finished));
    let last = recovered.last_stamp;
    if teller.judge(store.put_finished(recovered.head, ended))?.is_some() {
        verify_history(&store, teller)?;
        verify_entries(&store, &state, recovered.head, last, teller)?;
    }
    verify_log_lines(&store, &state, teller)?;
    verify_chains(&store, TOLD_EVERY, teller)?;
    verify_carried(&store, teller)?;
    Ok(Some(Verified { store, state }))
}
