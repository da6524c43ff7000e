//! People and tokens: nobody gives more than they have, and somebody can always let others in.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_core::decide::access::{
    Access, AccessRejection, PEOPLE_MAX, TOKENS_REMEMBERED, forget_all, person, token, ways_in,
};
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::entity::{Shut, Token};
use muster_core::time::Stamp;
use muster_core::words::{
    DisplayName, EmailAddress, Grant, OrganizationId, PersonId, Principal, Request, RequestId, Role, Scope, TokenHash,
    TokenId,
};

use crate::model::{Model, organization};

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn acme() -> Scope {
    Scope::Organization(organization())
}

pub(crate) fn name(text: &str) -> DisplayName {
    DisplayName::new(text).expect("a name")
}

pub(crate) fn email(text: &str) -> EmailAddress {
    EmailAddress::new(text).expect("an address")
}

fn ask(model: &mut Model, command: Access) -> Result<Answer, AccessRejection> {
    model
        .ask(&Principal::local(), Command::Access(command))
        .map_err(|rejection| match rejection {
            Rejection::Access(rejection) => rejection,
            other => panic!("it is about people and tokens: {other}"),
        })
}

fn create(
    model: &mut Model,
    granter: &Grant,
    scope: Scope,
    who: &str,
    role: Role,
) -> Result<PersonId, AccessRejection> {
    let command = person::Create {
        granter: granter.clone(),
        scope,
        name: name(who),
        email: email(&format!("{who}@example.com")),
        role,
        request: None,
    };
    match ask(model, Access::CreatePerson(command))? {
        Answer::Person(person) => Ok(person),
        other => panic!("a person is made: {other:?}"),
    }
}

pub(crate) fn token_of(number: u128, scope: Scope, person: Option<PersonId>) -> token::Create {
    token::Create {
        granter: Grant::MOST,
        token: TokenId(number),
        scope,
        person,
        name: name("laptop"),
        role: None,
        expires: None,
        hash: TokenHash([1; 32]),
        request: None,
    }
}

fn request(id: u128, asked: u8) -> Request {
    Request {
        id: RequestId(id),
        digest: [asked; 32],
    }
}

fn opens(model: &Model, number: u128) -> Result<Grant, Shut> {
    let token = model.state.everywhere().token(TokenId(number)).expect("it is there");
    let person = token.person.and_then(|person| model.state.everywhere().person(person));
    token.opens(person, model.now.stamp)
}

/// A step of the properties. Whoever asks may do this or that; whatever they ask, somebody who could let others in still can.
pub(crate) fn step(model: &mut Model, kind: u8, who: usize, role: usize, staff: bool, granter: usize) {
    let role_of = |number: usize| [Role::Admin, Role::Operator, Role::Viewer][number];
    let scope = if staff { Scope::Service } else { acme() };
    let granter = Grant {
        role: role_of(granter),
        scope: if granter == 1 { acme() } else { Scope::Service },
    };
    let person = model
        .state
        .everywhere()
        .people()
        .nth(who)
        .map_or(PersonId(0), |one| one.id);
    let token = model
        .state
        .everywhere()
        .tokens()
        .nth(who)
        .map_or(TokenId(0), |one| one.id);
    let role = role_of(role);
    let command = match kind {
        0 | 1 => Access::CreatePerson(person::Create {
            granter: granter.clone(),
            scope,
            name: name("somebody"),
            email: email(&format!("{who}@example.com")),
            role,
            request: (kind == 1).then(|| request(who as u128, role as u8)),
        }),
        2 => Access::UpdatePerson(person::Update {
            granter: granter.clone(),
            scope,
            person,
            name: None,
            email: Some(email(&format!("{}@example.com", who + 1))),
            role: Some(role),
        }),
        3 => Access::SwitchPerson(person::Switch {
            granter: granter.clone(),
            scope,
            person,
            enabled: role == Role::Admin,
        }),
        4 => Access::DeletePerson(person::Delete {
            granter: granter.clone(),
            scope,
            person,
        }),
        5 => Access::RevokeToken(token::Revoke {
            granter: granter.clone(),
            scope,
            token,
        }),
        _ => {
            let id = model.id();
            Access::CreateToken(token::Create {
                granter: granter.clone(),
                role: Some(role),
                expires: (kind == 7).then(|| model.now.stamp.after(DAY)),
                request: (kind == 7).then(|| request(who as u128, role as u8)),
                ..token_of(id, scope, (who > 0).then_some(person))
            })
        }
    };
    let ways = |model: &Model| ways_in(&model.state, model.now.stamp).count();
    let before = ways(model);
    let there: BTreeSet<_> = model.state.everywhere().people().map(|one| one.id).collect();
    let _ = ask(model, command);
    assert!(before == 0 || ways(model) > 0, "somebody can let others in");
    let mut made = model.state.everywhere().people().filter(|one| !there.contains(&one.id));
    assert!(
        made.all(|one| granter.covers(&one.grant())),
        "nobody makes somebody greater"
    );
}

