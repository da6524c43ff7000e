//! People and tokens, by the API.

use muster_core::words::{Role, Scope};
use muster_proto::v1;
use muster_proto::v1::access_service_client::AccessServiceClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{Bearer, own, reason};
use crate::rig::{ORGANIZATION, Rig};

type Client = AccessServiceClient<InterceptedService<Channel, Bearer>>;

fn client(rig: &Rig, token: &str) -> Client {
    AccessServiceClient::with_interceptor(rig.channel(), Bearer::new(token))
}

fn asked(parent: &str, name: &str, role: v1::Role) -> v1::CreatePersonRequest {
    v1::CreatePersonRequest {
        parent: parent.to_owned(),
        person: Some(v1::Person {
            display_name: name.to_owned(),
            email: format!("{}@example.com", name.to_lowercase()),
            role: role.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn token_for(parent: &str, person: &str) -> v1::CreateTokenRequest {
    v1::CreateTokenRequest {
        parent: parent.to_owned(),
        token: Some(v1::Token {
            display_name: "laptop".to_owned(),
            person: person.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn revoking(name: &str) -> v1::RevokeTokenRequest {
    v1::RevokeTokenRequest {
        name: name.to_owned(),
        ..Default::default()
    }
}

async fn who_am_i(client: &mut Client) -> Result<v1::WhoAmIResponse, Status> {
    client
        .who_am_i(v1::WhoAmIRequest {})
        .await
        .map(tonic::Response::into_inner)
}

#[tokio::test]
async fn an_admin_lets_somebody_in_and_out_again() {
    let rig = Rig::guarded().await;
    let (_, root) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let mut root = client(&rig, &root);
    let ada = root.create_person(asked(ORGANIZATION, "Ada", v1::Role::Admin)).await;
    let ada = ada.expect("the staff lets in whom it likes").into_inner();
    assert_eq!(
        (ada.role(), ada.email.as_str(), ada.disabled),
        (v1::Role::Admin, "ada@example.com", false)
    );
    let made = root.create_token(token_for(ORGANIZATION, &ada.name)).await;
    let made = made.expect("it is made").into_inner();
    let token = made.token.expect("it is told");
    assert_eq!((token.role(), token.active), (v1::Role::Admin, true));
    assert_eq!(token.creator, "program laptop", "by whom it was made");
    let lasts = token.expire_time.expect("it ends").seconds - token.create_time.expect("it began").seconds;
    assert!((89 * 86_400..=90 * 86_400).contains(&lasts), "{lasts} s");
    let mut ada_client = client(&rig, &made.text);
    let who = who_am_i(&mut ada_client).await.expect("she is let in");
    assert_eq!(
        (who.principal.as_str(), who.scope.as_str()),
        ("person Ada", ORGANIZATION)
    );
    assert_eq!(
        (who.person, who.token, who.role),
        (ada.name.clone(), token.name.clone(), v1::Role::Admin.into())
    );

    // She does the same in her organization, and nothing beyond it.
    let bob = ada_client
        .create_person(asked(ORGANIZATION, "Bob", v1::Role::Operator))
        .await;
    let bob = bob.expect("she may").into_inner();
    for refused in [
        ada_client
            .create_person(asked("service", "Eve", v1::Role::Viewer))
            .await
            .err(),
        ada_client
            .create_person(asked("organizations/other", "Eve", v1::Role::Viewer))
            .await
            .err(),
        ada_client.create_token(token_for("service", "")).await.err(),
    ] {
        let status = refused.expect("it is not hers");
        assert!(
            matches!(reason(&status).as_str(), "PERMISSION_DENIED" | "ORGANIZATION_NOT_FOUND"),
            "{status:?}"
        );
    }
    let again = ada_client
        .create_person(asked(ORGANIZATION, "BOB", v1::Role::Viewer))
        .await;
    let status = again.expect_err("the address is Bob's");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::AlreadyExists, "EMAIL_TAKEN")
    );

    // Bob's token follows him.
    let made = ada_client.create_token(token_for(ORGANIZATION, &bob.name)).await;
    let mut bob_client = client(&rig, &made.expect("it is made").into_inner().text);
    let role = async |client: &mut Client| who_am_i(client).await.map(|who| who.role());
    assert_eq!(role(&mut bob_client).await.ok(), Some(v1::Role::Operator));
    let update = v1::UpdatePersonRequest {
        person: Some(v1::Person {
            name: bob.name.clone(),
            role: v1::Role::Viewer.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["role".to_owned()],
        }),
        ..Default::default()
    };
    let updated = ada_client.update_person(update).await.expect("she may").into_inner();
    assert_eq!(
        (updated.role(), updated.display_name.as_str()),
        (v1::Role::Viewer, "Bob")
    );
    assert_eq!(role(&mut bob_client).await.ok(), Some(v1::Role::Viewer));
    let name = || bob.name.clone();
    let disabled = ada_client
        .disable_person(v1::DisablePersonRequest {
            name: name(),
            ..Default::default()
        })
        .await;
    assert!(disabled.expect("she may").into_inner().disabled);
    let status = role(&mut bob_client).await.expect_err("he is disabled");
    assert_eq!(reason(&status), "UNAUTHENTICATED");
    let enabled = ada_client
        .enable_person(v1::EnablePersonRequest {
            name: name(),
            ..Default::default()
        })
        .await;
    assert!(!enabled.expect("she may").into_inner().disabled);
    assert!(role(&mut bob_client).await.is_ok());
    let gone = ada_client
        .delete_person(v1::DeletePersonRequest {
            name: name(),
            ..Default::default()
        })
        .await;
    gone.expect("she may");
    assert!(role(&mut bob_client).await.is_err());
    let missing = ada_client.get_person(v1::GetPersonRequest { name: name() }).await;
    assert_eq!(reason(&missing.expect_err("he is gone")), "PERSON_NOT_FOUND");
}

#[tokio::test]
async fn people_and_tokens_are_listed_page_by_page() {
    let rig = Rig::guarded().await;
    let (_, root) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let mut root = client(&rig, &root);
    let mut made = Vec::new();
    for name in ["Ada", "Bob", "Eve"] {
        let person = root.create_person(asked(ORGANIZATION, name, v1::Role::Viewer)).await;
        let person = person.expect("made").into_inner();
        root.create_token(token_for(ORGANIZATION, &person.name))
            .await
            .expect("made");
        made.push(person);
    }
    made.sort_by(|one, other| one.name.cmp(&other.name));
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListPeopleRequest {
            parent: ORGANIZATION.to_owned(),
            page_size: 2,
            page_token,
        };
        let page = root.list_people(request).await.expect("listed").into_inner();
        assert!(page.people.len() <= 2);
        seen.extend(page.people);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, made);
    let tokens = async |root: &mut Client, person: &str| {
        let request = v1::ListTokensRequest {
            parent: ORGANIZATION.to_owned(),
            person: person.to_owned(),
            ..Default::default()
        };
        root.list_tokens(request).await.expect("listed").into_inner().tokens
    };
    assert_eq!(tokens(&mut root, "").await.len(), 3);
    let theirs = tokens(&mut root, &made[1].name).await;
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0].person, made[1].name);
    let name = theirs[0].name.clone();
    let revoked = root.revoke_token(revoking(&name)).await;
    let revoked = revoked.expect("revoked").into_inner();
    assert!(!revoked.active && revoked.revoke_time.is_some());
    assert_eq!(tokens(&mut root, &made[1].name).await, [revoked], "it is remembered");
}

#[tokio::test]
async fn the_last_admin_of_the_staff_stays() {
    let rig = Rig::guarded().await;
    let (_, root) = rig.token(&Scope::Service, Role::Admin, None, None).await;
    let mut root = client(&rig, &root);
    let name = who_am_i(&mut root).await.expect("let in").token;
    let refused = root.revoke_token(revoking(&name)).await;
    let status = refused.expect_err("nobody else could come in");
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "LAST_ADMIN")
    );
    let ada = root.create_person(asked("service", "Ada", v1::Role::Admin)).await;
    let ada = ada.expect("made").into_inner();
    let made = root.create_token(token_for("service", &ada.name)).await;
    let mut ada = client(&rig, &made.expect("made").into_inner().text);
    ada.revoke_token(revoking(&name)).await.expect("there is another one");
    assert!(who_am_i(&mut root).await.is_err());
}

#[tokio::test]
async fn a_use_of_a_token_is_noted_once_in_an_hour() {
    let rig = Rig::guarded().await;
    let (id, text) = rig.token(&own(), Role::Viewer, None, None).await;
    let used = || rig.shard.directory().token(id).expect("it is there").0.used;
    assert_eq!(used(), None);
    who_am_i(&mut client(&rig, &text)).await.expect("let in");
    rig.services.note_used_tokens().await;
    let first = used().expect("it is noted");
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    who_am_i(&mut client(&rig, &text)).await.expect("let in");
    rig.services.note_used_tokens().await;
    assert_eq!(used(), Some(first), "that was not long ago");
}
