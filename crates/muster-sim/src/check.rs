//! What must hold after each step, whatever happens.

mod audit;
mod health;
mod staff;

use std::time::Duration;

use muster_core::entity::Cause;
use muster_core::event::{Event, Recorded};
use muster_core::ledger::{Ledger, Position};
use muster_core::words::{
    DataType, ExecutionId, IntegrationId, OrganizationId, Pool, Principal, Recipients, RunnerId, Sequence, SessionId,
};
use muster_landing::Destination;
use muster_proto::v1;
use muster_shard::FatalError;
use muster_shard::stepped::CommitStep;
use muster_store::{Store, StoreError};

use crate::agenda::Millis;
use crate::spec::Where;
use crate::trace::broken;
use crate::world::World;

/// How long a runner keeps what it holds without being heard, as the coordinator judges it: its lease and the grace.
pub(crate) const LEASE_MS: Millis = 65_000;

/// What may lie between a message and the moment from which the shard counts.
const HEARD_SLACK_MS: Millis = 6_000;

/// How long a runner has to confirm an assignment, and what is granted to the way.
const CONFIRM_MS: Millis = 10_000;
const CONFIRM_SLACK_MS: Millis = 1_500;

/// After how long without a turn the coordinator may take itself to have stood still, by whichever clock.
const STOOD_STILL_MS: Millis = 3_900;

/// After how long a runner that cannot hear it may have hung up, and give up what it holds before it is back; and what clocks may differ by.
const GIVEN_UP_MS: Millis = 14_900;
const GIVEN_UP_SLACK_MS: Millis = 300;

/// How long after that what a runner had said before it gave up may still come in.
const SETTLED_MS: Millis = LEASE_MS - GRACE_MS + 1_000;

/// How much longer than it stood still deadlines may be put off.
const GRACE_MS: Millis = 5_000;

/// How long a stream may be there that the shard takes for ended.
const AWAY_MS: Millis = 50_000;

/// A runner stops by itself when it was not heard for this part of its lease.
const STOPS_AFTER: Duration = Duration::from_secs(48);

impl World {
    /// Takes in a batch of the journal; `live`: it has just been appended.
    pub(crate) fn take_batch(&mut self, sequence: Sequence, events: Vec<Recorded>, live: bool) {
        if live {
            for recorded in &events {
                self.check_event(recorded);
                self.check_checked(sequence, recorded);
            }
        }
        let trace = &mut self.trace;
        let taken = self.spec.take_batch(sequence, &events, |transition| {
            if live {
                trace.count(transition);
            }
        });
        if let Err(why) = taken {
            broken!("batch {sequence}: {why}");
        }
        self.note_pools(&events);
        for (ordinal, recorded) in (0..).zip(&events) {
            self.shadow.apply(Position { sequence, ordinal }, recorded);
        }
        if let Some(newest) = events.last() {
            self.check_windows(&self.shadow, newest.at);
        }
        self.journal.push((sequence, events));
    }

    /// What only the moment of an event can show.
    fn check_event(&mut self, recorded: &Recorded) {
        self.trace_event(recorded);
        match &recorded.event {
            Event::RunnerLeft { runner, .. } if recorded.by == Principal::Coordinator => {
                let heard = self.heard.get(runner).copied();
                let silent = heard.map(|at| self.now - at);
                if silent.is_some_and(|silent| silent > HEARD_SLACK_MS && silent < LEASE_MS - HEARD_SLACK_MS) {
                    broken!("the lease of {runner} is said to be over, and it was heard {silent:?} ms ago");
                }
            }
            Event::IncidentOpened {
                cause: Cause::PoolOffline { organization, pool },
                ..
            } => self.check_offline(&Pool::named(organization, pool)),
            Event::ExecutionClaimed { execution, claim, .. } => {
                self.claimed.insert((*execution, claim.attempt), self.now);
            }
            Event::LandingCommitted {
                execution,
                claim,
                staged,
            } => {
                if self.told.lies.contains(&(*execution, claim.attempt)) {
                    broken!(
                        "{execution}.{} is committed to, and its runner has said wrong counts",
                        claim.attempt
                    );
                }
                let shelf = execution.to_bytes()[15];
                let path = format!(".staging/{shelf:02x}/{}", staged.id.0);
                for file in ["part", "json"] {
                    if !self.place.is_durable(&format!("{path}.{file}")) && !self.damaged.contains(execution) {
                        broken!("{execution} is committed to {path}.{file}, which would not survive a power cut");
                    }
                }
            }
            Event::ExecutionReturned {
                execution,
                failure: Some(failure),
                reported: Some(claim),
                ..
            }
            | Event::ExecutionFailed {
                execution,
                failure,
                reported: Some(claim),
                ..
            } => {
                let lied = self.told.lies.contains(&(*execution, claim.attempt)) || self.damaged.contains(execution);
                if failure.message.contains("have landed") && !lied {
                    broken!(
                        "{execution}.{}: {}, and nobody has lied",
                        claim.attempt,
                        failure.message
                    );
                }
            }
            Event::ExecutionCompleted { execution, counts, .. } if counts.records > 0 => {
                let path = self.destination(*execution).to_string();
                if !self.place.is_durable(&path) {
                    broken!("{execution} is Completed, and its records would not survive a power cut");
                }
            }
            Event::DeliveryTried {
                incident,
                notice,
                delivery,
                state,
                ..
            } => self.check_delivery((*incident, *notice, *delivery), state, recorded.at),
            _ => {}
        }
    }

