//! The reasons of errors: what each is called, which code it has, where it is explained, and which one a rejection of the core is.

use muster_core::decide::Rejection;
use muster_core::decide::access::AccessRejection;
use muster_core::decide::identity::IdentityRejection;
use muster_proto::v1::ErrorReason;
use tonic::Code;
use tonic_types::ErrorDetails;

/// The domain of every reason.
const DOMAIN: &str = "muster.v1";

/// The page that says of each reason, under a heading of its name, what it means and what to do.
const ERRORS_PAGE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/errors.md");

/// What every error has: its reason, and where to read more about it.
pub(super) fn details_of(reason: ErrorReason) -> ErrorDetails {
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

/// The reason as programs read it: `ETAG_MISMATCH`.
pub(crate) fn name_of_reason(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

pub(crate) fn reason_of_rejection(rejection: &Rejection) -> ErrorReason {
    match rejection {
        Rejection::OrganizationNotFound(_) => ErrorReason::OrganizationNotFound,
        Rejection::OrganizationExists(_) => ErrorReason::NameTaken,
        Rejection::OrganizationStale(_) => ErrorReason::EtagMismatch,
        Rejection::OrganizationSuspended { .. } | Rejection::OrganizationClosing(_) => {
            ErrorReason::OrganizationSuspended
        }
        Rejection::OrganizationInUse { .. } => ErrorReason::OrganizationNotSuspended,
        Rejection::QuotaReached { .. } => ErrorReason::LimitReached,
        Rejection::IntegrationNotFound(_) => ErrorReason::IntegrationNotFound,
        Rejection::NotOpen(_) => ErrorReason::ExecutionNotFound,
        Rejection::NameTaken { .. } => ErrorReason::NameTaken,
        Rejection::RequestReused { .. } => ErrorReason::RequestIdReused,
        Rejection::NoDataTypes | Rejection::NotCollected { .. } | Rejection::ConnectorFixed { .. } => {
            ErrorReason::InvalidField
        }
        Rejection::PauseOutOfBounds { .. } => ErrorReason::InvalidField,
        Rejection::NoRunner { .. } => ErrorReason::NoRunner,
        Rejection::ChecksFull { .. } => ErrorReason::LimitReached,
        Rejection::Stale { .. } => ErrorReason::EtagMismatch,
        Rejection::NotEnabled(_) => ErrorReason::IntegrationDisabled,
        Rejection::Committed(_) => ErrorReason::ExecutionEnded,
        Rejection::Fenced { .. } => ErrorReason::AttemptFenced,
        Rejection::Identity(rejection) => reason_of_identity(rejection),
        Rejection::SessionOver(_) => ErrorReason::SessionLapsed,
        Rejection::Access(rejection) => reason_of_access(rejection),
    }
}

fn reason_of_access(rejection: &AccessRejection) -> ErrorReason {
    match rejection {
        AccessRejection::PersonNotFound(_) => ErrorReason::PersonNotFound,
        AccessRejection::TokenNotFound(_) => ErrorReason::TokenNotFound,
        AccessRejection::PersonStale(_) => ErrorReason::EtagMismatch,
        AccessRejection::PersonRequestReused(_) | AccessRejection::TokenRequestReused(_) => {
            ErrorReason::RequestIdReused
        }
        AccessRejection::EmailTaken { .. } => ErrorReason::EmailTaken,
        AccessRejection::BeyondGranter { .. } => ErrorReason::PermissionDenied,
        AccessRejection::BeyondHolder { .. } | AccessRejection::ExpiryPast => ErrorReason::InvalidField,
        AccessRejection::TooMany { .. } => ErrorReason::LimitReached,
        AccessRejection::LastAdmin => ErrorReason::LastAdmin,
    }
}

fn reason_of_identity(rejection: &IdentityRejection) -> ErrorReason {
    match rejection {
        IdentityRejection::NoToken
        | IdentityRejection::TokenExpired
        | IdentityRejection::TokenRevoked
        | IdentityRejection::TokenUsed(_) => ErrorReason::EnrollmentTokenInvalid,
        IdentityRejection::TokenNotFound(_) => ErrorReason::EnrollmentTokenNotFound,
        IdentityRejection::NotEnrolled(_) | IdentityRejection::OtherKey(_) | IdentityRejection::OtherPool { .. } => {
            ErrorReason::CertificateMismatch
        }
        IdentityRejection::Barred { .. } => ErrorReason::RunnerBarred,
        IdentityRejection::Rotated => ErrorReason::EtagMismatch,
    }
}

/// Which field of the request the core has refused; `None` when it is none.
pub(super) fn field_of_rejection(rejection: &Rejection) -> Option<&'static str> {
    match rejection {
        Rejection::NameTaken { .. } => Some("integration.display_name"),
        Rejection::RequestReused { .. }
        | Rejection::Access(AccessRejection::PersonRequestReused(_) | AccessRejection::TokenRequestReused(_)) => {
            Some("request_id")
        }
        Rejection::NoDataTypes => Some("integration.data_types"),
        Rejection::ConnectorFixed { .. } => Some("integration.connector"),
        Rejection::NotCollected { .. } => Some("data_types"),
        Rejection::PauseOutOfBounds { .. } => Some("until"),
        Rejection::Access(AccessRejection::EmailTaken { .. }) => Some("person.email"),
        Rejection::Access(AccessRejection::BeyondHolder { .. }) => Some("token.role"),
        Rejection::Access(AccessRejection::ExpiryPast) => Some("token.expire_time"),
        Rejection::OrganizationExists(_) => Some("organization_id"),
        Rejection::Access(_)
        | Rejection::OrganizationNotFound(_)
        | Rejection::OrganizationStale(_)
        | Rejection::OrganizationSuspended { .. }
        | Rejection::OrganizationInUse { .. }
        | Rejection::OrganizationClosing(_)
        | Rejection::QuotaReached { .. }
        | Rejection::IntegrationNotFound(_)
        | Rejection::NotOpen(_)
        | Rejection::Stale { .. }
        | Rejection::NotEnabled(_)
        | Rejection::NoRunner { .. }
        | Rejection::ChecksFull { .. }
        | Rejection::Committed(_)
        | Rejection::Fenced { .. }
        | Rejection::Identity(_)
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
        ErrorReason::EnrollmentTokenInvalid | ErrorReason::CertificateRequired => Code::Unauthenticated,
        ErrorReason::CertificateMismatch | ErrorReason::RunnerBarred => Code::PermissionDenied,
        ErrorReason::OrganizationNotFound
        | ErrorReason::EnrollmentTokenNotFound
        | ErrorReason::IntegrationNotFound
        | ErrorReason::ExecutionNotFound
        | ErrorReason::RunnerNotFound
        | ErrorReason::IncidentNotFound
        | ErrorReason::ConnectorNotFound
        | ErrorReason::PersonNotFound
        | ErrorReason::TokenNotFound
        | ErrorReason::RecordsNotFound => Code::NotFound,
        ErrorReason::EtagMismatch
        | ErrorReason::SessionSuperseded
        | ErrorReason::SessionLapsed
        | ErrorReason::AttemptFenced
        | ErrorReason::CheckUnanswered => Code::Aborted,
        ErrorReason::RequestIdReused | ErrorReason::NameTaken | ErrorReason::EmailTaken => Code::AlreadyExists,
        ErrorReason::Unauthenticated | ErrorReason::TokenExpired | ErrorReason::TokenMalformed => Code::Unauthenticated,
        ErrorReason::PermissionDenied => Code::PermissionDenied,
        ErrorReason::IntegrationDisabled
        | ErrorReason::EnrollmentOff
        | ErrorReason::ExecutionEnded
        | ErrorReason::ConnectorUnknown
        | ErrorReason::MailNotConfigured
        | ErrorReason::MailNotSent
        | ErrorReason::NoRunner
        | ErrorReason::LastAdmin
        | ErrorReason::OrganizationSuspended
        | ErrorReason::OrganizationNotSuspended
        | ErrorReason::RunnerVersionUnsupported => Code::FailedPrecondition,
        ErrorReason::CallUnknown => Code::Unimplemented,
        ErrorReason::LimitReached
        | ErrorReason::RateLimited
        | ErrorReason::RequestTooLarge
        | ErrorReason::SessionOverflow => Code::ResourceExhausted,
        ErrorReason::NotReady | ErrorReason::ShuttingDown | ErrorReason::LandingUnavailable => Code::Unavailable,
        ErrorReason::StoreDamaged => Code::DataLoss,
        ErrorReason::Internal | ErrorReason::Unspecified => Code::Internal,
    }
}
