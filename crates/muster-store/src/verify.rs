//! Whether a store that nobody serves is what was told: everything that its parts say of themselves and of each other.
//!
//! Each part is looked at even when another one is damaged, as far as it can be; of a part the first damage is told,
//! since what follows it means nothing. Nothing is repaired. As a start does, it lets history take in what a stop had cut
//! off, since only then its counts can be right.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_core::entity::{EntityKey, Finished};
use muster_core::ledger::{Entity, Ledger, Position};
use muster_core::roster::Limits;
use muster_core::state::State;
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{ExecutionId, IntegrationId, Outcome, Sequence};

use crate::backend::Backend;
use crate::codec::{event, record};
use crate::folder::Folder;
use crate::history::{History, VerifyStep};
use crate::journal::{Head, Journal};
use crate::records::Records;
use crate::sled::SledBackend;
use crate::{Recovered, Store, StoreError};

/// How many entries or batches lie between two words on how far it is.
const TOLD_EVERY: u64 = 10_000;

/// How many findings of one kind are told one by one; the rest are counted.
const TOLD_OF_A_KIND_MAX: u64 = 20;

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

/// How much is read at a time of a store that is served: what is written has to wait for so long, which is some milliseconds at most.
const STEP_BYTES: usize = 64 * 1024;

/// How many finished executions are read at a time of it: about as long.
const STEP_ENTRIES: usize = 500;

/// How many batches, and how many executions with log lines, lie between two looks at whether anybody still listens.
const STEP_BATCHES: u64 = 100;
const STEP_LINES: u64 = 10;

/// Compares entities, as records hold them, with the ledger of whoever serves the store; returns what is wrong.
pub type Compare<'a> = dyn FnMut(Vec<(Entity, Sequence)>) -> Result<Vec<String>, StoreError> + 'a;

impl Store {
    /// Verifies a store while it is served, a little at a time, and says what it finds: the journal; records, each also against the ledger; history as a
    /// whole; log lines. What only a replay shows, and each integration's own count, is left to [`verify`] and to the verification in the background.
    ///
    /// # Errors
    /// [`StoreError::BackupUnderWay`] while a backup is made or another verification; [`StoreError`] of the engine; what `tell` and `compare` return.
    pub fn verify_served(
        &self,
        compare: &mut Compare<'_>,
        tell: &mut dyn FnMut(Told) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _only_one = self.begin_walks()?;
        let mut teller = Teller {
            tell,
            kinds: BTreeMap::new(),
        };
        teller.progress("journal", 0, None)?;
        let mut done = 0_u64;
        let verified = self.journal().verify(&mut || {
            done += 1;
            if done.is_multiple_of(STEP_BATCHES) {
                teller.progress("journal", done, None)?;
            }
            Ok(())
        });
        teller.judge(verified)?;
        self.verify_served_records(compare, &mut teller)?;
        self.verify_served_history(&mut teller)?;
        let (mut after, mut done) = (None, 0_u64);
        while let Some((execution, lines)) = self.log_lines().next_after(after)? {
            after = Some(execution);
            if let Err(error) = lines {
                teller.lost_lines(error)?;
            }
            done += 1;
            if done.is_multiple_of(STEP_LINES) {
                teller.progress("log lines", done, None)?;
            }
        }
        teller.end()
    }

    fn verify_served_records(&self, compare: &mut Compare<'_>, teller: &mut Teller<'_>) -> Result<(), StoreError> {
        let (mut done, of) = (0, self.records().tally().count);
        self.records().begin_walk();
        loop {
            let mut entities = Vec::new();
            let more = self.records().walk_step(STEP_BYTES, &mut |view| {
                let entity = record::decode(view.kind, view.bytes);
                let entity = entity.map_err(|error| error.into_error(format!("a record of kind {}", view.kind)))?;
                entities.push((entity, view.stamp));
                Ok(())
            });
            let Some(more) = teller.judge(more)? else {
                return Ok(());
            };
            done += entities.len() as u64;
            for wrong in compare(entities)? {
                teller.one_of("ledger", || Finding::fault("ledger", wrong))?;
            }
            teller.progress("records", done, Some(of))?;
            if !more {
                return Ok(());
            }
        }
    }