    fn destination(&self, execution: ExecutionId) -> Destination {
        let one = &self.spec.executions[&execution];
        let (organization, integration, data_type): (OrganizationId, IntegrationId, DataType) =
            (one.organization.clone(), one.integration, one.data_type.clone());
        Destination {
            organization,
            integration,
            data_type,
            execution,
        }
    }

    /// What a runner says about its work confirms it.
    pub(crate) fn note_confirmed(&mut self, message: &v1::RunnerMessage) {
        use v1::runner_message::Kind;
        match &message.kind {
            Some(Kind::Reports(reports)) => {
                let reports = reports.reports.iter();
                let works = reports.filter_map(|report| muster_session::wire::work_of_report(report).ok());
                self.confirmed.extend(works);
            }
            Some(Kind::Hello(hello)) => {
                for held in hello.running.iter().chain(&hello.finished) {
                    if let Ok(id) = <[u8; 16]>::try_from(held.execution_id.as_ref()) {
                        let work = (ExecutionId::from_bytes(id), muster_core::words::Attempt(held.attempt));
                        self.confirmed.insert(work);
                    }
                }
            }
            Some(Kind::Heartbeat(_) | Kind::LogLines(_) | Kind::Drain(_) | Kind::CheckResult(_)) | None => {}
        }
    }

    /// A runner was heard on a stream.
    pub(crate) fn note_heard(&mut self, runner: RunnerId, session: SessionId) {
        let Some(coordinator) = &self.coordinator else { return };
        let presence = coordinator.shard.state().roster().presence(runner);
        if presence.is_some_and(|presence| presence.session == Some(session)) {
            self.heard.insert(runner, self.now);
        }
    }

    /// The writer has turned: what it may not judge by, if that was long ago.
    pub(crate) fn note_turn(&mut self, before: Sequence) {
        let gap = self.now - std::mem::replace(&mut self.turned, self.now);
        if gap >= STOOD_STILL_MS {
            self.trace.count("the writer stood still");
            self.judges_from = self.now + GRACE_MS;
        }
        if self.now > self.judges_from + SETTLED_MS {
            self.spec.process.settle(before);
        }
        if gap >= GIVEN_UP_MS {
            let is_sure = gap >= GIVEN_UP_MS + GIVEN_UP_SLACK_MS;
            self.spec.process.stand_still(before, is_sure);
        }
    }

