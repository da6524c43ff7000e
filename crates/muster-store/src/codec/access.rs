//! People and tokens: what has happened to them, and as records keep them.

use muster_core::entity::{Person, Token};
use muster_core::event::AccessEvent;
use muster_core::time::Stamp;
use muster_core::words::{DisplayName, EmailAddress, PersonId, Role, Scope, TokenHash, TokenId};

use super::word::{EmptyMessage, IdMessage, PrincipalMessage, RequestMessage, id, organization};
use super::{CodecError, judged, required};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum RoleMessage {
    Unknown = 0,
    Viewer = 1,
    Operator = 2,
    Admin = 3,
}

impl From<Role> for RoleMessage {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

fn role(number: i32) -> Result<Role, CodecError> {
    match RoleMessage::try_from(number) {
        Ok(RoleMessage::Viewer) => Ok(Role::Viewer),
        Ok(RoleMessage::Operator) => Ok(Role::Operator),
        Ok(RoleMessage::Admin) => Ok(Role::Admin),
        Ok(RoleMessage::Unknown) | Err(_) => Err(CodecError::Unknown("role")),
    }
}

/// Absent is no scope, lest what is missing opens everything.
#[derive(Clone, PartialEq, prost::Message)]
struct ScopeMessage {
    #[prost(oneof = "ScopeKind", tags = "1, 2")]
    kind: Option<ScopeKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ScopeKind {
    #[prost(message, tag = "1")]
    Service(EmptyMessage),
    #[prost(string, tag = "2")]
    Organization(String),
}

impl From<&Scope> for ScopeMessage {
    fn from(scope: &Scope) -> Self {
        Self {
            kind: Some(match scope {
                Scope::Service => ScopeKind::Service(EmptyMessage {}),
                Scope::Organization(organization) => ScopeKind::Organization(organization.to_string()),
            }),
        }
    }
}

fn scope(message: Option<ScopeMessage>) -> Result<Scope, CodecError> {
    match required(message, "scope")?
        .kind
        .ok_or(CodecError::Unknown("kind of scope"))?
    {
        ScopeKind::Service(EmptyMessage {}) => Ok(Scope::Service),
        ScopeKind::Organization(name) => Ok(Scope::Organization(organization(&name)?)),
    }
}

/// What a person is, without their id.
#[derive(Clone, PartialEq, prost::Message)]
struct DescriptionMessage {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    email: String,
    #[prost(enumeration = "RoleMessage", tag = "3")]
    role: i32,
}

impl DescriptionMessage {
    fn new(name: &DisplayName, email: &EmailAddress, role: Role) -> Self {
        Self {
            name: name.to_string(),
            email: email.to_string(),
            role: RoleMessage::from(role).into(),
        }
    }