    fn verify_served_history(&self, teller: &mut Teller<'_>) -> Result<(), StoreError> {
        let (mut done, of) = (0, self.history().total().count);
        self.history().begin_walk()?;
        loop {
            let more = self.history().walk_step(STEP_ENTRIES, &mut |view| {
                done += 1;
                crate::finished::decode(view).map(drop)
            });
            let Some(more) = teller.judge(more)? else {
                return Ok(());
            };
            teller.progress("history", done, Some(of))?;
            if !more {
                return Ok(());
            }
        }
    }
}

/// A store that was verified, for whoever goes on with what it leads to.
pub struct Verified {
    /// The store. Its history is complete.
    pub store: Store,
    /// The state that a coordinator would start with.
    pub state: State,
}

/// Tells, and knows what is not worth telling again.
struct Teller<'a> {
    /// Its errors end what is done: whoever listens may have gone.
    tell: &'a mut dyn FnMut(Told) -> Result<(), StoreError>,
    /// How many findings of each kind there were.
    kinds: BTreeMap<&'static str, u64>,
}

impl Teller<'_> {
    fn progress(&mut self, part: &'static str, done: u64, of: Option<u64>) -> Result<(), StoreError> {
        (self.tell)(Told::Progress { part, done, of })
    }

    fn found(&mut self, finding: Finding) -> Result<(), StoreError> {
        (self.tell)(Told::Found(finding))
    }

    /// One of what may be very many.
    fn one_of(&mut self, kind: &'static str, finding: impl FnOnce() -> Finding) -> Result<(), StoreError> {
        let count = self.kinds.entry(kind).or_default();
        *count += 1;
        if *count <= TOLD_OF_A_KIND_MAX {
            let finding = finding();
            self.found(finding)?;
        }
        Ok(())
    }

    /// Tells damage of an execution's log lines.
    fn lost_lines(&mut self, error: StoreError) -> Result<(), StoreError> {
        let mut finding = Finding::of(error)?;
        "it is safe to ignore: nothing but these lines is lost. They go with their execution's retention"
            .clone_into(&mut finding.remedy);
        self.one_of("log lines", || finding)
    }

    /// Tells how many were not told one by one.
    fn end(&mut self) -> Result<(), StoreError> {
        for (kind, count) in std::mem::take(&mut self.kinds) {
            if let Some(more) = count.checked_sub(TOLD_OF_A_KIND_MAX).filter(|more| *more > 0) {
                self.found(Finding::fault(kind, format!("{more} more of the same kind")))?;
            }
        }
        Ok(())
    }

    /// Tells damage, and lets any other error pass. `None` when it was damage.
    fn judge<T>(&mut self, result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.found(Finding::of(error)?)?;
                Ok(None)
            }
        }
    }
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
    let mut teller = Teller {
        tell: &mut tell,
        kinds: BTreeMap::new(),
    };
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
    Ok(Some(Verified { store, state }))
}

/// Dense numbers, the chain from the anchor on, every checksum, what was noted of its head, and that every event can be
/// read and none is stamped earlier than the one before.
fn verify_journal(backend: &Arc<dyn Backend>, teller: &mut Teller<'_>) -> Result<Option<Head>, StoreError> {
    let Some(journal) = teller.judge(Journal::open(Arc::clone(backend)))? else {
        return Ok(None);
    };
    let mut batches = 0;
    let mut last = Stamp::default();
    let replayed = journal.replay(&mut |batch| {
        batches += 1;
        if batches % TOLD_EVERY == 0 {
            teller.progress("journal", batches, None)?;
        }
        let place = || format!("journal, batch {}", batch.sequence);
        for recorded in event::decode_batch(batch.events) {
            let recorded = recorded.map_err(|error| error.into_error(place()))?;
            if recorded.at < last {
                return Err(StoreError::damaged("an event is older than the one before it", place()));
            }
            last = recorded.at;
        }
        Ok(())
    });
    teller.progress("journal", batches, Some(batches))?;
    teller.judge(replayed)
}

