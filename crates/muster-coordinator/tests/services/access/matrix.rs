//! Every call with every role, of the organization that it is about and of another one, with every sort of credential. The calls, their requests and what is
//! to be expected are read from the descriptors, so a new call is in here by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use muster_coordinator::access::text::TokenText;
use muster_core::decide::Command;
use muster_core::decide::access::{Access, token};
use muster_core::decide::organization::create;
use muster_core::words::{DisplayName, Grant, OrganizationId, Principal, Quotas, RetentionDays, Role, Scope, TokenId};
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::{FILE_DESCRIPTOR_SET, RULES, v1};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use tonic::{Code, Status};

use super::{Bearer, organization, own, person, reason, soon, switch};
use crate::raw::call;
use crate::rig::{NOBODY, ORGANIZATION, Rig, Runner, integration};

/// The calls that are about no object of an organization: the caller is all that they look at, or the coordinator.
const ABOUT_NOBODY: [&str; 2] = [
    "muster.v1.AccessService/WhoAmI",
    "muster.v1.CoordinatorService/GetCoordinator",
];

/// How the names of objects begin, in the comments of the fields that hold them.
const FORM: &str = "`organizations/{organization}";

/// Somebody who calls.
struct Credential {
    /// What it is, for whoever reads a failure.
    what: String,
    /// The metadata `authorization`; `None` for none.
    shown: Option<String>,
    is: Is,
}

enum Is {
    /// Nobody; and the reason that they are told.
    Stranger(&'static str),
    Somebody(Role, Scope),
}

#[derive(Debug, PartialEq)]
enum Expected {
    Stranger(&'static str),
    /// The role, or the kind of caller, is not the one that is needed.
    Denied,
    /// It is somebody else's: the same as if it were not there.
    Missing,
    LetIn,
}

/// What the rule of a call says about a caller, for an object of the organization `default`.
fn expected(path: &str, rule: v1::Rule, is: &Is) -> Expected {
    let role = match rule.role() {
        v1::Role::Viewer => Some(Role::Viewer),
        v1::Role::Operator => Some(Role::Operator),
        v1::Role::Admin => Some(Role::Admin),
        v1::Role::Unspecified => None,
    };
    match (rule.scope(), is) {
        (v1::Scope::Unspecified, _) => panic!("a call without a rule does not compile"),
        // Whoever shows what is wrong is told so, whatever they ask for.
        (v1::Scope::Public | v1::Scope::Enrollment, Is::Stranger(reason)) if *reason == MISSING => Expected::LetIn,
        (_, Is::Stranger(reason)) => Expected::Stranger(reason),
        (v1::Scope::Public | v1::Scope::Enrollment, Is::Somebody(..)) => Expected::LetIn,
        (v1::Scope::Runner, Is::Somebody(..)) => Expected::Denied,
        (v1::Scope::Service, Is::Somebody(has, scope)) => {
            if Some(*has) >= role && *scope == Scope::Service {
                Expected::LetIn
            } else {
                Expected::Denied
            }
        }
        (v1::Scope::Organization, Is::Somebody(has, scope)) => {
            if Some(*has) < role {
                Expected::Denied
            } else if scope.covers(&own()) || ABOUT_NOBODY.contains(&path) {
                Expected::LetIn
            } else {
                Expected::Missing
            }
        }
    }
}

const MISSING: &str = "UNAUTHENTICATED";

/// Everybody who may come.
async fn credentials(rig: &Rig) -> Vec<Credential> {
    let mut all = Vec::new();
    let mut stranger = |what: &str, shown: Option<String>, reason| {
        all.push(Credential {
            what: what.to_owned(),
            shown,
            is: Is::Stranger(reason),
        });
    };
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    stranger("nothing", None, MISSING);
    let (_, good) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    stranger(
        "a token of which a character is missing",
        bearer(&good[..good.len() - 1]),
        "TOKEN_MALFORMED",
    );
    stranger(
        "a token by another scheme",
        Some(format!("Basic {good}")),
        "TOKEN_MALFORMED",
    );
    let never = TokenText::new(TokenId(7));
    stranger("a token that never was", bearer(never.reveal()), "UNAUTHENTICATED ");
    let (id, _) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let forged = TokenText::new(id);
    stranger(
        "a token with another secret",
        bearer(forged.reveal()),
        "UNAUTHENTICATED ",
    );
    let (_, expired) = rig
        .token(&Scope::Service, Role::Admin, None, soon(Duration::from_millis(50)))
        .await;
    stranger("a token that has expired", bearer(&expired), "TOKEN_EXPIRED");
    let (id, revoked) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let revoke = token::Revoke {
        granter: Grant::MOST,
        scope: Scope::Service,
        token: id,
    };
    rig.access(Access::RevokeToken(revoke)).await;
    stranger("a token that was revoked", bearer(&revoked), "UNAUTHENTICATED ");
    let ada = person(rig, &Scope::Service, "ada", Role::Admin).await;
    let (_, disabled) = rig.token(&Scope::Service, Role::Admin, Some(ada), None).await;
    switch(rig, &Scope::Service, ada, false).await;
    stranger(
        "a token of somebody who is disabled",
        bearer(&disabled),
        "UNAUTHENTICATED ",
    );
    for scope in [own(), organization("other"), Scope::Service] {
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            let (_, text) = rig.token(&scope, role, None, None).await;
            all.push(Credential {
                what: format!("{role} of {scope}"),
                shown: bearer(&text),
                is: Is::Somebody(role, scope.clone()),
            });
        }
    }
    // An admin by a token that is for less, and a token for more than its person is by now, are what is less.
    let eve = person(rig, &own(), "eve", Role::Admin).await;
    let (_, text) = rig.token(&own(), Role::Admin, Some(eve), None).await;
    let update = muster_core::decide::access::person::Update {
        granter: Grant::MOST,
        scope: own(),
        person: eve,
        name: None,
        email: None,
        role: Some(Role::Viewer),
    };
    rig.access(Access::UpdatePerson(update)).await;
    all.push(Credential {
        what: "somebody whose role was taken away".to_owned(),
        shown: bearer(&text),
        is: Is::Somebody(Role::Viewer, own()),
    });
    tokio::time::sleep(Duration::from_millis(60)).await;
    all
}

/// The comment of a field, as its file says it.
fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_file().file_descriptor_proto().clone();
    let info = file.source_code_info.expect("the descriptors keep their source");
    let found = info.location.iter().find(|location| location.path == field.path());
    found
        .map(|location| location.leading_comments().to_owned())
        .unwrap_or_default()
}

