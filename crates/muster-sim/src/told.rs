//! What anybody was told. It must be true when it is told, durable by then, and true for ever after.

mod facts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_core::decide::access::{Access, AccessRejection};
use muster_core::decide::{Answer, Assignment, Command, Rejection, Work};
use muster_core::entity::Finished;
use muster_core::words::{Attempt, Claim, ExecutionId, IntegrationId, Principal, RunnerId, Sequence};
use muster_proto::v1;
use muster_session::wire;
use muster_shard::ExecutionState;
use v1::coordinator_message::Kind;

use crate::spec::Where;
use crate::trace::{broken, say};
use crate::world::World;

/// Everything that was told.
#[derive(Default)]
pub struct Told {
    /// The newest batch that anything told depends on.
    through: Sequence,
    /// What a watcher has seen last.
    pub watched: Sequence,
    /// The attempts whose runners have said wrong counts.
    pub lies: BTreeSet<Work>,
    created: BTreeSet<IntegrationId>,
    deleted: BTreeSet<IntegrationId>,
    /// Which version an integration had at the least.
    versions: BTreeMap<IntegrationId, u32>,
    executions: BTreeSet<ExecutionId>,
    canceled: BTreeSet<ExecutionId>,
    /// The ends of which runners know that they were accepted.
    accepted: BTreeSet<(ExecutionId, Claim)>,
    started: BTreeSet<(ExecutionId, Claim)>,
    /// The attempts that were fenced.
    fenced: BTreeSet<(ExecutionId, Claim)>,
    assigned: BTreeMap<Work, RunnerId>,
    begun: BTreeMap<Work, (usize, u32)>,
    /// Finished executions as watchers and readers have seen them.
    finished: BTreeMap<ExecutionId, Finished>,
}

impl Told {
    /// The executions of an integration of which somebody knows that they have ended.
    pub fn ended_of(&self, integration: IntegrationId) -> BTreeSet<ExecutionId> {
        let of = self.finished.values().filter(|one| one.integration == integration);
        of.map(|one| one.id).collect()
    }
}

impl World {
    /// Something is told that depends on a batch.
    pub(crate) fn check_told(&mut self, sequence: Sequence, what: &str) {
        let durable = self.durable_through();
        if sequence > durable {
            broken!("told before it was durable: {what} of batch {sequence}, and batch {durable} is the last durable");
        }
        self.told.through = self.told.through.max(sequence);
    }

    /// An operator's answer is noted.
    pub(crate) fn note_told(&mut self, by: &Principal, command: &Command, answer: &Answer) {
        match (command, answer) {
            (Command::CreateIntegration(create), Answer::Integration(id)) => {
                let made = self.spec.integrations.get(id);
                let fits =
                    made.is_some_and(|one| one.request == create.request && one.organization == create.organization);
                if !fits {
                    broken!("the integration {id} was told as created: {made:?}");
                }
                self.told.created.insert(*id);
                self.told.versions.entry(*id).or_insert(1);
            }
            (
                Command::UpdateIntegration(_)
                | Command::EnableIntegration(_)
                | Command::DisableIntegration(_)
                | Command::PauseIntegration(_)
                | Command::ResumeIntegration(_),
                Answer::Integration(id),
            ) => {
                let version = self.spec.integrations.get(id).map_or(0, |one| one.version);
                let told = self.told.versions.entry(*id).or_insert(version);
                *told = version.max(*told);
            }
            (Command::DeleteIntegration(delete), Answer::Done) => {
                self.told.deleted.insert(delete.integration);
            }
            (Command::RunNow(run_now), Answer::Executions(executions)) => {
                for id in executions {
                    let fits = self
                        .spec
                        .executions
                        .get(id)
                        .is_some_and(|one| one.integration == run_now.integration);
                    if !fits {
                        broken!("{id} was told to run, and does not");
                    }
                    self.told.executions.insert(*id);
                }
            }
            (Command::Check(_), Answer::Checking { .. }) => {}
            (Command::Access(Access::CreatePerson(create)), Answer::Person(id)) => {
                let made = self.spec.access.people.get(id);
                if made.is_some_and(|one| one.scope != create.scope || one.request != create.request) {
                    broken!("the person {id} was told as created: {made:?}");
                }
            }
            (Command::Access(Access::CreateToken(create)), Answer::Token(id)) => {
                let made = self.spec.access.tokens.get(id);
                if made.is_some_and(|one| one.scope != create.scope || one.request != create.request) {
                    broken!("the token {id} was told as made: {made:?}");
                }
            }
            (Command::Access(Access::UpdatePerson(_) | Access::SwitchPerson(_)), Answer::Person(_)) => {}
            (Command::Access(_), Answer::Done) => {}
            (
                Command::SuspendOrganization(_) | Command::ResumeOrganization(_) | Command::UpdateOrganization(_),
                Answer::Organization(_),
            ) => {}
            (Command::CreateOrganization(create), Answer::Organization(id)) => {
                if *id != create.organization || !self.spec.organizations.contains_key(id) {
                    broken!("the organization {id} was told as created, and is not");
                }
            }
            (Command::Cancel(cancel), Answer::Done) => {
                self.told.canceled.insert(cancel.execution);
            }
            (command, answer) => broken!("{by} has asked {command:?}, and was answered {answer:?}"),
        }
        self.check_facts();
    }