/// Each checksum, each stamp against the journal's head, the count and the rolling checksum of all, and that every record
/// is what it would be written as.
fn verify_records(
    backend: &Arc<dyn Backend>,
    head: Sequence,
    teller: &mut Teller<'_>,
) -> Result<Option<u64>, StoreError> {
    let Some(records) = teller.judge(Records::open(Arc::clone(backend)))? else {
        return Ok(None);
    };
    let of = records.tally().count;
    let mut done = 0;
    let loaded = records.load(head, &mut |view| {
        done += 1;
        if done % TOLD_EVERY == 0 {
            teller.progress("records", done, Some(of))?;
        }
        let place = || format!("a record of kind {}", view.kind);
        let decode = |bytes: &[u8]| record::decode(view.kind, bytes).map_err(|error| error.into_error(place()));
        let entity = decode(view.bytes)?;
        let key = record::record_key(&entity.key());
        if key.kind != view.kind || key.id != view.id {
            return Err(StoreError::damaged("it is another entity than its key says", place()));
        }
        if decode(&record::encode(&entity))? != entity {
            teller.one_of("records", || {
                Finding::fault(
                    "records",
                    format!("{:?} would be written otherwise than it is", entity.key()),
                )
            })?;
        }
        Ok(())
    });
    teller.progress("records", done, Some(of))?;
    Ok(teller.judge(loaded)?.map(|tally| tally.count))
}

/// That the ledger is the fold of the journal: replaying it once more changes nothing, and what the journal alone makes
/// (of all that it saw from their beginning) is what records and journal make together. And what holds across entities.
fn verify_ledger(store: &Store, recovered: &Recovered, teller: &mut Teller<'_>) -> Result<State, StoreError> {
    let ledger = &recovered.ledger;
    teller.progress("ledger", 0, None)?;
    let mut again = Ledger::default();
    for (key, position) in ledger.positions() {
        if position.sequence > recovered.head {
            let what = format!(
                "{key:?} is of batch {}, and the journal ends at batch {}",
                position.sequence, recovered.head
            );
            teller.one_of("ledger", || Finding::fault("ledger", what))?;
        }
        if let Some((entity, stamp)) = ledger.entity(&key) {
            again.load(entity, stamp);
        }
    }
    let mut alone = Ledger::default();
    store.journal().replay(&mut |batch| {
        for (ordinal, recorded) in (0..).zip(event::decode_batch(batch.events)) {
            let sequence = batch.sequence;
            let recorded = recorded.map_err(|error| error.into_error(format!("journal, batch {sequence}")))?;
            again.apply(Position { sequence, ordinal }, &recorded);
            alone.apply(Position { sequence, ordinal }, &recorded);
        }
        Ok(())
    })?;
    for (key, _) in ledger.positions().chain(again.positions()) {
        if ledger.entity(&key) != again.entity(&key) {
            let what = format!("{key:?} becomes another when the journal is replayed once more");
            teller.one_of("ledger", || Finding::fault("ledger", what))?;
        }
    }
    for (key, _) in alone.positions() {
        if !is_same_fold(&key, ledger.entity(&key), alone.entity(&key)) {
            let what = format!("{key:?} is not what the journal makes of it");
            teller.one_of("ledger", || Finding::fault("ledger", what))?;
        }
    }
    let now = Now {
        stamp: recovered.last_stamp.unwrap_or_default(),
        moment: Moment::from_start(Duration::ZERO),
    };
    let state = State::starting(ledger.clone(), Limits::default(), now);
    for broken in state.broken_invariants() {
        teller.one_of("invariants", || Finding::fault("ledger", broken))?;
    }
    Ok(state)
}

/// Whether an entity is what the journal alone makes of it. The journal may have been trimmed past a runner's first
/// check-in; all else that it makes it saw from the beginning.
fn is_same_fold(key: &EntityKey, ours: Option<(Entity, Sequence)>, mut alone: Option<(Entity, Sequence)>) -> bool {
    if let (EntityKey::Runner(_), Some((Entity::Runner(ours), _)), Some((Entity::Runner(alone), _))) =
        (key, &ours, &mut alone)
    {
        alone.first_seen = ours.first_seen;
    }
    ours == alone
}

