//! Organizations: their records, and what happens to them.

use muster_core::entity::{Organization, OrganizationState};
use muster_core::event::OrganizationChange;
use muster_core::time::Stamp;
use muster_core::words::{DisplayName, Quotas, RetentionDays};

use super::word::{EmptyMessage, RequestMessage, organization};
use super::{CodecError, judged, required};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OrganizationMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    display_name: String,
    #[prost(message, optional, tag = "3")]
    quotas: Option<QuotasMessage>,
    #[prost(uint32, tag = "4")]
    retention_days: u32,
    #[prost(uint32, tag = "5")]
    version: u32,
    #[prost(uint64, tag = "6")]
    created_ms: u64,
    #[prost(uint64, tag = "7")]
    updated_ms: u64,
    #[prost(message, optional, tag = "8")]
    request: Option<RequestMessage>,
    /// 0: what is kept where nothing is said.
    #[prost(uint32, tag = "13")]
    audit_retention_days: u32,
    #[prost(oneof = "StateMessage", tags = "9, 10, 11, 12")]
    state: Option<StateMessage>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum StateMessage {
    #[prost(message, tag = "9")]
    Active(EmptyMessage),
    #[prost(message, tag = "10")]
    Suspended(SuspendedMessage),
    /// Since when.
    #[prost(uint64, tag = "11")]
    Closing(u64),
    /// When.
    #[prost(uint64, tag = "12")]
    Deleted(u64),
}

#[derive(Clone, PartialEq, prost::Message)]
struct SuspendedMessage {
    #[prost(uint64, tag = "1")]
    since_ms: u64,
    #[prost(string, tag = "2")]
    reason: String,
}

