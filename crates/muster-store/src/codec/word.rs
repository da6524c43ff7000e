//! The messages of the words that events, records and history share.

use muster_core::planted;
use muster_core::schedule::{Skip, SkipReason};
use muster_core::time::{Interval, Stamp};
use muster_core::words::{
    Attempt, Category, Claim, ConnectorName, Counts, Cursor, DataType, Enablement, Failure, OrganizationId, Origin,
    Outcome, PersonId, Pool, PoolName, Principal, Reason, ReasonKind, Request, RequestId, Revision, RunnerId, Staged,
    StagedId, TokenId, Warning,
};
use smol_str::SmolStr;

use super::{CodecError, judged, required};

/// An identifier of 128 bits.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct IdMessage {
    #[prost(fixed64, tag = "1")]
    high: u64,
    #[prost(fixed64, tag = "2")]
    low: u64,
}

impl IdMessage {
    pub(super) fn new(id: u128) -> Self {
        Self {
            high: (id >> 64) as u64,
            low: id as u64,
        }
    }

    pub(super) fn id(self) -> u128 {
        (u128::from(self.high) << 64) | u128::from(self.low)
    }
}

/// The identifier in a field that must be there.
pub(super) fn id<T>(
    field: Option<IdMessage>,
    wrap: impl FnOnce(u128) -> T,
    name: &'static str,
) -> Result<T, CodecError> {
    required(field, name).map(|message| wrap(message.id()))
}

/// A request that may come again.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RequestMessage {
    #[prost(message, optional, tag = "1")]
    id: Option<IdMessage>,
    #[prost(bytes = "vec", tag = "2")]
    digest: Vec<u8>,
}

impl From<&Request> for RequestMessage {
    fn from(request: &Request) -> Self {
        Self {
            id: Some(IdMessage::new(request.id.0)),
            digest: request.digest.to_vec(),
        }
    }
}

impl TryFrom<RequestMessage> for Request {
    type Error = CodecError;

