//! What all creations and changes of the API do, of people and tokens: etags guard, what only asks does nothing, and a request that comes again makes nothing
//! a second time.

use muster_core::words::{Role, Scope};
use muster_proto::v1;
use muster_proto::v1::access_service_client::AccessServiceClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{Bearer, reason};
use crate::rig::{ORGANIZATION, Rig};

type Client = AccessServiceClient<InterceptedService<Channel, Bearer>>;

const FIRST: &str = "6f0d3a52-5d5e-4c0e-9a0e-3d1c7c1b2a44";
const SECOND: &str = "6f0d3a52-5d5e-4c0e-9a0e-3d1c7c1b2a45";

async fn root(rig: &Rig) -> Client {
    let (_, text) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    client(rig, &text)
}

fn client(rig: &Rig, text: &str) -> Client {
    AccessServiceClient::with_interceptor(rig.channel(), Bearer::new(text))
}

fn ada(request_id: &str) -> v1::CreatePersonRequest {
    v1::CreatePersonRequest {
        parent: ORGANIZATION.to_owned(),
        person: Some(v1::Person {
            display_name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
            role: v1::Role::Operator.into(),
            ..Default::default()
        }),
        request_id: request_id.to_owned(),
        validate_only: false,
    }
}

fn laptop(request_id: &str) -> v1::CreateTokenRequest {
    v1::CreateTokenRequest {
        parent: ORGANIZATION.to_owned(),
        token: Some(v1::Token {
            display_name: "laptop".to_owned(),
            role: v1::Role::Operator.into(),
            ..Default::default()
        }),
        request_id: request_id.to_owned(),
        ..Default::default()
    }
}

async fn people(client: &mut Client) -> Vec<v1::Person> {
    let request = v1::ListPeopleRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    client.list_people(request).await.expect("listed").into_inner().people
}

async fn tokens(client: &mut Client) -> Vec<v1::Token> {
    let request = v1::ListTokensRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    client.list_tokens(request).await.expect("listed").into_inner().tokens
}

fn why<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("it is refused");
    (status.code(), reason(&status))
}

#[tokio::test]
async fn a_request_that_comes_again_makes_nobody_a_second_time() {
    let rig = Rig::guarded().await;
    let mut root = root(&rig).await;
    let made = root.create_person(ada(FIRST)).await.expect("she is new").into_inner();
    let again = root
        .create_person(ada(FIRST))
        .await
        .expect("it is the same")
        .into_inner();
    assert_eq!(made, again);
    let other = v1::CreatePersonRequest {
        person: Some(v1::Person {
            display_name: "Bob".to_owned(),
            email: "bob@example.com".to_owned(),
            role: v1::Role::Viewer.into(),
            ..Default::default()
        }),
        ..ada(FIRST)
    };
    let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(why(root.create_person(other).await), reused);
    let taken = (Code::AlreadyExists, "EMAIL_TAKEN".to_owned());
    assert_eq!(why(root.create_person(ada(SECOND)).await), taken);
    let wrong = (Code::InvalidArgument, "INVALID_FIELD".to_owned());
    assert_eq!(why(root.create_person(ada("no UUID")).await), wrong);
    assert_eq!(people(&mut root).await, [made]);

    let first = root.create_token(laptop(FIRST)).await.expect("it is new").into_inner();
    assert!(first.text.starts_with("mst_"));
    let again = root
        .create_token(laptop(FIRST))
        .await
        .expect("it is the same")
        .into_inner();
    assert_eq!(
        (&again.token, again.text.as_str()),
        (&first.token, ""),
        "nobody can tell it again"
    );
    let name = first.token.expect("it is told").name;
    let told = root.get_token(v1::GetTokenRequest { name: name.clone() }).await;
    assert_eq!(Some(told.expect("it is there").into_inner()), again.token);
    // The first text is the one that opens something.
    let mut laptop_client = client(&rig, &first.text);
    let who = laptop_client.who_am_i(v1::WhoAmIRequest {}).await;
    assert_eq!(who.expect("it is let in").into_inner().token, name);
    let other = v1::CreateTokenRequest {
        never_expires: true,
        ..laptop(FIRST)
    };
    assert_eq!(why(root.create_token(other).await), reused);
    assert_eq!(tokens(&mut root).await.len(), 1);
}