/// The form of names that a field holds, as its comment says it: `organizations/{organization}/integrations/{integration}`.
fn form(field: &FieldDescriptor) -> Option<String> {
    let comment = comment(field);
    let begin = comment.find(FORM)? + 1;
    let form = &comment[begin..];
    Some(form[..form.find('`')?].to_owned())
}

/// What stands for each part of a name; what is not in it is an object that is not there.
pub type Ids = BTreeMap<&'static str, String>;

/// A name of that form in this organization.
fn named(form: &str, organization: &str, ids: &Ids) -> String {
    let parts = form.split('/').map(|part| match part {
        "{organization}" => organization,
        "{connector}" => "ldap",
        part if part.starts_with('{') => ids.get(part).map_or(NOBODY, String::as_str),
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// A request about objects of this organization; `None` when nothing of it names one.
pub fn request(message: &MessageDescriptor, organization: &str, ids: &Ids, depth: usize) -> Option<DynamicMessage> {
    let mut request = DynamicMessage::new(message.clone());
    let mut names_one = false;
    for field in message.fields() {
        match field.kind() {
            Kind::String => {
                // A field of the answer alone is ignored, unless it names what is to change.
                let Some(form) = form(&field).filter(|_| depth == 0 || field.name() == "name") else {
                    continue;
                };
                let name = Value::String(named(&form, organization, ids));
                let value = if field.is_list() { Value::List(vec![name]) } else { name };
                request.set_field(&field, value);
                names_one = true;
            }
            Kind::Message(inner) if depth == 0 && !field.is_list() && inner.package_name() == "muster.v1" => {
                if let Some(inner) = self::request(&inner, organization, ids, 1) {
                    request.set_field(&field, Value::Message(inner));
                    names_one = true;
                }
            }
            _ => {}
        }
    }
    names_one.then_some(request)
}

fn told(status: &Status, organization: &str) -> (Code, String, String) {
    let message = status.message().replacen(organization, "…", 1);
    (status.code(), reason(status), message)
}

#[tokio::test]
async fn every_call_lets_in_who_may_and_nobody_else() {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors are sound");
    let mut judged = 0;
    let mut wrong = Vec::new();
    for (path, rule) in RULES {
        // One of its own for each call: some that are let in end what others ask for.
        let rig = Rig::guarded().await;
        let credentials = credentials(&rig).await;
        let staff = credentials
            .iter()
            .find(|one| matches!(&one.is, Is::Somebody(Role::Admin, Scope::Service)));
        let staff = staff.and_then(|one| one.shown.clone());
        let (service, method) = path.split_once('/').expect("a call has two names");
        let service = pool.get_service_by_name(service).expect("a service");
        let method = service.methods().find(|one| one.name() == method).expect("a call");
        let own = request(&method.input(), "default", &Ids::new(), 0);
        let is_about = !ABOUT_NOBODY.contains(path) && rule.scope() == v1::Scope::Organization;
        assert!(
            own.is_some() || !is_about,
            "{path}: of a call for organizations a field names the object, by a comment such as {FORM}/…`"
        );
        let bytes: Bytes = own.map(|own| own.encode_to_vec()).unwrap_or_default().into();
        let path_of_call = format!("/{path}");
        // What is said of an organization that is not there.
        let missing = match request(&method.input(), "missing", &Ids::new(), 0) {
            Some(request) => {
                let bytes: Bytes = request.encode_to_vec().into();
                let answer = call(rig.channel(), staff.as_deref(), &path_of_call, bytes).await;
                Some(told(&answer.expect_err(path), "missing"))
            }
            None => None,
        };
        // Who is let in comes last: an organization that is deleted takes the credentials of its people with it.
        let lets_in = |one: &&Credential| expected(path, *rule, &one.is) == Expected::LetIn;
        let (let_in, others): (Vec<_>, Vec<_>) = credentials.iter().partition(lets_in);
        for Credential { what, shown, is } in others.into_iter().chain(let_in) {
            let answer = call(rig.channel(), shown.as_deref(), &path_of_call, bytes.clone()).await;
            let seen = match &answer {
                Ok(_) => Expected::LetIn,
                Err(status) => match (status.code(), reason(status).as_str()) {
                    (Code::Unauthenticated, "TOKEN_MALFORMED") => Expected::Stranger("TOKEN_MALFORMED"),
                    (Code::Unauthenticated, "TOKEN_EXPIRED") => Expected::Stranger("TOKEN_EXPIRED"),
                    (Code::Unauthenticated, _) if shown.is_none() => Expected::Stranger(MISSING),
                    (Code::Unauthenticated, _) => Expected::Stranger("UNAUTHENTICATED "),
                    (Code::PermissionDenied, "PERMISSION_DENIED") => Expected::Denied,
                    (_, "ORGANIZATION_NOT_FOUND") => {
                        assert_eq!(
                            Some(told(status, "default")),
                            missing,
                            "{path} by {what}: as if it were not there"
                        );
                        Expected::Missing
                    }
                    _ => Expected::LetIn,
                },
            };
            let expected = expected(path, *rule, is);
            if seen != expected {
                wrong.push(format!(
                    "{path} by {what}: {expected:?} was expected, and it was {answer:?}"
                ));
            }
            judged += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 700, "all were judged: {judged}");
}

#[tokio::test]
async fn all_who_are_not_known_are_told_the_same() {
    let rig = Rig::guarded().await;
    let path = "/muster.v1.AccessService/WhoAmI";
    let mut said = Vec::new();
    for credential in credentials(&rig).await {
        let Is::Stranger("UNAUTHENTICATED ") = credential.is else {
            continue;
        };
        let answer = call(rig.channel(), credential.shown.as_deref(), path, Bytes::new()).await;
        let status = answer.expect_err(&credential.what);
        said.push((status.code(), status.message().to_owned(), status.details().to_vec()));
    }
    assert_eq!(said.len(), 4);
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

/// One of everything of the organization `default`, by what stands for it in names.
async fn objects(rig: &Rig) -> Ids {
    let runner = Runner::check_in(&rig.shard, "elsewhere", 1).await;
    let (_, root) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let mut integrations = IntegrationServiceClient::with_interceptor(rig.channel(), Bearer::new(&root));
    let create = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(integration("ours")),
        ..Default::default()
    };
    let ours = integrations
        .create_integration(create)
        .await
        .expect("made")
        .into_inner();
    let mut executions = ExecutionServiceClient::with_interceptor(rig.channel(), Bearer::new(&root));
    let list = v1::ListExecutionsRequest {
        parent: ours.name.clone(),
        ..Default::default()
    };
    let listed = executions.list_executions(list).await.expect("listed").into_inner();
    let person = person(rig, &own(), "ada", Role::Viewer).await;
    let (token, _) = rig.token(&own(), Role::Viewer, None, None).await;
    let id = |name: &str| name.rsplit_once('/').expect("a name").1.to_owned();
    Ids::from([
        ("{integration}", id(&ours.name)),
        ("{execution}", id(&listed.executions[0].name)),
        ("{runner}", runner.id.to_string()),
        ("{person}", person.to_string()),
        ("{token}", token.to_string()),
    ])
}

#[tokio::test]
async fn an_object_of_another_organization_is_found_by_no_call_that_names_it() {
    let rig = Rig::guarded().await;
    let other = OrganizationId::new("other").expect("a name");
    let create = create::Create {
        organization: other.clone(),
        display_name: DisplayName::new("Other").expect("a name"),
        quotas: Quotas::default(),
        retention: RetentionDays::default(),
        audit_retention: RetentionDays::AUDIT,
        request: None,
    };
    let asked = rig.shard.ask(Principal::local(), Command::CreateOrganization(create));
    asked.await.expect("it is made");
    let ids = objects(&rig).await;
    let (_, token) = rig.token(&Scope::Organization(other), Role::Admin, None, None).await;
    let (_, staff) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors are sound");
    let mut judged = 0;
    for (path, rule) in RULES.iter().filter(|(_, rule)| rule.scope() == v1::Scope::Organization) {
        let (service, method) = path.split_once('/').expect("a call has two names");
        let service = pool.get_service_by_name(service).expect("a service");
        let method = service.methods().find(|one| one.name() == method).expect("a call");
        let asked = |organization: &str, ids: &Ids| {
            let request = request(&method.input(), organization, ids, 0)?;
            Some(Bytes::from(request.encode_to_vec()))
        };
        let (theirs, missing) = (asked("other", &ids), asked("other", &Ids::new()));
        if theirs == missing {
            continue;
        }
        let (Some(theirs), Some(missing)) = (theirs, missing) else {
            continue;
        };
        for token in [&token, &staff] {
            let shown = format!("Bearer {token}");
            let answer = async |bytes| match call(rig.channel(), Some(&shown), &format!("/{path}"), bytes).await {
                Ok(answer) => format!("{answer:?}"),
                Err(status) => {
                    let message = ids
                        .values()
                        .fold(status.message().to_owned(), |text, id| text.replace(id, NOBODY));
                    format!("{:?} {} {message}", status.code(), reason(&status))
                }
            };
            let (theirs, missing) = (answer(theirs.clone()).await, answer(missing.clone()).await);
            assert_eq!(
                theirs,
                missing,
                "{path} ({:?}) tells of what is another organization's",
                rule.role()
            );
            judged += 1;
        }
    }
    assert!(judged >= 40, "{judged} calls name an object");
    // All of it is there, and as it was.
    let (_, root) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let mut integrations = IntegrationServiceClient::with_interceptor(rig.channel(), Bearer::new(&root));
    let name = format!("{ORGANIZATION}/integrations/{}", ids["{integration}"]);
    let ours = integrations
        .get_integration(v1::GetIntegrationRequest {
            name,
            ..Default::default()
        })
        .await;
    let ours = ours.expect("it is there").into_inner();
    assert_eq!(ours.enablement(), v1::Enablement::Enabled);
}
