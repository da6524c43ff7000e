//! Finished executions, as history keeps them. Their ids stand in the key.

use muster_core::entity::Finished;
use muster_core::time::Stamp;
use muster_core::words::{Attempt, Claim, ExecutionId, IntegrationId, Revision, RunnerId, StagedId};
use prost::Message;

use super::word::{
    ClaimMessage, IdMessage, OriginMessage, OutcomeMessage, PoolMessage, connector_name, data_type, organization,
};
use super::{CodecError, required};

/// The bytes of a finished execution.
pub(crate) fn encode(finished: &Finished) -> Vec<u8> {
    FinishedMessage::from(finished).encode_to_vec()
}

/// The finished execution of these bytes and ids.
pub(crate) fn decode(id: ExecutionId, integration: IntegrationId, bytes: &[u8]) -> Result<Finished, CodecError> {
    let message = FinishedMessage::decode(bytes)?;
    let reported = message.reported.into_iter().map(Claim::try_from);
    Ok(Finished {
        id,
        organization: organization(&message.organization)?,
        integration,
        data_type: data_type(&message.data_type)?,
        connector: connector_name(&message.connector)?,
        pool: required(message.pool, "pool")?.try_into()?,
        origin: required(message.origin, "origin")?.try_into()?,
        created: Stamp::from_millis(message.created_ms),
        claimed: message.claimed_ms.map(Stamp::from_millis),
        started: message.started_ms.map(Stamp::from_millis),
        ended: Stamp::from_millis(message.ended_ms),
        attempt: Attempt(message.attempt),
        revision: message.revision.map(Revision),
        runner: message.runner.map(|runner| RunnerId(runner.id())),
        failures: message.failures,
        reported: reported.collect::<Result<_, CodecError>>()?,
        staged: message.staged.map(StagedId),
        outcome: required(message.outcome, "outcome")?.try_into()?,
    })
}

#[derive(Clone, PartialEq, prost::Message)]
struct FinishedMessage {
    #[prost(string, tag = "1")]
    organization: String,
    #[prost(string, tag = "2")]
    data_type: String,
    #[prost(string, tag = "3")]
    connector: String,
    #[prost(message, optional, tag = "4")]
    pool: Option<PoolMessage>,
    #[prost(message, optional, tag = "5")]
    origin: Option<OriginMessage>,
    #[prost(uint64, tag = "6")]
    created_ms: u64,
    #[prost(uint64, optional, tag = "7")]
    claimed_ms: Option<u64>,
    #[prost(uint64, optional, tag = "8")]
    started_ms: Option<u64>,
    #[prost(uint64, tag = "9")]
    ended_ms: u64,
    #[prost(uint32, tag = "10")]
    attempt: u32,
    #[prost(message, optional, tag = "11")]
    runner: Option<IdMessage>,
    #[prost(uint32, tag = "12")]
    failures: u32,
    #[prost(message, repeated, tag = "13")]
    reported: Vec<ClaimMessage>,
    #[prost(string, optional, tag = "14")]
    staged: Option<String>,
    #[prost(message, optional, tag = "15")]
    outcome: Option<OutcomeMessage>,
    #[prost(uint32, optional, tag = "16")]
    revision: Option<u32>,
}

impl From<&Finished> for FinishedMessage {
    fn from(finished: &Finished) -> Self {
        Self {
            organization: finished.organization.to_string(),
            data_type: finished.data_type.to_string(),
            connector: finished.connector.to_string(),
            pool: Some((&finished.pool).into()),
            origin: Some((&finished.origin).into()),
            created_ms: finished.created.millis(),
            claimed_ms: finished.claimed.map(Stamp::millis),
            started_ms: finished.started.map(Stamp::millis),
            ended_ms: finished.ended.millis(),
            attempt: finished.attempt.0,
            runner: finished.runner.map(|runner| IdMessage::new(runner.0)),
            failures: finished.failures,
            reported: finished.reported.iter().map(Into::into).collect(),
            staged: finished.staged.as_ref().map(|staged| staged.0.clone()),
            outcome: Some((&finished.outcome).into()),
            revision: finished.revision.map(|revision| revision.0),
        }
    }
}
