//! Authorities, enrollment tokens and the identities of runners, and what happens to them.

use std::sync::Arc;

use muster_core::entity::{Authority, BarReason, Barred, Certificate, EnrollmentToken, Generation, RunnerIdentity};
use muster_core::event::IdentityEvent;
use muster_core::time::Stamp;
use muster_core::words::{EnrollmentTokenId, Fingerprint, RunnerId};

use super::word::{IdMessage, PoolMessage, PrincipalMessage, id, owner};
use super::{CodecError, required};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct IdentityEventMessage {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    AuthorityRotated(AuthorityRotated),
    #[prost(message, tag = "2")]
    EnrollmentTokenCreated(EnrollmentTokenCreated),
    /// Its id.
    #[prost(message, tag = "3")]
    EnrollmentTokenRevoked(IdMessage),
    /// Its id.
    #[prost(message, tag = "4")]
    EnrollmentTokenForgotten(IdMessage),
    #[prost(message, tag = "5")]
    RunnerEnrolled(RunnerEnrolled),
    #[prost(message, tag = "6")]
    CertificateRenewed(CertificateRenewed),
    #[prost(message, tag = "7")]
    RunnerBarred(RunnerBarred),
    /// The runner's id.
    #[prost(message, tag = "8")]
    RunnerIdentityForgotten(IdMessage),
    /// Whose.
    #[prost(string, tag = "9")]
    AuthorityForgotten(String),
}

