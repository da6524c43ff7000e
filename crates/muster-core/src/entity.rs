//! The entities of the ledger. Each has its own `apply`, which reads the event and itself and nothing else.

mod authority;
mod checked;
mod connector;
mod enrollment_token;
mod evidence;
mod execution;
mod incident;
mod integration;
mod organization;
mod person;
mod runner;
mod runner_identity;
mod token;

pub use authority::{Authority, Generation};
pub use checked::Checked;
pub use connector::{Connector, ConnectorKey, Offer};
pub use enrollment_token::EnrollmentToken;
pub use evidence::{CloneEvidence, ErrorSeen, Evidence, LastRunner, PoolEvidence, RateEvidence, RunnerEvidence};
pub use execution::{Execution, Finished, Phase};
pub use incident::{Cause, Channel, Closed, Closing, Delivery, DeliveryState, Incident, Notice, NoticeKind};
pub use integration::{Alert, Collection, Completion, Definition, Integration, PerDataType, Trouble};
pub use organization::{Organization, OrganizationState};
pub use person::Person;
pub use runner::{Outdated, Profile, Runner};
pub use runner_identity::{BarReason, Barred, Certificate, RunnerIdentity};
pub use token::{Shut, Token};

use crate::words::{
    EnrollmentTokenId, ExecutionId, IncidentId, IntegrationId, OrganizationId, PersonId, RunnerId, TokenId,
};

/// Names an entity of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKey {
    /// An integration.
    Integration(IntegrationId),
    /// An open execution.
    Execution(ExecutionId),
    /// A runner.
    Runner(RunnerId),
    /// A connector, as runners offer it.
    Connector(ConnectorKey),
    /// An incident.
    Incident(IncidentId),
    /// A person.
    Person(PersonId),
    /// A token.
    Token(TokenId),
    /// An organization.
    Organization(OrganizationId),
    /// The authority of an organization; `None` for the service's own.
    Authority(Option<OrganizationId>),
    /// An enrollment token.
    EnrollmentToken(EnrollmentTokenId),
    /// The identity of a runner that has enrolled.
    RunnerIdentity(RunnerId),
    /// The audit log of an organization; `None` for the service's own. The ledger has none: the store keeps it apart.
    AuditLog(Option<OrganizationId>),
}
