//! What is true and durable: the fold of all events. Each entity stands with the position of the last event that was applied to it, so that
//! events may be replayed over records that were written at different times.

mod identities;

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::entity::{
    Authority, Connector, ConnectorKey, EnrollmentToken, EntityKey, Execution, Finished, Incident, Integration, Offer,
    Organization, Person, Phase, Runner, RunnerIdentity, Token,
};
use crate::event::{AccessEvent, Event, OrganizationChange, Recorded};
use crate::planted;
use crate::time::Stamp;
use crate::words::{
    Attempt, ConnectorName, EnrollmentTokenId, ExecutionId, IncidentId, IntegrationId, OrganizationId, Outcome,
    PersonId, RunnerId, Sequence, TokenId,
};

use identities::Identities;

/// The place of an event in the journal: its batch, and its place in that batch from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The number of its batch.
    pub sequence: Sequence,
    /// Its place within the batch.
    pub ordinal: u32,
}

impl Position {
    /// The position after the last event of a batch.
    #[must_use]
    pub fn end_of(sequence: Sequence) -> Self {
        Self {
            sequence,
            ordinal: u32::MAX,
        }
    }

    /// Whether it is the end of a batch: the place of an entity that stands as its record said.
    #[must_use]
    pub fn is_end(self) -> bool {
        self.ordinal == u32::MAX
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamped<T> {
    applied: Position,
    entity: T,
}

/// An entity, as records keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    /// An integration.
    Integration(Integration),
    /// An open execution.
    Execution(Execution),
    /// A runner.
    Runner(Runner),
    /// A connector.
    Connector(Connector),
    /// An incident.
    Incident(Incident),
    /// A person.
    Person(Person),
    /// A token.
    Token(Token),
    /// An organization.
    Organization(Organization),
    /// The authority of an organization, or of the service.
    Authority(Authority),
    /// An enrollment token.
    EnrollmentToken(EnrollmentToken),
    /// The identity of a runner.
    RunnerIdentity(RunnerIdentity),
}

impl Entity {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> EntityKey {
        match self {
            Self::Integration(integration) => EntityKey::Integration(integration.id),
            Self::Execution(execution) => EntityKey::Execution(execution.id),
            Self::Runner(runner) => EntityKey::Runner(runner.id),
            Self::Connector(connector) => EntityKey::Connector(connector.key.clone()),
            Self::Incident(incident) => EntityKey::Incident(incident.id),
            Self::Person(person) => EntityKey::Person(person.id),
            Self::Token(token) => EntityKey::Token(token.id),
            Self::Organization(organization) => EntityKey::Organization(organization.id.clone()),
            Self::Authority(authority) => EntityKey::Authority(authority.owner.clone()),
            Self::EnrollmentToken(token) => EntityKey::EnrollmentToken(token.id),
            Self::RunnerIdentity(identity) => EntityKey::RunnerIdentity(identity.runner),
        }
    }
}

/// All entities of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Each in a place of its own: the leaves of a tree are half empty, and an integration is large.
    integrations: BTreeMap<IntegrationId, Box<Stamped<Integration>>>,
    executions: BTreeMap<ExecutionId, Stamped<Execution>>,
    runners: BTreeMap<RunnerId, Stamped<Runner>>,
    connectors: BTreeMap<ConnectorKey, Stamped<Connector>>,
    incidents: BTreeMap<IncidentId, Stamped<Incident>>,
    people: BTreeMap<PersonId, Stamped<Person>>,
    tokens: BTreeMap<TokenId, Stamped<Token>>,
    organizations: BTreeMap<OrganizationId, Stamped<Organization>>,
    identities: Identities,
}

impl Ledger {
    /// The integration of this id.
    #[must_use]
    pub fn integration(&self, id: IntegrationId) -> Option<&Integration> {
        self.integrations.get(&id).map(|stamped| &stamped.entity)
    }

    /// The open execution of this id.
    #[must_use]
    pub fn execution(&self, id: ExecutionId) -> Option<&Execution> {
        self.executions.get(&id).map(|stamped| &stamped.entity)
    }

    /// The runner of this id.
    #[must_use]
    pub fn runner(&self, id: RunnerId) -> Option<&Runner> {
        self.runners.get(&id).map(|stamped| &stamped.entity)
    }

