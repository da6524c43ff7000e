//! Entities, as records keep them, and the keys of those.

use muster_core::entity::{
    Alert, Checked, Collection, Completion, Connector, EntityKey, Execution, Integration, PerDataType, Phase, Runner,
    Trouble,
};
use muster_core::ledger::Entity;
use muster_core::planted;
use muster_core::time::Stamp;
use muster_core::words::{Attempt, Claim, ExecutionId, IntegrationId, Revision, RunnerId};
use prost::Message;

use super::access::{PersonMessage, TokenMessage};
use super::alert::{AlertMessage, IncidentMessage, window, window_ends, window_places};
use super::description::{DefinitionMessage, OfferMessage, OutdatedMessage, ProfileMessage};
use super::event::connector_key;
use super::identity::{AuthorityMessage, EnrollmentTokenMessage, RunnerIdentityMessage};
use super::organization::OrganizationMessage;
use super::seal::{keys, recipients};
use super::word::{
    ClaimMessage, CountsMessage, EnablementMessage, FailureMessage, IdMessage, OriginMessage, PoolMessage,
    RequestMessage, SkipMessage, StagedMessage, WarningMessage, connector_name, cursor, cursor_text, data_type,
    enablement, id, interval, organization,
};
use super::{CodecError, required};
use crate::records::RecordKey;

const INTEGRATION: u8 = 1;
const EXECUTION: u8 = 2;
const RUNNER: u8 = 3;
const CONNECTOR: u8 = 4;
const INCIDENT: u8 = 5;
const PERSON: u8 = 20;
const TOKEN: u8 = 21;
const ORGANIZATION: u8 = 6;
const AUTHORITY: u8 = 10;
const ENROLLMENT_TOKEN: u8 = 11;
const RUNNER_IDENTITY: u8 = 12;
const AUDIT_LOG: u8 = 30;

/// What stands between an owner and a name in the id of a connector: no name has it.
const SEPARATOR: char = '/';

/// The key of an entity's record.
pub(crate) fn record_key(key: &EntityKey) -> RecordKey {
    let (kind, id) = match key {
        EntityKey::Integration(id) => (INTEGRATION, id.to_bytes().to_vec()),
        EntityKey::Execution(id) => (EXECUTION, id.to_bytes().to_vec()),
        EntityKey::Runner(id) => (RUNNER, id.to_bytes().to_vec()),
        EntityKey::Incident(id) => (INCIDENT, id.to_bytes().to_vec()),
        EntityKey::Person(id) => (PERSON, id.to_bytes().to_vec()),
        EntityKey::Token(id) => (TOKEN, id.to_bytes().to_vec()),
        EntityKey::Organization(id) => (ORGANIZATION, id.as_str().as_bytes().to_vec()),
        EntityKey::Authority(owner) => {
            let owner = owner.as_ref().map_or("", |organization| organization.as_str());
            (AUTHORITY, owner.as_bytes().to_vec())
        }
        EntityKey::EnrollmentToken(id) => (ENROLLMENT_TOKEN, id.to_bytes().to_vec()),
        EntityKey::RunnerIdentity(id) => (RUNNER_IDENTITY, id.to_bytes().to_vec()),
        // It has no record; its number stays free.
        EntityKey::AuditLog(_) => (AUDIT_LOG, Vec::new()),
        EntityKey::Connector(key) => {
            let owner = key
                .organization
                .as_ref()
                .map_or("", |organization| organization.as_str());
            (CONNECTOR, format!("{owner}{SEPARATOR}{}", key.name).into_bytes())
        }
    };
    RecordKey { kind, id }
}

/// The key of an entity.
pub(crate) fn entity_key(entity: &Entity) -> EntityKey {
    match entity {
        Entity::Integration(integration) => EntityKey::Integration(integration.id),
        Entity::Execution(execution) => EntityKey::Execution(execution.id),
        Entity::Runner(runner) => EntityKey::Runner(runner.id),
        Entity::Connector(connector) => EntityKey::Connector(connector.key.clone()),
        Entity::Incident(incident) => EntityKey::Incident(incident.id),
        Entity::Person(person) => EntityKey::Person(person.id),
        Entity::Token(token) => EntityKey::Token(token.id),
        Entity::Organization(organization) => EntityKey::Organization(organization.id.clone()),
        Entity::Authority(authority) => EntityKey::Authority(authority.owner.clone()),
        Entity::EnrollmentToken(token) => EntityKey::EnrollmentToken(token.id),
        Entity::RunnerIdentity(identity) => EntityKey::RunnerIdentity(identity.runner),
    }
}