#[derive(Clone, PartialEq, prost::Message)]
struct AuthorityRotated {
    /// Absent: the service itself.
    #[prost(string, optional, tag = "1")]
    owner: Option<String>,
    #[prost(uint32, tag = "2")]
    number: u32,
    #[prost(bytes = "vec", tag = "3")]
    certificate: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    sealed_key: Vec<u8>,
    #[prost(uint64, tag = "5")]
    overlap_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EnrollmentTokenCreated {
    #[prost(message, optional, tag = "1")]
    token: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    pool: Option<PoolMessage>,
    #[prost(bytes = "vec", tag = "3")]
    hash: Vec<u8>,
    #[prost(uint64, tag = "4")]
    expires_ms: u64,
    #[prost(uint32, tag = "5")]
    uses_max: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RunnerEnrolled {
    #[prost(message, optional, tag = "1")]
    token: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    runner: Option<IdMessage>,
    #[prost(message, optional, tag = "3")]
    pool: Option<PoolMessage>,
    #[prost(bytes = "vec", tag = "4")]
    key: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    certificate: Option<CertificateMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CertificateRenewed {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    certificate: Option<CertificateMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RunnerBarred {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(enumeration = "BarReasonMessage", tag = "2")]
    why: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum BarReasonMessage {
    Unspecified = 0,
    Revoked = 1,
    Cloned = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CertificateMessage {
    #[prost(bytes = "vec", tag = "1")]
    der: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    serial: Vec<u8>,
    #[prost(uint64, tag = "3")]
    until_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AuthorityMessage {
    /// Absent: the service itself.
    #[prost(string, optional, tag = "1")]
    owner: Option<String>,
    #[prost(message, repeated, tag = "2")]
    generations: Vec<GenerationMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GenerationMessage {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(bytes = "vec", tag = "2")]
    certificate: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    sealed_key: Vec<u8>,
    #[prost(uint64, tag = "4")]
    since_ms: u64,
    /// Absent: it signs.
    #[prost(uint64, optional, tag = "5")]
    until_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EnrollmentTokenMessage {
    #[prost(message, optional, tag = "1")]
    token: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    pool: Option<PoolMessage>,
    #[prost(bytes = "vec", tag = "3")]
    hash: Vec<u8>,
    #[prost(uint64, tag = "4")]
    made_ms: u64,
    #[prost(message, optional, tag = "5")]
    made_by: Option<PrincipalMessage>,
    #[prost(uint64, tag = "6")]
    expires_ms: u64,
    #[prost(uint32, tag = "7")]
    uses_max: u32,
    #[prost(message, repeated, tag = "8")]
    uses: Vec<UseMessage>,
    /// Absent: it was not revoked.
    #[prost(uint64, optional, tag = "9")]
    revoked_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct UseMessage {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    runner: Option<IdMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RunnerIdentityMessage {
    #[prost(message, optional, tag = "1")]
    runner: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    pool: Option<PoolMessage>,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(message, optional, tag = "4")]
    certificate: Option<CertificateMessage>,
    #[prost(uint64, tag = "5")]
    enrolled_ms: u64,
    #[prost(message, optional, tag = "6")]
    token: Option<IdMessage>,
    /// Absent: it may check in.
    #[prost(message, optional, tag = "7")]
    barred: Option<BarredMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct BarredMessage {
    #[prost(enumeration = "BarReasonMessage", tag = "1")]
    why: i32,
    #[prost(uint64, tag = "2")]
    since_ms: u64,
}

impl From<&IdentityEvent> for IdentityEventMessage {
    fn from(event: &IdentityEvent) -> Self {
        let kind = match event {
            IdentityEvent::AuthorityRotated {
                owner,
                number,
                certificate,
                sealed_key,
                overlap,
            } => Kind::AuthorityRotated(AuthorityRotated {
                owner: owner.as_ref().map(ToString::to_string),
                number: *number,
                certificate: certificate.to_vec(),
                sealed_key: sealed_key.to_vec(),
                overlap_ms: overlap.millis(),
            }),
            IdentityEvent::EnrollmentTokenCreated {
                token,
                pool,
                hash,
                expires,
                uses_max,
            } => Kind::EnrollmentTokenCreated(EnrollmentTokenCreated {
                token: Some(IdMessage::new(token.0)),
                pool: Some(pool.into()),
                hash: hash.0.to_vec(),
                expires_ms: expires.millis(),
                uses_max: *uses_max,
            }),
            IdentityEvent::EnrollmentTokenRevoked { token } => Kind::EnrollmentTokenRevoked(IdMessage::new(token.0)),
            IdentityEvent::EnrollmentTokenForgotten { token } => {
                Kind::EnrollmentTokenForgotten(IdMessage::new(token.0))
            }
            IdentityEvent::RunnerEnrolled {
                token,
                runner,
                pool,
                key,
                certificate,
            } => Kind::RunnerEnrolled(RunnerEnrolled {
                token: Some(IdMessage::new(token.0)),
                runner: Some(IdMessage::new(runner.0)),
                pool: Some(pool.into()),
                key: key.0.to_vec(),
                certificate: Some(certificate.into()),
            }),
            IdentityEvent::CertificateRenewed { runner, certificate } => Kind::CertificateRenewed(CertificateRenewed {
                runner: Some(IdMessage::new(runner.0)),
                certificate: Some(certificate.into()),
            }),
            IdentityEvent::RunnerBarred { runner, why } => Kind::RunnerBarred(RunnerBarred {
                runner: Some(IdMessage::new(runner.0)),
                why: BarReasonMessage::from(*why).into(),
            }),
            IdentityEvent::RunnerIdentityForgotten { runner } => {
                Kind::RunnerIdentityForgotten(IdMessage::new(runner.0))
            }
            IdentityEvent::AuthorityForgotten { owner } => Kind::AuthorityForgotten(owner.to_string()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<IdentityEventMessage> for IdentityEvent {
    type Error = CodecError;

    fn try_from(message: IdentityEventMessage) -> Result<Self, CodecError> {
        Ok(match required(message.kind, "kind of identity's event")? {
            Kind::AuthorityRotated(message) => Self::AuthorityRotated {
                owner: owner(message.owner)?,
                number: message.number,
                certificate: message.certificate.into(),
                sealed_key: message.sealed_key.into(),
                overlap: Stamp::from_millis(message.overlap_ms),
            },
            Kind::EnrollmentTokenCreated(message) => Self::EnrollmentTokenCreated {
                token: token(message.token)?,
                pool: required(message.pool, "pool")?.try_into()?,
                hash: fingerprint(message.hash, "hash")?,
                expires: Stamp::from_millis(message.expires_ms),
                uses_max: message.uses_max,
            },
            Kind::EnrollmentTokenRevoked(message) => Self::EnrollmentTokenRevoked {
                token: token(Some(message))?,
            },
            Kind::EnrollmentTokenForgotten(message) => Self::EnrollmentTokenForgotten {
                token: token(Some(message))?,
            },
            Kind::RunnerEnrolled(message) => Self::RunnerEnrolled {
                token: token(message.token)?,
                runner: id(message.runner, RunnerId, "runner")?,
                pool: required(message.pool, "pool")?.try_into()?,
                key: fingerprint(message.key, "key")?,
                certificate: required(message.certificate, "certificate")?.into(),
            },
            Kind::CertificateRenewed(message) => Self::CertificateRenewed {
                runner: id(message.runner, RunnerId, "runner")?,
                certificate: required(message.certificate, "certificate")?.into(),
            },
            Kind::RunnerBarred(message) => Self::RunnerBarred {
                runner: id(message.runner, RunnerId, "runner")?,
                why: bar_reason(message.why)?,
            },
            Kind::RunnerIdentityForgotten(message) => Self::RunnerIdentityForgotten {
                runner: id(Some(message), RunnerId, "runner")?,
            },
            Kind::AuthorityForgotten(name) => Self::AuthorityForgotten {
                owner: required(owner(Some(name))?, "owner of an authority")?,
            },
        })
    }
}

fn token(field: Option<IdMessage>) -> Result<EnrollmentTokenId, CodecError> {
    id(field, EnrollmentTokenId, "enrollment token")
}

fn fingerprint(bytes: Vec<u8>, what: &'static str) -> Result<Fingerprint, CodecError> {
    let bytes = bytes.try_into().map_err(|_| CodecError::Unknown(what))?;
    Ok(Fingerprint(bytes))
}

impl From<BarReason> for BarReasonMessage {
    fn from(why: BarReason) -> Self {
        match why {
            BarReason::Revoked => Self::Revoked,
            BarReason::Cloned => Self::Cloned,
        }
    }
}

fn bar_reason(field: i32) -> Result<BarReason, CodecError> {
    match BarReasonMessage::try_from(field) {
        Ok(BarReasonMessage::Revoked) => Ok(BarReason::Revoked),
        Ok(BarReasonMessage::Cloned) => Ok(BarReason::Cloned),
        Ok(BarReasonMessage::Unspecified) | Err(_) => Err(CodecError::Unknown("reason of a bar")),
    }
}

impl From<&Certificate> for CertificateMessage {
    fn from(certificate: &Certificate) -> Self {
        Self {
            der: certificate.der.to_vec(),
            serial: certificate.serial.to_vec(),
            until_ms: certificate.until.millis(),
        }
    }
}

impl From<CertificateMessage> for Certificate {
    fn from(message: CertificateMessage) -> Self {
        Self {
            der: message.der.into(),
            serial: message.serial.into(),
            until: Stamp::from_millis(message.until_ms),
        }
    }
}

impl From<&Authority> for AuthorityMessage {
    fn from(authority: &Authority) -> Self {
        let generations = authority.generations.iter().map(|one| GenerationMessage {
            number: one.number,
            certificate: one.certificate.to_vec(),
            sealed_key: one.sealed_key.to_vec(),
            since_ms: one.since.millis(),
            until_ms: one.until.map(Stamp::millis),
        });
        Self {
            owner: authority.owner.as_ref().map(ToString::to_string),
            generations: generations.collect(),
        }
    }
}

impl TryFrom<AuthorityMessage> for Authority {
    type Error = CodecError;

    fn try_from(message: AuthorityMessage) -> Result<Self, CodecError> {
        let generations = message.generations.into_iter().map(|one| Generation {
            number: one.number,
            certificate: Arc::from(one.certificate),
            sealed_key: Arc::from(one.sealed_key),
            since: Stamp::from_millis(one.since_ms),
            until: one.until_ms.map(Stamp::from_millis),
        });
        Ok(Self {
            owner: owner(message.owner)?,
            generations: generations.collect(),
        })
    }
}

impl From<&EnrollmentToken> for EnrollmentTokenMessage {
    fn from(token: &EnrollmentToken) -> Self {
        let uses = token.uses.iter().map(|(key, runner)| UseMessage {
            key: key.0.to_vec(),
            runner: Some(IdMessage::new(runner.0)),
        });
        Self {
            token: Some(IdMessage::new(token.id.0)),
            pool: Some((&token.pool).into()),
            hash: token.hash.0.to_vec(),
            made_ms: token.made.millis(),
            made_by: Some((&token.made_by).into()),
            expires_ms: token.expires.millis(),
            uses_max: token.uses_max,
            uses: uses.collect(),
            revoked_ms: token.revoked.map(Stamp::millis),
        }
    }
}

impl TryFrom<EnrollmentTokenMessage> for EnrollmentToken {
    type Error = CodecError;

    fn try_from(message: EnrollmentTokenMessage) -> Result<Self, CodecError> {
        let uses = message
            .uses
            .into_iter()
            .map(|one| Ok((fingerprint(one.key, "key")?, id(one.runner, RunnerId, "runner")?)));
        Ok(Self {
            id: token(message.token)?,
            pool: required(message.pool, "pool")?.try_into()?,
            hash: fingerprint(message.hash, "hash")?,
            made: Stamp::from_millis(message.made_ms),
            made_by: required(message.made_by, "maker")?.try_into()?,
            expires: Stamp::from_millis(message.expires_ms),
            uses_max: message.uses_max,
            uses: uses.collect::<Result<_, CodecError>>()?,
            revoked: message.revoked_ms.map(Stamp::from_millis),
        })
    }
}

impl From<&RunnerIdentity> for RunnerIdentityMessage {
    fn from(identity: &RunnerIdentity) -> Self {
        let barred = identity.barred.map(|barred| BarredMessage {
            why: BarReasonMessage::from(barred.why).into(),
            since_ms: barred.since.millis(),
        });
        Self {
            runner: Some(IdMessage::new(identity.runner.0)),
            pool: Some((&identity.pool).into()),
            key: identity.key.0.to_vec(),
            certificate: Some((&identity.certificate).into()),
            enrolled_ms: identity.enrolled.millis(),
            token: Some(IdMessage::new(identity.token.0)),
            barred,
        }
    }
}

impl TryFrom<RunnerIdentityMessage> for RunnerIdentity {
    type Error = CodecError;

    fn try_from(message: RunnerIdentityMessage) -> Result<Self, CodecError> {
        let barred = message.barred.map(|barred| {
            Ok::<_, CodecError>(Barred {
                why: bar_reason(barred.why)?,
                since: Stamp::from_millis(barred.since_ms),
            })
        });
        Ok(Self {
            runner: id(message.runner, RunnerId, "runner")?,
            pool: required(message.pool, "pool")?.try_into()?,
            key: fingerprint(message.key, "key")?,
            certificate: required(message.certificate, "certificate")?.into(),
            enrolled: Stamp::from_millis(message.enrolled_ms),
            token: token(message.token)?,
            barred: barred.transpose()?,
        })
    }
}