    pub(crate) fn check_rejected(&mut self, command: &Command, rejection: &Rejection) {
        let plausible = match (command, rejection) {
            (Command::CreateOrganization(_), Rejection::OrganizationExists(_)) => true,
            (Command::Access(_), Rejection::Access(AccessRejection::LastAdmin)) => {
                self.trace.count("the last way in stays");
                true
            }
            (Command::Access(_), Rejection::Access(_)) => true,
            (_, Rejection::OrganizationSuspended { .. }) => {
                self.trace
                    .count("a person is refused, since the organization is suspended");
                true
            }
            (
                Command::CreateIntegration(_) | Command::EnableIntegration(_) | Command::RunNow(_),
                Rejection::QuotaReached { .. },
            ) => {
                self.trace.count("a quota is reached");
                true
            }
            (Command::CreateIntegration(_), Rejection::RequestReused { .. }) => true,
            (Command::UpdateIntegration(_), Rejection::Stale { .. } | Rejection::NameTaken { .. }) => true,
            (Command::DeleteIntegration(_), Rejection::Stale { .. }) => true,
            (Command::RunNow(_), Rejection::NotEnabled(_)) => true,
            (
                Command::PauseIntegration(_) | Command::ResumeIntegration(_),
                Rejection::NotEnabled(_) | Rejection::PauseOutOfBounds { .. },
            ) => true,
            (Command::Check(_), Rejection::NoRunner { .. } | Rejection::ChecksFull { .. }) => {
                self.trace.count("a check is refused");
                true
            }
            (Command::Cancel(cancel), Rejection::NotOpen(_)) => self
                .spec
                .executions
                .get(&cancel.execution)
                .is_none_or(|one| !one.stands.is_open() || one.organization != cancel.organization),
            (Command::Cancel(_), Rejection::Committed(_)) => true,
            (command, Rejection::IntegrationNotFound(id)) => {
                let asked = organization_of(command);
                self.spec
                    .integrations
                    .get(id)
                    .is_none_or(|one| one.deleted || Some(&one.organization) != asked)
            }
            _ => false,
        };
        if !plausible {
            broken!("{command:?} was refused: {rejection}");
        }
    }

    /// A page of history: nothing is missing that somebody knows of, and nothing has changed.
    pub(crate) fn check_page(
        &mut self,
        integration: IntegrationId,
        ended: &BTreeSet<ExecutionId>,
        page: &[Arc<Finished>],
    ) {
        let there: BTreeSet<ExecutionId> = page.iter().map(|one| one.id).collect();
        if let Some(missing) = ended.difference(&there).next()
            && page.len() < 1_000
        {
            broken!("{missing} has ended, and history of {integration} lacks it");
        }
        if !page.is_sorted_by(|newer, older| newer.id > older.id) {
            broken!("history of {integration} is not newest first");
        }
        for one in page {
            self.note_finished(one);
        }
    }

    fn note_finished(&mut self, one: &Finished) {
        let known = self.spec.executions.get(&one.id);
        let (stands, changed) = known.map_or((None, Sequence(0)), |known| (Some(known.stands), known.changed));
        let wanted = match one.status() {
            muster_core::words::ExecutionStatus::Completed => Where::Completed,
            _ => Where::Error,
        };
        if stands != Some(wanted) {
            broken!("{} is told as {wanted:?}, and is {stands:?}", one.id);
        }
        self.check_told(changed, "the end of an execution");
        match self.told.finished.get(&one.id) {
            Some(before) if before != one => broken!("history has changed: {before:?} was told, now {one:?}"),
            Some(_) => {}
            None => {
                self.told.finished.insert(one.id, one.clone());
            }
        }
    }

    /// What a watcher sees.
    pub(crate) fn watch(&mut self) {
        let Some(coordinator) = &mut self.coordinator else {
            return;
        };
        let mut changes = Vec::new();
        loop {
            match coordinator.watch.try_recv() {
                Ok(change) => changes.push(change),
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => break,
            }
        }
        for change in changes {
            if change.sequence < self.told.watched {
                broken!("batch {} is told after batch {}", change.sequence, self.told.watched);
            }
            self.told.watched = change.sequence;
            self.check_told(change.sequence, "a change");
            if let ExecutionState::Finished(one) = &change.what {
                let name = self.trace.name("e", one.id.0);
                say!(self, "{name} has ended: {:?}", one.outcome);
                self.note_finished(one);
            }
        }
    }