#[test]
fn a_repeated_request_makes_nobody_and_no_token_a_second_time() {
    let mut model = Model::new(1);
    let person = |request| {
        Access::CreatePerson(person::Create {
            granter: Grant::MOST,
            scope: acme(),
            name: name("Ada"),
            email: email("ada@example.com"),
            role: Role::Admin,
            request,
        })
    };
    let made = ask(&mut model, person(Some(request(7, 1)))).expect("she is new");
    let Answer::Person(ada) = made else {
        panic!("a person is made: {made:?}")
    };
    assert_eq!(ask(&mut model, person(Some(request(7, 1)))), Ok(Answer::Person(ada)));
    let other = ask(&mut model, person(Some(request(7, 2))));
    assert_eq!(other, Err(AccessRejection::PersonRequestReused(ada)));
    let none = ask(&mut model, person(None));
    assert!(matches!(none, Err(AccessRejection::EmailTaken { .. })), "{none:?}");

    let token = |number, request, scope| {
        Access::CreateToken(token::Create {
            request,
            ..token_of(number, scope, None)
        })
    };
    let first = ask(&mut model, token(1, Some(request(7, 1)), acme()));
    assert_eq!(
        first,
        Ok(Answer::Token(TokenId(1))),
        "people have requests of their own"
    );
    let again = ask(&mut model, token(2, Some(request(7, 1)), acme()));
    assert_eq!(again, Ok(Answer::Token(TokenId(1))));
    assert!(model.state.everywhere().token(TokenId(2)).is_none());
    let other = ask(&mut model, token(3, Some(request(7, 2)), acme()));
    assert_eq!(other, Err(AccessRejection::TokenRequestReused(TokenId(1))));
    let staff = ask(&mut model, token(4, Some(request(7, 2)), Scope::Service));
    assert_eq!(staff, Ok(Answer::Token(TokenId(4))), "those of others are others");

    // What is gone is remembered no more.
    let delete = person::Delete {
        granter: Grant::MOST,
        scope: acme(),
        person: ada,
    };
    ask(&mut model, Access::DeletePerson(delete)).expect("she is there");
    let anew = ask(&mut model, person(Some(request(7, 2))));
    assert!(matches!(anew, Ok(Answer::Person(id)) if id != ada), "{anew:?}");
}