    fn parts(&self) -> Result<(DisplayName, EmailAddress, Role), CodecError> {
        Ok((
            display_name(&self.name)?,
            judged(EmailAddress::new(&self.email), "e-mail address")?,
            role(self.role)?,
        ))
    }
}

fn display_name(text: &str) -> Result<DisplayName, CodecError> {
    judged(DisplayName::new(text), "name of a person or token")
}

fn hash(bytes: Vec<u8>) -> Result<TokenHash, CodecError> {
    let length = bytes.len();
    let bytes = bytes.try_into().map_err(|_| format!("{length} bytes, not 32"));
    Ok(TokenHash(judged(bytes, "hash of a token")?))
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AccessMessage {
    #[prost(oneof = "AccessKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    kind: Option<AccessKind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum AccessKind {
    #[prost(message, tag = "1")]
    PersonCreated(PersonCreated),
    #[prost(message, tag = "2")]
    PersonUpdated(PersonUpdated),
    #[prost(message, tag = "3")]
    PersonDisabled(IdMessage),
    #[prost(message, tag = "4")]
    PersonEnabled(IdMessage),
    #[prost(message, tag = "5")]
    PersonDeleted(IdMessage),
    #[prost(message, tag = "6")]
    TokenCreated(TokenCreated),
    #[prost(message, tag = "7")]
    TokenUsed(TokenUsed),
    #[prost(message, tag = "8")]
    TokenRevoked(IdMessage),
    #[prost(message, tag = "9")]
    TokenForgotten(IdMessage),
}

#[derive(Clone, PartialEq, prost::Message)]
struct PersonCreated {
    #[prost(message, optional, tag = "1")]
    person: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    scope: Option<ScopeMessage>,
    #[prost(message, optional, tag = "3")]
    description: Option<DescriptionMessage>,
    /// Absent: its caller gave no id.
    #[prost(message, optional, tag = "4")]
    request: Option<RequestMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PersonUpdated {
    #[prost(message, optional, tag = "1")]
    person: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    description: Option<DescriptionMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TokenCreated {
    #[prost(message, optional, tag = "1")]
    token: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    scope: Option<ScopeMessage>,
    /// Absent: a program's.
    #[prost(message, optional, tag = "3")]
    person: Option<IdMessage>,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(enumeration = "RoleMessage", tag = "5")]
    role: i32,
    /// Absent: never.
    #[prost(uint64, optional, tag = "6")]
    expires_ms: Option<u64>,
    #[prost(bytes = "vec", tag = "7")]
    hash: Vec<u8>,
    /// Absent: its caller gave no id.
    #[prost(message, optional, tag = "8")]
    request: Option<RequestMessage>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct TokenUsed {
    #[prost(message, optional, tag = "1")]
    token: Option<IdMessage>,
    #[prost(uint64, tag = "2")]
    at_ms: u64,
}

impl From<&AccessEvent> for AccessMessage {
    fn from(event: &AccessEvent) -> Self {
        let kind = match event {
            AccessEvent::PersonCreated {
                person,
                scope,
                name,
                email,
                role,
                request,
            } => AccessKind::PersonCreated(PersonCreated {
                person: Some(IdMessage::new(person.0)),
                scope: Some(scope.into()),
                description: Some(DescriptionMessage::new(name, email, *role)),
                request: request.as_ref().map(Into::into),
            }),
            AccessEvent::PersonUpdated {
                person,
                name,
                email,
                role,
            } => AccessKind::PersonUpdated(PersonUpdated {
                person: Some(IdMessage::new(person.0)),
                description: Some(DescriptionMessage::new(name, email, *role)),
            }),
            AccessEvent::PersonDisabled { person } => AccessKind::PersonDisabled(IdMessage::new(person.0)),
            AccessEvent::PersonEnabled { person } => AccessKind::PersonEnabled(IdMessage::new(person.0)),
            AccessEvent::PersonDeleted { person } => AccessKind::PersonDeleted(IdMessage::new(person.0)),
            AccessEvent::TokenCreated {
                token,
                scope,
                person,
                name,
                role,
                expires,
                hash,
                request,
            } => AccessKind::TokenCreated(TokenCreated {
                token: Some(IdMessage::new(token.0)),
                scope: Some(scope.into()),
                person: person.map(|person| IdMessage::new(person.0)),
                name: name.to_string(),
                role: RoleMessage::from(*role).into(),
                expires_ms: expires.map(Stamp::millis),
                hash: hash.0.to_vec(),
                request: request.as_ref().map(Into::into),
            }),
            AccessEvent::TokenUsed { token, at } => AccessKind::TokenUsed(TokenUsed {
                token: Some(IdMessage::new(token.0)),
                at_ms: at.millis(),
            }),
            AccessEvent::TokenRevoked { token } => AccessKind::TokenRevoked(IdMessage::new(token.0)),
            AccessEvent::TokenForgotten { token } => AccessKind::TokenForgotten(IdMessage::new(token.0)),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<AccessMessage> for AccessEvent {
    type Error = CodecError;

    fn try_from(message: AccessMessage) -> Result<Self, CodecError> {
        Ok(
            match message
                .kind
                .ok_or(CodecError::Unknown("kind of event of a person or token"))?
            {
                AccessKind::PersonCreated(message) => {
                    let (name, email, role) = required(message.description, "description")?.parts()?;
                    Self::PersonCreated {
                        person: id(message.person, PersonId, "person")?,
                        scope: scope(message.scope)?,
                        name,
                        email,
                        role,
                        request: message.request.map(TryInto::try_into).transpose()?,
                    }
                }
                AccessKind::PersonUpdated(message) => {
                    let (name, email, role) = required(message.description, "description")?.parts()?;
                    Self::PersonUpdated {
                        person: id(message.person, PersonId, "person")?,
                        name,
                        email,
                        role,
                    }
                }
                AccessKind::PersonDisabled(message) => Self::PersonDisabled {
                    person: PersonId(message.id()),
                },
                AccessKind::PersonEnabled(message) => Self::PersonEnabled {
                    person: PersonId(message.id()),
                },
                AccessKind::PersonDeleted(message) => Self::PersonDeleted {
                    person: PersonId(message.id()),
                },
                AccessKind::TokenCreated(message) => Self::TokenCreated {
                    token: id(message.token, TokenId, "token")?,
                    scope: scope(message.scope)?,
                    person: message.person.map(|person| PersonId(person.id())),
                    name: display_name(&message.name)?,
                    role: role(message.role)?,
                    expires: message.expires_ms.map(Stamp::from_millis),
                    hash: hash(message.hash)?,
                    request: message.request.map(TryInto::try_into).transpose()?,
                },
                AccessKind::TokenUsed(message) => Self::TokenUsed {
                    token: id(message.token, TokenId, "token")?,
                    at: Stamp::from_millis(message.at_ms),
                },
                AccessKind::TokenRevoked(message) => Self::TokenRevoked {
                    token: TokenId(message.id()),
                },
                AccessKind::TokenForgotten(message) => Self::TokenForgotten {
                    token: TokenId(message.id()),
                },
            },
        )
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PersonMessage {
    #[prost(message, optional, tag = "1")]
    id: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    scope: Option<ScopeMessage>,
    #[prost(message, optional, tag = "3")]
    description: Option<DescriptionMessage>,
    #[prost(uint64, tag = "4")]
    created_ms: u64,
    #[prost(uint64, tag = "5")]
    updated_ms: u64,
    /// Absent: they are not.
    #[prost(uint64, optional, tag = "6")]
    disabled_ms: Option<u64>,
    /// 0 in records from before changes were counted: as of the first.
    #[prost(uint32, tag = "7")]
    version: u32,
    /// Absent: its caller gave no id.
    #[prost(message, optional, tag = "8")]
    request: Option<RequestMessage>,
}

impl From<&Person> for PersonMessage {
    fn from(person: &Person) -> Self {
        Self {
            id: Some(IdMessage::new(person.id.0)),
            scope: Some((&person.scope).into()),
            description: Some(DescriptionMessage::new(&person.name, &person.email, person.role)),
            created_ms: person.created.millis(),
            updated_ms: person.updated.millis(),
            disabled_ms: person.disabled.map(Stamp::millis),
            version: person.version,
            request: person.request.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<PersonMessage> for Person {
    type Error = CodecError;

    fn try_from(message: PersonMessage) -> Result<Self, CodecError> {
        let (name, email, role) = required(message.description, "description")?.parts()?;
        Ok(Self {
            id: id(message.id, PersonId, "person")?,
            scope: scope(message.scope)?,
            name,
            email,
            role,
            created: Stamp::from_millis(message.created_ms),
            updated: Stamp::from_millis(message.updated_ms),
            disabled: message.disabled_ms.map(Stamp::from_millis),
            version: message.version.max(1),
            request: message.request.map(TryInto::try_into).transpose()?,
        })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TokenMessage {
    #[prost(message, optional, tag = "1")]
    id: Option<IdMessage>,
    #[prost(message, optional, tag = "2")]
    scope: Option<ScopeMessage>,
    /// Absent: a program's.
    #[prost(message, optional, tag = "3")]
    person: Option<IdMessage>,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(enumeration = "RoleMessage", tag = "5")]
    role: i32,
    #[prost(uint64, tag = "6")]
    created_ms: u64,
    #[prost(message, optional, tag = "7")]
    created_by: Option<PrincipalMessage>,
    /// Absent: never.
    #[prost(uint64, optional, tag = "8")]
    expires_ms: Option<u64>,
    /// Absent: it is not.
    #[prost(uint64, optional, tag = "9")]
    revoked_ms: Option<u64>,
    /// Absent: not yet.
    #[prost(uint64, optional, tag = "10")]
    used_ms: Option<u64>,
    #[prost(bytes = "vec", tag = "11")]
    hash: Vec<u8>,
    /// Absent: its caller gave no id.
    #[prost(message, optional, tag = "12")]
    request: Option<RequestMessage>,
}

impl From<&Token> for TokenMessage {
    fn from(token: &Token) -> Self {
        Self {
            id: Some(IdMessage::new(token.id.0)),
            scope: Some((&token.scope).into()),
            person: token.person.map(|person| IdMessage::new(person.0)),
            name: token.name.to_string(),
            role: RoleMessage::from(token.role).into(),
            created_ms: token.created.millis(),
            created_by: Some((&token.created_by).into()),
            expires_ms: token.expires.map(Stamp::millis),
            revoked_ms: token.revoked.map(Stamp::millis),
            used_ms: token.used.map(Stamp::millis),
            hash: token.hash.0.to_vec(),
            request: token.request.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<TokenMessage> for Token {
    type Error = CodecError;

    fn try_from(message: TokenMessage) -> Result<Self, CodecError> {
        Ok(Self {
            id: id(message.id, TokenId, "token")?,
            scope: scope(message.scope)?,
            person: message.person.map(|person| PersonId(person.id())),
            name: display_name(&message.name)?,
            role: role(message.role)?,
            created: Stamp::from_millis(message.created_ms),
            created_by: required(message.created_by, "maker")?.try_into()?,
            expires: message.expires_ms.map(Stamp::from_millis),
            revoked: message.revoked_ms.map(Stamp::from_millis),
            used: message.used_ms.map(Stamp::from_millis),
            hash: hash(message.hash)?,
            request: message.request.map(TryInto::try_into).transpose()?,
        })
    }
}
