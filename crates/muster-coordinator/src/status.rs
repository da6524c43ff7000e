//! Why a call has no success, and the one map from that to `tonic::Status` with the details of `google.rpc`.

mod bare;
mod reason;

use std::time::Duration;

use muster_core::decide::Rejection;
use muster_core::words::{ConnectorName, ExecutionId, IncidentId, IntegrationId, OrganizationId, RunnerId};
use muster_proto::v1::ErrorReason;
use muster_shard::{AskError, ClockFault, ShardError};
use tonic::Status;
use tonic_types::{FieldViolation, StatusExt as _};

use crate::access::Stranger;
use crate::disks::Shortage;
use crate::landing::LandingError;
use crate::wire::FieldFault;
use crate::wire::time::text as time;

pub(crate) use self::bare::{explained, legible};
pub(crate) use self::reason::{code_of_reason, name_of_reason, reason_of_rejection};
use self::reason::{details_of, field_of_rejection};

/// The most bytes of the places that an error names, and of its message. Both travel as headers, and whoever reads them takes a few KiB of these.
const FAULTS_BYTES_MAX: usize = 3 * 1024;
const MESSAGE_BYTES_MAX: usize = 1_024;

/// When to try again what a start, a shutdown or a landing that is away has kept from being done.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why a call of an operator has no success. `Display` is what the caller reads.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Fields are missing or out of bounds; never empty.
    #[error("{}", list(.0))]
    Fields(Vec<FieldFault>),
    /// The configuration does not fit the connector's schema; never empty.
    #[error("the configuration does not fit the connector `{connector}`: {}", list(.faults))]
    Configuration {
        /// Whose schema.
        connector: ConnectorName,
        /// Every place that does not fit.
        faults: Vec<FieldFault>,
    },
    /// The filter cannot be read, or compares what cannot be compared.
    #[error("{0}")]
    Filter(FieldFault),
    /// The page token, or resume token, is of another query or of none.
    #[error("{0}: was not given out by this coordinator for this very request: begin without one")]
    Token(
        /// The field that it stands in.
        &'static str,
    ),
    /// There is no such organization.
    #[error("there is no organization `{0}`: list those that there are with `muster organization list`")]
    OrganizationNotFound(OrganizationId),
    /// There is no such execution in that integration.
    #[error("there is no execution {0} in this integration: it never was, or its retention has ended")]
    ExecutionNotFound(ExecutionId),
    /// There is no such incident in that organization.
    #[error("there is no incident {0} in this organization: it never was, or has been over for 30 days")]
    IncidentNotFound(IncidentId),
    /// There is no such runner in that organization.
    #[error("no runner {0} has ever checked in for this organization: list those that have with `muster runner list`")]
    RunnerNotFound(RunnerId),
    /// There is no such connector in that organization.
    #[error(
        "no runner has ever offered the connector `{0}` to this organization: list those that are offered with `muster connector list`"
    )]
    ConnectorNotFound(ConnectorName),
    /// The connector of an integration is not known, so its configuration cannot be judged.
    #[error(
        "no runner has offered the connector `{connector}` yet ({}): start a runner that is allowed to run it, then try again",
        naming(.known)
    )]
    ConnectorUnknown {
        /// Which.
        connector: ConnectorName,
        /// Those that have been offered.
        known: Vec<ConnectorName>,
    },
    /// The execution has nothing visible in the landing.
    #[error("the execution {execution} has no records: {why}")]
    RecordsNotFound {
        /// Which.
        execution: ExecutionId,
        /// Why, as a clause.
        why: &'static str,
    },
    /// The etag is not that of the current version.
    #[error("the integration {0} has been changed since this etag was read: read it again, and decide again")]
    EtagMismatch(IntegrationId),
    /// The execution cannot be canceled any more.
    #[error("the execution {0} has ended, so it cannot be canceled")]
    ExecutionEnded(ExecutionId),
    /// The runner that was asked has not said how a check ended.
    #[error("{0}: nothing is known of the source, so check again")]
    CheckUnanswered(String),
    /// There is no mail server.
    #[error("{0}")]
    MailNotConfigured(String),
    /// The mail server has not taken a mail.
    #[error("the mail was not sent: {0}")]
    MailNotSent(String),
    /// More than one answer can hold.
    #[error("{0}")]
    Limit(String),
    /// Too much has come from one peer in a short time.
    #[error("too many {what} in a short time: try again in {} s, and wait longer each time", .wait.as_secs_f64().ceil())]
    RateLimited {
        /// Of what, and from whom, in the plural.
        what: String,
        /// How long to wait before trying again.
        wait: Duration,
    },
    /// The coordinator cannot take new work now, because of its clock.
    #[error(
        "the coordinator is not ready to take new work: the clock of its machine says {}, and the newest thing that it has recorded is of {}; {}",
        time(.0.wall), time(.0.last), way_out(*.0)
    )]
    ClockWrong(ClockFault),
    /// The coordinator cannot take new work now, because of a disk.
    #[error("the coordinator is not ready to take new work: {0}; make room there, and it goes on by itself")]
    DiskLow(Shortage),
    /// The coordinator is about to end.
    #[error("the coordinator is shutting down: connect anew")]
    ShuttingDown,
    /// The landing cannot be read.
    #[error("the landing cannot be read now: try again later")]
    Landing(#[source] LandingError),
    /// A runner's stream or upload is refused.
    #[error("{message}")]
    Refused {
        /// Why, as a program reads it.
        reason: ErrorReason,
        /// Why, as a person reads it.
        message: String,
    },
    /// The call is nobody's.
    #[error("{0}")]
    Unauthenticated(Stranger),
    /// Whoever calls may not do it.
    #[error("{0}")]
    PermissionDenied(String),
    /// The core refuses it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The shard cannot answer.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// A fault of the coordinator.
    #[error("a fault of the coordinator: its log says more")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ServiceError {
    /// A fault of the coordinator, which its log tells in full.
    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Why, as a program reads it.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        match self {
            Self::Fields(_) => ErrorReason::InvalidField,
            Self::Configuration { .. } => ErrorReason::InvalidConfiguration,
            Self::Filter(_) => ErrorReason::InvalidFilter,
            Self::Token(_) => ErrorReason::InvalidPageToken,
            Self::OrganizationNotFound(_) => ErrorReason::OrganizationNotFound,
            Self::ExecutionNotFound(_) => ErrorReason::ExecutionNotFound,
            Self::IncidentNotFound(_) => ErrorReason::IncidentNotFound,
            Self::RunnerNotFound(_) => ErrorReason::RunnerNotFound,
            Self::ConnectorNotFound(_) => ErrorReason::ConnectorNotFound,
            Self::ConnectorUnknown { .. } => ErrorReason::ConnectorUnknown,
            Self::RecordsNotFound { .. } => ErrorReason::RecordsNotFound,
            Self::EtagMismatch(_) => ErrorReason::EtagMismatch,
            Self::ExecutionEnded(_) => ErrorReason::ExecutionEnded,
            Self::CheckUnanswered(_) => ErrorReason::CheckUnanswered,
            Self::MailNotConfigured(_) => ErrorReason::MailNotConfigured,
            Self::MailNotSent(_) => ErrorReason::MailNotSent,
            Self::Limit(_) => ErrorReason::LimitReached,
            Self::RateLimited { .. } => ErrorReason::RateLimited,
            Self::ClockWrong(_) | Self::DiskLow(_) => ErrorReason::NotReady,
            Self::ShuttingDown => ErrorReason::ShuttingDown,
            Self::Landing(_) => ErrorReason::LandingUnavailable,
            Self::Refused { reason, .. } => *reason,
            Self::Unauthenticated(Stranger::Missing | Stranger::Unknown) => ErrorReason::Unauthenticated,
            Self::Unauthenticated(Stranger::Malformed) => ErrorReason::TokenMalformed,
            Self::Unauthenticated(Stranger::Expired) => ErrorReason::TokenExpired,
            Self::PermissionDenied(_) => ErrorReason::PermissionDenied,
            Self::Rejected(rejection) => reason_of_rejection(rejection),
            Self::Shard(ShardError::Stopped) => ErrorReason::ShuttingDown,
            Self::Shard(ShardError::UnderWay | ShardError::NotTaken(_)) => ErrorReason::LimitReached,
            Self::Shard(ShardError::Damaged(_)) => ErrorReason::StoreDamaged,
            Self::Shard(ShardError::Store(_)) | Self::Internal(_) => ErrorReason::Internal,
        }
    }

    /// After which time it is worth while to try again; `None` where waiting does not help.
    fn retry_after(&self) -> Option<Duration> {
        if let Self::RateLimited { wait, .. } = self {
            return Some(*wait);
        }
        match self.reason() {
            ErrorReason::NotReady
            | ErrorReason::ShuttingDown
            | ErrorReason::LandingUnavailable
            | ErrorReason::SessionOverflow => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// The fields that are to be mended.
    fn faults(&self) -> Vec<FieldFault> {
        match self {
            Self::Fields(faults) | Self::Configuration { faults, .. } => faults.clone(),
            Self::Filter(fault) => vec![fault.clone()],
            Self::Token(field) => vec![FieldFault::new(
                *field,
                "was not given out by this coordinator for this very request: begin without one",
            )],
            Self::Rejected(rejection) => field_of_rejection(rejection)
                .map(|field| vec![FieldFault::new(field, rejection)])
                .unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

impl From<LandingError> for ServiceError {
    fn from(error: LandingError) -> Self {
        Self::Landing(error)
    }
}

impl From<Vec<FieldFault>> for ServiceError {
    fn from(faults: Vec<FieldFault>) -> Self {
        Self::Fields(faults)
    }
}

impl From<FieldFault> for ServiceError {
    fn from(fault: FieldFault) -> Self {
        Self::Fields(vec![fault])
    }
}

impl From<AskError> for ServiceError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Rejected(rejection) => Self::Rejected(rejection),
            AskError::Shard(error) => Self::Shard(error),
        }
    }
}

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        let reason = error.reason();
        let message = match reason {
            // What is inside is for the log alone.
            ErrorReason::Internal => "a fault of the coordinator: its log says more".to_owned(),
            _ => cut(error.to_string()),
        };
        match reason {
            ErrorReason::Internal | ErrorReason::LandingUnavailable | ErrorReason::StoreDamaged => {
                tracing::error!(
                    reason = name_of_reason(reason),
                    error = chain(&error),
                    "a call has failed"
                );
            }
            _ => tracing::debug!(
                reason = name_of_reason(reason),
                error = chain(&error),
                "a call was refused"
            ),
        }
        let mut details = details_of(reason);
        let mut bytes = 0;
        let faults = error.faults().into_iter().take_while(|fault| {
            bytes += fault.field.len() + fault.problem.len();
            bytes <= FAULTS_BYTES_MAX
        });
        let violations: Vec<_> = faults
            .map(|fault| FieldViolation::new(fault.field, fault.problem))
            .collect();
        if !violations.is_empty() {
            details.set_bad_request(violations);
        }
        if let Some(wait) = error.retry_after() {
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(code_of_reason(reason), message, details)
    }
}

/// What ends a runner's stream or upload.
pub(crate) fn refusal(reason: ErrorReason, message: impl Into<String>) -> Status {
    ServiceError::Refused {
        reason,
        message: message.into(),
    }
    .into()
}

fn way_out(fault: ClockFault) -> &'static str {
    if fault.is_ahead() {
        "set the clock right; if it is right, and the coordinator has rested for so long, start it with `--trust-clock`"
    } else {
        "set the clock right; if it is right, it was ahead before: wait until it has caught up, or restore a backup of the store from before that"
    }
}

fn list(faults: &[FieldFault]) -> String {
    faults.iter().map(FieldFault::to_string).collect::<Vec<_>>().join("; ")
}

fn naming(known: &[ConnectorName]) -> String {
    if known.is_empty() {
        return "none has been offered so far".to_owned();
    }
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("offered so far: {}", names.join(", "))
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX - '…'.len_utf8()));
        message.push('…');
    }
    message
}

fn chain(error: &ServiceError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
