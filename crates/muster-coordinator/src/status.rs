//! Why a call has no success, and the one map from that to `tonic::Status` with the details of `google.rpc`.

use std::time::Duration;

use muster_core::decide::Rejection;
use muster_core::words::{ConnectorName, ExecutionId, IntegrationId, OrganizationId, RunnerId};
use muster_proto::v1::ErrorReason;
use muster_shard::{AskError, ShardError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::landing::LandingError;
use crate::wire::FieldFault;

/// The domain of every reason.
const DOMAIN: &str = "muster.v1";

/// The page that says of each reason, under a heading of its name, what it means and what to do.
const ERRORS_PAGE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/errors.md");

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
    #[error("there is no organization `{0}`: the one that there is is `default`")]
    OrganizationNotFound(OrganizationId),
    /// There is no such execution in that integration.
    #[error("there is no execution {0} in this integration: it never was, or its retention has ended")]
    ExecutionNotFound(ExecutionId),
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
    /// The coordinator cannot take new work now.
    #[error(
        "the coordinator is not ready to take new work: the clock of its machine is more than 5 min behind what it has recorded; \
         set that clock right, then try again"
    )]
    NotReady,
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
            Self::RunnerNotFound(_) => ErrorReason::RunnerNotFound,
            Self::ConnectorNotFound(_) => ErrorReason::ConnectorNotFound,
            Self::ConnectorUnknown { .. } => ErrorReason::ConnectorUnknown,
            Self::RecordsNotFound { .. } => ErrorReason::RecordsNotFound,
            Self::EtagMismatch(_) => ErrorReason::EtagMismatch,
            Self::ExecutionEnded(_) => ErrorReason::ExecutionEnded,
            Self::Limit(_) => ErrorReason::LimitReached,
            Self::RateLimited { .. } => ErrorReason::RateLimited,
            Self::NotReady => ErrorReason::NotReady,
            Self::ShuttingDown => ErrorReason::ShuttingDown,
            Self::Landing(_) => ErrorReason::LandingUnavailable,
            Self::Refused { reason, .. } => *reason,
            Self::Rejected(rejection) => reason_of_rejection(rejection),
            Self::Shard(ShardError::Stopped) => ErrorReason::ShuttingDown,
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
            ErrorReason::Internal | ErrorReason::LandingUnavailable => {
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

/// What every error has: its reason, and where to read more about it.
fn details_of(reason: ErrorReason) -> ErrorDetails {
    let name = name_of_reason(reason);
    let mut details = ErrorDetails::new();
    details.set_error_info(name, DOMAIN, std::collections::HashMap::new());
    let anchor = name.to_lowercase();
    details.add_help_link(
        format!("what {name} means, and what to do"),
        format!("{ERRORS_PAGE}#{anchor}"),
    );
    details
}

/// The same for an error that tonic has made before any of our code was asked, or `None` for one that says enough. What a peer has broken off is
/// nobody's to read.
pub(crate) fn explained(bare: &Status) -> Option<Status> {
    if !bare.details().is_empty() {
        return None;
    }
    let (reason, message) = match bare.code() {
        Code::Unimplemented if bare.message().contains("compressed") => (
            ErrorReason::CallUnknown,
            "this coordinator takes no compressed messages: send them as they are, without a `grpc-encoding`"
                .to_owned(),
        ),
        Code::Unimplemented => (
            ErrorReason::CallUnknown,
            "this coordinator has no such service or call: list those that it has by server reflection".to_owned(),
        ),
        Code::OutOfRange | Code::ResourceExhausted => (ErrorReason::RequestTooLarge, too_large(bare.message())),
        // That is how tonic says that bytes are no message.
        Code::Internal | Code::InvalidArgument => (ErrorReason::MalformedRequest, undecodable(bare.message())),
        _ => return None,
    };
    let status = Status::with_error_details(code_of_reason(reason), message, details_of(reason));
    Some(status)
}

/// Of a message over its limit tonic tells both numbers, in its own words.
fn too_large(said: &str) -> String {
    let is_no_digit = |one: char| !one.is_ascii_digit();
    let numbers: Vec<_> = said.split(is_no_digit).filter(|word| !word.is_empty()).collect();
    match numbers[..] {
        [found, limit] => {
            format!("the request has {found} bytes, and this call takes at most {limit} in a message: make it smaller")
        }
        _ => format!("the request is too large: {}", cut(said.to_owned())),
    }
}

/// Of bytes that are no message prost tells the way to the place, which is long where messages nest, and last what is wrong there.
fn undecodable(said: &str) -> String {
    const STEPS_MAX: usize = 4;
    let said = said.strip_prefix("failed to decode Protobuf message: ").unwrap_or(said);
    let steps: Vec<_> = said.split(": ").collect();
    let told = match steps.as_slice() {
        [first, second, .., cause] if steps.len() > STEPS_MAX => format!("{first}: {second}: …: {cause}"),
        _ => said.to_owned(),
    };
    format!("the request is no message of this call: {}", cut(told))
}

/// The same for one that comes from a stream.
pub(crate) fn legible(status: Status) -> Status {
    explained(&status).unwrap_or(status)
}

/// What ends a runner's stream or upload.
pub(crate) fn refusal(reason: ErrorReason, message: impl Into<String>) -> Status {
    ServiceError::Refused {
        reason,
        message: message.into(),
    }
    .into()
}

/// The reason as programs read it: `ETAG_MISMATCH`.
pub(crate) fn name_of_reason(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

pub(crate) fn reason_of_rejection(rejection: &Rejection) -> ErrorReason {
    match rejection {
        Rejection::IntegrationNotFound(_) => ErrorReason::IntegrationNotFound,
        Rejection::NotOpen(_) => ErrorReason::ExecutionNotFound,
        Rejection::NameTaken { .. } => ErrorReason::NameTaken,
        Rejection::RequestReused { .. } => ErrorReason::RequestIdReused,
        Rejection::NoDataTypes | Rejection::NotCollected { .. } | Rejection::ConnectorFixed { .. } => {
            ErrorReason::InvalidField
        }
        Rejection::Stale { .. } => ErrorReason::EtagMismatch,
        Rejection::NotEnabled(_) => ErrorReason::IntegrationDisabled,
        Rejection::Committed(_) => ErrorReason::ExecutionEnded,
        Rejection::Fenced { .. } => ErrorReason::AttemptFenced,
        Rejection::SessionOver(_) => ErrorReason::SessionLapsed,
    }
}

/// Which field of the request the core has refused; `None` when it is none.
fn field_of_rejection(rejection: &Rejection) -> Option<&'static str> {
    match rejection {
        Rejection::NameTaken { .. } => Some("integration.display_name"),
        Rejection::RequestReused { .. } => Some("request_id"),
        Rejection::NoDataTypes => Some("integration.data_types"),
        Rejection::ConnectorFixed { .. } => Some("integration.connector"),
        Rejection::NotCollected { .. } => Some("data_types"),
        Rejection::IntegrationNotFound(_)
        | Rejection::NotOpen(_)
        | Rejection::Stale { .. }
        | Rejection::NotEnabled(_)
        | Rejection::Committed(_)
        | Rejection::Fenced { .. }
        | Rejection::SessionOver(_) => None,
    }
}

/// The code of each reason, as `error_reason.proto` says.
pub(crate) fn code_of_reason(reason: ErrorReason) -> Code {
    match reason {
        ErrorReason::InvalidField
        | ErrorReason::InvalidConfiguration
        | ErrorReason::InvalidPageToken
        | ErrorReason::InvalidFilter
        | ErrorReason::MalformedRequest
        | ErrorReason::ProtocolViolation
        | ErrorReason::CountsMismatch => Code::InvalidArgument,
        ErrorReason::OrganizationNotFound
        | ErrorReason::IntegrationNotFound
        | ErrorReason::ExecutionNotFound
        | ErrorReason::RunnerNotFound
        | ErrorReason::ConnectorNotFound
        | ErrorReason::RecordsNotFound => Code::NotFound,
        ErrorReason::EtagMismatch
        | ErrorReason::SessionSuperseded
        | ErrorReason::SessionLapsed
        | ErrorReason::AttemptFenced => Code::Aborted,
        ErrorReason::RequestIdReused | ErrorReason::NameTaken => Code::AlreadyExists,
        ErrorReason::IntegrationDisabled
        | ErrorReason::ExecutionEnded
        | ErrorReason::ConnectorUnknown
        | ErrorReason::RunnerVersionUnsupported => Code::FailedPrecondition,
        ErrorReason::CallUnknown => Code::Unimplemented,
        ErrorReason::LimitReached
        | ErrorReason::RateLimited
        | ErrorReason::RequestTooLarge
        | ErrorReason::SessionOverflow => Code::ResourceExhausted,
        ErrorReason::NotReady | ErrorReason::ShuttingDown | ErrorReason::LandingUnavailable => Code::Unavailable,
        ErrorReason::Internal | ErrorReason::Unspecified => Code::Internal,
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
mod tests {
    use prost::Message as _;

    use super::*;

    fn details(error: ServiceError) -> (Status, ErrorDetails) {
        let status = Status::from(error);
        let details = status.get_error_details();
        (status, details)
    }

    fn reason(details: &ErrorDetails) -> &str {
        let info = details.error_info().expect("every error has one");
        assert_eq!(info.domain, "muster.v1");
        &info.reason
    }

    #[test]
    fn a_fault_names_its_field() {
        let (status, details) = details(FieldFault::new("page_size", "is -1: must be 1 to 1000").into());
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "page_size: is -1: must be 1 to 1000");
        assert_eq!(reason(&details), "INVALID_FIELD");
        let violations = &details.bad_request().expect("it names fields").field_violations;
        assert_eq!(violations[0].field, "page_size");
    }

    #[test]
    fn what_the_core_refuses_has_a_reason_and_a_field() {
        let id = IntegrationId(7);
        let (status, details) = details(Rejection::Stale { integration: id }.into());
        assert_eq!((status.code(), reason(&details)), (Code::Aborted, "ETAG_MISMATCH"));
        let (status, details) = self::details(Rejection::NoDataTypes.into());
        assert_eq!(
            (status.code(), reason(&details)),
            (Code::InvalidArgument, "INVALID_FIELD")
        );
        let violations = &details.bad_request().expect("it names a field").field_violations;
        assert_eq!(violations[0].field, "integration.data_types");
    }

    #[test]
    fn what_will_pass_says_when_to_try_again() {
        let (status, details) = details(ShardError::Stopped.into());
        assert_eq!((status.code(), reason(&details)), (Code::Unavailable, "SHUTTING_DOWN"));
        let retry = details.retry_info().and_then(|retry| retry.retry_delay);
        assert_eq!(retry, Some(RETRY_AFTER));
    }

    #[test]
    fn a_fault_of_the_coordinator_keeps_its_details_to_itself() {
        let (status, details) = details(ShardError::Store("/var/lib/muster is on fire".to_owned()).into());
        assert_eq!((status.code(), reason(&details)), (Code::Internal, "INTERNAL"));
        assert!(!status.message().contains("fire"), "{}", status.message());
    }

    #[test]
    fn an_unknown_connector_is_a_precondition_and_names_the_known() {
        let name = |name: &str| ConnectorName::new(name).expect("a name");
        let (status, details) = details(ServiceError::ConnectorUnknown {
            connector: name("ldap"),
            known: vec![name("host")],
        });
        assert_eq!(
            (status.code(), reason(&details)),
            (Code::FailedPrecondition, "CONNECTOR_UNKNOWN")
        );
        assert!(
            status.message().contains("`ldap` yet (offered so far: `host`)"),
            "{}",
            status.message()
        );
    }

    fn reasons_and_codes() -> Vec<(String, String)> {
        let set = prost_types::FileDescriptorSet::decode(muster_proto::FILE_DESCRIPTOR_SET).expect("a set");
        let mut enums = set.file.into_iter().flat_map(|file| file.enum_type);
        let reasons = enums.find(|one| one.name() == "ErrorReason").expect("it is there");
        let sent = reasons.value.into_iter().filter(|value| value.number() != 0);
        sent.map(|value| {
            let reason = ErrorReason::try_from(value.number()).expect("it is one");
            // `InvalidArgument` is `INVALID_ARGUMENT`.
            let mut code = String::new();
            for letter in format!("{:?}", code_of_reason(reason)).chars() {
                if letter.is_uppercase() && !code.is_empty() {
                    code.push('_');
                }
                code.extend(letter.to_uppercase());
            }
            (name_of_reason(reason).to_owned(), code)
        })
        .collect()
    }

    #[test]
    fn every_reason_is_documented_with_its_code_and_no_other_is() {
        let page =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md")).expect("a page");
        let sections: Vec<&str> = page.split("\n### ").skip(1).collect();
        let proto = include_str!("../../../proto/muster/v1/error_reason.proto");
        for (name, code) in reasons_and_codes() {
            let section = format!("{name}\n\n`{code}`. ");
            let found = sections.iter().any(|one| one.starts_with(&section));
            assert!(
                found,
                "docs/errors.md has no heading `### {name}` with a paragraph that begins with `{code}`"
            );
            let (before, _) = proto
                .split_once(&format!("  ERROR_REASON_{name} = "))
                .expect("it is there");
            let comment = before.rsplit(";\n").next().expect("there is a last part");
            assert!(
                comment.contains(&format!("// {code}: ")),
                "the comment of {name} does not begin with {code}"
            );
        }
        assert_eq!(sections.len(), reasons_and_codes().len(), "a heading is no reason");
    }

    #[test]
    fn an_error_fits_into_headers() {
        let faults: Vec<_> = (0..1_000)
            .map(|_| FieldFault::new("ä".repeat(100), "ö".repeat(100)))
            .collect();
        let (status, details) = details(faults.into());
        assert!(status.message().len() <= MESSAGE_BYTES_MAX);
        assert!(
            status.details().len() < 2 * FAULTS_BYTES_MAX,
            "{}",
            status.details().len()
        );
        assert!(
            !details
                .bad_request()
                .expect("it names fields")
                .field_violations
                .is_empty()
        );
    }
}