#[test]
fn each_change_of_a_person_is_counted() {
    let mut model = Model::new(1);
    let ada = create(&mut model, &Grant::MOST, acme(), "ada", Role::Viewer).expect("she is new");
    let version = |model: &Model| model.state.everywhere().person(ada).expect("she is there").version;
    assert_eq!(version(&model), 1);
    let update = |role| {
        Access::UpdatePerson(person::Update {
            granter: Grant::MOST,
            scope: acme(),
            person: ada,
            name: None,
            email: None,
            role: Some(role),
        })
    };
    ask(&mut model, update(Role::Operator)).expect("it is allowed");
    assert_eq!(version(&model), 2);
    ask(&mut model, update(Role::Operator)).expect("it is so already");
    assert_eq!(version(&model), 2);
    for (enabled, counted) in [(false, 3), (true, 4)] {
        let switch = person::Switch {
            granter: Grant::MOST,
            scope: acme(),
            person: ada,
            enabled,
        };
        ask(&mut model, Access::SwitchPerson(switch)).expect("it is allowed");
        assert_eq!(version(&model), counted);
    }
    ask(&mut model, Access::CreateToken(token_of(1, acme(), Some(ada)))).expect("it is allowed");
    assert_eq!(version(&model), 4, "her tokens are not she");
}

#[test]
fn nobody_grants_more_than_they_have() {
    let mut model = Model::new(1);
    let grant = |role, scope| Grant { role, scope };
    let staff = create(&mut model, &Grant::MOST, Scope::Service, "root", Role::Admin).expect("staff may");
    let admin = grant(Role::Admin, acme());
    let other = Scope::Organization(OrganizationId::new("other").expect("a name"));
    for (granter, scope, role) in [
        (grant(Role::Operator, acme()), acme(), Role::Admin),
        (admin.clone(), Scope::Service, Role::Viewer),
        (admin.clone(), other, Role::Viewer),
        (grant(Role::Operator, Scope::Service), acme(), Role::Admin),
    ] {
        let refused = create(&mut model, &granter, scope.clone(), "eve", role);
        assert!(
            matches!(refused, Err(AccessRejection::BeyondGranter { .. })),
            "{granter} makes a {role} of {scope}: {refused:?}"
        );
        let made = ask(
            &mut model,
            Access::CreateToken(token::Create {
                granter: granter.clone(),
                role: Some(role),
                ..token_of(9, scope.clone(), None)
            }),
        );
        assert!(
            matches!(made, Err(AccessRejection::BeyondGranter { .. })),
            "{granter} makes a token of a {role} of {scope}: {made:?}"
        );
    }
    let own = create(&mut model, &admin, acme(), "ada", Role::Admin).expect("an admin makes an admin of the same");
    // Of somebody greater nothing is changed either, and somebody of another scope is not seen.
    let switch = |granter: &Grant, scope, person| {
        Access::SwitchPerson(person::Switch {
            granter: granter.clone(),
            scope,
            person,
            enabled: false,
        })
    };
    let operator = grant(Role::Operator, acme());
    assert!(matches!(
        ask(&mut model, switch(&operator, acme(), own)),
        Err(AccessRejection::BeyondGranter { .. })
    ));
    assert_eq!(
        ask(&mut model, switch(&admin, acme(), staff)),
        Err(AccessRejection::PersonNotFound(staff))
    );
    assert!(matches!(
        ask(&mut model, switch(&admin, Scope::Service, staff)),
        Err(AccessRejection::BeyondGranter { .. })
    ));
}