    /// The connector of this key.
    #[must_use]
    pub fn connector(&self, key: &ConnectorKey) -> Option<&Connector> {
        self.connectors.get(key).map(|stamped| &stamped.entity)
    }

    /// What an organization's runners say of a connector, or else the hosted ones.
    #[must_use]
    pub fn offer(&self, organization: &OrganizationId, name: &ConnectorName) -> Option<&Offer> {
        let owners = [Some(organization.clone()), None];
        let mut keys = owners.into_iter().map(|owner| ConnectorKey {
            organization: owner,
            name: name.clone(),
        });
        keys.find_map(|key| self.connector(&key))
            .map(|connector| &connector.offer)
    }

    /// The incident of this id.
    #[must_use]
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(&id).map(|stamped| &stamped.entity)
    }

    /// The person of this id.
    #[must_use]
    pub fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.get(&id).map(|stamped| &stamped.entity)
    }

    /// The token of this id.
    #[must_use]
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(&id).map(|stamped| &stamped.entity)
    }

    /// The organization of this name, also one that is gone.
    #[must_use]
    pub fn organization(&self, id: &OrganizationId) -> Option<&Organization> {
        self.organizations.get(id).map(|stamped| &stamped.entity)
    }

    /// All organizations by name, also those that are gone.
    pub fn organizations(&self) -> impl Iterator<Item = &Organization> {
        self.organizations.values().map(|stamped| &stamped.entity)
    }

    /// The authority of an organization; `None` names the service's own.
    #[must_use]
    pub fn authority(&self, owner: Option<&OrganizationId>) -> Option<&Authority> {
        let found = self.identities.authorities.get(&owner.cloned());
        found.map(|stamped| &stamped.entity)
    }

    /// All authorities, the service's own first.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.identities.authorities.values().map(|stamped| &stamped.entity)
    }

    /// The enrollment token of this id.
    #[must_use]
    pub fn enrollment_token(&self, id: EnrollmentTokenId) -> Option<&EnrollmentToken> {
        self.identities.tokens.get(&id).map(|stamped| &stamped.entity)
    }

    /// The enrollment tokens after `after`, oldest first.
    pub fn enrollment_tokens(&self, after: Option<EnrollmentTokenId>) -> impl Iterator<Item = &EnrollmentToken> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.identities.tokens.range((first, Bound::Unbounded));
        later.map(|(_, stamped)| &stamped.entity)
    }

    /// The identity of a runner that has enrolled.
    #[must_use]
    pub fn runner_identity(&self, runner: RunnerId) -> Option<&RunnerIdentity> {
        self.identities.runners.get(&runner).map(|stamped| &stamped.entity)
    }

    /// The identities of all runners, oldest first.
    pub fn runner_identities(&self) -> impl Iterator<Item = &RunnerIdentity> {
        self.identities.runners.values().map(|stamped| &stamped.entity)
    }

    /// The organizations whose names come after `after`, also those that are gone.
    pub fn organizations_after(&self, after: Option<&str>) -> impl Iterator<Item = &Organization> {
        let first = after.and_then(|after| OrganizationId::new(after).ok());
        let first = first.map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.organizations.range((first, Bound::Unbounded));
        later.map(|(_, stamped)| &stamped.entity)
    }

    /// Whether what this attempt has staged may still be wanted: it is the newest of an execution that is open.
    #[must_use]
    pub fn wants_staged(&self, execution: ExecutionId, attempt: Attempt) -> bool {
        self.execution(execution).is_some_and(|open| open.attempt == attempt)
    }

    /// All integrations, oldest first.
    pub fn integrations(&self) -> impl Iterator<Item = &Integration> {
        self.integrations.values().map(|stamped| &stamped.entity)
    }

    /// All open executions, oldest first.
    pub fn executions(&self) -> impl Iterator<Item = &Execution> {
        self.executions.values().map(|stamped| &stamped.entity)
    }

    /// The open executions older than `before`, newest first.
    pub fn executions_before(&self, before: Option<ExecutionId>) -> impl Iterator<Item = &Execution> {
        let end = before.unwrap_or(ExecutionId(u128::MAX));
        self.executions.range(..end).rev().map(|(_, stamped)| &stamped.entity)
    }

    /// All runners, oldest first.
    pub fn runners(&self) -> impl Iterator<Item = &Runner> {
        self.runners.values().map(|stamped| &stamped.entity)
    }

    /// All connectors, by owner and name.
    pub fn connectors(&self) -> impl Iterator<Item = &Connector> {
        self.connectors.values().map(|stamped| &stamped.entity)
    }

    /// The connectors that an organization's own runners have offered, or, for `None`, the hosted ones; by name.
    pub fn connectors_of(&self, owner: Option<&OrganizationId>) -> impl Iterator<Item = &Connector> {
        let owner = owner.cloned();
        let first = ConnectorKey {
            organization: owner.clone(),
            name: ConnectorName::least(),
        };
        let theirs = self.connectors.range(first..);
        theirs
            .take_while(move |(key, _)| key.organization == owner)
            .map(|(_, stamped)| &stamped.entity)
    }

    /// All incidents, oldest first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values().map(|stamped| &stamped.entity)
    }

    /// All people, oldest first.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values().map(|stamped| &stamped.entity)
    }

    /// All tokens, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values().map(|stamped| &stamped.entity)
    }

    /// The entity of this key with the number of the last batch that changed it, for a record; `None` when there is none.
    #[must_use]
    pub fn entity(&self, key: &EntityKey) -> Option<(Entity, Sequence)> {
        fn copy<T: Clone>(stamped: &Stamped<T>, wrap: impl Fn(T) -> Entity) -> (Entity, Sequence) {
            let stamp = stamped.applied.sequence;
            let stamp = if planted!("record-stamp-too-high") {
                stamp.next()
            } else {
                stamp
            };
            (wrap(stamped.entity.clone()), stamp)
        }
        match key {
            EntityKey::Integration(id) => self.integrations.get(id).map(|found| copy(found, Entity::Integration)),
            EntityKey::Execution(id) => self.executions.get(id).map(|found| copy(found, Entity::Execution)),
            EntityKey::Runner(id) => self.runners.get(id).map(|found| copy(found, Entity::Runner)),
            EntityKey::Connector(key) => self.connectors.get(key).map(|found| copy(found, Entity::Connector)),
            EntityKey::Incident(id) => self.incidents.get(id).map(|found| copy(found, Entity::Incident)),
            EntityKey::Person(id) => self.people.get(id).map(|found| copy(found, Entity::Person)),
            EntityKey::Token(id) => self.tokens.get(id).map(|found| copy(found, Entity::Token)),
            EntityKey::Organization(id) => self
                .organizations
                .get(id)
                .map(|found| copy(found, Entity::Organization)),
            EntityKey::Authority(owner) => {
                let found = self.identities.authorities.get(owner);
                found.map(|found| copy(found, Entity::Authority))
            }
            EntityKey::EnrollmentToken(id) => {
                let found = self.identities.tokens.get(id);
                found.map(|found| copy(found, Entity::EnrollmentToken))
            }
            EntityKey::RunnerIdentity(id) => {
                let found = self.identities.runners.get(id);
                found.map(|found| copy(found, Entity::RunnerIdentity))
            }
            EntityKey::AuditLog(_) => None,
        }
    }

    /// Every entity with the position of the last event that was applied to it, or of the record that it was loaded from.
    pub fn positions(&self) -> impl Iterator<Item = (EntityKey, Position)> {
        let integrations = self.integrations.iter();
        let integrations = integrations.map(|(id, stamped)| (EntityKey::Integration(*id), stamped.applied));
        let executions = self.executions.iter();
        let executions = executions.map(|(id, stamped)| (EntityKey::Execution(*id), stamped.applied));
        let runners = self.runners.iter();
        let runners = runners.map(|(id, stamped)| (EntityKey::Runner(*id), stamped.applied));
        let connectors = self.connectors.iter();
        let connectors = connectors.map(|(key, stamped)| (EntityKey::Connector(key.clone()), stamped.applied));
        let incidents = self.incidents.iter();
        let incidents = incidents.map(|(id, stamped)| (EntityKey::Incident(*id), stamped.applied));
        let people = self.people.iter();
        let people = people.map(|(id, stamped)| (EntityKey::Person(*id), stamped.applied));
        let tokens = self.tokens.iter();
        let tokens = tokens.map(|(id, stamped)| (EntityKey::Token(*id), stamped.applied));
        let organizations = self.organizations.iter();
        let organizations = organizations.map(|(id, stamped)| (EntityKey::Organization(id.clone()), stamped.applied));
        integrations
            .chain(executions)
            .chain(runners)
            .chain(connectors)
            .chain(incidents)
            .chain(people)
            .chain(tokens)
            .chain(organizations)
            .chain(self.identities.positions())
    }

    /// Whether there is an entity of this key.
    #[must_use]
    pub fn has(&self, key: &EntityKey) -> bool {
        match key {
            EntityKey::Integration(id) => self.integrations.contains_key(id),
            EntityKey::Execution(id) => self.executions.contains_key(id),
            EntityKey::Runner(id) => self.runners.contains_key(id),
            EntityKey::Connector(key) => self.connectors.contains_key(key),
            EntityKey::Incident(id) => self.incidents.contains_key(id),
            EntityKey::Person(id) => self.people.contains_key(id),
            EntityKey::Token(id) => self.tokens.contains_key(id),
            EntityKey::Organization(id) => self.organizations.contains_key(id),
            EntityKey::Authority(owner) => self.identities.authorities.contains_key(owner),
            EntityKey::EnrollmentToken(id) => self.identities.tokens.contains_key(id),
            EntityKey::RunnerIdentity(id) => self.identities.runners.contains_key(id),
            EntityKey::AuditLog(_) => false,
        }
    }

    /// Takes in a record that was written after the batch `stamp`, and contains all of it.
    pub fn load(&mut self, entity: Entity, stamp: Sequence) {
        let applied = Position::end_of(stamp);
        match entity {
            Entity::Integration(entity) => {
                self.integrations
                    .insert(entity.id, Box::new(Stamped { applied, entity }));
            }
            Entity::Execution(entity) => {
                self.executions.insert(entity.id, Stamped { applied, entity });
            }
            Entity::Runner(entity) => {
                self.runners.insert(entity.id, Stamped { applied, entity });
            }
            Entity::Connector(entity) => {
                self.connectors.insert(entity.key.clone(), Stamped { applied, entity });
            }
            Entity::Incident(entity) => {
                self.incidents.insert(entity.id, Stamped { applied, entity });
            }
            Entity::Person(entity) => {
                self.people.insert(entity.id, Stamped { applied, entity });
            }
            Entity::Token(entity) => {
                self.tokens.insert(entity.id, Stamped { applied, entity });
            }
            Entity::Organization(entity) => {
                self.organizations
                    .insert(entity.id.clone(), Stamped { applied, entity });
            }
            Entity::Authority(entity) => {
                let owner = entity.owner.clone();
                self.identities.authorities.insert(owner, Stamped { applied, entity });
            }
            Entity::EnrollmentToken(entity) => {
                self.identities.tokens.insert(entity.id, Stamped { applied, entity });
            }
            Entity::RunnerIdentity(entity) => {
                let runner = entity.runner;
                self.identities.runners.insert(runner, Stamped { applied, entity });
            }
        }
    }

    /// Applies the event at `position`, and returns the execution that it ended, if it ended one.
    ///
    /// An entity that already contains the event is left as it is, and so is one that does not exist (it ended later, and its end has been kept
    /// elsewhere): so the journal may be replayed over any records that were written since.
    pub fn apply(&mut self, position: Position, recorded: &Recorded) -> Option<Finished> {
        match &recorded.event {
            Event::IntegrationCreated { integration, .. } => {
                if let Some(entity) = Integration::created(recorded.at, &recorded.event) {
                    let stamped = Stamped {
                        applied: position,
                        entity,
                    };
                    self.integrations
                        .entry(*integration)
                        .or_insert_with(|| Box::new(stamped));
                }
                None
            }
            Event::IntegrationDeleted { integration } => {
                self.integrations.remove(integration);
                None
            }
            Event::IntegrationUpdated { integration, .. }
            | Event::IntegrationEnabled { integration, .. }
            | Event::IntegrationDisabled { integration }
            | Event::IntegrationPaused { integration, .. }
            | Event::IntegrationChecked { integration, .. }
            | Event::ThresholdReached { integration }
            | Event::ThresholdLeft { integration }
            | Event::ScheduleAdvanced { integration, .. } => {
                self.apply_to_integration(*integration, position, recorded);
                None
            }
            Event::ExecutionCreated {
                execution,
                organization,
                integration,
                data_type,
                connector,
                pool,
                sealed_to,
                origin,
            } => {
                self.executions.entry(*execution).or_insert_with(|| Stamped {
                    applied: position,
                    entity: Execution {
                        id: *execution,
                        organization: organization.clone(),
                        integration: *integration,
                        data_type: data_type.clone(),
                        connector: connector.clone(),
                        pool: pool.clone(),
                        sealed_to: sealed_to.clone(),
                        origin: origin.clone(),
                        created: recorded.at,
                        phase: Phase::Created { not_before: None },
                        since: recorded.at,
                        attempt: Attempt(0),
                        revision: None,
                        claimed: None,
                        started: None,
                        failures: 0,
                        last_failure: None,
                        reported: Vec::new(),
                    },
                });
                None
            }
            Event::ExecutionClaimed { execution, .. }
            | Event::ExecutionStarted { execution, .. }
            | Event::ExecutionReturned { execution, .. }
            | Event::ExecutionRerouted { execution, .. }
            | Event::ExecutionFenced { execution, .. }
            | Event::LandingCommitted { execution, .. } => {
                let stamped = self.executions.get_mut(execution)?;
                if stamped.applied < position {
                    stamped.applied = position;
                    stamped.entity.apply(recorded.at, &recorded.event);
                }
                None
            }
            Event::ExecutionCompleted {
                execution,
                integration,
                counts,
                warning,
                ..
            } => {
                self.apply_to_integration(*integration, position, recorded);
                let ended = self.executions.remove(execution)?.entity;
                Some(ended.finish(
                    recorded.at,
                    Outcome::Completed {
                        counts: *counts,
                        warning: *warning,
                    },
                ))
            }
            Event::ExecutionFailed {
                execution,
                integration,
                failures,
                failure,
                reported,
                ..
            } => {
                self.apply_to_integration(*integration, position, recorded);
                let mut ended = self.executions.remove(execution)?.entity;
                ended.failures = *failures;
                ended.reported.extend(reported);
                Some(ended.finish(recorded.at, Outcome::Error(failure.clone())))
            }
            Event::RunnerCheckedIn {
                runner,
                profile,
                outdated,
            } => {
                let at = recorded.at;
                let stamped = self.runners.entry(*runner).or_insert_with(|| Stamped {
                    applied: Position::default(),
                    entity: Runner {
                        id: *runner,
                        profile: profile.clone(),
                        first_seen: at,
                        checked_in: at,
                        left: None,
                        drained: None,
                        outdated: *outdated,
                    },
                });
                if stamped.applied < position {
                    stamped.applied = position;
                    stamped.entity.profile = profile.clone();
                    stamped.entity.checked_in = at;
                    stamped.entity.left = None;
                    stamped.entity.outdated = *outdated;
                }
                None
            }
            Event::RunnerLeft { runner, last_heard } => {
                if let Some(stamped) = self.runners.get_mut(runner)
                    && stamped.applied < position
                {
                    stamped.applied = position;
                    stamped.entity.left = Some(*last_heard);
                }
                None
            }
            Event::RunnerDrained { runner, is_drained } => {
                if let Some(stamped) = self.runners.get_mut(runner)
                    && stamped.applied < position
                {
                    stamped.applied = position;
                    stamped.entity.drained = is_drained.then_some(recorded.at);
                }
                None
            }
            Event::RunnerForgotten { runner } => {
                if self.runners.get(runner).is_some_and(|one| one.applied < position) {
                    self.runners.remove(runner);
                }
                None
            }
            Event::ConnectorForgotten { connector } => {
                if self.connectors.get(connector).is_some_and(|one| one.applied < position) {
                    self.connectors.remove(connector);
                }
                None
            }
            Event::ConnectorOffered { connector, offer } => {
                let newest = self
                    .connectors
                    .get(connector)
                    .is_none_or(|stamped| stamped.applied < position);
                if newest {
                    let entity = Connector {
                        key: connector.clone(),
                        offer: offer.clone(),
                        offered_at: recorded.at,
                    };
                    self.connectors.insert(
                        connector.clone(),
                        Stamped {
                            applied: position,
                            entity,
                        },
                    );
                }
                None
            }
            Event::IncidentOpened { incident, cause, .. } => {
                if let Some(integration) = cause.integration() {
                    self.apply_to_integration(integration, position, recorded);
                }
                if let Some(entity) = Incident::opened(recorded.at, &recorded.event) {
                    self.incidents.entry(*incident).or_insert(Stamped {
                        applied: position,
                        entity,
                    });
                }
                None
            }
            Event::IncidentReminded {
                incident, integration, ..
            }
            | Event::IncidentClosed {
                incident, integration, ..
            } => {
                if let Some(integration) = integration {
                    self.apply_to_integration(*integration, position, recorded);
                }
                self.apply_to_incident(*incident, position, recorded);
                None
            }
            Event::DeliveryTried { incident, .. } => {
                self.apply_to_incident(*incident, position, recorded);
                None
            }
            Event::IncidentForgotten { incident } => {
                self.incidents.remove(incident);
                None
            }
            Event::Access(event) => {
                self.apply_access(position, recorded, event);
                None
            }
            Event::OrganizationChanged { organization, change } => {
                self.apply_to_organization(organization, position, recorded.at, change);
                None
            }
            Event::Identity(event) => {
                self.identities.apply(position, recorded, event);
                None
            }
            Event::Audited(_) => None,
        }
    }

    fn apply_access(&mut self, position: Position, recorded: &Recorded, event: &AccessEvent) {
        match event {
            AccessEvent::PersonCreated { person, .. } => {
                if let Some(entity) = Person::created(recorded.at, event) {
                    let applied = position;
                    self.people.entry(*person).or_insert(Stamped { applied, entity });
                }
            }
            AccessEvent::PersonUpdated { person, .. }
            | AccessEvent::PersonDisabled { person }
            | AccessEvent::PersonEnabled { person } => {
                if let Some(stamped) = self.people.get_mut(person)
                    && stamped.applied < position
                {
                    stamped.applied = position;
                    stamped.entity.apply(recorded.at, event);
                }
            }
            AccessEvent::PersonDeleted { person } => {
                self.people.remove(person);
            }
            AccessEvent::TokenCreated { token, .. } => {
                if let Some(entity) = Token::created(recorded.at, &recorded.by, event) {
                    let applied = position;
                    self.tokens.entry(*token).or_insert(Stamped { applied, entity });
                }
            }
            AccessEvent::TokenUsed { token, .. } | AccessEvent::TokenRevoked { token } => {
                if let Some(stamped) = self.tokens.get_mut(token)
                    && stamped.applied < position
                {
                    stamped.applied = position;
                    stamped.entity.apply(recorded.at, event);
                }
            }
            AccessEvent::TokenForgotten { token } => {
                self.tokens.remove(token);
            }
        }
    }

    fn apply_to_organization(
        &mut self,
        id: &OrganizationId,
        position: Position,
        at: Stamp,
        change: &OrganizationChange,
    ) {
        if let Some(stamped) = self.organizations.get_mut(id) {
            if stamped.applied < position {
                stamped.applied = position;
                stamped.entity.apply(at, change);
            }
        } else if let Some(entity) = Organization::created(id, at, change) {
            let stamped = Stamped {
                applied: position,
                entity,
            };
            self.organizations.insert(id.clone(), stamped);
        }
    }

    fn apply_to_incident(&mut self, id: IncidentId, position: Position, recorded: &Recorded) {
        if let Some(stamped) = self.incidents.get_mut(&id)
            && stamped.applied < position
        {
            stamped.applied = position;
            stamped.entity.apply(recorded.at, &recorded.event);
        }
    }

    fn apply_to_integration(&mut self, id: IntegrationId, position: Position, recorded: &Recorded) {
        if let Some(stamped) = self.integrations.get_mut(&id)
            && (stamped.applied < position || planted!("replay-applies-twice"))
        {
            stamped.applied = position;
            stamped.entity.apply(recorded.at, &recorded.event);
        }
    }
}
