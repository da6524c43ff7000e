//! What the design says of a ledger, written down a second time and independently: it takes the events as they come, and says which of them must
//! not be. It decides nothing by the core's rules; it only knows what may follow what.

pub mod access;
pub mod excuse;
mod execution;
pub mod health;
mod incident;
pub mod organization;
mod schedule;
pub mod staff;

use std::collections::{BTreeMap, BTreeSet};

use muster_core::entity::{Definition, EntityKey};
use muster_core::event::{Event, Recorded};
use muster_core::schedule::Skip;
use muster_core::time::{Interval, Stamp};
use muster_core::words::{
    Claim, ConnectorName, Counts, Cursor, DataType, Enablement, ExecutionId, IncidentId, IntegrationId, OrganizationId,
    Origin, Pool, Principal, Recipients, Request, Revision, RunnerId, Sequence, Staged,
};

/// A rule that is broken, in words.
pub type Broken = String;

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Where {
    /// Queued.
    Created,
    /// Claimed.
    Pending,
    /// Begun.
    Executing,
    /// Past the commit point.
    Landing,
    /// Ended well.
    Completed,
    /// Ended badly.
    Error,
}

impl Where {
    /// Whether it will change again.
    pub fn is_open(self) -> bool {
        self < Self::Completed
    }
}

/// An execution, from its creation to its end and after.
#[derive(Debug, Clone)]
pub struct Execution {
    pub organization: OrganizationId,
    pub integration: IntegrationId,
    pub data_type: DataType,
    pub connector: ConnectorName,
    pub pool: Pool,
    pub sealed_to: Option<Recipients>,
    pub stands: Where,
    pub attempt: u32,
    /// Who holds it, or brought it past the commit point.
    pub claim: Option<Claim>,
    /// When the newest claim was made.
    pub claimed: Stamp,
    pub failures: u32,
    pub not_before: Option<Stamp>,
    /// Every claim there ever was, with its batch.
    pub claims: BTreeMap<Claim, Sequence>,
    /// Every claim that has started, with the batch.
    pub started: BTreeMap<Claim, Sequence>,
    /// Every claim whose holder's report of an end was accepted, with the batch.
    pub accepted: BTreeMap<Claim, Sequence>,
    pub staged: Option<Staged>,
    /// How much it brought, if it is Completed.
    pub counts: Option<Counts>,
    pub canceled: bool,
    /// The batch of the newest event.
    pub changed: Sequence,
}

/// One data type of an integration.
#[derive(Debug, Clone)]
pub struct Collection {
    pub interval: Interval,
    pub revision: Revision,
    pub next: Option<Stamp>,
    pub cursor: Option<Cursor>,
    /// The records of the newest good end.
    pub completed: Option<Counts>,
    /// Since when something is wrong.
    pub trouble: Option<Stamp>,
}

/// An integration, also after its end.
#[derive(Debug, Clone)]
pub struct Integration {
    pub organization: OrganizationId,
    pub definition: Definition,
    pub enablement: Enablement,
    pub revision: Revision,
    pub version: u32,
    pub request: Option<Request>,
    pub deleted: bool,
    pub collections: BTreeMap<DataType, Collection>,
    pub health: health::Health,
    /// Until when its schedule rests, or did.
    pub paused_until: Stamp,
    /// Whether its newest check failed, and nothing newer says otherwise.
    pub check_fails: bool,
    /// The batch of the newest change by a person.
    pub changed: Sequence,
}

/// The ledger as the design wants it.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    pub executions: BTreeMap<ExecutionId, Execution>,
    pub integrations: BTreeMap<IntegrationId, Integration>,
    pub runners: BTreeMap<RunnerId, staff::Runner>,
    pub incidents: BTreeMap<IncidentId, incident::Incident>,
    pub organizations: BTreeMap<OrganizationId, organization::Organization>,
    pub access: access::Access,
    pub process: excuse::Process,
    open: BTreeMap<(IntegrationId, DataType), ExecutionId>,
    newest: Stamp,
    /// The execution that must be created next: a nominal time runs.
    owed: Option<(IntegrationId, DataType, Stamp, Revision)>,
    /// What must have ended when the batch ends.
    ending: BTreeSet<ExecutionId>,
    /// The integration that must be deleted next: its incident was closed for it.
    closing: Option<IntegrationId>,
}

pub(crate) fn must(holds: bool, why: impl FnOnce() -> Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(why()) }
}

