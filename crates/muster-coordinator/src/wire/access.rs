//! People and tokens.

use std::time::Duration;

use muster_core::entity::{Person, Token};
use muster_core::time::Stamp;
use muster_core::words::{DisplayName, EmailAddress, PersonId, Role, Scope, TokenId};
use muster_proto::v1;
use prost_types::FieldMask;

use super::etag::etag;
use super::notifications::email_address;
use super::time::{stamp, timestamp};
use super::{FieldFault, name};

/// How long a token lasts when nothing is said.
const LASTS: Duration = Duration::from_secs(90 * 86_400);

/// The parent of the service's own staff.
const SERVICE: &str = "service";

/// Of what somebody is to be.
pub(crate) fn scope(field: &str, parent: &str) -> Result<Scope, FieldFault> {
    if parent == SERVICE {
        return Ok(Scope::Service);
    }
    match name::organization(field, parent) {
        Ok(organization) => Ok(Scope::Organization(organization)),
        Err(fault) => Err(FieldFault::new(
            field,
            format_args!("{}, or `{SERVICE}` for the service's own staff", fault.problem),
        )),
    }
}

pub(crate) fn person_name(field: &str, text: &str) -> Result<(Scope, PersonId), FieldFault> {
    let (scope, id) = named(field, text, "people")?;
    Ok((scope, name::uuid(field, "person", id)?))
}

pub(crate) fn token_name(field: &str, text: &str) -> Result<(Scope, TokenId), FieldFault> {
    let (scope, id) = named(field, text, "tokens")?;
    Ok((scope, name::uuid(field, "token", id)?))
}

fn named<'a>(field: &str, text: &'a str, collection: &str) -> Result<(Scope, &'a str), FieldFault> {
    let fault = || {
        let forms = format_args!(
            "must be `organizations/{{organization}}/{collection}/{{id}}` or `{SERVICE}/{collection}/{{id}}`"
        );
        FieldFault::new(field, forms)
    };
    let (rest, id) = text.rsplit_once('/').ok_or_else(fault)?;
    let parent = rest.strip_suffix(collection).and_then(|rest| rest.strip_suffix('/'));
    Ok((scope(field, parent.ok_or_else(fault)?)?, id))
}

pub(crate) fn of_scope(scope: &Scope) -> String {
    match scope {
        Scope::Service => SERVICE.to_owned(),
        Scope::Organization(organization) => format!("organizations/{organization}"),
    }
}

pub(crate) fn of_person(scope: &Scope, id: PersonId) -> String {
    format!("{}/people/{id}", of_scope(scope))
}

pub(crate) fn of_token(scope: &Scope, id: TokenId) -> String {
    format!("{}/tokens/{id}", of_scope(scope))
}

pub(crate) fn person(person: &Person) -> v1::Person {
    v1::Person {
        name: of_person(&person.scope, person.id),
        display_name: person.name.to_string(),
        email: person.email.to_string(),
        role: role(person.role).into(),
        disabled: person.disabled.is_some(),
        create_time: Some(timestamp(person.created)),
        update_time: Some(timestamp(person.updated)),
        etag: etag(person.version),
    }
}

pub(crate) fn token(token: &Token, holder: Option<&Person>, now: Stamp) -> v1::Token {
    v1::Token {
        name: of_token(&token.scope, token.id),
        display_name: token.name.to_string(),
        person: token
            .person
            .map(|person| of_person(&token.scope, person))
            .unwrap_or_default(),
        role: role(token.role).into(),
        expire_time: token.expires.map(timestamp),
        create_time: Some(timestamp(token.created)),
        creator: token.created_by.to_string(),
        last_use_time: token.used.map(timestamp),
        revoke_time: token.revoked.map(timestamp),
        active: token.opens(holder, now).is_ok(),
    }
}

pub(crate) fn role(role: Role) -> v1::Role {
    match role {
        Role::Viewer => v1::Role::Viewer,
        Role::Operator => v1::Role::Operator,
        Role::Admin => v1::Role::Admin,
    }
}

fn asked_role(field: &str, number: i32) -> Result<Option<Role>, FieldFault> {
    match v1::Role::try_from(number) {
        Ok(v1::Role::Unspecified) => Ok(None),
        Ok(v1::Role::Viewer) => Ok(Some(Role::Viewer)),
        Ok(v1::Role::Operator) => Ok(Some(Role::Operator)),
        Ok(v1::Role::Admin) => Ok(Some(Role::Admin)),
        Err(_) => {
            let problem = format_args!("is {number}: must be one of `ROLE_VIEWER`, `ROLE_OPERATOR`, `ROLE_ADMIN`");
            Err(FieldFault::new(field, problem))
        }
    }
}

/// What a person is to be.
pub(crate) struct NewPerson {
    pub(crate) name: DisplayName,
    pub(crate) email: EmailAddress,
    pub(crate) role: Role,
}

/// # Errors
/// All fields that are missing or out of bounds.
pub(crate) fn new_person(asked: &v1::Person) -> Result<NewPerson, Vec<FieldFault>> {
    let changes = person_changes(asked, None)?;
    match changes {
        PersonChanges {
            name: Some(name),
            email: Some(email),
            role: Some(role),
        } => Ok(NewPerson { name, email, role }),
        _ => Err(vec![FieldFault::new("person", "is missing")]),
    }
}

/// What of a person is to change.
#[derive(Default)]
pub(crate) struct PersonChanges {
    pub(crate) name: Option<DisplayName>,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) role: Option<Role>,
}

