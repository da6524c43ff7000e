//! One of everything about people and tokens.

use muster_core::entity::{Person, Token};
use muster_core::event::AccessEvent;
use muster_core::words::{DisplayName, EmailAddress, PersonId, Principal, Role, Scope, TokenHash, TokenId};

use super::{at, request};

const PERSON: PersonId = PersonId(0x0193_0000_0000_7000_8000_0000_0000_0001);
const LEFT: PersonId = PersonId(0x0193_0000_0000_7000_8000_0000_0000_0002);
const TOKEN: TokenId = TokenId(0x0193_0000_0000_7000_8000_0000_0000_0003);
const PROGRAM: TokenId = TokenId(0x0193_0000_0000_7000_8000_0000_0000_0004);

fn acme() -> Scope {
    Scope::Organization("acme".parse().unwrap())
}

fn name(text: &str) -> DisplayName {
    DisplayName::new(text).unwrap()
}

fn email(text: &str) -> EmailAddress {
    EmailAddress::new(text).unwrap()
}

pub(crate) fn principal() -> Principal {
    Principal::Token {
        token: TOKEN,
        person: Some(PERSON),
        name: "Ada".into(),
    }
}

pub(super) fn events() -> Vec<AccessEvent> {
    vec![
        AccessEvent::PersonCreated {
            person: PERSON,
            scope: acme(),
            name: name("Ada"),
            email: email("ada@example.com"),
            role: Role::Viewer,
            request: Some(request()),
        },
        AccessEvent::PersonCreated {
            person: LEFT,
            scope: Scope::Service,
            name: name("Bob"),
            email: email("bob@example.com"),
            role: Role::Operator,
            request: None,
        },
        AccessEvent::PersonUpdated {
            person: PERSON,
            name: name("Ada L."),
            email: email("ada@example.com"),
            role: Role::Admin,
        },
        AccessEvent::PersonDisabled { person: PERSON },
        AccessEvent::PersonEnabled { person: PERSON },
        AccessEvent::PersonDeleted { person: LEFT },
        AccessEvent::TokenCreated {
            token: TOKEN,
            scope: acme(),
            person: Some(PERSON),
            name: name("laptop"),
            role: Role::Operator,
            expires: Some(at(9_000_000)),
            hash: TokenHash([7; 32]),
            request: Some(request()),
        },
        AccessEvent::TokenCreated {
            token: PROGRAM,
            scope: Scope::Service,
            person: None,
            name: name("backup"),
            role: Role::Admin,
            expires: None,
            hash: TokenHash([8; 32]),
            request: None,
        },
        AccessEvent::TokenUsed {
            token: TOKEN,
            at: at(8_000),
        },
        AccessEvent::TokenRevoked { token: TOKEN },
        AccessEvent::TokenForgotten { token: PROGRAM },
    ]
}

pub(super) fn person() -> Person {
    Person {
        id: PersonId(0x0193_0000_0000_7000_8000_0000_0000_0005),
        scope: acme(),
        name: name("Eve"),
        email: email("eve@example.com"),
        role: Role::Admin,
        created: at(1),
        updated: at(2),
        disabled: Some(at(2)),
        version: 2,
        request: Some(request()),
    }
}

pub(super) fn token() -> Token {
    Token {
        id: TokenId(0x0193_0000_0000_7000_8000_0000_0000_0006),
        scope: acme(),
        person: Some(person().id),
        name: name("phone"),
        role: Role::Admin,
        created: at(1),
        created_by: principal(),
        expires: Some(at(7)),
        revoked: Some(at(5)),
        used: Some(at(4)),
        hash: TokenHash([9; 32]),
        request: Some(request()),
    }
}
