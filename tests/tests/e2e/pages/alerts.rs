//! An incident from its first error to its end, as the page shows it.

use std::fs;

use muster_proto::v1;
use muster_tests::{Browser, Client, LIMIT, MailServer, Wanted, Way, eventually, passwd_of};

use super::mailing_world;

/// Collects so often, and waits for the end of each.
async fn collect(client: &Client, integration: &str, times: usize) {
    for _ in 0..times {
        for begun in client.run(integration, &[]).await.expect("it runs") {
            client.until_ended(&begun.name, LIMIT).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_seen_from_its_opening_to_its_end_and_stands_on_paper() {
    let Some(browser) = Browser::new() else { return };
    let post = tempfile::tempdir().expect("a folder");
    let Some(mail) = MailServer::start(post.path(), Way::Open, &[]).await else {
        return;
    };
    let (world, url) = mailing_world(&mail).await;
    let _runner = world.runner("hq-1", &[]);
    let client = world.client();
    client.until_online("hq-1").await;
    let (source, broken) = (world.folder().join("source"), world.folder().join("broken"));
    passwd_of(&source, 50);
    let notifications = v1::ErrorNotifications {
        enabled: true,
        recipients: ["oncall@example.com", "boss@example.com"].map(str::to_owned).into(),
        sample_min: Some(3),
        ..v1::ErrorNotifications::default()
    };
    let wanted = Wanted::new("Corp directory", "host")
        .data_type("user")
        .with("root", source.to_str().expect("text"))
        .notifying(notifications);
    let corp = client.create_soon(&wanted).await.name;
    let first = client.open_execution(&corp).await;
    client.until_ended(&first, LIMIT).await;
    client
        .create_soon(&Wanted::new("Branch servers", "host").data_type("device"))
        .await;
    client.create_soon(&Wanted::new("HR export", "host").draft()).await;

    let mut flow = browser.flow("alerts.py", &[&url, &corp]);
    flow.asks("break the source").await;
    fs::rename(&source, &broken).expect("renamed");
    collect(&client, &corp, 2).await;
    until_mailed(&mail, 2).await;
    flow.done();
    flow.asks("mend the source").await;
    fs::rename(&broken, &source).expect("renamed");
    // 2 of 11 are the first less than 20 %. The others make a list that is longer than a sheet of paper.
    collect(&client, &corp, 40).await;
    until_mailed(&mail, 4).await;
    flow.done();
    flow.ends().await;
}

async fn until_mailed(mail: &MailServer, count: usize) {
    eventually("the mails", LIMIT, async || match mail.mails().len() {
        len if len == count => Ok(()),
        len => Err(format!("{len} mails")),
    })
    .await;
}