/// The count and the digest of all and of each integration, and their ids by the hour.
fn verify_history(store: &Store, teller: &mut Teller<'_>) -> Result<(), StoreError> {
    const STEP: usize = 10_000;
    let mut done = 0;
    loop {
        let Some(step) = teller.judge(store.history().verify_step(STEP))? else {
            return Ok(());
        };
        match step {
            VerifyStep::NotYet => {
                let what = "it lacks what the journal says has ended";
                teller.found(Finding::fault("history", what))?;
                return Ok(());
            }
            VerifyStep::More => {
                done += STEP as u64;
                teller.progress("history", done, None)?;
            }
            VerifyStep::Done { .. } => return Ok(()),
        }
    }
}

/// That each finished execution can be read, has ended before the journal does, and is not open; and that integrations
/// say of their newest ends what history says.
fn verify_entries(
    store: &Store,
    state: &State,
    head: Sequence,
    last: Option<Stamp>,
    teller: &mut Teller<'_>,
) -> Result<(), StoreError> {
    let mut done = 0;
    let claims = newest_ends(state.ledger());
    let of = store.history().total().count;
    let read = store.each_finished(&mut |sequence, finished| {
        done += 1;
        if done % TOLD_EVERY == 0 {
            teller.progress("executions", done, Some(of))?;
        }
        let mut fault = |what: &str| {
            let place = format!("history, execution {}", finished.id);
            teller.one_of("history", || Finding::fault(place, what))
        };
        if sequence > head || last.is_none_or(|last| finished.ended > last) {
            fault("it has ended after all that the journal knows of")?;
        }
        if state.ledger().execution(finished.id).is_some() {
            fault("it has ended, and it is open")?;
        }
        if let Some(integration) = state.ledger().integration(finished.integration)
            && integration.organization != finished.organization
        {
            fault("it is another organization's than its integration")?;
        }
        if let Some(claim) = claims.get(&finished.id)
            && !claim.fits(&finished)
        {
            fault("its integration says something else of its end")?;
        }
        Ok(())
    });
    teller.progress("executions", done, Some(of))?;
    teller.judge(read)?;
    Ok(())
}

/// What an integration says of the newest end of a data type.
struct NewestEnd {
    integration: IntegrationId,
    at: Stamp,
    completed: bool,
}

impl NewestEnd {
    fn fits(&self, finished: &Finished) -> bool {
        let completed = matches!(finished.outcome, Outcome::Completed { .. });
        self.integration == finished.integration && self.at == finished.ended && self.completed == completed
    }
}

fn newest_ends(ledger: &Ledger) -> BTreeMap<ExecutionId, NewestEnd> {
    let mut ends = BTreeMap::new();
    for integration in ledger.integrations() {
        for collection in integration.collections.values() {
            let completed = collection.completed.iter().map(|one| (one.execution, one.at, true));
            let failed = collection.trouble.iter().map(|one| (one.execution, one.at, false));
            for (execution, at, completed) in completed.chain(failed) {
                let integration = integration.id;
                ends.insert(
                    execution,
                    NewestEnd {
                        integration,
                        at,
                        completed,
                    },
                );
            }
        }
    }
    ends
}

/// That lines are whole, as many as they say and within their bounds.
fn verify_log_lines(store: &Store, state: &State, teller: &mut Teller<'_>) -> Result<(), StoreError> {
    let (mut done, mut strays) = (0, 0_u64);
    store.log_lines().verify(&mut |execution, counts| {
        done += 1;
        if done % TOLD_EVERY == 0 {
            teller.progress("log lines", done, None)?;
        }
        if let Err(error) = counts {
            teller.lost_lines(error)?;
        }
        let is_open = state.ledger().execution(execution).is_some();
        if !is_open && !store.history().has(execution)? {
            strays += 1;
        }
        Ok(())
    })?;
    teller.progress("log lines", done, Some(done))?;
    if strays > 0 {
        teller.found(Finding {
            severity: Severity::Note,
            place: "log lines".to_owned(),
            what: format!("{strays} executions that are not known any more have some"),
            remedy: "it is safe to ignore: a stop while a retention was carried out leaves some".to_owned(),
        })?;
    }
    Ok(())
}