impl Spec {
    /// Takes in a batch.
    ///
    /// # Errors
    /// Says which rule one of its events breaks.
    pub fn take_batch(
        &mut self,
        sequence: Sequence,
        events: &[Recorded],
        mut seen: impl FnMut(&'static str),
    ) -> Result<(), Broken> {
        for recorded in events {
            let transition = self.take(sequence, recorded);
            let transition = transition.map_err(|why| format!("{why}: {recorded:?}"))?;
            seen(transition);
        }
        must(self.owed.is_none(), || {
            format!("the nominal time {:?} has come, and nothing was created", self.owed)
        })?;
        for id in std::mem::take(&mut self.ending) {
            must(!self.executions[&id].stands.is_open(), || {
                format!("{id} is still open, though its integration or data type was disabled or removed")
            })?;
        }
        self.check_told_in_time(self.newest)?;
        self.check_staff(self.newest)
    }

    fn take(&mut self, sequence: Sequence, recorded: &Recorded) -> Result<&'static str, Broken> {
        must(recorded.at >= self.newest, || {
            "its stamp is before the last one".to_owned()
        })?;
        self.newest = recorded.at;
        let by = &recorded.by;
        if let Some(owed) = &self.owed {
            let is_it = matches!(&recorded.event, Event::ExecutionCreated { integration, data_type, origin: Origin::Schedule { nominal, revision }, .. }
                if (*integration, data_type, *nominal, *revision) == (owed.0, &owed.1, owed.2, owed.3));
            must(is_it, || format!("{owed:?} was to be created first"))?;
        }
        match &recorded.event {
            Event::IntegrationCreated { .. }
            | Event::IntegrationUpdated { .. }
            | Event::IntegrationEnabled { .. }
            | Event::IntegrationDisabled { .. }
            | Event::IntegrationPaused { .. }
            | Event::IntegrationDeleted { .. } => {
                must(matches!(by, Principal::Operator(_)), || {
                    "only a person changes integrations".to_owned()
                })?;
                if let EntityKey::Integration(id) = recorded.event.entities().0
                    && let Some(one) = self.integrations.get(&id)
                {
                    self.must_go_on(&one.organization)?;
                }
                let seen = self.take_integration(sequence, recorded)?;
                if let EntityKey::Integration(id) = recorded.event.entities().0 {
                    self.note_changed(id, recorded.at);
                    self.closing = self.closing.filter(|closing| *closing != id);
                }
                Ok(seen)
            }
            Event::IntegrationChecked {
                integration,
                revision,
                runner,
                failure,
            } => {
                must(*by == Principal::Runner(*runner), || "somebody else checks".to_owned())?;
                let current = self.existing(*integration)?.revision;
                must(*revision == current, || {
                    format!("the configuration is {current} by now, so this says nothing of it")
                })?;
                if let Some(one) = self.integrations.get_mut(integration) {
                    one.check_fails = failure.is_some();
                }
                Ok(match failure {
                    Some(_) => "integration checked: fails",
                    None => "integration checked",
                })
            }
            Event::ScheduleAdvanced {
                integration,
                data_type,
                skip,
                next,
            } => {
                must(*by == Principal::Coordinator, || "time is the coordinator's".to_owned())?;
                self.advance(*integration, data_type, skip.as_ref(), *next, recorded.at)
            }
            Event::ExecutionCreated { .. }
            | Event::ExecutionClaimed { .. }
            | Event::ExecutionStarted { .. }
            | Event::ExecutionReturned { .. }
            | Event::ExecutionRerouted { .. }
            | Event::LandingCommitted { .. }
            | Event::ExecutionCompleted { .. }
            | Event::ExecutionFailed { .. } => self.take_execution(sequence, recorded),
            Event::RunnerCheckedIn {
                runner,
                profile,
                outdated,
            } => {
                must(*by == Principal::Runner(*runner), || {
                    "somebody else checks it in".to_owned()
                })?;
                if let Some(owner) = &profile.organization {
                    self.must_go_on(owner)?;
                }
                self.check_in(*runner, profile, *outdated, (recorded.at, sequence))?;
                Ok("runner checked in")
            }
            Event::RunnerLeft { runner, last_heard } => {
                self.leave(*runner, *last_heard)?;
                match by {
                    Principal::Coordinator => {
                        let held = self
                            .executions
                            .values()
                            .find(|one| is_held(one) && one.claim.is_some_and(|claim| claim.runner == *runner));
                        must(held.is_none(), || format!("it still holds {held:?}"))?;
                        Ok("runner lapsed")
                    }
                    Principal::Runner(own) if own == runner => Ok("runner left"),
                    Principal::Runner(_) | Principal::Operator(_) | Principal::Token { .. } => {
                        Err("somebody else says so".to_owned())
                    }
                }
            }
            Event::Access(event) => self.take_access(event, by, recorded.at),
            Event::ConnectorOffered { .. } => Ok("connector offered"),
            Event::Identity(_) => Err("nobody enrolls here".to_owned()),
            Event::Audited(_) => {
                must(matches!(by, Principal::Operator(_)), || {
                    "nobody else is audited here".to_owned()
                })?;
                Ok("note for an audit log")
            }
            Event::RunnerDrained { .. } => Err("nobody drains a runner here".to_owned()),
            Event::RunnerForgotten { .. } | Event::ConnectorForgotten { .. } => {
                Err("no organization is deleted here".to_owned())
            }
            Event::ExecutionFenced { .. } => Err("no backup was restored here".to_owned()),
            Event::ThresholdReached { .. }
            | Event::ThresholdLeft { .. }
            | Event::IncidentOpened { .. }
            | Event::IncidentReminded { .. }
            | Event::IncidentClosed { .. }
            | Event::DeliveryTried { .. }
            | Event::IncidentForgotten { .. } => self.take_health(recorded),
            Event::OrganizationChanged { organization, change } => {
                self.take_organization(organization, change, by, sequence)
            }
        }
    }