#[test]
fn a_token_opens_what_its_person_may_do_and_no_more() {
    let mut model = Model::new(2);
    let person = create(&mut model, &Grant::MOST, acme(), "ada", Role::Operator).expect("made");
    let beyond = token::Create {
        role: Some(Role::Admin),
        ..token_of(1, acme(), Some(person))
    };
    assert!(matches!(
        ask(&mut model, Access::CreateToken(beyond)),
        Err(AccessRejection::BeyondHolder { .. })
    ));
    let elsewhere = token_of(1, Scope::Service, Some(person));
    assert_eq!(
        ask(&mut model, Access::CreateToken(elsewhere)),
        Err(AccessRejection::PersonNotFound(person))
    );
    let end = model.now.stamp.after(DAY);
    let lasting = token::Create {
        expires: Some(end),
        ..token_of(1, acme(), Some(person))
    };
    ask(&mut model, Access::CreateToken(lasting)).expect("made");
    let role = |model: &Model| opens(model, 1).map(|grant| grant.role);
    assert_eq!(role(&model), Ok(Role::Operator));
    let update = |role| {
        Access::UpdatePerson(person::Update {
            granter: Grant::MOST,
            scope: acme(),
            person,
            name: None,
            email: None,
            role: Some(role),
        })
    };
    for (now, expected) in [
        (Role::Viewer, Role::Viewer),
        // What it was made for is not more because its person may do more.
        (Role::Admin, Role::Operator),
    ] {
        ask(&mut model, update(now)).expect("changed");
        assert_eq!(role(&model), Ok(expected));
    }
    let switch = |enabled| {
        Access::SwitchPerson(person::Switch {
            granter: Grant::MOST,
            scope: acme(),
            person,
            enabled,
        })
    };
    ask(&mut model, switch(false)).expect("disabled");
    assert_eq!(role(&model), Err(Shut::Disabled));
    ask(&mut model, switch(true)).expect("enabled");
    assert_eq!(role(&model), Ok(Role::Operator));
    let last = Stamp::from_millis(end.millis() - 1);
    let token = model.state.everywhere().token(TokenId(1)).expect("there").clone();
    let holder = model.state.everywhere().person(person).cloned();
    assert!(token.opens(holder.as_ref(), last).is_ok());
    assert_eq!(token.opens(holder.as_ref(), end), Err(Shut::Expired));
    assert_eq!(token.opens(None, last), Err(Shut::Disabled), "its person is gone");
    let revoke = || {
        Access::RevokeToken(token::Revoke {
            granter: Grant::MOST,
            scope: acme(),
            token: TokenId(1),
        })
    };
    ask(&mut model, revoke()).expect("revoked");
    assert_eq!(role(&model), Err(Shut::Revoked));
    let since = model
        .state
        .everywhere()
        .token(TokenId(1))
        .and_then(|token| token.revoked);
    model.pass(DAY);
    ask(&mut model, revoke()).expect("revoked already");
    let token = model.state.everywhere().token(TokenId(1)).expect("there");
    assert_eq!(token.revoked, since, "it stays revoked since then");
    let past = token::Create {
        expires: Some(end),
        ..token_of(2, acme(), Some(person))
    };
    assert_eq!(
        ask(&mut model, Access::CreateToken(past)),
        Err(AccessRejection::ExpiryPast)
    );
}

#[test]
fn the_last_way_in_stays() {
    let mut model = Model::new(3);
    let ada = create(&mut model, &Grant::MOST, Scope::Service, "ada", Role::Admin).expect("made");
    ask(&mut model, Access::CreateToken(token_of(1, Scope::Service, Some(ada)))).expect("made");
    // Somebody without a token, somebody of an organization and somebody who is no admin let nobody in.
    let bob = create(&mut model, &Grant::MOST, Scope::Service, "bob", Role::Admin).expect("made");
    let eve = create(&mut model, &Grant::MOST, acme(), "eve", Role::Admin).expect("made");
    ask(&mut model, Access::CreateToken(token_of(2, acme(), Some(eve)))).expect("made");
    let operator = token::Create {
        role: Some(Role::Operator),
        ..token_of(3, Scope::Service, Some(bob))
    };
    ask(&mut model, Access::CreateToken(operator)).expect("made");
    let revoke = |number| {
        Access::RevokeToken(token::Revoke {
            granter: Grant::MOST,
            scope: Scope::Service,
            token: TokenId(number),
        })
    };
    let delete = |person| {
        Access::DeletePerson(person::Delete {
            granter: Grant::MOST,
            scope: Scope::Service,
            person,
        })
    };
    let ways = |person| {
        [
            revoke(1),
            delete(person),
            Access::SwitchPerson(person::Switch {
                granter: Grant::MOST,
                scope: Scope::Service,
                person,
                enabled: false,
            }),
            Access::UpdatePerson(person::Update {
                granter: Grant::MOST,
                scope: Scope::Service,
                person,
                name: None,
                email: None,
                role: Some(Role::Operator),
            }),
        ]
    };
    for way in ways(ada) {
        assert_eq!(ask(&mut model, way.clone()), Err(AccessRejection::LastAdmin), "{way:?}");
    }
    ask(&mut model, revoke(3)).expect("it lets nobody in anyway");
    ask(&mut model, Access::CreateToken(token_of(4, Scope::Service, Some(bob)))).expect("made");
    ask(&mut model, delete(ada)).expect("there is another one");
    assert!(
        model.state.everywhere().token(TokenId(1)).is_none(),
        "a person's tokens go"
    );
    assert_eq!(ways_in(&model.state, model.now.stamp).count(), 1);
}