    /// A message is about to leave for a runner.
    pub(crate) fn check_message(&mut self, which: usize, message: &v1::CoordinatorMessage, is_copy: bool) {
        let runner = self.runners[which].id;
        match &message.kind {
            Some(Kind::Acks(acks)) => {
                for ack in &acks.acks {
                    if let Ok(work) = work_of(&ack.execution_id, ack.attempt) {
                        self.check_ack(runner, work, ack.kind());
                    }
                }
            }
            Some(Kind::Assignments(assignments)) => {
                for assignment in &assignments.assignments {
                    match wire::task_from_wire(assignment.clone()) {
                        Ok(task) => self.check_assigned(which, &task.assignment, is_copy),
                        Err(error) => broken!("an assignment makes no sense: {error}"),
                    }
                }
            }
            Some(Kind::Fences(fences)) => {
                for fence in &fences.fences {
                    if let Ok((execution, attempt)) = work_of(&fence.execution_id, fence.attempt) {
                        self.note_fenced(execution, Claim { runner, attempt }, fence.reason());
                    }
                }
            }
            Some(Kind::Cancels(cancels)) => {
                for cancel in &cancels.cancels {
                    if let Ok((execution, attempt)) = work_of(&cancel.execution_id, cancel.attempt) {
                        let one = self.spec.executions.get(&execution).cloned();
                        let Some(one) = one.filter(|one| one.canceled) else {
                            broken!("a runner is told that {execution}.{attempt} was canceled, and it was not");
                        };
                        self.check_told(one.changed, "a cancellation");
                    }
                }
            }
            Some(Kind::Check(check)) => self.note_check_asked(which, check),
            Some(Kind::Welcome(_) | Kind::Heartbeat(_) | Kind::Reconnect(_)) | None => {}
        }
    }

    fn check_ack(&mut self, runner: RunnerId, (execution, attempt): Work, kind: v1::ReportKind) {
        let claim = Claim { runner, attempt };
        let Some(one) = self.spec.executions.get(&execution) else {
            broken!("a report on {execution}, which there never was, is acknowledged");
        };
        let (claimed, started, accepted) = (
            one.claims.get(&claim).copied(),
            one.started.get(&claim).copied(),
            one.accepted.get(&claim).copied(),
        );
        let evidence = match kind {
            v1::ReportKind::Accepted => claimed,
            // A later word may have said it.
            v1::ReportKind::Started => started.or(accepted),
            v1::ReportKind::Finished => accepted,
            v1::ReportKind::Unspecified => None,
        };
        let Some(sequence) = evidence else {
            broken!(
                "the report {kind:?} of {runner} on {execution}.{attempt} is acknowledged, and nothing has come of it"
            );
        };
        self.check_told(sequence, "an acknowledgement");
        match kind {
            v1::ReportKind::Finished => {
                self.told.accepted.insert((execution, claim));
            }
            v1::ReportKind::Started if started.is_some() => {
                self.told.started.insert((execution, claim));
            }
            _ => {}
        }
    }

    fn check_assigned(&mut self, which: usize, assignment: &Assignment, is_copy: bool) {
        let work = (assignment.execution, assignment.attempt);
        let runner = self.runners[which].id;
        let claim = Claim {
            runner,
            attempt: assignment.attempt,
        };
        let Some(one) = self.spec.executions.get(&assignment.execution).cloned() else {
            broken!("{work:?} is assigned, and there is no such execution");
        };
        let Some(sequence) = one.claims.get(&claim).copied() else {
            broken!("{work:?} is assigned to {runner}, which does not hold it");
        };
        self.check_told(sequence, "an assignment");
        let before = self.told.assigned.insert(work, runner);
        if before.is_some_and(|before| before != runner) {
            broken!("{work:?} is assigned to {runner}, and was to {before:?}");
        }
        let own = &self.runners[which].organization;
        if own.as_ref().is_some_and(|own| *own != assignment.organization) {
            broken!("{work:?} of {} is sent to a runner of {own:?}", assignment.organization);
        }
        let foreign = if assignment.organization.as_str() == "acme" {
            "globex"
        } else {
            "acme"
        };
        let cursor = assignment.cursor.as_ref().map(|cursor| cursor.as_str());
        let told = format!("{} {cursor:?}", assignment.configuration.as_str());
        if one.organization != assignment.organization || told.contains(foreign) {
            broken!(
                "{work:?} of {} carries what is of {foreign}: {told}",
                assignment.organization
            );
        }
        let current = self
            .spec
            .integrations
            .get(&one.integration)
            .filter(|owner| !owner.deleted);
        if let (Some(owner), Some(true)) = (current, Some(one.claim == Some(claim) && one.stands == Where::Pending))
            && owner.revision == assignment.revision
        {
            let collection = owner.collections.get(&one.data_type);
            let wanted = collection.and_then(|collection| collection.cursor.clone());
            let changed_since = owner.changed > sequence;
            if !changed_since && assignment.cursor != wanted {
                broken!("{work:?} was to go on at {wanted:?}, not at {:?}", assignment.cursor);
            }
            if assignment.configuration != owner.definition.configuration {
                broken!(
                    "{work:?} carries another configuration than revision {}",
                    owner.revision
                );
            }
        }
        let name = (
            self.trace.name("e", assignment.execution.0),
            self.runners[which].name.clone(),
        );
        say!(
            self,
            "assigns {}.{} to {}{}",
            name.0,
            work.1,
            name.1,
            if is_copy { " (into the void)" } else { "" }
        );
    }

