//! A session that ends while somebody types.

use std::fs;
use std::path::Path;
use std::time::Duration;

use muster_proto::v1;
use muster_proto::v1::access_service_client::AccessServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_session::wire::json_from_struct;
use muster_tests::{Binary, Browser, Process, free_address};
use serde_json::{Value, json};

use super::configuration::set_up;
use crate::secure::{PARENT, Secure, said};

/// A token of an operator, by its name and its text.
async fn token(secure: &Secure) -> (String, String) {
    let token = v1::Token {
        display_name: "for a while".to_owned(),
        role: v1::Role::Operator.into(),
        ..v1::Token::default()
    };
    let create = v1::CreateTokenRequest {
        parent: PARENT.to_owned(),
        token: Some(token),
        ..v1::CreateTokenRequest::default()
    };
    let made = AccessServiceClient::new(secure.operator()).create_token(create).await;
    let made = made.expect("made").into_inner();
    (made.token.expect("told").name, made.text)
}

async fn revoke(secure: &Secure, name: &str) {
    let revoke = v1::RevokeTokenRequest {
        name: name.to_owned(),
        ..v1::RevokeTokenRequest::default()
    };
    let revoked = AccessServiceClient::new(secure.operator()).revoke_token(revoke).await;
    revoked.expect("revoked");
}

/// A runner of the pool `hq` that has the connector of the forms.
pub(super) async fn directory(secure: &Secure) -> Process {
    let folder = secure.folder.path();
    let settings = set_up(folder);
    let runner = folder.join("hq-1");
    let enrolled = secure.enroll(&runner, &secure.token(Duration::from_secs(600), 1).await, &[]);
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let process = start(secure, &runner, &settings);
    secure.until_online().await;
    process
}

fn start(secure: &Secure, runner: &Path, settings: &str) -> Process {
    let mut command = Binary::Runner.command();
    command.args(["--coordinator", &secure.url(), "--config", settings, "--data-folder"]);
    command.arg(runner);
    Process::start(command, &runner.with_extension("log"))
}

/// Looks at what has become of what was typed.
async fn is_as_typed(secure: &Secure, display_name: &str) {
    let list = v1::ListIntegrationsRequest {
        parent: PARENT.to_owned(),
        filter: format!("display_name = \"{display_name}\""),
        ..v1::ListIntegrationsRequest::default()
    };
    let mut integrations = IntegrationServiceClient::new(secure.operator());
    let found = integrations.list_integrations(list).await.expect("listed");
    let [found] = &found.into_inner().integrations[..] else {
        panic!("there should be one `{display_name}`");
    };
    assert_eq!(found.pool, "hq");
    let configuration = json_from_struct(found.configuration.as_ref().expect("told")).expect("JSON");
    let configuration: Value = serde_json::from_str(&configuration).expect("JSON");
    let typed = json!({
        "url": "ldaps://dc2.corp.example",
        "port": 637,
        "verify": false,
        "level": "full",
        "kinds": ["people"],
        "bases": ["ou=people & co", "ou=<devices>"],
        "auth": {"kind": "token", "token": "file:directory"},
    });
    assert_eq!(configuration, typed, "{display_name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_takes_nothing_that_was_typed_with_it() {
    let Some(browser) = Browser::new() else { return };
    let port = free_address().port();
    let http: &str = format!("0.0.0.0:{port}").leak();
    let secure = Secure::start(&["--http-listen", http]).await;
    let _runner = directory(&secure).await;
    let bootstrap = fs::read_to_string(secure.data().join("bootstrap-token")).expect("it was made");
    let url = format!("https://localhost:{port}");
    let create = v1::CreateIntegrationRequest {
        parent: PARENT.to_owned(),
        integration: Some(v1::Integration {
            display_name: "Corp".to_owned(),
            connector: "directory".to_owned(),
            configuration: Some(prost_types::Struct::default()),
            pool: "hq".to_owned(),
            ..v1::Integration::default()
        }),
        draft: true,
        ..v1::CreateIntegrationRequest::default()
    };
    let mut integrations = IntegrationServiceClient::new(secure.operator());
    let corp = integrations
        .create_integration(create)
        .await
        .expect("created")
        .into_inner();

    let mut flow = browser.flow("interrupted.py", &[&url, bootstrap.trim()]);
    flow.asks("a token").await;
    let (name, text) = token(&secure).await;
    flow.answer(&text);
    flow.asks("an integration").await;
    flow.answer(&format!("{url}/{}/configuration", corp.name));
    flow.asks("revoke the token").await;
    revoke(&secure, &name).await;
    flow.done();
    for typed in ["Corp, typed", "New, typed", "Kept, typed"] {
        flow.asks(&format!("`{typed}` is as it was typed")).await;
        is_as_typed(&secure, typed).await;
        flow.done();
    }
    for _ in 0..2 {
        flow.asks("a token").await;
        let (name, text) = token(&secure).await;
        flow.answer(&text);
        flow.asks("revoke the token").await;
        revoke(&secure, &name).await;
        flow.done();
    }
    for typed in ["Plain 0, typed", "Plain 1, typed"] {
        flow.asks(&format!("`{typed}` is as it was typed")).await;
        is_as_typed(&secure, typed).await;
        flow.done();
    }
    flow.ends().await;
}
