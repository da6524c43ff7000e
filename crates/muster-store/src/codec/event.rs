//! Events, as the journal keeps them: a batch is a sequence of [`RecordedMessage`]s, each with its length before it.

use std::collections::BTreeMap;

use muster_core::entity::{Channel, ConnectorKey};
use muster_core::event::{Event, Recorded};
use muster_core::time::Stamp;
use muster_core::words::{
    Attempt, ConnectorName, DataType, ExecutionId, IncidentId, IntegrationId, Revision, RunnerId,
};
use prost::Message;

use super::access::AccessMessage;
use super::alert::{CauseMessage, ChannelMessage, ClosingMessage, DeliveryStateMessage, closing, incident_id};
use super::audit::NoteMessage;
use super::description::{DefinitionMessage, OfferMessage, OutdatedMessage, ProfileMessage};
use super::evidence::EvidenceMessage;
use super::identity::IdentityEventMessage;
use super::organization::OrganizationChanged;
use super::seal::{keys, recipients};
use super::word::{
    ClaimMessage, CountsMessage, EnablementMessage, FailureMessage, IdMessage, OriginMessage, PoolMessage,
    PrincipalMessage, RequestMessage, SkipMessage, StagedMessage, WarningMessage, connector_name, cursor, cursor_text,
    data_type, enablement, id, organization, owner,
};
use super::{CodecError, required};

/// The bytes of a batch's events.
pub(crate) fn encode_batch<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for recorded in events {
        let message = RecordedMessage::from(recorded);
        bytes.reserve(message.encoded_len() + 5);
        // A vector takes as many bytes as there are.
        let _always_fits = message.encode_length_delimited(&mut bytes);
    }
    bytes
}