    /// A runner begins with an attempt.
    pub(crate) fn check_begun(&mut self, which: usize, work: Work, assignment: &Assignment) {
        let life = self.runners[which].life;
        let before = self.told.begun.insert(work, (which, life));
        if before.is_some() {
            broken!("{work:?} is begun twice: {before:?}, and now {which} in its life {life}");
        }
        if self.told.assigned.get(&work) != Some(&self.runners[which].id) {
            broken!(
                "{work:?} of {} is begun, and was not assigned there",
                assignment.integration
            );
        }
    }

    /// A runner takes a result as accepted.
    pub(crate) fn check_accepted(&mut self, which: usize, (execution, attempt): Work) {
        let claim = Claim {
            runner: self.runners[which].id,
            attempt,
        };
        if !self.told.accepted.contains(&(execution, claim)) {
            broken!("a runner forgets its result on {execution}.{attempt}, which nobody has accepted");
        }
    }

    fn note_fenced(&mut self, execution: ExecutionId, claim: Claim, reason: v1::FenceReason) {
        let Some(one) = self.spec.executions.get(&execution) else {
            return;
        };
        if one.claim == Some(claim) && matches!(one.stands, Where::Pending | Where::Executing) {
            broken!("{execution}.{} is fenced, and holds it: {one:?}", claim.attempt);
        }
        // Only these answer a report for sure: a copied hello may list as running what has ended long since.
        let answers = matches!(reason, v1::FenceReason::Ended | v1::FenceReason::Unknown);
        if answers && self.told.accepted.contains(&(execution, claim)) {
            broken!(
                "{execution}.{} was acknowledged, and is fenced when it is said again",
                claim.attempt
            );
        }
        if !one.accepted.contains_key(&claim) {
            self.told.fenced.insert((execution, claim));
        }
    }

    /// The landing is told to publish.
    pub(crate) fn check_publish(&mut self, execution: ExecutionId) {
        if !self.is_durably_committed(execution) {
            broken!("the landing is told to publish {execution}, to which nobody has durably committed");
        }
    }

    pub(crate) fn is_durably_committed(&mut self, execution: ExecutionId) -> bool {
        let Some(one) = self.spec.executions.get(&execution).filter(|one| one.staged.is_some()) else {
            return false;
        };
        let committed = one.claim.and_then(|claim| one.accepted.get(&claim).copied());
        committed.is_some_and(|sequence| sequence <= self.durable_through())
    }

    /// The landing is told to forget an attempt.
    pub(crate) fn check_discard(&mut self, execution: ExecutionId, attempt: Attempt) {
        let Some(one) = self.spec.executions.get(&execution) else {
            broken!("the landing is told to forget {execution}, which there is not");
        };
        let is_newest = one.attempt == attempt.0;
        if is_newest
            && matches!(
                one.stands,
                Where::Pending | Where::Executing | Where::Landing | Where::Completed
            )
        {
            broken!(
                "the landing is told to forget {execution}.{attempt}, which is {:?}",
                one.stands
            );
        }
    }
}

fn work_of(execution_id: &[u8], attempt: u32) -> Result<Work, std::array::TryFromSliceError> {
    Ok((ExecutionId::from_bytes(execution_id.try_into()?), Attempt(attempt)))
}

fn organization_of(command: &Command) -> Option<&muster_core::words::OrganizationId> {
    match command {
        Command::UpdateIntegration(it) => Some(&it.organization),
        Command::EnableIntegration(it) => Some(&it.organization),
        Command::DisableIntegration(it) => Some(&it.organization),
        Command::PauseIntegration(it) => Some(&it.organization),
        Command::ResumeIntegration(it) => Some(&it.organization),
        Command::Check(it) => Some(&it.organization),
        Command::DeleteIntegration(it) => Some(&it.organization),
        Command::RunNow(it) => Some(&it.organization),
        _ => None,
    }
}