/// The fields that an update changes.
const CHANGEABLE: [&str; 3] = ["display_name", "email", "role"];

/// # Errors
/// All fields that the mask names and that are out of bounds, and all of the mask that names none.
pub(crate) fn person_changes(asked: &v1::Person, mask: Option<&FieldMask>) -> Result<PersonChanges, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let mut changes = PersonChanges::default();
    let all = CHANGEABLE.map(str::to_owned).to_vec();
    let paths = mask
        .map(|mask| &mask.paths)
        .filter(|paths| !paths.is_empty() && **paths != ["*"]);
    for (index, path) in paths.unwrap_or(&all).iter().enumerate() {
        let result = match path.as_str() {
            "display_name" => DisplayName::new(&asked.display_name)
                .map(|name| changes.name = Some(name))
                .map_err(|error| FieldFault::new("person.display_name", error)),
            "email" => email_address(&asked.email)
                .map(|email| changes.email = Some(email))
                .map_err(|error| FieldFault::new("person.email", error)),
            "role" => asked_role("person.role", asked.role).and_then(|role| {
                changes.role = role;
                let missing = || FieldFault::new("person.role", "is missing: say viewer, operator or admin");
                role.map(drop).ok_or_else(missing)
            }),
            _ => Err(FieldFault::new(
                format!("update_mask.paths[{index}]"),
                format_args!(
                    "names nothing that an update changes: these are `{}`",
                    CHANGEABLE.join("`, `")
                ),
            )),
        };
        faults.extend(result.err());
    }
    if faults.is_empty() { Ok(changes) } else { Err(faults) }
}

/// What a token is to be.
pub(crate) struct NewToken {
    pub(crate) name: DisplayName,
    pub(crate) person: Option<PersonId>,
    pub(crate) role: Option<Role>,
    pub(crate) expires: Option<Stamp>,
}

/// # Errors
/// All fields that are missing or out of bounds.
pub(crate) fn new_token(
    asked: &v1::Token,
    never_expires: bool,
    scope: &Scope,
    now: Stamp,
) -> Result<NewToken, Vec<FieldFault>> {
    let mut faults = Vec::new();
    let name = DisplayName::new(&asked.display_name).map_err(|error| FieldFault::new("token.display_name", error));
    let role = asked_role("token.role", asked.role);
    let person = match asked.person.as_str() {
        "" => Ok(None),
        text => person_name("token.person", text).and_then(|(of, person)| {
            let problem = "is of another organization than the token would be";
            (of == *scope)
                .then_some(Some(person))
                .ok_or_else(|| FieldFault::new("token.person", problem))
        }),
    };
    let expires = match (asked.expire_time, never_expires) {
        (None, true) => Ok(None),
        (None, false) => Ok(Some(now.after(LASTS))),
        (Some(time), false) => stamp("token.expire_time", Some(time)).map(Some),
        (Some(_), true) => Err(FieldFault::new(
            "token.expire_time",
            "is given, and `never_expires` is set: give one of the two",
        )),
    };
    match (name, role, person, expires) {
        (Ok(name), Ok(role), Ok(person), Ok(expires)) => Ok(NewToken {
            name,
            person,
            role,
            expires,
        }),
        (name, role, person, expires) => {
            faults.extend(name.err());
            faults.extend(role.err());
            faults.extend(person.err());
            faults.extend(expires.err());
            Err(faults)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01936b1e-2f3a-7c4d-8e5f-0123456789ab";

    #[test]
    fn a_name_survives_its_text() {
        for parent in ["service", "organizations/acme"] {
            let text = format!("{parent}/people/{ID}");
            let (scope, id) = person_name("name", &text).expect("a name");
            assert_eq!(of_person(&scope, id), text);
            let text = format!("{parent}/tokens/{ID}");
            let (scope, id) = token_name("name", &text).expect("a name");
            assert_eq!(of_token(&scope, id), text);
        }
        for bad in [
            "",
            "service",
            "service/people",
            "service/people/7",
            &format!("service/tokens/{ID}"),
            &format!("people/{ID}"),
            &format!("organizations/acme/x/people/{ID}"),
            &format!("organizations/acme//people/{ID}"),
            &format!("servicepeople/{ID}"),
        ] {
            assert!(person_name("name", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_new_person_is_told_all_that_is_wrong() {
        let asked = v1::Person {
            role: 77,
            ..v1::Person::default()
        };
        let faults = new_person(&asked).err().expect("nothing is given");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["person.display_name", "person.email", "person.role"]);
    }

    #[test]
    fn a_token_lasts_for_90_days_unless_something_is_said() {
        let now = Stamp::from_millis(1_000);
        let asked = v1::Token {
            display_name: "ci".to_owned(),
            ..v1::Token::default()
        };
        let expires = |asked: &v1::Token, never| {
            new_token(asked, never, &Scope::Service, now)
                .map(|token| token.expires)
                .map_err(|faults| faults.len())
        };
        assert_eq!(expires(&asked, false), Ok(Some(now.after(LASTS))));
        assert_eq!(expires(&asked, true), Ok(None));
        let at = v1::Token {
            expire_time: Some(timestamp(Stamp::from_millis(9_000))),
            ..asked
        };
        assert_eq!(expires(&at, false), Ok(Some(Stamp::from_millis(9_000))));
        assert_eq!(expires(&at, true), Err(1));
    }
}
