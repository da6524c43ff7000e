//! An integration is added, tried, changed by two people at once and ended, by a form of what its connector says about itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use muster_proto::v1;
use muster_session::wire::json_from_struct;
use muster_tests::foreign::repository;
use muster_tests::{Browser, Client, LIMIT, MailServer, ORGANIZATION, Way, eventually};
use serde_json::{Value, json};

use super::mailing_world;

/// The connector, as a program of the runner's, and the secret that its configuration refers to.
pub(super) fn set_up(folder: &Path) -> String {
    let program = folder.join("directory.py");
    fs::copy(repository().join("tests/browser/directory.py"), &program).expect("copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it may be run");
    let secrets = folder.join("hq-1/secrets");
    fs::create_dir_all(&secrets).expect("a folder");
    fs::write(secrets.join("directory"), "correct horse").expect("written");
    let settings = format!(
        "[exec.directory]\nprogram = {}\nenvironment = {{ PATH = \"/usr/bin:/bin\" }}\nread_paths = [{}]\n",
        json!(program),
        json!(folder),
    );
    let file = folder.join("runner.toml");
    fs::write(&file, settings).expect("written");
    file.to_string_lossy().into_owned()
}

async fn named(client: &Client, display_name: &str) -> v1::Integration {
    let request = v1::ListIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        filter: format!("display_name = \"{display_name}\""),
        ..Default::default()
    };
    let found = client.integrations().list_integrations(request).await.expect("listed");
    found.into_inner().integrations.pop().expect("there is one")
}

async fn configuration(client: &Client) -> Value {
    let corp = named(client, "Corp").await;
    let json = json_from_struct(corp.configuration.as_ref().expect("told")).expect("JSON");
    serde_json::from_str(&json).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_is_added_and_changed_by_what_its_connector_says() {
    let Some(browser) = Browser::new() else { return };
    let post = tempfile::tempdir().expect("a folder");
    let Some(mail) = MailServer::start(post.path(), Way::Open, &[]).await else {
        return;
    };
    let (world, url) = mailing_world(&mail).await;
    let settings = set_up(world.folder());
    let _runner = world.runner("hq-1", &["--config", &settings]);
    let client = world.client();
    client.until_online("hq-1").await;

    let mut flow = browser.flow("configuration.py", &[&url]);
    flow.asks("the configuration is as it was typed").await;
    let typed = json!({
        "url": "ldaps://dc1.corp.example",
        "port": 637,
        "bases": ["ou=people", "ou=devices"],
        "kinds": ["people"],
        "auth": {"kind": "simple", "user": "svc-muster", "password": "file:directory"},
        "mappings": [{"from": "cn", "to": "name"}],
    });
    assert_eq!(configuration(&client).await, typed);
    flow.done();
    let refused = world.folder().join("refused");
    flow.asks("break the source").await;
    fs::write(&refused, "").expect("written");
    flow.done();
    flow.asks("mend the source").await;
    fs::remove_file(&refused).expect("removed");
    flow.done();
    let slow = world.folder().join("slow");
    flow.asks("make the source slow").await;
    fs::write(&slow, "").expect("written");
    flow.done();
    flow.asks("make the source fast").await;
    fs::remove_file(&slow).expect("removed");
    flow.done();
    flow.asks("the mail has arrived").await;
    eventually("a test mail", LIMIT, async || match &mail.mails()[..] {
        [one] => Ok(one.header("To").to_owned()),
        mails => Err(format!("{} mails", mails.len())),
    })
    .await;
    flow.done();
    flow.asks("collecting fails, which is told by mail").await;
    fs::write(&refused, "").expect("written");
    let corp = named(&client, "Corp B").await;
    client.run(&corp.name, &[]).await.expect("it runs");
    eventually("a mail of an incident", LIMIT, async || match &mail.mails()[..] {
        [_, told] => Ok(told.header("Subject").to_owned()),
        mails => Err(format!("{} mails", mails.len())),
    })
    .await;
    fs::remove_file(&refused).expect("removed");
    flow.done();
    flow.asks("some seconds have passed").await;
    // A page that is open is made anew every second.
    tokio::time::sleep(Duration::from_secs(3)).await;
    flow.done();
    flow.ends().await;
}
