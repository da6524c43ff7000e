//! Who is let in, and what they may do.

mod bootstrap;
mod manners;
pub mod matrix;
mod people;
mod staying;

use std::time::Duration;

use muster_core::decide::Answer;
use muster_core::decide::access::{Access, person};
use muster_core::time::Stamp;
use muster_core::words::{DisplayName, EmailAddress, Grant, OrganizationId, PersonId, Role, Scope};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

use crate::rig::Rig;

fn organization(name: &str) -> Scope {
    Scope::Organization(OrganizationId::new(name).expect("a name"))
}

/// The organization that there is.
fn own() -> Scope {
    organization("default")
}

fn now() -> Stamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Stamp::from_millis(0).after(since_epoch.expect("it is after 1970"))
}

fn soon(after: Duration) -> Option<Stamp> {
    Some(now().after(after))
}

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info();
    info.unwrap_or_else(|| panic!("an error says its reason: {status:?}"))
        .reason
        .clone()
}

async fn person(rig: &Rig, scope: &Scope, name: &str, role: Role) -> PersonId {
    let create = person::Create {
        granter: Grant::MOST,
        scope: scope.clone(),
        name: DisplayName::new(name).expect("a name"),
        email: EmailAddress::new(&format!("{name}@example.com")).expect("an address"),
        role,
        request: None,
    };
    match rig.access(Access::CreatePerson(create)).await {
        Answer::Person(person) => person,
        other => panic!("a person is made: {other:?}"),
    }
}

async fn switch(rig: &Rig, scope: &Scope, person: PersonId, enabled: bool) {
    let switch = person::Switch {
        granter: Grant::MOST,
        scope: scope.clone(),
        person,
        enabled,
    };
    rig.access(Access::SwitchPerson(switch)).await;
}

/// Shows a token with each call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    fn new(token: &str) -> Self {
        Self(format!("Bearer {token}").parse().expect("a value"))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
