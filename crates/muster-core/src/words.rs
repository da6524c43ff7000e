//! The words of the domain as types. Everything that Muster talks about is built from these.

mod claim;
mod configuration;
mod failure;
mod fingerprint;
mod grant;
mod id;
mod log_line;
mod name;
mod notifications;
mod outcome;
pub(crate) mod percent;
mod permission;
mod principal;
mod quotas;
mod reason;
mod release;
mod request;
mod retention;
mod seal;
mod status;
mod version;

pub use claim::{Attempt, Claim, Revision, Sequence, Slots, Staged, StagedId};
pub use configuration::{Configuration, ConfigurationError};
pub use failure::{Category, Failure};
pub use fingerprint::Fingerprint;
pub use grant::{Grant, Role, Scope, TokenHash};
pub use id::{
    CheckId, EnrollmentTokenId, ExecutionId, IdError, IncidentId, IntegrationId, PersonId, RequestId, RunnerId,
    SessionId, TokenId,
};
pub use log_line::{LogLevel, LogLine, LogSource};
pub use name::{
    AccessSchema, ConnectorName, DataType, DisplayName, NAME_CHARS_MAX, NameError, OrganizationId, Pool, PoolName,
};
pub use notifications::{EmailAddress, EmailAddressError, Notifications, NotificationsError};
pub use outcome::{Counts, Cursor, CursorError, Outcome, Warning};
pub use percent::{Percent, PercentError};
pub use permission::Permission;
pub use principal::Principal;
pub use quotas::{Quota, Quotas};
pub use reason::{Reason, ReasonKind};
pub use release::Release;
pub use request::Request;
pub use retention::{RetentionDays, RetentionError};
pub use seal::{Recipients, SealError, Sealed, SealingKey};
pub use status::{ConfigurationStatus, Enablement, ExecutionStatus, Origin};
pub use version::{Version, VersionFault};