/// The bytes of an entity's record.
pub(crate) fn encode(entity: &Entity) -> Vec<u8> {
    match entity {
        Entity::Integration(integration) => IntegrationMessage::from(integration).encode_to_vec(),
        Entity::Execution(execution) => ExecutionMessage::from(execution).encode_to_vec(),
        Entity::Runner(runner) => RunnerMessage::from(runner).encode_to_vec(),
        Entity::Connector(connector) => ConnectorMessage::from(connector).encode_to_vec(),
        Entity::Incident(incident) => IncidentMessage::from(incident).encode_to_vec(),
        Entity::Person(person) => PersonMessage::from(person).encode_to_vec(),
        Entity::Token(token) => TokenMessage::from(token).encode_to_vec(),
        Entity::Organization(organization) => OrganizationMessage::from(organization).encode_to_vec(),
        Entity::Authority(authority) => AuthorityMessage::from(authority).encode_to_vec(),
        Entity::EnrollmentToken(token) => EnrollmentTokenMessage::from(token).encode_to_vec(),
        Entity::RunnerIdentity(identity) => RunnerIdentityMessage::from(identity).encode_to_vec(),
    }
}

/// The entity of a record.
pub(crate) fn decode(kind: u8, bytes: &[u8]) -> Result<Entity, CodecError> {
    match kind {
        INTEGRATION => Ok(Entity::Integration(IntegrationMessage::decode(bytes)?.try_into()?)),
        EXECUTION => Ok(Entity::Execution(ExecutionMessage::decode(bytes)?.try_into()?)),
        RUNNER => Ok(Entity::Runner(RunnerMessage::decode(bytes)?.try_into()?)),
        CONNECTOR => Ok(Entity::Connector(ConnectorMessage::decode(bytes)?.try_into()?)),
        INCIDENT => Ok(Entity::Incident(IncidentMessage::decode(bytes)?.try_into()?)),
        PERSON => Ok(Entity::Person(PersonMessage::decode(bytes)?.try_into()?)),
        TOKEN => Ok(Entity::Token(TokenMessage::decode(bytes)?.try_into()?)),
        ORGANIZATION => Ok(Entity::Organization(OrganizationMessage::decode(bytes)?.try_into()?)),
        AUTHORITY => Ok(Entity::Authority(AuthorityMessage::decode(bytes)?.try_into()?)),
        ENROLLMENT_TOKEN => Ok(Entity::EnrollmentToken(
            EnrollmentTokenMessage::decode(bytes)?.try_into()?,
        )),
        RUNNER_IDENTITY => Ok(Entity::RunnerIdentity(
            RunnerIdentityMessage::decode(bytes)?.try_into()?,
        )),
        _unknown => Err(CodecError::Unknown("kind of record")),
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct IntegrationMessage {
    #[prost(message, optional, tag = "1")]
    id: Option<IdMessage>,
    #[prost(string, tag = "2")]
    organization: String,
    #[prost(message, optional, tag = "3")]
    definition: Option<DefinitionMessage>,
    #[prost(uint32, tag = "4")]
    revision: u32,
    #[prost(uint32, tag = "5")]
    version: u32,
    #[prost(enumeration = "EnablementMessage", tag = "6")]
    enablement: i32,
    #[prost(uint64, tag = "7")]
    created_ms: u64,
    #[prost(uint64, tag = "8")]
    updated_ms: u64,
    #[prost(message, repeated, tag = "9")]
    collections: Vec<CollectionMessage>,
    /// Absent: since a person changed it last.
    #[prost(uint64, optional, tag = "10")]
    status_since_ms: Option<u64>,
    #[prost(message, optional, tag = "11")]
    request: Option<RequestMessage>,
    /// Absent: none has ended within the last 24 hours.
    #[prost(uint64, repeated, tag = "12")]
    window: Vec<u64>,
    /// Absent: nothing is to be told.
    #[prost(message, optional, tag = "13")]
    alert: Option<AlertMessage>,
    /// Absent: it never rested.
    #[prost(uint64, optional, tag = "14")]
    paused_until_ms: Option<u64>,
    /// Absent: no runner has checked it.
    #[prost(message, optional, tag = "15")]
    checked: Option<CheckedMessage>,
    /// For each end of the window. Absent: none is known.
    #[prost(bytes = "vec", tag = "16")]
    window_places: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CheckedMessage {
    #[prost(uint64, tag = "1")]
    at_ms: u64,
    #[prost(message, optional, tag = "2")]
    runner: Option<IdMessage>,
    #[prost(uint32, tag = "3")]
    revision: u32,
    #[prost(message, optional, tag = "4")]
    failure: Option<FailureMessage>,
    #[prost(uint64, optional, tag = "5")]
    failing_since_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CollectionMessage {
    #[prost(string, tag = "1")]
    data_type: String,
    #[prost(uint64, tag = "2")]
    interval_s: u64,
    #[prost(uint32, tag = "3")]
    schedule: u32,
    #[prost(uint64, optional, tag = "4")]
    next_ms: Option<u64>,
    #[prost(message, optional, tag = "5")]
    skipped: Option<SkipMessage>,
    #[prost(string, optional, tag = "6")]
    cursor: Option<String>,
    #[prost(message, optional, tag = "7")]
    completed: Option<CompletionMessage>,
    #[prost(message, optional, tag = "8")]
    trouble: Option<TroubleMessage>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct CompletionMessage {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(uint64, tag = "2")]
    at_ms: u64,
    #[prost(message, optional, tag = "3")]
    counts: Option<CountsMessage>,
    #[prost(message, optional, tag = "4")]
    warning: Option<WarningMessage>,
    #[prost(message, optional, tag = "5")]
    counts_before: Option<CountsMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TroubleMessage {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(uint64, tag = "2")]
    since_ms: u64,
    #[prost(uint64, tag = "3")]
    at_ms: u64,
    #[prost(message, optional, tag = "4")]
    failure: Option<FailureMessage>,
}

impl From<&Integration> for IntegrationMessage {
    fn from(integration: &Integration) -> Self {
        let collections = integration
            .collections
            .iter()
            .map(|(data_type, collection)| CollectionMessage {
                data_type: data_type.to_string(),
                interval_s: collection.interval.length().as_secs(),
                schedule: collection.schedule.0,
                next_ms: collection.next.map(Stamp::millis),
                skipped: collection.skipped.as_deref().map(Into::into),
                cursor: collection.cursor.as_ref().map(cursor_text),
                completed: collection.completed.as_ref().map(Into::into),
                trouble: collection.trouble.as_deref().map(Into::into),
            });
        Self {
            id: Some(IdMessage::new(integration.id.0)),
            organization: integration.organization.to_string(),
            definition: Some((&integration.definition).into()),
            revision: integration.revision.0,
            version: integration.version,
            enablement: EnablementMessage::from(integration.enablement).into(),
            created_ms: integration.created.millis(),
            updated_ms: integration.updated.millis(),
            collections: collections.collect(),
            status_since_ms: Some(integration.status_since.millis()),
            request: integration.request.as_deref().map(Into::into),
            window: window_ends(&integration.window),
            window_places: window_places(&integration.window),
            alert: Some((&integration.alert).into()),
            paused_until_ms: integration.paused_until.map(Stamp::millis),
            checked: integration.checked.as_deref().map(Into::into),
        }
    }
}

impl TryFrom<IntegrationMessage> for Integration {
    type Error = CodecError;

    fn try_from(message: IntegrationMessage) -> Result<Self, CodecError> {
        let mut collections = PerDataType::with_capacity(message.collections.len());
        for message in message.collections {
            collections.insert(data_type(&message.data_type)?, message.try_into()?);
        }
        let status_since = Stamp::from_millis(message.status_since_ms.unwrap_or(message.updated_ms));
        let quiet = Alert::Quiet { since: status_since };
        Ok(Self {
            id: id(message.id, IntegrationId, "integration")?,
            organization: organization(&message.organization)?,
            definition: required(message.definition, "definition")?.try_into()?,
            revision: Revision(message.revision),
            version: message.version,
            enablement: enablement(message.enablement)?,
            status_since,
            created: Stamp::from_millis(message.created_ms),
            updated: Stamp::from_millis(message.updated_ms),
            request: message
                .request
                .map(|request| request.try_into().map(Box::new))
                .transpose()?,
            collections,
            window: window(&message.window, &message.window_places),
            alert: message.alert.map_or(Ok(quiet), TryInto::try_into)?,
            paused_until: message.paused_until_ms.map(Stamp::from_millis),
            checked: message.checked.map(TryInto::try_into).transpose()?.map(Box::new),
        })
    }
}

impl From<&Checked> for CheckedMessage {
    fn from(checked: &Checked) -> Self {
        Self {
            at_ms: checked.at.millis(),
            runner: Some(IdMessage::new(checked.runner.0)),
            revision: checked.revision.0,
            failure: checked.failure.as_ref().map(Into::into),
            failing_since_ms: checked.failing_since.map(Stamp::millis),
        }
    }
}

impl TryFrom<CheckedMessage> for Checked {
    type Error = CodecError;

    fn try_from(message: CheckedMessage) -> Result<Self, CodecError> {
        Ok(Self {
            at: Stamp::from_millis(message.at_ms),
            runner: id(message.runner, RunnerId, "runner")?,
            revision: Revision(message.revision),
            failure: message.failure.map(TryInto::try_into).transpose()?,
            failing_since: message.failing_since_ms.map(Stamp::from_millis),
        })
    }
}

impl TryFrom<CollectionMessage> for Collection {
    type Error = CodecError;

    fn try_from(message: CollectionMessage) -> Result<Self, CodecError> {
        Ok(Self {
            interval: interval(message.interval_s)?,
            schedule: Revision(message.schedule),
            next: message.next_ms.map(Stamp::from_millis),
            skipped: message.skipped.map(|skip| skip.try_into().map(Box::new)).transpose()?,
            cursor: cursor(message.cursor)?,
            completed: message.completed.map(TryInto::try_into).transpose()?,
            trouble: message
                .trouble
                .map(|trouble| trouble.try_into().map(Box::new))
                .transpose()?,
        })
    }
}

impl From<&Completion> for CompletionMessage {
    fn from(completion: &Completion) -> Self {
        Self {
            execution: Some(IdMessage::new(completion.execution.0)),
            at_ms: completion.at.millis(),
            counts: Some((&completion.counts).into()),
            warning: completion.warning().as_ref().map(Into::into),
            counts_before: completion.counts_before.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<CompletionMessage> for Completion {
    type Error = CodecError;

    fn try_from(message: CompletionMessage) -> Result<Self, CodecError> {
        Ok(Self {
            execution: id(message.execution, ExecutionId, "execution")?,
            at: Stamp::from_millis(message.at_ms),
            counts: required(message.counts, "counts")?.into(),
            is_suspect: message.warning.is_some() && message.counts_before.is_some(),
            counts_before: message.counts_before.map(Into::into),
        })
    }
}

impl From<&Trouble> for TroubleMessage {
    fn from(trouble: &Trouble) -> Self {
        Self {
            execution: Some(IdMessage::new(trouble.execution.0)),
            since_ms: trouble.since.millis(),
            at_ms: trouble.at.millis(),
            failure: Some((&trouble.failure).into()),
        }
    }
}

impl TryFrom<TroubleMessage> for Trouble {
    type Error = CodecError;

    fn try_from(message: TroubleMessage) -> Result<Self, CodecError> {
        Ok(Self {
            execution: id(message.execution, ExecutionId, "execution")?,
            since: Stamp::from_millis(message.since_ms),
            at: Stamp::from_millis(message.at_ms),
            failure: required(message.failure, "failure")?.try_into()?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExecutionMessage {
    #[prost(message, optional, tag = "1")]
    id: Option<IdMessage>,
    #[prost(string, tag = "2")]
    organization: String,
    #[prost(message, optional, tag = "3")]
    integration: Option<IdMessage>,
    #[prost(string, tag = "4")]
    data_type: String,
    #[prost(string, tag = "5")]
    connector: String,
    #[prost(message, optional, tag = "6")]
    pool: Option<PoolMessage>,
    #[prost(message, optional, tag = "7")]
    origin: Option<OriginMessage>,
    #[prost(uint64, tag = "8")]
    created_ms: u64,
    #[prost(oneof = "PhaseMessage", tags = "9, 10, 11, 12")]
    phase: Option<PhaseMessage>,
    #[prost(uint64, tag = "13")]
    since_ms: u64,
    #[prost(uint32, tag = "14")]
    attempt: u32,
    #[prost(uint64, optional, tag = "15")]
    claimed_ms: Option<u64>,
    #[prost(uint64, optional, tag = "16")]
    started_ms: Option<u64>,
    #[prost(uint32, tag = "17")]
    failures: u32,
    #[prost(message, optional, tag = "18")]
    last_failure: Option<FailureMessage>,
    #[prost(message, repeated, tag = "19")]
    reported: Vec<ClaimMessage>,
    #[prost(uint32, optional, tag = "20")]
    revision: Option<u32>,
    #[prost(string, repeated, tag = "21")]
    sealed_to: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum PhaseMessage {
    #[prost(message, tag = "9")]
    Created(CreatedMessage),
    #[prost(message, tag = "10")]
    Pending(ClaimMessage),
    #[prost(message, tag = "11")]
    Executing(ClaimMessage),
    #[prost(message, tag = "12")]
    Landing(LandingMessage),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct CreatedMessage {
    #[prost(uint64, optional, tag = "1")]
    not_before_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LandingMessage {
    #[prost(message, optional, tag = "1")]
    claim: Option<ClaimMessage>,
    #[prost(message, optional, tag = "2")]
    staged: Option<StagedMessage>,
}

impl From<&Phase> for PhaseMessage {
    fn from(phase: &Phase) -> Self {
        match phase {
            Phase::Created { not_before } => Self::Created(CreatedMessage {
                not_before_ms: not_before.map(Stamp::millis),
            }),
            Phase::Pending(claim) => Self::Pending(claim.into()),
            Phase::Executing(claim) => Self::Executing(claim.into()),
            Phase::Landing(claim, staged) => Self::Landing(LandingMessage {
                claim: Some(claim.into()),
                staged: Some(staged.into()),
            }),
        }
    }
}

impl TryFrom<PhaseMessage> for Phase {
    type Error = CodecError;

    fn try_from(message: PhaseMessage) -> Result<Self, CodecError> {
        Ok(match message {
            PhaseMessage::Created(message) => Self::Created {
                not_before: message.not_before_ms.map(Stamp::from_millis),
            },
            PhaseMessage::Pending(claim) => Self::Pending(claim.try_into()?),
            PhaseMessage::Executing(claim) => Self::Executing(claim.try_into()?),
            PhaseMessage::Landing(message) => Self::Landing(
                required(message.claim, "claim")?.try_into()?,
                required(message.staged, "staged upload")?.try_into()?,
            ),
        })
    }
}

impl From<&Execution> for ExecutionMessage {
    fn from(execution: &Execution) -> Self {
        Self {
            id: Some(IdMessage::new(execution.id.0)),
            organization: execution.organization.to_string(),
            integration: Some(IdMessage::new(execution.integration.0)),
            data_type: execution.data_type.to_string(),
            connector: execution.connector.to_string(),
            pool: Some((&execution.pool).into()),
            sealed_to: keys(execution.sealed_to.as_ref()),
            origin: Some((&execution.origin).into()),
            created_ms: execution.created.millis(),
            phase: Some((&execution.phase).into()),
            since_ms: execution.since.millis(),
            attempt: execution.attempt.0,
            claimed_ms: execution.claimed.map(Stamp::millis),
            started_ms: execution.started.map(Stamp::millis),
            failures: execution.failures,
            last_failure: execution.last_failure.as_ref().map(Into::into),
            reported: execution
                .reported
                .iter()
                .filter(|_| !planted!("claims-not-written"))
                .map(Into::into)
                .collect(),
            revision: execution.revision.map(|revision| revision.0),
        }
    }
}

impl TryFrom<ExecutionMessage> for Execution {
    type Error = CodecError;

    fn try_from(message: ExecutionMessage) -> Result<Self, CodecError> {
        let reported = message.reported.into_iter().map(Claim::try_from);
        Ok(Self {
            id: id(message.id, ExecutionId, "execution")?,
            organization: organization(&message.organization)?,
            integration: id(message.integration, IntegrationId, "integration")?,
            data_type: data_type(&message.data_type)?,
            connector: connector_name(&message.connector)?,
            pool: required(message.pool, "pool")?.try_into()?,
            sealed_to: recipients(&message.sealed_to)?,
            origin: required(message.origin, "origin")?.try_into()?,
            created: Stamp::from_millis(message.created_ms),
            phase: message
                .phase
                .ok_or(CodecError::Unknown("phase of an execution"))?
                .try_into()?,
            since: Stamp::from_millis(message.since_ms),
            attempt: Attempt(message.attempt),
            claimed: message.claimed_ms.map(Stamp::from_millis),
            started: message.started_ms.map(Stamp::from_millis),
            failures: message.failures,
            last_failure: message.last_failure.map(TryInto::try_into).transpose()?,
            reported: reported.collect::<Result<_, CodecError>>()?,
            revision: message.revision.map(Revision),
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct RunnerMessage {
    #[prost(message, optional, tag = "1")]
    id: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    profile: Option<ProfileMessage>,
    #[prost(uint64, tag = "3")]
    first_seen_ms: u64,
    #[prost(uint64, tag = "4")]
    checked_in_ms: u64,
    #[prost(uint64, optional, tag = "5")]
    left_ms: Option<u64>,
    /// Absent when it is not too old.
    #[prost(message, optional, tag = "6")]
    outdated: Option<OutdatedMessage>,
    /// Absent while it gets work.
    #[prost(uint64, optional, tag = "7")]
    drained_ms: Option<u64>,
}

impl From<&Runner> for RunnerMessage {
    fn from(runner: &Runner) -> Self {
        Self {
            id: Some(IdMessage::new(runner.id.0)),
            profile: Some((&runner.profile).into()),
            first_seen_ms: runner.first_seen.millis(),
            checked_in_ms: runner.checked_in.millis(),
            left_ms: runner.left.map(Stamp::millis),
            drained_ms: runner.drained.map(Stamp::millis),
            outdated: runner.outdated.map(Into::into),
        }
    }
}

impl TryFrom<RunnerMessage> for Runner {
    type Error = CodecError;

    fn try_from(message: RunnerMessage) -> Result<Self, CodecError> {
        Ok(Self {
            id: id(message.id, RunnerId, "runner")?,
            profile: required(message.profile, "profile")?.try_into()?,
            first_seen: Stamp::from_millis(message.first_seen_ms),
            checked_in: Stamp::from_millis(message.checked_in_ms),
            left: message.left_ms.map(Stamp::from_millis),
            drained: message.drained_ms.map(Stamp::from_millis),
            outdated: message.outdated.map(TryInto::try_into).transpose()?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConnectorMessage {
    #[prost(string, optional, tag = "1")]
    organization: Option<String>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, optional, tag = "3")]
    offer: Option<OfferMessage>,
    #[prost(uint64, tag = "4")]
    offered_ms: u64,
}

impl From<&Connector> for ConnectorMessage {
    fn from(connector: &Connector) -> Self {
        Self {
            organization: connector.key.organization.as_ref().map(ToString::to_string),
            name: connector.key.name.to_string(),
            offer: Some((&connector.offer).into()),
            offered_ms: connector.offered_at.millis(),
        }
    }
}

impl TryFrom<ConnectorMessage> for Connector {
    type Error = CodecError;

    fn try_from(message: ConnectorMessage) -> Result<Self, CodecError> {
        Ok(Self {
            key: connector_key(message.organization, &message.name)?,
            offer: required(message.offer, "offer")?.try_into()?,
            offered_at: Stamp::from_millis(message.offered_ms),
        })
    }
}