/// The events of a batch, in their order.
pub(crate) fn decode_batch(mut bytes: &[u8]) -> impl Iterator<Item = Result<Recorded, CodecError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let decoded = RecordedMessage::decode_length_delimited(&mut bytes).map_err(CodecError::from);
        if decoded.is_err() {
            bytes = &[];
        }
        Some(decoded.and_then(Recorded::try_from))
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct RecordedMessage {
    #[prost(uint64, tag = "1")]
    at_ms: u64,
    #[prost(message, optional, tag = "2")]
    by: Option<PrincipalMessage>,
    #[prost(
        oneof = "EventKind",
        tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 50, 60, 70"
    )]
    event: Option<EventKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum EventKind {
    #[prost(message, tag = "10")]
    IntegrationCreated(IntegrationCreated),
    #[prost(message, tag = "11")]
    IntegrationUpdated(IntegrationUpdated),
    #[prost(message, tag = "12")]
    IntegrationEnabled(IntegrationEnabled),
    /// Its id.
    #[prost(message, tag = "13")]
    IntegrationDisabled(IdMessage),
    /// Its id.
    #[prost(message, tag = "14")]
    IntegrationDeleted(IdMessage),
    #[prost(message, tag = "15")]
    ScheduleAdvanced(ScheduleAdvanced),
    #[prost(message, tag = "16")]
    ExecutionCreated(ExecutionCreated),
    #[prost(message, tag = "17")]
    ExecutionClaimed(ExecutionClaimed),
    #[prost(message, tag = "18")]
    ExecutionStarted(ExecutionHeld),
    #[prost(message, tag = "19")]
    ExecutionReturned(ExecutionReturned),
    #[prost(message, tag = "20")]
    ExecutionRerouted(ExecutionRerouted),
    #[prost(message, tag = "21")]
    LandingCommitted(LandingCommitted),
    #[prost(message, tag = "22")]
    ExecutionCompleted(ExecutionCompleted),
    #[prost(message, tag = "23")]
    ExecutionFailed(ExecutionFailed),
    #[prost(message, tag = "24")]
    RunnerCheckedIn(RunnerCheckedIn),
    #[prost(message, tag = "25")]
    RunnerLeft(RunnerLeft),
    #[prost(message, tag = "40")]
    RunnerDrained(RunnerDrained),
    #[prost(message, tag = "26")]
    ConnectorOffered(ConnectorOffered),
    #[prost(message, tag = "27")]
    ExecutionFenced(ExecutionFenced),
    /// Its integration.
    #[prost(message, tag = "28")]
    ThresholdReached(IdMessage),
    /// Its integration.
    #[prost(message, tag = "29")]
    ThresholdLeft(IdMessage),
    #[prost(message, tag = "30")]
    IncidentOpened(IncidentOpened),
    #[prost(message, tag = "31")]
    IncidentReminded(IncidentReminded),
    #[prost(message, tag = "32")]
    IncidentClosed(IncidentClosed),
    #[prost(message, tag = "33")]
    DeliveryTried(DeliveryTried),
    /// Its id.
    #[prost(message, tag = "34")]
    IncidentForgotten(IdMessage),
    #[prost(message, tag = "35")]
    IntegrationPaused(IntegrationPaused),
    #[prost(message, tag = "36")]
    IntegrationChecked(IntegrationChecked),
    #[prost(message, tag = "60")]
    Access(AccessMessage),
    #[prost(message, tag = "37")]
    OrganizationChanged(OrganizationChanged),
    #[prost(message, tag = "50")]
    Identity(IdentityEventMessage),
    /// Its id.
    #[prost(message, tag = "38")]
    RunnerForgotten(IdMessage),
    #[prost(message, tag = "39")]
    ConnectorForgotten(ConnectorForgotten),
    #[prost(message, tag = "70")]
    Audited(NoteMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConnectorForgotten {
    #[prost(string, optional, tag = "1")]
    organization: Option<String>,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IncidentOpened {
    #[prost(message, optional, tag = "1")]
    incident: Option<IdMessage>,
    #[prost(string, tag = "2")]
    organization: String,
    #[prost(message, optional, tag = "3")]
    cause: Option<CauseMessage>,
    #[prost(message, optional, tag = "4")]
    evidence: Option<EvidenceMessage>,
    #[prost(message, repeated, tag = "5")]
    channels: Vec<ChannelMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IncidentReminded {
    #[prost(message, optional, tag = "1")]
    incident: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    integration: Option<IdMessage>,
    #[prost(message, optional, tag = "3")]
    evidence: Option<EvidenceMessage>,
    #[prost(message, repeated, tag = "4")]
    channels: Vec<ChannelMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IncidentClosed {
    #[prost(message, optional, tag = "1")]
    incident: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    integration: Option<IdMessage>,
    #[prost(enumeration = "ClosingMessage", tag = "3")]
    closing: i32,
    #[prost(message, optional, tag = "4")]
    evidence: Option<EvidenceMessage>,
    #[prost(message, repeated, tag = "5")]
    channels: Vec<ChannelMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DeliveryTried {
    #[prost(message, optional, tag = "1")]
    incident: Option<IdMessage>,
    #[prost(uint32, tag = "2")]
    notice: u32,
    #[prost(uint32, tag = "3")]
    delivery: u32,
    #[prost(message, optional, tag = "4")]
    state: Option<DeliveryStateMessage>,
    #[prost(string, tag = "5")]
    answer: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct UpcomingMessage {
    #[prost(string, tag = "1")]
    data_type: String,
    #[prost(uint64, tag = "2")]
    at_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IntegrationCreated {
    #[prost(message, optional, tag = "1")]
    integration: Option<IdMessage>,
    #[prost(string, tag = "2")]
    organization: String,
    #[prost(message, optional, tag = "3")]
    definition: Option<DefinitionMessage>,
    #[prost(enumeration = "EnablementMessage", tag = "4")]
    enablement: i32,
    #[prost(message, repeated, tag = "5")]
    next: Vec<UpcomingMessage>,
    #[prost(message, optional, tag = "6")]
    request: Option<RequestMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IntegrationUpdated {
    #[prost(message, optional, tag = "1")]
    integration: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    definition: Option<DefinitionMessage>,
    #[prost(uint32, tag = "3")]
    revision: u32,
    #[prost(message, repeated, tag = "4")]
    next: Vec<UpcomingMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IntegrationEnabled {
    #[prost(message, optional, tag = "1")]
    integration: Option<IdMessage>,
    #[prost(message, repeated, tag = "2")]
    next: Vec<UpcomingMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IntegrationPaused {
    #[prost(message, optional, tag = "1")]
    integration: Option<IdMessage>,
    #[prost(uint64, tag = "2")]
    until_ms: u64,
    #[prost(message, repeated, tag = "3")]
    next: Vec<UpcomingMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct IntegrationChecked {
    #[prost(message, optional, tag = "1")]
    integration: Option<IdMessage>,
    #[prost(uint32, tag = "2")]
    revision: u32,
    #[prost(message, optional, tag = "3")]
    runner: Option<IdMessage>,
    /// Absent: the source can be read.
    #[prost(message, optional, tag = "4")]
    failure: Option<FailureMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScheduleAdvanced {
    #[prost(message, optional, tag = "1")]
    integration: Option<IdMessage>,
    #[prost(string, tag = "2")]
    data_type: String,
    #[prost(message, optional, tag = "3")]
    skip: Option<SkipMessage>,
    #[prost(uint64, tag = "4")]
    next_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExecutionCreated {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
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
    #[prost(string, repeated, tag = "8")]
    sealed_to: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct ExecutionClaimed {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    claim: Option<ClaimMessage>,
    #[prost(uint32, tag = "3")]
    revision: u32,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct ExecutionHeld {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    claim: Option<ClaimMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExecutionReturned {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(uint32, tag = "2")]
    failures: u32,
    #[prost(message, optional, tag = "3")]
    failure: Option<FailureMessage>,
    #[prost(message, optional, tag = "4")]
    reported: Option<ClaimMessage>,
    #[prost(uint64, optional, tag = "5")]
    not_before_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExecutionRerouted {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    pool: Option<PoolMessage>,
    #[prost(string, repeated, tag = "3")]
    sealed_to: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExecutionFenced {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LandingCommitted {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    claim: Option<ClaimMessage>,
    #[prost(message, optional, tag = "3")]
    staged: Option<StagedMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExecutionCompleted {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    integration: Option<IdMessage>,
    #[prost(string, tag = "3")]
    data_type: String,
    #[prost(message, optional, tag = "4")]
    counts: Option<CountsMessage>,
    #[prost(string, optional, tag = "5")]
    cursor: Option<String>,
    #[prost(message, optional, tag = "6")]
    warning: Option<WarningMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ExecutionFailed {
    #[prost(message, optional, tag = "1")]
    execution: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    integration: Option<IdMessage>,
    #[prost(string, tag = "3")]
    data_type: String,
    #[prost(uint32, tag = "4")]
    failures: u32,
    #[prost(message, optional, tag = "5")]
    failure: Option<FailureMessage>,
    #[prost(message, optional, tag = "6")]
    reported: Option<ClaimMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RunnerCheckedIn {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    profile: Option<ProfileMessage>,
    /// Absent when it is not too old.
    #[prost(message, optional, tag = "3")]
    outdated: Option<OutdatedMessage>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct RunnerLeft {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(uint64, tag = "2")]
    last_heard_ms: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct RunnerDrained {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(bool, tag = "2")]
    is_drained: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ConnectorOffered {
    #[prost(string, optional, tag = "1")]
    organization: Option<String>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, optional, tag = "3")]
    offer: Option<OfferMessage>,
}

impl From<&Recorded> for RecordedMessage {
    fn from(recorded: &Recorded) -> Self {
        Self {
            at_ms: recorded.at.millis(),
            by: Some((&recorded.by).into()),
            event: Some((&recorded.event).into()),
        }
    }
}

impl TryFrom<RecordedMessage> for Recorded {
    type Error = CodecError;

    fn try_from(message: RecordedMessage) -> Result<Self, CodecError> {
        Ok(Self {
            at: Stamp::from_millis(message.at_ms),
            by: required(message.by, "principal")?.try_into()?,
            event: message.event.ok_or(CodecError::Unknown("kind of event"))?.try_into()?,
        })
    }
}

fn execution_id(id: ExecutionId) -> Option<IdMessage> {
    Some(IdMessage::new(id.0))
}

fn integration_id(id: IntegrationId) -> Option<IdMessage> {
    Some(IdMessage::new(id.0))
}

fn upcoming(next: &BTreeMap<DataType, Stamp>) -> Vec<UpcomingMessage> {
    let messages = next.iter().map(|(data_type, at)| UpcomingMessage {
        data_type: data_type.to_string(),
        at_ms: at.millis(),
    });
    messages.collect()
}

fn upcoming_back(messages: Vec<UpcomingMessage>) -> Result<BTreeMap<DataType, Stamp>, CodecError> {
    let next = messages
        .into_iter()
        .map(|message| Ok((data_type(&message.data_type)?, Stamp::from_millis(message.at_ms))));
    next.collect()
}

impl From<&Event> for EventKind {
    fn from(event: &Event) -> Self {
        match event {
            Event::IntegrationCreated {
                integration,
                organization,
                definition,
                intervals,
                enablement,
                next,
                request,
            } => Self::IntegrationCreated(IntegrationCreated {
                integration: integration_id(*integration),
                organization: organization.to_string(),
                definition: Some(DefinitionMessage::from(definition).collecting(intervals)),
                enablement: EnablementMessage::from(*enablement).into(),
                next: upcoming(next),
                request: request.as_ref().map(Into::into),
            }),
            Event::IntegrationUpdated {
                integration,
                definition,
                intervals,
                revision,
                next,
            } => Self::IntegrationUpdated(IntegrationUpdated {
                integration: integration_id(*integration),
                definition: Some(DefinitionMessage::from(definition).collecting(intervals)),
                revision: revision.0,
                next: upcoming(next),
            }),
            Event::IntegrationEnabled { integration, next } => Self::IntegrationEnabled(IntegrationEnabled {
                integration: integration_id(*integration),
                next: upcoming(next),
            }),
            Event::IntegrationDisabled { integration } => Self::IntegrationDisabled(IdMessage::new(integration.0)),
            Event::IntegrationPaused {
                integration,
                until,
                next,
            } => Self::IntegrationPaused(IntegrationPaused {
                integration: integration_id(*integration),
                until_ms: until.millis(),
                next: upcoming(next),
            }),
            Event::IntegrationChecked {
                integration,
                revision,
                runner,
                failure,
            } => Self::IntegrationChecked(IntegrationChecked {
                integration: integration_id(*integration),
                revision: revision.0,
                runner: Some(IdMessage::new(runner.0)),
                failure: failure.as_ref().map(Into::into),
            }),
            Event::IntegrationDeleted { integration } => Self::IntegrationDeleted(IdMessage::new(integration.0)),
            Event::ScheduleAdvanced {
                integration,
                data_type,
                skip,
                next,
            } => Self::ScheduleAdvanced(ScheduleAdvanced {
                integration: integration_id(*integration),
                data_type: data_type.to_string(),
                skip: skip.as_ref().map(Into::into),
                next_ms: next.millis(),
            }),
            Event::ExecutionCreated {
                execution,
                organization,
                integration,
                data_type,
                connector,
                pool,
                sealed_to,
                origin,
            } => Self::ExecutionCreated(ExecutionCreated {
                execution: execution_id(*execution),
                organization: organization.to_string(),
                integration: integration_id(*integration),
                data_type: data_type.to_string(),
                connector: connector.to_string(),
                pool: Some(pool.into()),
                sealed_to: keys(sealed_to.as_ref()),
                origin: Some(origin.into()),
            }),
            Event::ExecutionClaimed {
                execution,
                claim,
                revision,
            } => Self::ExecutionClaimed(ExecutionClaimed {
                execution: execution_id(*execution),
                claim: Some(claim.into()),
                revision: revision.0,
            }),
            Event::ExecutionStarted { execution, claim } => Self::ExecutionStarted(ExecutionHeld {
                execution: execution_id(*execution),
                claim: Some(claim.into()),
            }),
            Event::ExecutionReturned {
                execution,
                failures,
                failure,
                reported,
                not_before,
            } => Self::ExecutionReturned(ExecutionReturned {
                execution: execution_id(*execution),
                failures: *failures,
                failure: failure.as_ref().map(Into::into),
                reported: reported.as_ref().map(Into::into),
                not_before_ms: not_before.map(Stamp::millis),
            }),
            Event::ExecutionRerouted {
                execution,
                pool,
                sealed_to,
            } => Self::ExecutionRerouted(ExecutionRerouted {
                execution: execution_id(*execution),
                pool: Some(pool.into()),
                sealed_to: keys(sealed_to.as_ref()),
            }),
            Event::ExecutionFenced { execution, attempt } => Self::ExecutionFenced(ExecutionFenced {
                execution: execution_id(*execution),
                attempt: attempt.0,
            }),
            Event::LandingCommitted {
                execution,
                claim,
                staged,
            } => Self::LandingCommitted(LandingCommitted {
                execution: execution_id(*execution),
                claim: Some(claim.into()),
                staged: Some(staged.into()),
            }),
            Event::ExecutionCompleted {
                execution,
                integration,
                data_type,
                counts,
                cursor,
                warning,
            } => Self::ExecutionCompleted(ExecutionCompleted {
                execution: execution_id(*execution),
                integration: integration_id(*integration),
                data_type: data_type.to_string(),
                counts: Some(counts.into()),
                cursor: cursor.as_ref().map(cursor_text),
                warning: warning.as_ref().map(Into::into),
            }),
            Event::ExecutionFailed {
                execution,
                integration,
                data_type,
                failures,
                failure,
                reported,
            } => Self::ExecutionFailed(ExecutionFailed {
                execution: execution_id(*execution),
                integration: integration_id(*integration),
                data_type: data_type.to_string(),
                failures: *failures,
                failure: Some(failure.into()),
                reported: reported.as_ref().map(Into::into),
            }),
            Event::RunnerCheckedIn {
                runner,
                profile,
                outdated,
            } => Self::RunnerCheckedIn(RunnerCheckedIn {
                runner: Some(IdMessage::new(runner.0)),
                profile: Some(profile.into()),
                outdated: outdated.map(Into::into),
            }),
            Event::RunnerLeft { runner, last_heard } => Self::RunnerLeft(RunnerLeft {
                runner: Some(IdMessage::new(runner.0)),
                last_heard_ms: last_heard.millis(),
            }),
            Event::RunnerDrained { runner, is_drained } => Self::RunnerDrained(RunnerDrained {
                runner: Some(IdMessage::new(runner.0)),
                is_drained: *is_drained,
            }),
            Event::ConnectorOffered { connector, offer } => Self::ConnectorOffered(ConnectorOffered {
                organization: connector.organization.as_ref().map(ToString::to_string),
                name: connector.name.to_string(),
                offer: Some(offer.into()),
            }),
            Event::ThresholdReached { integration } => Self::ThresholdReached(IdMessage::new(integration.0)),
            Event::ThresholdLeft { integration } => Self::ThresholdLeft(IdMessage::new(integration.0)),
            Event::IncidentOpened {
                incident,
                organization,
                cause,
                evidence,
                channels,
            } => Self::IncidentOpened(IncidentOpened {
                incident: incident_id(*incident),
                organization: organization.to_string(),
                cause: Some(cause.into()),
                evidence: Some(evidence.into()),
                channels: channels.iter().map(Into::into).collect(),
            }),
            Event::IncidentReminded {
                incident,
                integration,
                evidence,
                channels,
            } => Self::IncidentReminded(IncidentReminded {
                incident: incident_id(*incident),
                integration: integration.and_then(integration_id),
                evidence: Some(evidence.into()),
                channels: channels.iter().map(Into::into).collect(),
            }),
            Event::IncidentClosed {
                incident,
                integration,
                closing,
                evidence,
                channels,
            } => Self::IncidentClosed(IncidentClosed {
                incident: incident_id(*incident),
                integration: integration.and_then(integration_id),
                closing: ClosingMessage::from(*closing).into(),
                evidence: Some(evidence.into()),
                channels: channels.iter().map(Into::into).collect(),
            }),
            Event::DeliveryTried {
                incident,
                notice,
                delivery,
                state,
                answer,
            } => Self::DeliveryTried(DeliveryTried {
                incident: incident_id(*incident),
                notice: *notice,
                delivery: *delivery,
                state: Some(state.into()),
                answer: answer.clone(),
            }),
            Event::IncidentForgotten { incident } => Self::IncidentForgotten(IdMessage::new(incident.0)),
            Event::Access(event) => Self::Access(event.into()),
            Event::RunnerForgotten { runner } => Self::RunnerForgotten(IdMessage::new(runner.0)),
            Event::ConnectorForgotten { connector } => Self::ConnectorForgotten(ConnectorForgotten {
                organization: connector.organization.as_ref().map(ToString::to_string),
                name: connector.name.to_string(),
            }),
            Event::OrganizationChanged { organization, change } => Self::OrganizationChanged(OrganizationChanged {
                organization: organization.to_string(),
                change: Some(change.into()),
            }),
            Event::Identity(event) => Self::Identity(event.into()),
            Event::Audited(note) => Self::Audited((&**note).into()),
        }
    }
}

fn execution(field: Option<IdMessage>) -> Result<ExecutionId, CodecError> {
    id(field, ExecutionId, "execution")
}

fn incident(field: Option<IdMessage>) -> Result<IncidentId, CodecError> {
    id(field, IncidentId, "incident")
}

fn integration(field: Option<IdMessage>) -> Result<IntegrationId, CodecError> {
    id(field, IntegrationId, "integration")
}

impl TryFrom<EventKind> for Event {
    type Error = CodecError;

    fn try_from(kind: EventKind) -> Result<Self, CodecError> {
        Ok(match kind {
            EventKind::Access(message) => Self::Access(message.try_into()?),
            EventKind::Audited(message) => Self::Audited(Box::new(message.try_into()?)),
            EventKind::IntegrationCreated(message) => {
                let definition = required(message.definition, "definition")?;
                Self::IntegrationCreated {
                    integration: integration(message.integration)?,
                    organization: organization(&message.organization)?,
                    intervals: definition.intervals()?,
                    definition: definition.try_into()?,
                    enablement: enablement(message.enablement)?,
                    next: upcoming_back(message.next)?,
                    request: message.request.map(TryInto::try_into).transpose()?,
                }
            }
            EventKind::IntegrationUpdated(message) => {
                let definition = required(message.definition, "definition")?;
                Self::IntegrationUpdated {
                    integration: integration(message.integration)?,
                    intervals: definition.intervals()?,
                    definition: definition.try_into()?,
                    revision: Revision(message.revision),
                    next: upcoming_back(message.next)?,
                }
            }
            EventKind::IntegrationEnabled(message) => Self::IntegrationEnabled {
                integration: integration(message.integration)?,
                next: upcoming_back(message.next)?,
            },
            EventKind::IntegrationPaused(message) => Self::IntegrationPaused {
                integration: integration(message.integration)?,
                until: Stamp::from_millis(message.until_ms),
                next: upcoming_back(message.next)?,
            },
            EventKind::IntegrationChecked(message) => Self::IntegrationChecked {
                integration: integration(message.integration)?,
                revision: Revision(message.revision),
                runner: id(message.runner, RunnerId, "runner")?,
                failure: message.failure.map(TryInto::try_into).transpose()?,
            },
            EventKind::IntegrationDisabled(message) => Self::IntegrationDisabled {
                integration: IntegrationId(message.id()),
            },
            EventKind::IntegrationDeleted(message) => Self::IntegrationDeleted {
                integration: IntegrationId(message.id()),
            },
            EventKind::ScheduleAdvanced(message) => Self::ScheduleAdvanced {
                integration: integration(message.integration)?,
                data_type: data_type(&message.data_type)?,
                skip: message.skip.map(TryInto::try_into).transpose()?,
                next: Stamp::from_millis(message.next_ms),
            },
            EventKind::ExecutionCreated(message) => Self::ExecutionCreated {
                execution: execution(message.execution)?,
                organization: organization(&message.organization)?,
                integration: integration(message.integration)?,
                data_type: data_type(&message.data_type)?,
                connector: connector_name(&message.connector)?,
                pool: required(message.pool, "pool")?.try_into()?,
                sealed_to: recipients(&message.sealed_to)?,
                origin: required(message.origin, "origin")?.try_into()?,
            },
            EventKind::ExecutionClaimed(message) => Self::ExecutionClaimed {
                execution: execution(message.execution)?,
                claim: required(message.claim, "claim")?.try_into()?,
                revision: Revision(message.revision),
            },
            EventKind::ExecutionStarted(message) => Self::ExecutionStarted {
                execution: execution(message.execution)?,
                claim: required(message.claim, "claim")?.try_into()?,
            },
            EventKind::ExecutionReturned(message) => Self::ExecutionReturned {
                execution: execution(message.execution)?,
                failures: message.failures,
                failure: message.failure.map(TryInto::try_into).transpose()?,
                reported: message.reported.map(TryInto::try_into).transpose()?,
                not_before: message.not_before_ms.map(Stamp::from_millis),
            },
            EventKind::ExecutionRerouted(message) => Self::ExecutionRerouted {
                execution: execution(message.execution)?,
                pool: required(message.pool, "pool")?.try_into()?,
                sealed_to: recipients(&message.sealed_to)?,
            },
            EventKind::ExecutionFenced(message) => Self::ExecutionFenced {
                execution: execution(message.execution)?,
                attempt: Attempt(message.attempt),
            },
            EventKind::LandingCommitted(message) => Self::LandingCommitted {
                execution: execution(message.execution)?,
                claim: required(message.claim, "claim")?.try_into()?,
                staged: required(message.staged, "staged upload")?.try_into()?,
            },
            EventKind::ExecutionCompleted(message) => Self::ExecutionCompleted {
                execution: execution(message.execution)?,
                integration: integration(message.integration)?,
                data_type: data_type(&message.data_type)?,
                counts: required(message.counts, "counts")?.into(),
                cursor: cursor(message.cursor)?,
                warning: message.warning.map(TryInto::try_into).transpose()?,
            },
            EventKind::ExecutionFailed(message) => Self::ExecutionFailed {
                execution: execution(message.execution)?,
                integration: integration(message.integration)?,
                data_type: data_type(&message.data_type)?,
                failures: message.failures,
                failure: required(message.failure, "failure")?.try_into()?,
                reported: message.reported.map(TryInto::try_into).transpose()?,
            },
            EventKind::RunnerCheckedIn(message) => Self::RunnerCheckedIn {
                runner: id(message.runner, RunnerId, "runner")?,
                profile: required(message.profile, "profile")?.try_into()?,
                outdated: message.outdated.map(TryInto::try_into).transpose()?,
            },
            EventKind::RunnerDrained(message) => Self::RunnerDrained {
                runner: id(message.runner, RunnerId, "runner")?,
                is_drained: message.is_drained,
            },
            EventKind::RunnerLeft(message) => Self::RunnerLeft {
                runner: id(message.runner, RunnerId, "runner")?,
                last_heard: Stamp::from_millis(message.last_heard_ms),
            },
            EventKind::ConnectorOffered(message) => Self::ConnectorOffered {
                connector: connector_key(message.organization, &message.name)?,
                offer: required(message.offer, "offer")?.try_into()?,
            },
            EventKind::ThresholdReached(message) => Self::ThresholdReached {
                integration: integration(Some(message))?,
            },
            EventKind::ThresholdLeft(message) => Self::ThresholdLeft {
                integration: integration(Some(message))?,
            },
            EventKind::IncidentOpened(message) => Self::IncidentOpened {
                incident: incident(message.incident)?,
                organization: organization(&message.organization)?,
                cause: required(message.cause, "cause")?.try_into()?,
                evidence: required(message.evidence, "evidence")?.try_into()?,
                channels: channels(message.channels)?,
            },
            EventKind::IncidentReminded(message) => Self::IncidentReminded {
                incident: incident(message.incident)?,
                integration: concerned(message.integration)?,
                evidence: required(message.evidence, "evidence")?.try_into()?,
                channels: channels(message.channels)?,
            },
            EventKind::IncidentClosed(message) => Self::IncidentClosed {
                incident: incident(message.incident)?,
                integration: concerned(message.integration)?,
                closing: closing(message.closing)?,
                evidence: required(message.evidence, "evidence")?.try_into()?,
                channels: channels(message.channels)?,
            },
            EventKind::DeliveryTried(message) => Self::DeliveryTried {
                incident: incident(message.incident)?,
                notice: message.notice,
                delivery: message.delivery,
                state: required(message.state, "state")?.try_into()?,
                answer: message.answer,
            },
            EventKind::RunnerForgotten(message) => Self::RunnerForgotten {
                runner: RunnerId(message.id()),
            },
            EventKind::ConnectorForgotten(message) => Self::ConnectorForgotten {
                connector: connector_key(message.organization, &message.name)?,
            },
            EventKind::OrganizationChanged(message) => Self::OrganizationChanged {
                organization: organization(&message.organization)?,
                change: message
                    .change
                    .ok_or(CodecError::Unknown("change of an organization"))?
                    .try_into()?,
            },
            EventKind::IncidentForgotten(message) => Self::IncidentForgotten {
                incident: incident(Some(message))?,
            },
            EventKind::Identity(message) => Self::Identity(message.try_into()?),
        })
    }
}

/// The integration that an incident is about, if it is about one.
fn concerned(message: Option<IdMessage>) -> Result<Option<IntegrationId>, CodecError> {
    message.map(|message| integration(Some(message))).transpose()
}

fn channels(messages: Vec<ChannelMessage>) -> Result<Vec<Channel>, CodecError> {
    messages.into_iter().map(TryInto::try_into).collect()
}

pub(super) fn connector_key(organization: Option<String>, name: &str) -> Result<ConnectorKey, CodecError> {
    let name: ConnectorName = connector_name(name)?;
    Ok(ConnectorKey {
        organization: owner(organization)?,
        name,
    })
}