#[test]
fn an_address_is_one_persons_whatever_its_case() {
    let mut model = Model::new(4);
    let ada = create(&mut model, &Grant::MOST, acme(), "ada", Role::Viewer).expect("made");
    let refused = create(&mut model, &Grant::MOST, acme(), "ADA", Role::Viewer);
    assert!(matches!(refused, Err(AccessRejection::EmailTaken { person, .. }) if person == ada));
    create(&mut model, &Grant::MOST, Scope::Service, "ada", Role::Viewer).expect("elsewhere it is free");
    let bob = create(&mut model, &Grant::MOST, acme(), "bob", Role::Viewer).expect("made");
    let update = |to: &str| {
        Access::UpdatePerson(person::Update {
            granter: Grant::MOST,
            scope: acme(),
            person: bob,
            name: None,
            email: Some(email(to)),
            role: None,
        })
    };
    assert!(matches!(
        ask(&mut model, update("Ada@example.com")),
        Err(AccessRejection::EmailTaken { .. })
    ));
    ask(&mut model, update("BOB@example.com")).expect("one's own is free");
}

#[test]
fn there_are_bounds_and_what_is_long_over_makes_room() {
    let mut model = Model::new(5);
    for number in 0..PEOPLE_MAX {
        create(&mut model, &Grant::MOST, acme(), &format!("p{number}"), Role::Viewer).expect("there is room");
    }
    let one_more = create(&mut model, &Grant::MOST, acme(), "late", Role::Viewer);
    assert!(matches!(one_more, Err(AccessRejection::TooMany { what: "people", .. })));
    for number in [1, 2] {
        ask(&mut model, Access::CreateToken(token_of(number, acme(), None))).expect("made");
    }
    let revoke = token::Revoke {
        granter: Grant::MOST,
        scope: acme(),
        token: TokenId(1),
    };
    ask(&mut model, Access::RevokeToken(revoke)).expect("revoked");
    model.pass(TOKENS_REMEMBERED - Duration::from_secs(1));
    ask(&mut model, Access::CreateToken(token_of(3, acme(), None))).expect("made");
    assert!(model.state.everywhere().token(TokenId(1)).is_some(), "it is remembered");
    model.pass(Duration::from_secs(1));
    ask(&mut model, Access::CreateToken(token_of(4, acme(), None))).expect("made");
    assert!(
        model.state.everywhere().token(TokenId(1)).is_none(),
        "it is over for long"
    );
    assert_eq!(model.state.everywhere().tokens().count(), 3);
    let events = forget_all(&model.state, &acme());
    assert_eq!(events.len(), PEOPLE_MAX + 3);
}

#[test]
fn only_news_is_noted_of_a_tokens_use() {
    let mut model = Model::new(6);
    ask(&mut model, Access::CreateToken(token_of(1, acme(), None))).expect("made");
    let used = |model: &Model| {
        model
            .state
            .everywhere()
            .token(TokenId(1))
            .and_then(|token: &Token| token.used)
    };
    let at = model.now.stamp;
    for (when, expected) in [(at.after(DAY), at.after(DAY)), (at, at.after(DAY))] {
        let note = token::NoteUsed {
            used: vec![(TokenId(1), when), (TokenId(7), when)],
        };
        ask(&mut model, Access::NoteUsed(note)).expect("noted");
        assert_eq!(used(&model), Some(expected));
    }
}
