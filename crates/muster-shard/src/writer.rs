//! The writer: the one place that changes the state.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use muster_core::audit;
use muster_core::decide::check::give_up::GiveUpCheck;
use muster_core::decide::execution::fall_due::FallDue;
use muster_core::decide::incident::forget::Forget;
use muster_core::decide::organization::erase;
use muster_core::decide::session::{lapse::Lapse, withdraw::Withdraw};
use muster_core::decide::{Answer, Command, Decision, Effect, Rejection, decide};
use muster_core::dispatch;
use muster_core::entity::{EntityKey, Finished};
use muster_core::event::{Event, Recorded};
use muster_core::ledger::Position;
use muster_core::planted;
use muster_core::roster::RosterChange;
use muster_core::state::{Applied, State};
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{ExecutionId, IntegrationId, Principal, Sequence};
use muster_store::EntityChange;
use rustc_hash::FxHashSet;

use crate::batch::{Batch, Release};
use crate::changed::Changed;
use crate::directory::{self, is_listed};
use crate::figures::Figures;
use crate::tail::Tail;
use crate::watch::{Change, Changes, ExecutionState, IntegrationChanged, Watchers};

/// A job for the writer: it asks, reads, or both, and leaves what is released when the turn's batch is durable.
pub(crate) type Job = Box<dyn FnOnce(&mut Turn<'_>) -> Release + Send>;

/// The most jobs of one turn: the first of them waits for the last.
pub(crate) const JOBS_MAX: usize = 1_024;

/// The most due times, lapsed leases, withdrawn claims and assignments, each, of one turn: catching up is paced, and whoever asks in between is
/// served.
const STEPS_MAX: usize = 2_048;

/// While anybody has a deadline a turn is made at least this often although nothing is due, so that a standstill shows: as a gap between two turns.
pub(crate) const TURN_EVERY: Duration = Duration::from_secs(2);

/// After how long without a turn the coordinator stood still: its process was stopped, its machine was, or neither its disk nor its processors kept up.
/// A runner with the shortest lease that there is gets through a shorter gap by its next heartbeats.
const STOOD_STILL_AFTER: Duration = Duration::from_secs(4);

/// How many integrations, runners, connectors or incidents of an organization that is being deleted go in one turn.
const ERASED_MAX: usize = 128;

/// How many entities are copied for a checkpoint at a time: it stops the writer for well below a millisecond.
const RECORDS_MAX: usize = 256;

/// How many that have changed are looked at for it: most of them are executions that have come and gone without a record.
const LOOKED_AT_MAX: usize = 2_048;

/// A part of a checkpoint: copies of changed entities, as they are after the batch `at`.
pub(crate) struct Checkpoint {
    /// The batch that the copies contain.
    pub(crate) at: Sequence,
    /// The entities, and those that have ended.
    pub(crate) entities: Vec<EntityChange>,
    /// Through which batch the journal is not needed for records once these are durable.
    pub(crate) trim: Sequence,
}

pub(crate) struct Writer {
    state: State,
    chance: fastrand::Rng,
    head: Sequence,
    /// When the newest turn began.
    turned: Moment,
    changed: Changed,
    /// The open executions that have a record, which is to be removed at their end.
    recorded: FxHashSet<ExecutionId>,
    tail: Arc<Tail>,
    watchers: Arc<Watchers>,
    figures: Arc<Figures>,
}

impl Writer {
    pub(crate) fn new(
        state: State,
        head: Sequence,
        (tail, watchers, figures): (Arc<Tail>, Arc<Watchers>, Arc<Figures>),
        seed: u64,
        record_after: Duration,
        now: Now,
    ) -> Self {
        let recorded = state.everywhere().executions().map(|execution| execution.id).collect();
        Self {
            state,
            chance: fastrand::Rng::with_seed(seed),
            head,
            turned: now.moment,
            changed: Changed::new(record_after, now.stamp),
            recorded,
            tail,
            watchers,
            figures,
        }
    }

    /// Notes that these entities have changed in the batches that were replayed at the start, of which `first` was the first: their records are to be
    /// written, or removed.
    pub(crate) fn note_replayed(&mut self, changed: impl Iterator<Item = EntityKey>, first: Sequence, now: Stamp) {
        for key in changed {
            if let EntityKey::Execution(id) = key {
                self.recorded.insert(id);
            }
            self.changed.note(key, first, now);
        }
    }

    /// One turn: the jobs, what time has brought, and what can be dispatched. While it is held back nothing new begins by itself: what falls due
    /// waits, and what waits is not dispatched.
    pub(crate) fn turn(&mut self, jobs: impl Iterator<Item = Job>, now: Now, held: Option<Arc<str>>) -> Batch {
        self.notice_standstill(now);
        let dispatches = held.is_none() && !self.tail.is_full();
        let changes = self.watchers.wanted(now.moment);
        let mut turn = Turn {
            writer: self,
            now,
            held,
            dispatches,
            claims: 0,
            sequence: None,
            events: Vec::new(),
            effects: Vec::new(),
            listed: BTreeSet::new(),
            changes,
        };
        // What time has brought by itself comes first: whether a threshold has held is not judged with an end that comes now.
        turn.look_at_health();
        if turn.held.is_none() {
            turn.create_due();
        }
        turn.let_deadlines_pass();
        let releases = jobs.map(|job| job(&mut turn)).collect();
        if !planted!("look-before-the-jobs") {
            turn.look_at_health();
        }
        turn.erase();
        if dispatches {
            turn.dispatch();
        }
        let Turn {
            sequence,
            events,
            effects,
            listed,
            changes,
            claims,
            ..
        } = turn;
        if let Some(sequence) = sequence {
            self.head = sequence;
        }
        Batch {
            sequence,
            began: now.moment,
            claims,
            events,
            releases,
            effects,
            listed: listed
                .into_iter()
                .map(|key| directory::Changed {
                    now: self.state.everywhere().entity(&key).map(|(entity, _)| entity),
                    key,
                })
                .collect(),
            changes,
        }
    }

    /// What runners have said while the coordinator stood still lies in buffers, and comes in after this turn: none of them is judged by that time.
    fn notice_standstill(&mut self, now: Now) {
        let gap = now.moment.since(std::mem::replace(&mut self.turned, now.moment));
        if gap < STOOD_STILL_AFTER || planted!("standstill-counts") {
            return;
        }
        self.state.change_roster(RosterChange::StoodStill(gap), now);
    }

    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The newest batch.
    pub(crate) fn head(&self) -> Sequence {
        self.head
    }

    /// The state, with what is not durable yet.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// When the next turn is to be made although nobody asks. While it is held back only deadlines count: nothing else begins.
    pub(crate) fn next_timers(&self, held: bool) -> (Option<Stamp>, Option<Moment>) {
        let (stamp, moment) = self.state.next_timers();
        (stamp.filter(|_| !held), moment)
    }

    /// Whether a turn with no job would do something now.
    pub(crate) fn has_work(&self, now: Now, held: bool) -> bool {
        let (stamp, moment) = self.next_timers(held);
        stamp.is_some_and(|at| at <= now.stamp)
            || moment.is_some_and(|at| at <= now.moment)
            || erase::next(&self.state).is_some()
            || (!held && !self.tail.is_full() && dispatch::next(&self.state).is_some())
    }

    /// Copies the entities whose records have waited longest; `None` when none has waited long enough.
    pub(crate) fn checkpoint(&mut self, now: Stamp) -> Option<Checkpoint> {
        let mut entities = Vec::new();
        let mut looked_at = 0;
        while entities.len() < RECORDS_MAX
            && looked_at < LOOKED_AT_MAX
            && let Some(key) = self.changed.take(now)
        {
            looked_at += 1;
            let entity = self.state.everywhere().entity(&key);
            if self.needs_writing(&key, entity.is_some()) {
                entities.push(match entity {
                    Some((entity, stamp)) => EntityChange::Put {
                        entity: Box::new(entity),
                        stamp,
                    },
                    None => EntityChange::Remove {
                        key,
                        sequence: self.head,
                    },
                });
            }
        }
        // Executions that left no record are no work for the keeper; what they free of the journal is told with the next part, or at the end.
        if looked_at == 0 || (entities.is_empty() && !self.changed.is_empty()) {
            return None;
        }
        let trim = self.changed.oldest().map_or(self.head, |oldest| Sequence(oldest.0 - 1));
        Some(Checkpoint {
            at: self.head,
            entities,
            trim,
        })
    }

    /// When the next part of a checkpoint is due; `None` when nothing has changed.
    pub(crate) fn next_checkpoint(&self) -> Option<Stamp> {
        self.changed.next()
    }

    /// An execution that came and went without a record needs none.
    fn needs_writing(&mut self, key: &EntityKey, exists: bool) -> bool {
        match key {
            EntityKey::Execution(id) if exists => {
                self.recorded.insert(*id);
                true
            }
            EntityKey::Execution(id) => self.recorded.remove(id),
            EntityKey::Integration(_)
            | EntityKey::Runner(_)
            | EntityKey::Connector(_)
            | EntityKey::Incident(_)
            | EntityKey::Person(_)
            | EntityKey::Token(_)
            | EntityKey::Organization(_) => true,
            EntityKey::Authority(_) | EntityKey::EnrollmentToken(_) | EntityKey::RunnerIdentity(_) => true,
            // No record has one.
            EntityKey::AuditLog(_) => false,
        }
    }
}

/// A turn of the writer, as its jobs see it.
pub struct Turn<'a> {
    writer: &'a mut Writer,
    now: Now,
    /// Why new work is held back.
    held: Option<Arc<str>>,
    dispatches: bool,
    claims: u64,
    sequence: Option<Sequence>,
    events: Vec<Recorded>,
    effects: Vec<Effect>,
    /// What has changed of what the directory has.
    listed: BTreeSet<EntityKey>,
    changes: Changes,
}