#[tokio::test]
async fn an_etag_keeps_from_changing_whom_somebody_else_has_changed() {
    let rig = Rig::guarded().await;
    let mut root = root(&rig).await;
    let read = root.create_person(ada("")).await.expect("she is new").into_inner();
    let change = |role: v1::Role, etag: &str| v1::UpdatePersonRequest {
        person: Some(v1::Person {
            role: role.into(),
            etag: etag.to_owned(),
            ..read.clone()
        }),
        ..Default::default()
    };
    let changed = root.update_person(change(v1::Role::Viewer, &read.etag)).await;
    let changed = changed.expect("nobody was faster").into_inner();
    assert_ne!(changed.etag, read.etag);
    let stale = (Code::Aborted, "ETAG_MISMATCH".to_owned());
    assert_eq!(
        why(root.update_person(change(v1::Role::Admin, &read.etag)).await),
        stale
    );
    let disable = |etag: &str| v1::DisablePersonRequest {
        name: read.name.clone(),
        etag: etag.to_owned(),
        validate_only: false,
    };
    assert_eq!(why(root.disable_person(disable(&read.etag)).await), stale);
    let disabled = root.disable_person(disable(&changed.etag)).await;
    let disabled = disabled.expect("nobody was faster").into_inner();
    let enable = |etag: &str| v1::EnablePersonRequest {
        name: read.name.clone(),
        etag: etag.to_owned(),
        validate_only: false,
    };
    assert_eq!(why(root.enable_person(enable("x")).await), stale);
    let enabled = root.enable_person(enable(&disabled.etag)).await;
    let enabled = enabled.expect("nobody was faster").into_inner();
    let delete = |etag: &str| v1::DeletePersonRequest {
        name: read.name.clone(),
        etag: etag.to_owned(),
        validate_only: false,
    };
    assert_eq!(why(root.delete_person(delete(&disabled.etag)).await), stale);
    assert_eq!(people(&mut root).await, std::slice::from_ref(&enabled));
    // Without one whatever is there is changed.
    let changed = root
        .update_person(change(v1::Role::Admin, ""))
        .await
        .expect("it is any")
        .into_inner();
    root.delete_person(delete(&changed.etag))
        .await
        .expect("nobody was faster");
    assert_eq!(people(&mut root).await, []);
}

#[tokio::test]
async fn what_only_asks_says_what_would_be_and_does_nothing() {
    let rig = Rig::guarded().await;
    let mut root = root(&rig).await;
    let asked = v1::CreatePersonRequest {
        validate_only: true,
        ..ada(FIRST)
    };
    let would_be = root
        .create_person(asked.clone())
        .await
        .expect("she could be")
        .into_inner();
    assert_eq!(
        (would_be.name.as_str(), would_be.email.as_str()),
        ("", "ada@example.com")
    );
    assert_eq!(people(&mut root).await, []);
    let made = root.create_person(ada(FIRST)).await.expect("she is new").into_inner();
    let taken = (Code::AlreadyExists, "EMAIL_TAKEN".to_owned());
    assert_eq!(why(root.create_person(asked).await), taken);

    let update = v1::UpdatePersonRequest {
        person: Some(v1::Person {
            display_name: "Countess".to_owned(),
            ..made.clone()
        }),
        validate_only: true,
        ..Default::default()
    };
    let would_be = root.update_person(update).await.expect("she could be").into_inner();
    assert_eq!(
        (would_be.name, would_be.display_name),
        (made.name.clone(), "Countess".to_owned())
    );
    let disable = v1::DisablePersonRequest {
        name: made.name.clone(),
        validate_only: true,
        ..Default::default()
    };
    assert!(
        root.disable_person(disable)
            .await
            .expect("she could be")
            .into_inner()
            .disabled
    );
    let delete = v1::DeletePersonRequest {
        name: made.name.clone(),
        validate_only: true,
        ..Default::default()
    };
    root.delete_person(delete).await.expect("she could be");
    assert_eq!(people(&mut root).await, std::slice::from_ref(&made));

    let ask = v1::CreateTokenRequest {
        validate_only: true,
        ..laptop(FIRST)
    };
    let would_be = root.create_token(ask).await.expect("it could be").into_inner();
    let told = would_be.token.expect("it is told");
    assert_eq!(
        (told.name.as_str(), would_be.text.as_str(), told.active),
        ("", "", true)
    );
    assert_eq!(tokens(&mut root).await, []);
    let made = root.create_token(laptop(FIRST)).await.expect("it is new").into_inner();
    let name = made.token.expect("it is told").name;
    let revoke = v1::RevokeTokenRequest {
        name: name.clone(),
        validate_only: true,
    };
    let would_be = root.revoke_token(revoke).await.expect("it could be").into_inner();
    assert!(!would_be.active && would_be.revoke_time.is_some());
    assert!(tokens(&mut root).await[0].active);
    let own = root
        .who_am_i(v1::WhoAmIRequest {})
        .await
        .expect("let in")
        .into_inner()
        .token;
    let last = v1::RevokeTokenRequest {
        name: own,
        validate_only: true,
    };
    assert_eq!(
        why(root.revoke_token(last).await),
        (Code::FailedPrecondition, "LAST_ADMIN".to_owned())
    );
    // The audit log tells of what was done, and not of what was asked.
    let (_, text) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let mut audit = v1::audit_service_client::AuditServiceClient::with_interceptor(rig.channel(), Bearer::new(&text));
    let request = v1::ListAuditEntriesRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    let entries = audit
        .list_audit_entries(request)
        .await
        .expect("listed")
        .into_inner()
        .audit_entries;
    let mut methods: Vec<&str> = entries
        .iter()
        .map(|entry| entry.method.rsplit('/').next().expect("a name"))
        .collect();
    methods.retain(|method| method.contains("Person") || method.contains("Token"));
    methods.sort_unstable();
    methods.dedup();
    assert_eq!(methods, ["CreatePerson", "CreateToken"]);
}
