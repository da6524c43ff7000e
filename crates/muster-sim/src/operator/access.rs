//! Somebody lets others in and out again: sometimes in a place that is not theirs, and sometimes the last one who could.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::access::{Access, person, token};
use muster_core::words::{
    DisplayName, EmailAddress, Grant, OrganizationId, PersonId, Principal, Request, RequestId, Role, Scope, TokenHash,
    TokenId,
};

use super::{Said, principal};
use crate::world::World;

impl World {
    /// Somebody of an organization, or of the staff, changes who may do what.
    pub(crate) fn let_in_or_out(&mut self, own: &OrganizationId) {
        let is_staff = self.chance.bool();
        let (by, granter) = if is_staff {
            (Principal::local(), Grant::MOST)
        } else {
            let scope = Scope::Organization(own.clone());
            let role = Role::Admin;
            (principal(own), Grant { role, scope })
        };
        let reaches = !is_staff && self.chance.u32(0..4) == 0;
        let scope = if is_staff || reaches {
            Scope::Service
        } else {
            granter.scope.clone()
        };
        if reaches {
            self.trace.count("somebody gives what they do not have");
        }
        let role = [Role::Admin, Role::Admin, Role::Operator, Role::Viewer][self.chance.usize(0..4)];
        let access = &self.spec.access;
        let people: Vec<PersonId> = of(&access.people, |one| one.scope == scope);
        let tokens: Vec<TokenId> = of(&access.tokens, |one| one.scope == scope);
        let somebody = (!people.is_empty()).then(|| people[self.chance.usize(0..people.len())]);
        let some_token = (!tokens.is_empty()).then(|| tokens[self.chance.usize(0..tokens.len())]);
        // Sometimes again, and sometimes with the id of another one.
        let request = (self.chance.u32(0..3) == 0).then(|| Request {
            id: RequestId(self.chance.u128(1..20)),
            digest: [u8::from(self.chance.u32(0..4) == 0); 32],
        });
        let command = match (self.chance.u32(0..8), somebody, some_token) {
            (0, Some(person), _) => Access::UpdatePerson(person::Update {
                granter,
                scope,
                person,
                name: None,
                email: None,
                role: Some(role),
            }),
            (1, Some(person), _) => Access::SwitchPerson(person::Switch {
                granter,
                scope,
                person,
                enabled: self.chance.bool(),
            }),
            (2, Some(person), _) => Access::DeletePerson(person::Delete { granter, scope, person }),
            (3, _, Some(token)) => Access::RevokeToken(token::Revoke { granter, scope, token }),
            (4 | 5, _, _) => Access::CreateToken(token::Create {
                granter,
                token: TokenId(self.chance.u128(..)),
                scope,
                person: somebody,
                name: DisplayName::new("laptop").expect("a name"),
                role: Some(role),
                expires: (self.chance.u32(0..3) == 0)
                    .then(|| self.last_stamp.after(Duration::from_secs(self.chance.u64(1..7_200)))),
                hash: TokenHash([1; 32]),
                request,
            }),
            _ => Access::CreatePerson(person::Create {
                granter,
                scope,
                name: DisplayName::new("somebody").expect("a name"),
                email: EmailAddress::new(&format!("{}@example.com", self.chance.u32(0..50))).expect("an address"),
                role,
                request,
            }),
        };
        self.say(Said::Ask(by, Box::new(Command::Access(command))));
    }
}

fn of<K: Copy, V>(all: &std::collections::BTreeMap<K, V>, are: impl Fn(&V) -> bool) -> Vec<K> {
    all.iter().filter(|(_, one)| are(one)).map(|(id, _)| *id).collect()
}