    fn try_from(message: RequestMessage) -> Result<Self, CodecError> {
        let bytes = message.digest.len();
        Ok(Self {
            id: id(message.id, RequestId, "request")?,
            digest: judged(
                message.digest.try_into().map_err(|_| format!("{bytes} bytes, not 32")),
                "digest of a request",
            )?,
        })
    }
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct EmptyMessage {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PrincipalMessage {
    #[prost(oneof = "PrincipalKind", tags = "1, 2, 3, 4")]
    kind: Option<PrincipalKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum PrincipalKind {
    #[prost(string, tag = "1")]
    Operator(String),
    #[prost(message, tag = "2")]
    Runner(IdMessage),
    #[prost(message, tag = "3")]
    Coordinator(EmptyMessage),
    #[prost(message, tag = "4")]
    Token(TokenPrincipalMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
struct TokenPrincipalMessage {
    #[prost(message, optional, tag = "1")]
    token: Option<IdMessage>,
    /// Absent: a program's.
    #[prost(message, optional, tag = "2")]
    person: Option<IdMessage>,
    #[prost(string, tag = "3")]
    name: String,
}

impl From<&Principal> for PrincipalMessage {
    fn from(principal: &Principal) -> Self {
        let kind = match principal {
            Principal::Operator(name) => PrincipalKind::Operator(name.to_string()),
            Principal::Token { token, person, name } => PrincipalKind::Token(TokenPrincipalMessage {
                token: Some(IdMessage::new(token.0)),
                person: person.map(|person| IdMessage::new(person.0)),
                name: name.to_string(),
            }),
            Principal::Runner(id) => PrincipalKind::Runner(IdMessage::new(id.0)),
            Principal::Coordinator => PrincipalKind::Coordinator(EmptyMessage {}),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<PrincipalMessage> for Principal {
    type Error = CodecError;

    fn try_from(message: PrincipalMessage) -> Result<Self, CodecError> {
        match message.kind.ok_or(CodecError::Unknown("kind of principal"))? {
            PrincipalKind::Operator(name) => Ok(Self::Operator(SmolStr::from(name))),
            PrincipalKind::Runner(id) => Ok(Self::Runner(RunnerId(id.id()))),
            PrincipalKind::Token(message) => Ok(Self::Token {
                token: id(message.token, TokenId, "token")?,
                person: message.person.map(|person| PersonId(person.id())),
                name: SmolStr::from(message.name),
            }),
            PrincipalKind::Coordinator(EmptyMessage {}) => Ok(Self::Coordinator),
        }
    }
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct ClaimMessage {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

impl From<&Claim> for ClaimMessage {
    fn from(claim: &Claim) -> Self {
        Self {
            runner: Some(IdMessage::new(claim.runner.0)),
            attempt: claim.attempt.0,
        }
    }
}

impl TryFrom<ClaimMessage> for Claim {
    type Error = CodecError;

    fn try_from(message: ClaimMessage) -> Result<Self, CodecError> {
        Ok(Self {
            runner: id(message.runner, RunnerId, "claim's runner")?,
            attempt: Attempt(message.attempt),
        })
    }
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct CountsMessage {
    #[prost(uint64, tag = "1")]
    records: u64,
    #[prost(uint64, tag = "2")]
    bytes: u64,
}

impl From<&Counts> for CountsMessage {
    fn from(counts: &Counts) -> Self {
        let Counts { records, bytes } = *counts;
        Self { records, bytes }
    }
}

impl From<CountsMessage> for Counts {
    fn from(message: CountsMessage) -> Self {
        let CountsMessage { records, bytes } = message;
        Self { records, bytes }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FailureMessage {
    #[prost(enumeration = "CategoryMessage", tag = "1")]
    category: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(string, optional, tag = "3")]
    remedy: Option<String>,
    /// Missing in what older versions have written: nobody knew.
    #[prost(message, optional, tag = "4")]
    reason: Option<ReasonMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ReasonMessage {
    #[prost(enumeration = "ReasonKindMessage", tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    subject: String,
    #[prost(string, optional, tag = "3")]
    issuer: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum ReasonKindMessage {
    Unspecified = 0,
    MissingPermission = 1,
    BadCredentials = 2,
    NameResolution = 3,
    Refused = 4,
    ConnectTimeout = 5,
    Unreachable = 6,
    Broken = 7,
    Untrusted = 8,
    CertificateExpired = 9,
    CertificateName = 10,
    Tls = 11,
    ProxyRefused = 12,
    ProxyAuthentication = 13,
    Exited = 14,
    Killed = 15,
    Panicked = 16,
    TimeLimit = 17,
    RunnerSilent = 18,
}

impl From<&Reason> for ReasonMessage {
    fn from(reason: &Reason) -> Self {
        let kind = match reason.kind {
            ReasonKind::MissingPermission => ReasonKindMessage::MissingPermission,
            ReasonKind::BadCredentials => ReasonKindMessage::BadCredentials,
            ReasonKind::NameResolution => ReasonKindMessage::NameResolution,
            ReasonKind::Refused => ReasonKindMessage::Refused,
            ReasonKind::ConnectTimeout => ReasonKindMessage::ConnectTimeout,
            ReasonKind::Unreachable => ReasonKindMessage::Unreachable,
            ReasonKind::Broken => ReasonKindMessage::Broken,
            ReasonKind::Untrusted => ReasonKindMessage::Untrusted,
            ReasonKind::CertificateExpired => ReasonKindMessage::CertificateExpired,
            ReasonKind::CertificateName => ReasonKindMessage::CertificateName,
            ReasonKind::Tls => ReasonKindMessage::Tls,
            ReasonKind::ProxyRefused => ReasonKindMessage::ProxyRefused,
            ReasonKind::ProxyAuthentication => ReasonKindMessage::ProxyAuthentication,
            ReasonKind::Exited => ReasonKindMessage::Exited,
            ReasonKind::Killed => ReasonKindMessage::Killed,
            ReasonKind::Panicked => ReasonKindMessage::Panicked,
            ReasonKind::TimeLimit => ReasonKindMessage::TimeLimit,
            ReasonKind::RunnerSilent => ReasonKindMessage::RunnerSilent,
        };
        Self {
            kind: kind.into(),
            subject: reason.subject.to_string(),
            issuer: reason.issuer.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<ReasonMessage> for Reason {
    type Error = CodecError;

    fn try_from(message: ReasonMessage) -> Result<Self, CodecError> {
        const UNKNOWN: CodecError = CodecError::Unknown("reason of a failure");
        let kind = match ReasonKindMessage::try_from(message.kind).map_err(|_| UNKNOWN)? {
            ReasonKindMessage::Unspecified => return Err(UNKNOWN),
            ReasonKindMessage::MissingPermission => ReasonKind::MissingPermission,
            ReasonKindMessage::BadCredentials => ReasonKind::BadCredentials,
            ReasonKindMessage::NameResolution => ReasonKind::NameResolution,
            ReasonKindMessage::Refused => ReasonKind::Refused,
            ReasonKindMessage::ConnectTimeout => ReasonKind::ConnectTimeout,
            ReasonKindMessage::Unreachable => ReasonKind::Unreachable,
            ReasonKindMessage::Broken => ReasonKind::Broken,
            ReasonKindMessage::Untrusted => ReasonKind::Untrusted,
            ReasonKindMessage::CertificateExpired => ReasonKind::CertificateExpired,
            ReasonKindMessage::CertificateName => ReasonKind::CertificateName,
            ReasonKindMessage::Tls => ReasonKind::Tls,
            ReasonKindMessage::ProxyRefused => ReasonKind::ProxyRefused,
            ReasonKindMessage::ProxyAuthentication => ReasonKind::ProxyAuthentication,
            ReasonKindMessage::Exited => ReasonKind::Exited,
            ReasonKindMessage::Killed => ReasonKind::Killed,
            ReasonKindMessage::Panicked => ReasonKind::Panicked,
            ReasonKindMessage::TimeLimit => ReasonKind::TimeLimit,
            ReasonKindMessage::RunnerSilent => ReasonKind::RunnerSilent,
        };
        Ok(Self {
            kind,
            subject: message.subject.into(),
            issuer: message.issuer.map(Into::into),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum CategoryMessage {
    Unspecified = 0,
    Permission = 1,
    Configuration = 2,
    Communication = 3,
    Connector = 4,
    Timeout = 5,
    RunnerLost = 6,
    Landing = 7,
    Canceled = 8,
}

impl From<&Failure> for FailureMessage {
    fn from(failure: &Failure) -> Self {
        let category = match failure.category {
            Category::Permission => CategoryMessage::Permission,
            Category::Configuration => CategoryMessage::Configuration,
            Category::Communication => CategoryMessage::Communication,
            Category::Connector => CategoryMessage::Connector,
            Category::Timeout => CategoryMessage::Timeout,
            Category::RunnerLost => CategoryMessage::RunnerLost,
            Category::Landing => CategoryMessage::Landing,
            Category::Canceled => CategoryMessage::Canceled,
        };
        Self {
            category: category.into(),
            message: failure.message.clone(),
            remedy: failure.remedy.clone(),
            reason: failure.reason.as_deref().map(Into::into),
        }
    }
}

impl TryFrom<FailureMessage> for Failure {
    type Error = CodecError;

    fn try_from(message: FailureMessage) -> Result<Self, CodecError> {
        const UNKNOWN: CodecError = CodecError::Unknown("error category");
        let category = match CategoryMessage::try_from(message.category).map_err(|_| UNKNOWN)? {
            CategoryMessage::Unspecified => return Err(UNKNOWN),
            CategoryMessage::Permission => Category::Permission,
            CategoryMessage::Configuration => Category::Configuration,
            CategoryMessage::Communication => Category::Communication,
            CategoryMessage::Connector => Category::Connector,
            CategoryMessage::Timeout => Category::Timeout,
            CategoryMessage::RunnerLost => Category::RunnerLost,
            CategoryMessage::Landing => Category::Landing,
            CategoryMessage::Canceled => Category::Canceled,
        };
        Ok(Self {
            category,
            message: message.message,
            reason: message.reason.map(TryInto::try_into).transpose()?.map(Box::new),
            remedy: message.remedy,
        })
    }
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct WarningMessage {
    #[prost(oneof = "WarningKind", tags = "1, 2")]
    kind: Option<WarningKind>,
}

#[derive(Clone, Copy, PartialEq, prost::Oneof)]
enum WarningKind {
    /// How many records there were before.
    #[prost(uint64, tag = "1")]
    ZeroRecords(u64),
    /// How many records there were before.
    #[prost(uint64, tag = "2")]
    FewerRecords(u64),
}

impl From<&Warning> for WarningMessage {
    fn from(warning: &Warning) -> Self {
        let kind = match warning {
            Warning::ZeroRecords { before } => WarningKind::ZeroRecords(*before),
            Warning::FewerRecords { before } => WarningKind::FewerRecords(*before),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<WarningMessage> for Warning {
    type Error = CodecError;

    fn try_from(message: WarningMessage) -> Result<Self, CodecError> {
        match message.kind.ok_or(CodecError::Unknown("kind of warning"))? {
            WarningKind::ZeroRecords(before) => Ok(Self::ZeroRecords { before }),
            WarningKind::FewerRecords(before) => Ok(Self::FewerRecords { before }),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OutcomeMessage {
    #[prost(oneof = "OutcomeKind", tags = "1, 2")]
    kind: Option<OutcomeKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OutcomeKind {
    #[prost(message, tag = "1")]
    Completed(CompletedMessage),
    #[prost(message, tag = "2")]
    Error(FailureMessage),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct CompletedMessage {
    #[prost(message, optional, tag = "1")]
    counts: Option<CountsMessage>,
    #[prost(message, optional, tag = "2")]
    warning: Option<WarningMessage>,
}

impl From<&Outcome> for OutcomeMessage {
    fn from(outcome: &Outcome) -> Self {
        let kind = match outcome {
            Outcome::Completed { counts, warning } => OutcomeKind::Completed(CompletedMessage {
                counts: Some(counts.into()),
                warning: warning.as_ref().map(Into::into),
            }),
            Outcome::Error(failure) => OutcomeKind::Error(failure.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<OutcomeMessage> for Outcome {
    type Error = CodecError;

    fn try_from(message: OutcomeMessage) -> Result<Self, CodecError> {
        match message.kind.ok_or(CodecError::Unknown("kind of outcome"))? {
            OutcomeKind::Completed(completed) => Ok(Self::Completed {
                counts: required(completed.counts, "counts")?.into(),
                warning: completed.warning.map(TryInto::try_into).transpose()?,
            }),
            OutcomeKind::Error(failure) => Ok(Self::Error(failure.try_into()?)),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OriginMessage {
    #[prost(oneof = "OriginKind", tags = "1, 2, 3")]
    kind: Option<OriginKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OriginKind {
    #[prost(message, tag = "1")]
    Schedule(NominalMessage),
    #[prost(message, tag = "2")]
    Activation(EmptyMessage),
    #[prost(message, tag = "3")]
    RunNow(PrincipalMessage),
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct NominalMessage {
    #[prost(uint64, tag = "1")]
    nominal_ms: u64,
    #[prost(uint32, tag = "2")]
    revision: u32,
}

impl From<&Origin> for OriginMessage {
    fn from(origin: &Origin) -> Self {
        let kind = match origin {
            Origin::Schedule { nominal, revision } => OriginKind::Schedule(NominalMessage {
                nominal_ms: nominal.millis(),
                revision: revision.0,
            }),
            Origin::Activation => OriginKind::Activation(EmptyMessage {}),
            Origin::RunNow(principal) => OriginKind::RunNow(principal.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<OriginMessage> for Origin {
    type Error = CodecError;

    fn try_from(message: OriginMessage) -> Result<Self, CodecError> {
        match message.kind.ok_or(CodecError::Unknown("origin of an execution"))? {
            OriginKind::Schedule(NominalMessage { nominal_ms, revision }) => Ok(Self::Schedule {
                nominal: Stamp::from_millis(nominal_ms),
                revision: Revision(revision),
            }),
            OriginKind::Activation(EmptyMessage {}) => Ok(Self::Activation),
            OriginKind::RunNow(principal) => Ok(Self::RunNow(principal.try_into()?)),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PoolMessage {
    #[prost(string, optional, tag = "1")]
    organization: Option<String>,
    #[prost(string, tag = "2")]
    name: String,
}

impl From<&Pool> for PoolMessage {
    fn from(pool: &Pool) -> Self {
        Self {
            organization: pool.organization.as_ref().map(ToString::to_string),
            name: pool.name.to_string(),
        }
    }
}

impl TryFrom<PoolMessage> for Pool {
    type Error = CodecError;

    fn try_from(message: PoolMessage) -> Result<Self, CodecError> {
        Ok(Self {
            organization: owner(message.organization)?,
            name: judged(PoolName::new(&message.name), "pool")?,
        })
    }
}

/// The organization in a field whose absence means the service itself.
pub(super) fn owner(field: Option<String>) -> Result<Option<OrganizationId>, CodecError> {
    field
        .map(|name| judged(OrganizationId::new(&name), "organization"))
        .transpose()
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StagedMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(message, optional, tag = "2")]
    counts: Option<CountsMessage>,
    #[prost(string, optional, tag = "3")]
    cursor: Option<String>,
}

impl From<&Staged> for StagedMessage {
    fn from(staged: &Staged) -> Self {
        Self {
            id: staged.id.0.clone(),
            counts: Some((&staged.counts).into()),
            cursor: staged
                .cursor
                .as_ref()
                .filter(|_| !planted!("cursor-not-written"))
                .map(cursor_text),
        }
    }
}

impl TryFrom<StagedMessage> for Staged {
    type Error = CodecError;

    fn try_from(message: StagedMessage) -> Result<Self, CodecError> {
        Ok(Self {
            id: StagedId(message.id),
            counts: required(message.counts, "staged counts")?.into(),
            cursor: cursor(message.cursor)?,
        })
    }
}

pub(super) fn cursor_text(cursor: &Cursor) -> String {
    cursor.as_str().to_owned()
}

/// The cursor in a field that may be absent.
pub(super) fn cursor(field: Option<String>) -> Result<Option<Cursor>, CodecError> {
    field.map(|text| judged(Cursor::new(text), "cursor")).transpose()
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct SkipMessage {
    #[prost(uint64, tag = "1")]
    from_ms: u64,
    #[prost(uint64, tag = "2")]
    to_ms: u64,
    #[prost(uint64, tag = "3")]
    count: u64,
    #[prost(uint32, tag = "4")]
    revision: u32,
    #[prost(enumeration = "SkipReasonMessage", tag = "5")]
    reason: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum SkipReasonMessage {
    Unspecified = 0,
    StillOpen = 1,
    Missed = 2,
    QuotaReached = 3,
}

impl From<&Skip> for SkipMessage {
    fn from(skip: &Skip) -> Self {
        let reason = match skip.reason {
            SkipReason::StillOpen => SkipReasonMessage::StillOpen,
            SkipReason::Missed => SkipReasonMessage::Missed,
            SkipReason::QuotaReached => SkipReasonMessage::QuotaReached,
        };
        Self {
            from_ms: skip.from.millis(),
            to_ms: skip.to.millis(),
            count: skip.count,
            revision: skip.revision.0,
            reason: reason.into(),
        }
    }
}

impl TryFrom<SkipMessage> for Skip {
    type Error = CodecError;

    fn try_from(message: SkipMessage) -> Result<Self, CodecError> {
        const UNKNOWN: CodecError = CodecError::Unknown("reason of a skip");
        let reason = match SkipReasonMessage::try_from(message.reason).map_err(|_| UNKNOWN)? {
            SkipReasonMessage::Unspecified => return Err(UNKNOWN),
            SkipReasonMessage::StillOpen => SkipReason::StillOpen,
            SkipReasonMessage::Missed => SkipReason::Missed,
            SkipReasonMessage::QuotaReached => SkipReason::QuotaReached,
        };
        Ok(Self {
            from: Stamp::from_millis(message.from_ms),
            to: Stamp::from_millis(message.to_ms),
            count: message.count,
            revision: Revision(message.revision),
            reason,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum EnablementMessage {
    Unspecified = 0,
    Draft = 1,
    Enabled = 2,
    Disabled = 3,
}

impl From<Enablement> for EnablementMessage {
    fn from(enablement: Enablement) -> Self {
        match enablement {
            Enablement::Draft => Self::Draft,
            Enablement::Enabled => Self::Enabled,
            Enablement::Disabled => Self::Disabled,
        }
    }
}

/// The enablement in a field.
pub(super) fn enablement(field: i32) -> Result<Enablement, CodecError> {
    const UNKNOWN: CodecError = CodecError::Unknown("enablement");
    match EnablementMessage::try_from(field).map_err(|_| UNKNOWN)? {
        EnablementMessage::Unspecified => Err(UNKNOWN),
        EnablementMessage::Draft => Ok(Enablement::Draft),
        EnablementMessage::Enabled => Ok(Enablement::Enabled),
        EnablementMessage::Disabled => Ok(Enablement::Disabled),
    }
}

pub(super) fn interval(seconds: u64) -> Result<Interval, CodecError> {
    judged(Interval::new(std::time::Duration::from_secs(seconds)), "interval")
}

pub(super) fn data_type(text: &str) -> Result<DataType, CodecError> {
    judged(DataType::new(text), "data type")
}

pub(super) fn connector_name(text: &str) -> Result<ConnectorName, CodecError> {
    judged(ConnectorName::new(text), "connector")
}

pub(super) fn organization(text: &str) -> Result<OrganizationId, CodecError> {
    judged(OrganizationId::new(text), "organization")
}