    /// The state after a turn.
    pub(crate) fn check_state(&mut self) {
        let Some(coordinator) = &self.coordinator else { return };
        let state = coordinator.shard.state();
        state.assert_invariants();
        let now = self.now;
        for (runner, presence) in state.roster().presences() {
            let free = presence.free();
            if presence.held > 0 {
                let heard = self
                    .heard
                    .get(&runner)
                    .copied()
                    .unwrap_or(coordinator.began)
                    .max(coordinator.began)
                    .max(self.judges_from);
                // A stream that has just been opened has not been heard, and yet begins a lease.
                let silent = presence.heard;
                let own = self.clock.when(silent).max(heard);
                if now.saturating_sub(heard) > LEASE_MS + 2 * HEARD_SLACK_MS && own == heard {
                    broken!(
                        "{runner} was not heard for {} ms, and holds {}",
                        now - heard,
                        presence.held
                    );
                }
            }
            let (Some(pool), true) = (&presence.pool, free > 0) else {
                continue;
            };
            for execution in state.everywhere().executions() {
                let ready = matches!(execution.phase, muster_core::entity::Phase::Created { not_before } if not_before.is_none_or(|at| at <= self.last_stamp));
                let owner = state.everywhere().organization(&execution.organization);
                let goes_on = owner.is_some_and(muster_core::entity::Organization::is_active);
                let key = presence.sealing_key.as_ref();
                let opens = |keys: &Recipients| key.is_some_and(|key| keys.contains(key));
                let fits = execution.pool == *pool && presence.connectors.contains(&execution.connector);
                if ready && goes_on && fits && execution.sealed_to.as_ref().is_none_or(opens) {
                    broken!("{} waits, and {runner} has {free} free slots", execution.id);
                }
            }
        }
        for execution in state.everywhere().executions() {
            let owner = state.everywhere().integration(execution.integration);
            let queued = matches!(execution.phase, muster_core::entity::Phase::Created { .. });
            if let Some(owner) = owner
                && queued
                && owner.definition.pool != execution.pool
            {
                broken!("{execution:?} waits in another pool than its integration's");
            }
        }
        for execution in state.everywhere().executions() {
            let muster_core::entity::Phase::Pending(claim) = execution.phase else {
                continue;
            };
            let work = (execution.id, claim.attempt);
            let claimed = self.claimed.get(&work).copied();
            let Some(claimed) = claimed.filter(|at| *at >= coordinator.began) else {
                continue;
            };
            let runs_from = claimed.max(self.judges_from);
            if now.saturating_sub(runs_from) > CONFIRM_MS + CONFIRM_SLACK_MS && !self.confirmed.contains(&work) {
                broken!("{work:?} was assigned {} ms ago, and was not confirmed", now - claimed);
            }
        }
        for link in self.links.values() {
            let Some(side) = &link.side else { continue };
            let Some(runner) = side.end.runner() else { continue };
            let session = side.end.session();
            match state.roster().presence(runner) {
                Some(presence) if presence.session == Some(session) => {
                    self.sessions.insert(runner, (session, None));
                }
                // The word that a stream is over may wait for a flush, and for its runner to hear it.
                Some(presence) if presence.session.is_none() => {
                    let newest = self.sessions.get_mut(&runner).filter(|(newest, _)| *newest == session);
                    let since = newest.map(|(_, since)| *since.get_or_insert(now));
                    if since.is_some_and(|since| now - since > AWAY_MS) {
                        broken!("{runner} is said to be away, and its newest stream is there");
                    }
                }
                Some(_) | None => {}
            }
        }
        self.turns += 1;
        if self.turns.is_multiple_of(64) && coordinator.shard.next_commit() == CommitStep::Wait {
            let differing = differing(state.everywhere(), &self.shadow);
            if let Some(what) = differing {
                broken!("the ledger is not the fold of its journal: {what}");
            }
            self.check_health();
            self.check_pools();
        }
    }

    /// The coordinator has started with this head.
    pub(crate) fn check_recovered(&mut self, head: Sequence) {
        let durable = self.durable_through();
        if durable > head {
            broken!("batch {durable} was durable, and the journal ends at batch {head}");
        }
        self.check_told_survives(head);
        self.told.watched = Sequence(0);
        self.sessions.clear();
        let lost = self.journal.last().is_some_and(|(sequence, _)| *sequence > head);
        if lost {
            let mut journal = std::mem::take(&mut self.journal);
            journal.retain(|(sequence, _)| *sequence <= head);
            self.appended.retain(|(sequence, _)| *sequence <= head);
            let before = std::mem::take(&mut self.spec);
            self.spec.process = before.process;
            self.shadow = Ledger::default();
            for (sequence, events) in journal {
                self.take_batch(sequence, events, false);
            }
            self.trace.count("a restart without the last batches");
        }
        // What was appended as the process died was never seen here.
        self.take_appended(false);
        self.spec.process.begin(head);
        self.check_facts();
        let Some(coordinator) = &self.coordinator else { return };
        let ledger = coordinator.shard.state().everywhere();
        if let Some(what) = differing(ledger, &self.shadow) {
            broken!("the recovered ledger is not the fold of its journal: {what}");
        }
        let again = Store::on(std::sync::Arc::new(self.disk.clone())).and_then(|store| store.recover());
        match again {
            Ok(again) if again.ledger == *ledger => {}
            Ok(_) => broken!("a second recovery gives another ledger"),
            Err(error) => broken!("a second recovery fails: {error}"),
        }
        let anchor = coordinator.store.journal().anchor().sequence;
        if anchor > Sequence(0) {
            self.trace.count("a restart over a trimmed journal");
        }
    }