impl Turn<'_> {
    /// The state, with all that this turn has done so far. Nothing of it may leave but by the job's release.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.writer.state
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// Why nothing is dispatched now; `None` when nothing holds it back.
    #[must_use]
    pub fn held(&self) -> Option<&str> {
        self.held.as_deref()
    }

    /// Whether what waits is given to runners in this turn: nothing holds it back, and history is not too far behind.
    #[must_use]
    pub fn dispatches(&self) -> bool {
        self.dispatches
    }

    /// A finished execution that history does not have yet.
    #[must_use]
    pub fn finished(&self, integration: IntegrationId, execution: ExecutionId) -> Option<Arc<Finished>> {
        self.writer.tail.get(integration, execution)
    }

    /// The same without its integration.
    #[must_use]
    pub fn find_finished(&self, execution: ExecutionId) -> Option<Arc<Finished>> {
        self.writer.tail.find(execution)
    }

    /// Finished executions of an integration that history does not have yet, newest first.
    #[must_use]
    pub fn finished_newest_first(
        &self,
        integration: IntegrationId,
        before: Option<ExecutionId>,
        limit: usize,
    ) -> Vec<Arc<Finished>> {
        self.writer.tail.newest_first(integration, before, limit)
    }

    /// Those of all integrations that are older than `before` and not in history yet, newest first, at most `limit`.
    #[must_use]
    pub fn finished_of_all(&self, before: Option<ExecutionId>, limit: usize) -> Vec<Arc<Finished>> {
        self.writer.tail.newest_of_all(before, limit)
    }

    /// The newest batch that this turn's reads depend on.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.sequence.unwrap_or(self.writer.head)
    }

    /// The newest batch before this turn. When what the turn returns is released, watchers have been told of everything up to that batch.
    #[must_use]
    pub fn head(&self) -> Sequence {
        self.writer.head
    }

    /// Judges a command, and makes what follows from it true.
    ///
    /// # Errors
    /// [`Rejection`]: nothing has happened then.
    pub fn ask(&mut self, by: &Principal, command: Command) -> Result<Answer, Rejection> {
        let decision = self.decide(by, command)?;
        Ok(self.carry_out(by, decision))
    }

    /// As [`Turn::ask`], and leaves in the same batch what `tell` makes for the audit log of what the command was about, before and after it; of nothing,
    /// when nothing has happened.
    ///
    /// # Errors
    /// [`Rejection`]: nothing has happened then, and nothing is left.
    pub fn ask_audited(
        &mut self,
        by: &Principal,
        command: Command,
        tell: impl FnOnce(&State, Option<audit::Touched>) -> audit::Note,
    ) -> Result<Answer, Rejection> {
        let decision = self.decide(by, command)?;
        let subject = audit::subject(&decision.events);
        let copy = |turn: &Self, key: &EntityKey| turn.state().everywhere().entity(key).map(|(entity, _)| entity);
        let before = subject.as_ref().and_then(|key| copy(self, key));
        let answer = self.carry_out(by, decision);
        let touched = subject.map(|key| audit::Touched {
            before,
            after: copy(self, &key),
        });
        let note = tell(self.state(), touched);
        self.note(by, note);
        Ok(answer)
    }

    /// Leaves something for the audit log that no command stands for: that a call was refused, or what it has done beside the ledger.
    pub fn note(&mut self, by: &Principal, note: audit::Note) {
        self.happen(by, Event::Audited(Box::new(note)));
    }

    fn decide(&mut self, by: &Principal, command: Command) -> Result<Decision, Rejection> {
        let writer = &mut *self.writer;
        decide(&writer.state, by, command, self.now, &mut writer.chance)
    }

    fn carry_out(&mut self, by: &Principal, decision: Decision) -> Answer {
        let Decision {
            events,
            roster,
            effects,
            answer,
        } = decision;
        for event in events {
            self.happen(by, event);
        }
        for change in roster {
            self.writer.state.change_roster(change, self.now);
        }
        self.effects.extend(effects);
        answer
    }

    fn happen(&mut self, by: &Principal, event: Event) {
        let sequence = *self.sequence.get_or_insert(self.writer.head.next());
        // A turn is bounded in jobs and steps, and each leaves a few events.
        let ordinal = u32::try_from(self.events.len()).expect("a turn has far less than 4 billion events");
        let recorded = Recorded {
            at: self.now.stamp,
            by: by.clone(),
            event,
        };
        if self.changes.integrations.is_some()
            && let Some(changed) = integration_of(&self.writer.state, &recorded.event)
        {
            self.changes.note_integration(sequence, changed);
        }
        let applied = self.writer.state.apply(Position { sequence, ordinal }, &recorded);
        self.writer.figures.count(self.now.stamp, &recorded.event, &applied);
        let Applied { finished, .. } = applied;
        let (first, second) = recorded.event.entities();
        self.note_execution(sequence, &first, finished.as_ref());
        if is_listed(&first) {
            self.listed.insert(first.clone());
        }
        let changed = &mut self.writer.changed;
        if let Event::ExecutionCreated { execution, .. } = &recorded.event {
            changed.note_created(*execution, sequence);
        } else {
            changed.note(first, sequence, self.now.stamp);
        }
        if let Some(second) = second
            && !planted!("second-entity-not-noted")
        {
            changed.note(second, sequence, self.now.stamp);
        }
        if let Some(finished) = finished {
            self.writer.tail.push(sequence, Arc::new(finished));
        }
        self.events.push(recorded);
    }

    fn note_execution(&mut self, sequence: Sequence, key: &EntityKey, finished: Option<&Finished>) {
        let (EntityKey::Execution(id), Some(changes)) = (key, &mut self.changes.executions) else {
            return;
        };
        let what = match finished {
            Some(finished) => ExecutionState::Finished(Arc::new(finished.clone())),
            None => match self.writer.state.everywhere().execution(*id) {
                Some(open) => ExecutionState::Open(Box::new(open.clone())),
                None => return,
            },
        };
        changes.push(Change { sequence, what });
    }

    /// Creates what has fallen due, and makes what has waited long enough for its next attempt ready for it. The coordinator's own commands are never
    /// refused, so their answers say nothing.
    fn create_due(&mut self) {
        let by = Principal::Coordinator;
        let now = self.now;
        self.writer.state.end_back_offs(now.stamp);
        for _ in 0..STEPS_MAX {
            let Some((integration, data_type)) = self.state().first_due(now.stamp) else {
                break;
            };
            let _ = self.ask(&by, Command::FallDue(FallDue { integration, data_type }));
        }
    }

    /// Takes back what lapsed leases held, and what nobody has confirmed in time, and gives up checks that nobody has answered.
    fn let_deadlines_pass(&mut self) {
        let by = Principal::Coordinator;
        let now = self.now;
        for _ in 0..STEPS_MAX {
            let Some(runner) = self.state().roster().first_lease(now.moment) else {
                break;
            };
            let _ = self.ask(&by, Command::Lapse(Lapse { runner }));
        }
        for _ in 0..STEPS_MAX {
            let Some((execution, attempt)) = self.state().roster().first_unconfirmed(now.moment) else {
                break;
            };
            let _ = self.ask(&by, Command::Withdraw(Withdraw { execution, attempt }));
        }
        for _ in 0..STEPS_MAX {
            let Some(check) = self.state().roster().checks().first_overdue(now.moment) else {
                break;
            };
            let _ = self.ask(&by, Command::GiveUpCheck(GiveUpCheck { check }));
        }
    }

    /// Opens, tells again and closes incidents, also for what the jobs of this turn have changed: an incident is in the same batch as the end that
    /// opens it.
    fn look_at_health(&mut self) {
        let by = Principal::Coordinator;
        let now = self.now;
        // How much is queued is told with an incident.
        self.writer.state.end_back_offs(now.stamp);
        for _ in 0..STEPS_MAX {
            let Some(review) = self.state().first_review(now) else {
                break;
            };
            let _ = self.ask(&by, review);
        }
        for _ in 0..STEPS_MAX {
            let Some(incident) = self.state().index().alerts().first_forgettable(now.stamp) else {
                break;
            };
            let _ = self.ask(&by, Command::Forget(Forget { incident }));
        }
    }

    /// Goes on with what is being deleted, a little at a time: each turn ends soon, whoever asks is served in between.
    fn erase(&mut self) {
        for _ in 0..ERASED_MAX {
            let Some(step) = erase::next(self.state()) else {
                return;
            };
            let _ = self.ask(&Principal::Coordinator, Command::Erase(step));
        }
    }

    fn dispatch(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some(claim) = dispatch::next(self.state()) else {
                return;
            };
            let _ = self.ask(&Principal::Coordinator, Command::Claim(claim));
            self.claims += 1;
        }
    }
}

/// The integration of which an event, that is not applied yet, changes what is told; `None` when there is none.
fn integration_of(state: &State, event: &Event) -> Option<IntegrationChanged> {
    let (organization, integration) = match (event, event.entities()) {
        (
            Event::IntegrationCreated {
                organization,
                integration,
                ..
            }
            | Event::ExecutionCreated {
                organization,
                integration,
                ..
            },
            _,
        ) => (organization, *integration),
        (_, (EntityKey::Integration(id), _) | (_, Some(EntityKey::Integration(id)))) => {
            (&state.everywhere().integration(id)?.organization, id)
        }
        _ => return None,
    };
    Some(IntegrationChanged {
        organization: organization.clone(),
        integration,
    })
}