    fn take_integration(&mut self, sequence: Sequence, recorded: &Recorded) -> Result<&'static str, Broken> {
        let at = recorded.at;
        match &recorded.event {
            Event::IntegrationCreated {
                integration: id,
                organization,
                definition,
                intervals,
                enablement,
                next,
                request,
            } => {
                must(!intervals.is_empty(), || "it collects nothing".to_owned())?;
                must(!self.integrations.contains_key(id), || "the id is not new".to_owned())?;
                self.must_go_on(organization)?;
                let there = self.integrations.values();
                let theirs = there.filter(|one| !one.deleted && one.organization == *organization);
                self.must_fit(organization, |quotas| quotas.integrations, theirs.count())?;
                self.check_name(*id, organization, definition)?;
                let twin = self.integrations.values().find(|one| {
                    !one.deleted
                        && one.organization == *organization
                        && one
                            .request
                            .is_some_and(|made| Some(made.id) == request.map(|asked| asked.id))
                });
                must(twin.is_none(), || "the same request has made one before".to_owned())?;
                let mut made = Integration {
                    organization: organization.clone(),
                    definition: definition.clone(),
                    enablement: *enablement,
                    revision: Revision(1),
                    version: 1,
                    request: *request,
                    deleted: false,
                    collections: BTreeMap::new(),
                    health: health::Health::created(at),
                    paused_until: Stamp::default(),
                    check_fails: false,
                    changed: sequence,
                };
                made.set_intervals(intervals);
                made.set_next(*id, next, at, false)?;
                self.integrations.insert(*id, made);
                Ok(if *enablement == Enablement::Draft {
                    "integration drafted"
                } else {
                    "integration created"
                })
            }
            Event::IntegrationUpdated {
                integration: id,
                definition,
                intervals,
                revision,
                next,
            } => {
                let found = self.existing(*id)?.clone();
                must(found.definition.connector == definition.connector, || {
                    "its connector changes".to_owned()
                })?;
                must(!intervals.is_empty(), || "it collects nothing".to_owned())?;
                self.check_name(*id, &found.organization, definition)?;
                let reconfigured = found.definition.configuration != definition.configuration
                    || found.definition.access_schema != definition.access_schema;
                let wanted = if reconfigured {
                    found.revision.next()
                } else {
                    found.revision
                };
                must(*revision == wanted, || format!("the revision was to be {wanted}"))?;
                for (data_type, open) in self.open_of(*id) {
                    if !intervals.contains_key(&data_type) && self.executions[&open].stands != Where::Landing {
                        self.ending.insert(open);
                    }
                }
                let one = self.changing(*id, sequence)?;
                one.check_fails &= one.revision == *revision;
                one.revision = *revision;
                one.definition = definition.clone();
                one.set_intervals(intervals);
                let rests = one.paused_until > at;
                let after = if rests { schedule::before(one.paused_until) } else { at };
                one.set_next(*id, next, after, true)?;
                Ok("integration updated")
            }
            Event::IntegrationEnabled { integration: id, next } => {
                must(self.existing(*id)?.enablement != Enablement::Enabled, || {
                    "it was enabled".to_owned()
                })?;
                let one = self.changing(*id, sequence)?;
                one.enablement = Enablement::Enabled;
                one.check_fails = false;
                one.set_next(*id, next, at, false)?;
                Ok("integration enabled")
            }
            Event::IntegrationDisabled { integration: id } => {
                must(self.existing(*id)?.enablement == Enablement::Enabled, || {
                    "it was not enabled".to_owned()
                })?;
                for (_, open) in self.open_of(*id) {
                    if self.executions[&open].stands == Where::Created {
                        self.ending.insert(open);
                    }
                }
                let one = self.changing(*id, sequence)?;
                one.enablement = Enablement::Disabled;
                one.paused_until = Stamp::default();
                one.collections
                    .values_mut()
                    .for_each(|collection| collection.next = None);
                Ok("integration disabled")
            }
            Event::IntegrationPaused {
                integration: id,
                until,
                next,
            } => {
                must(self.existing(*id)?.enablement == Enablement::Enabled, || {
                    "it is not enabled, and rests anyway".to_owned()
                })?;
                must(*until >= at, || "it was to rest until a time that is past".to_owned())?;
                let one = self.changing(*id, sequence)?;
                one.paused_until = *until;
                one.set_next(*id, next, schedule::before(*until), false)?;
                Ok(if *until > at {
                    "integration paused"
                } else {
                    "integration resumed"
                })
            }
            Event::IntegrationDeleted { integration: id } => {
                for (_, open) in self.open_of(*id) {
                    if self.executions[&open].stands != Where::Landing {
                        self.ending.insert(open);
                    }
                }
                let one = self.changing(*id, sequence)?;
                one.deleted = true;
                Ok("integration deleted")
            }
            _ => Err("it is no event of an integration".to_owned()),
        }
    }

    fn check_name(
        &self,
        id: IntegrationId,
        organization: &OrganizationId,
        definition: &Definition,
    ) -> Result<(), Broken> {
        let name = definition.display_name.as_str().to_lowercase();
        let taken = self.integrations.iter().find(|(other, one)| {
            **other != id
                && !one.deleted
                && one.organization == *organization
                && one.definition.display_name.as_str().to_lowercase() == name
        });
        must(taken.is_none(), || format!("its name is taken by {taken:?}"))
    }

    /// The integration of this id, if it is there.
    pub fn existing(&self, id: IntegrationId) -> Result<&Integration, Broken> {
        let found = self.integrations.get(&id).filter(|one| !one.deleted);
        found.ok_or_else(|| format!("there is no integration {id}"))
    }

    fn changing(&mut self, id: IntegrationId, sequence: Sequence) -> Result<&mut Integration, Broken> {
        let found = self.integrations.get_mut(&id).filter(|one| !one.deleted);
        let found = found.ok_or_else(|| format!("there is no integration {id}"))?;
        found.version += 1;
        found.changed = sequence;
        Ok(found)
    }

    fn open_of(&self, id: IntegrationId) -> Vec<(DataType, ExecutionId)> {
        let open = self.open.iter().filter(|((owner, _), _)| *owner == id);
        open.map(|((_, data_type), execution)| (data_type.clone(), *execution))
            .collect()
    }

    /// How many executions are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The executions that are open.
    pub fn open_executions(&self) -> impl Iterator<Item = ExecutionId> {
        self.open.values().copied()
    }

    /// The open executions that runners hold.
    pub fn held(&self) -> impl Iterator<Item = (ExecutionId, &Execution, Claim)> {
        let open = self.open.values().map(|id| (*id, &self.executions[id]));
        open.filter(|(_, one)| is_held(one))
            .filter_map(|(id, one)| Some((id, one, one.claim?)))
    }
}

fn is_held(one: &Execution) -> bool {
    matches!(one.stands, Where::Pending | Where::Executing)
}

/// Whether a skip is exactly this range.
pub(crate) fn is_range(skip: Option<&Skip>, wanted: Option<(Stamp, Stamp, u64)>) -> bool {
    skip.map(|skip| (skip.from, skip.to, skip.count)) == wanted
}