    /// Only the disk may fail the keeper; a broken rule of the store is a defect.
    pub(crate) fn check_failure(&self, error: &FatalError) {
        if let FatalError::Store(error @ (StoreError::Misuse { .. } | StoreError::Damaged { .. })) = error {
            broken!("the keeper breaks a rule of the store: {error}");
        }
    }

    /// A runner after its turn.
    pub(crate) fn check_runner(&self, which: usize) {
        let runner = &self.runners[which];
        let now = self.runner_now(which).moment;
        let Some(heard) = runner.heard_coordinator else { return };
        let silent = now.since(heard);
        if !runner.tasks.is_empty() && silent > STOPS_AFTER + Duration::from_secs(1) {
            broken!(
                "{} has not heard the coordinator for {silent:?}, and works on",
                runner.name
            );
        }
    }

    /// What readers of the landing see: only what is committed.
    pub(crate) fn check_visible(&self) {
        for path in self.place.paths("organization=") {
            let Some(execution) = execution_of(&path) else { continue };
            let stands = self.spec.executions.get(&execution).map(|one| one.stands);
            if !matches!(stands, Some(Where::Landing | Where::Completed)) {
                broken!("{path} is visible, and its execution is {stands:?}");
            }
        }
    }

    /// The landing holds exactly what is Completed, each once, whole, and where it belongs.
    pub(crate) fn check_landed(&self) {
        let mut completed = std::collections::BTreeMap::new();
        for (id, one) in &self.spec.executions {
            if one.stands == Where::Completed && one.counts.is_some_and(|counts| counts.records > 0) {
                completed.insert(self.destination(*id).to_string(), (*id, one));
            }
        }
        for (path, content) in self.place.seen() {
            if !path.ends_with(".jsonl.zst") {
                continue;
            }
            let Some((id, one)) = completed.remove(&path) else {
                broken!("{path} is visible, and no execution that is Completed has it");
            };
            let lines = zstd::decode_all(content.as_ref());
            let Some(lines) = lines.ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
                broken!("{path} cannot be read");
            };
            let counts = one.counts.unwrap_or_default();
            if lines.lines().count() as u64 != counts.records || lines.len() as u64 != counts.bytes {
                broken!(
                    "{path} has {} lines, and {counts:?} were counted",
                    lines.lines().count()
                );
            }
            let own = format!(
                "{{\"organization\":\"{}\",\"integration\":\"{}\",\"data_type\":\"{}\",\"execution\":\"{id}\",\"attempt\":{},",
                one.organization,
                one.integration,
                one.data_type,
                one.claim.map_or(0, |claim| claim.attempt.0)
            );
            if let Some(foreign) = lines.lines().find(|line| !line.starts_with(&own)) {
                broken!("{path} has a record that is not its own: {foreign}");
            }
        }
        if let Some((path, (id, _))) = completed.first_key_value() {
            broken!("{id} is Completed, and {path} is not there");
        }
    }
}

/// The first entity in which two ledgers differ.
fn differing(is: &Ledger, wanted: &Ledger) -> Option<String> {
    fn first<T: PartialEq + std::fmt::Debug>(
        is: impl Iterator<Item = T>,
        wanted: impl Iterator<Item = T>,
    ) -> Option<String> {
        let (is, wanted): (Vec<T>, Vec<T>) = (is.collect(), wanted.collect());
        if is == wanted {
            return None;
        }
        let lacks = wanted.iter().find(|one| !is.contains(one));
        let has = is.iter().find(|one| !wanted.contains(one));
        Some(format!("{has:?} is there, and was to be {lacks:?}"))
    }
    first(is.integrations(), wanted.integrations())
        .or_else(|| first(is.executions(), wanted.executions()))
        .or_else(|| first(is.runners(), wanted.runners()))
        .or_else(|| first(is.connectors(), wanted.connectors()))
        .or_else(|| first(is.incidents(), wanted.incidents()))
}

fn execution_of(path: &str) -> Option<ExecutionId> {
    let (_, file) = path.rsplit_once('/')?;
    file.strip_suffix(".jsonl.zst")?.parse().ok()
}