/// A field that is absent is no limit.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct QuotasMessage {
    #[prost(uint32, optional, tag = "1")]
    integrations: Option<u32>,
    #[prost(uint32, optional, tag = "2")]
    runners: Option<u32>,
    #[prost(uint32, optional, tag = "3")]
    open_executions: Option<u32>,
    #[prost(uint32, optional, tag = "4")]
    uploads_per_second: Option<u32>,
    #[prost(uint32, optional, tag = "5")]
    records_mib: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OrganizationChanged {
    #[prost(string, tag = "1")]
    pub(super) organization: String,
    #[prost(oneof = "ChangeMessage", tags = "2, 3, 4, 5, 6, 7")]
    pub(super) change: Option<ChangeMessage>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum ChangeMessage {
    #[prost(message, tag = "2")]
    Created(DescribedMessage),
    #[prost(message, tag = "3")]
    Updated(DescribedMessage),
    /// Why.
    #[prost(string, tag = "4")]
    Suspended(String),
    #[prost(message, tag = "5")]
    Resumed(EmptyMessage),
    #[prost(message, tag = "6")]
    Closing(EmptyMessage),
    #[prost(message, tag = "7")]
    Deleted(EmptyMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DescribedMessage {
    #[prost(string, tag = "1")]
    display_name: String,
    #[prost(message, optional, tag = "2")]
    quotas: Option<QuotasMessage>,
    #[prost(uint32, tag = "3")]
    retention_days: u32,
    /// Only of what was created.
    #[prost(message, optional, tag = "4")]
    request: Option<RequestMessage>,
    /// 0: what is kept where nothing is said.
    #[prost(uint32, tag = "5")]
    audit_retention_days: u32,
}

impl From<&Organization> for OrganizationMessage {
    fn from(organization: &Organization) -> Self {
        Self {
            id: organization.id.to_string(),
            display_name: organization.display_name.to_string(),
            quotas: Some((&organization.quotas).into()),
            retention_days: organization.retention.days().into(),
            audit_retention_days: organization.audit_retention.days().into(),
            version: organization.version,
            created_ms: organization.created.millis(),
            updated_ms: organization.updated.millis(),
            request: organization.request.as_ref().map(Into::into),
            state: Some(match &organization.state {
                OrganizationState::Active => StateMessage::Active(EmptyMessage {}),
                OrganizationState::Suspended { since, reason } => StateMessage::Suspended(SuspendedMessage {
                    since_ms: since.millis(),
                    reason: reason.clone(),
                }),
                OrganizationState::Closing { since } => StateMessage::Closing(since.millis()),
                OrganizationState::Deleted { at } => StateMessage::Deleted(at.millis()),
            }),
        }
    }
}

impl TryFrom<OrganizationMessage> for Organization {
    type Error = CodecError;

    fn try_from(message: OrganizationMessage) -> Result<Self, CodecError> {
        Ok(Self {
            id: organization(&message.id)?,
            display_name: display_name(&message.display_name)?,
            state: match message.state.ok_or(CodecError::Unknown("state of an organization"))? {
                StateMessage::Active(EmptyMessage {}) => OrganizationState::Active,
                StateMessage::Suspended(SuspendedMessage { since_ms, reason }) => OrganizationState::Suspended {
                    since: Stamp::from_millis(since_ms),
                    reason,
                },
                StateMessage::Closing(since_ms) => OrganizationState::Closing {
                    since: Stamp::from_millis(since_ms),
                },
                StateMessage::Deleted(at_ms) => OrganizationState::Deleted {
                    at: Stamp::from_millis(at_ms),
                },
            },
            quotas: required(message.quotas, "quotas")?.into(),
            retention: retention(message.retention_days)?,
            audit_retention: audit_retention(message.audit_retention_days)?,
            version: message.version,
            created: Stamp::from_millis(message.created_ms),
            updated: Stamp::from_millis(message.updated_ms),
            request: message.request.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<&OrganizationChange> for ChangeMessage {
    fn from(change: &OrganizationChange) -> Self {
        match change {
            OrganizationChange::Created {
                display_name,
                quotas,
                retention,
                audit_retention,
                request,
            } => Self::Created(DescribedMessage {
                display_name: display_name.to_string(),
                quotas: Some(quotas.into()),
                retention_days: retention.days().into(),
                audit_retention_days: audit_retention.days().into(),
                request: request.as_ref().map(Into::into),
            }),
            OrganizationChange::Updated {
                display_name,
                quotas,
                retention,
                audit_retention,
            } => Self::Updated(DescribedMessage {
                display_name: display_name.to_string(),
                quotas: Some(quotas.into()),
                retention_days: retention.days().into(),
                audit_retention_days: audit_retention.days().into(),
                request: None,
            }),
            OrganizationChange::Suspended { reason } => Self::Suspended(reason.clone()),
            OrganizationChange::Resumed => Self::Resumed(EmptyMessage {}),
            OrganizationChange::Closing => Self::Closing(EmptyMessage {}),
            OrganizationChange::Deleted => Self::Deleted(EmptyMessage {}),
        }
    }
}

impl TryFrom<ChangeMessage> for OrganizationChange {
    type Error = CodecError;

    fn try_from(message: ChangeMessage) -> Result<Self, CodecError> {
        Ok(match message {
            ChangeMessage::Created(message) => Self::Created {
                display_name: display_name(&message.display_name)?,
                quotas: required(message.quotas, "quotas")?.into(),
                retention: retention(message.retention_days)?,
                audit_retention: audit_retention(message.audit_retention_days)?,
                request: message.request.map(TryInto::try_into).transpose()?,
            },
            ChangeMessage::Updated(message) => Self::Updated {
                display_name: display_name(&message.display_name)?,
                quotas: required(message.quotas, "quotas")?.into(),
                retention: retention(message.retention_days)?,
                audit_retention: audit_retention(message.audit_retention_days)?,
            },
            ChangeMessage::Suspended(reason) => Self::Suspended { reason },
            ChangeMessage::Resumed(EmptyMessage {}) => Self::Resumed,
            ChangeMessage::Closing(EmptyMessage {}) => Self::Closing,
            ChangeMessage::Deleted(EmptyMessage {}) => Self::Deleted,
        })
    }
}

impl From<&Quotas> for QuotasMessage {
    fn from(quotas: &Quotas) -> Self {
        Self {
            integrations: quotas.integrations,
            runners: quotas.runners,
            open_executions: quotas.open_executions,
            uploads_per_second: quotas.uploads_per_second,
            records_mib: quotas.records_mib,
        }
    }
}

impl From<QuotasMessage> for Quotas {
    fn from(message: QuotasMessage) -> Self {
        Self {
            integrations: message.integrations,
            runners: message.runners,
            open_executions: message.open_executions,
            uploads_per_second: message.uploads_per_second,
            records_mib: message.records_mib,
        }
    }
}

fn display_name(text: &str) -> Result<DisplayName, CodecError> {
    judged(DisplayName::new(text), "display name")
}

fn retention(days: u32) -> Result<RetentionDays, CodecError> {
    judged(RetentionDays::new(days), "retention")
}

fn audit_retention(days: u32) -> Result<RetentionDays, CodecError> {
    match days {
        0 => Ok(RetentionDays::AUDIT),
        days => retention(days),
    }
}
