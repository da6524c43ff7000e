//! The web page, in a real browser.

mod alerts;
mod configuration;
mod day;
mod enrolling;
mod interrupted;
mod logs;
mod said;
mod sealing;
mod unsaved;

use std::fs;

use muster_tests::{Browser, LIMIT, MailServer, Wanted, Way, World, free_address, passwd_of};

use crate::secure::{Secure, start};

/// A world whose page is at an address that stays.
async fn world() -> (World, String) {
    let http = free_address().to_string();
    let world = World::start_with(&["--lease", "5s", "--http-listen", &http]).await;
    (world, format!("http://{http}"))
}

/// The same, whose mails go to this server.
async fn mailing_world(mail: &MailServer) -> (World, String) {
    let http = free_address().to_string();
    let (place, way) = (mail.place(), Way::Open.word());
    let mails = ["--smtp", &place, "--smtp-tls", way];
    let from = ["--mail-from", "Muster <muster@example.com>"];
    let world = World::start_with(&[&["--http-listen", &*http][..], &mails, &from].concat()).await;
    (world, format!("http://{http}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_seen_at_a_glance_while_it_changes() {
    let Some(browser) = Browser::new() else { return };
    let (mut world, url) = world().await;
    let _runner = world.runner("hq-1", &[]);
    let client = world.client();
    client.until_online("hq-1").await;
    let (source, broken) = (world.folder().join("source"), world.folder().join("broken"));
    passwd_of(&source, 50);
    let root = source.to_str().expect("text");
    let corp = Wanted::new("Corp directory", "host")
        .data_type("user")
        .with("root", root);
    let corp = client.create_soon(&corp).await;
    let fleet = world.folder().join("fleet");
    passwd_of(&fleet, 412);
    let of_fleet = |name: &str| Wanted::new(name, "host").with("root", fleet.to_str().expect("text"));
    let zero = client.create_soon(&of_fleet("Fleet").data_type("user")).await;
    client.create_soon(&of_fleet("Asset register").pool("plant-2")).await;
    client.create_soon(&Wanted::new("Branch servers", "host")).await;
    client.create_soon(&Wanted::new("HR export", "host").draft()).await;
    client
        .until_ended(&client.open_execution(&zero.name).await, LIMIT)
        .await;
    passwd_of(&fleet, 0);
    client.run(&zero.name, &[]).await.expect("it runs");

    let mut flow = browser.flow("at_a_glance.py", &[&url]);
    flow.asks("break the source").await;
    fs::rename(&source, &broken).expect("renamed");
    client.run(&corp.name, &[]).await.expect("it runs");
    flow.done();
    flow.asks("mend the source").await;
    fs::rename(&broken, &source).expect("renamed");
    flow.done();
    flow.asks("add hostile names").await;
    for name in ["<img src=x onerror=alert(1)>", "\"><b>&amp;"] {
        client.create_soon(&Wanted::new(name, "host").draft()).await;
    }
    flow.done();
    flow.asks("kill the coordinator").await;
    world.coordinator.kill_9();
    flow.done();
    flow.asks("start the coordinator").await;
    world.coordinator.restart().await;
    flow.done();
    flow.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_look_is_small_and_does_not_move() {
    let Some(browser) = Browser::new() else { return };
    let (world, url) = world().await;
    let _runner = world.runner("hq-1", &[]);
    let client = world.client();
    client.until_online("hq-1").await;
    for number in 0..75 {
        let of = if number < 60 { "branch" } else { "office" };
        let name = format!("Directory of {of} {number}");
        client
            .create_soon(&Wanted::new(&name, "host").data_type("device"))
            .await;
    }
    // The last by name and by age, in a pool without a runner.
    let waiting = Wanted::new("Zürich", "host").data_type("device").pool("plant-2");
    client.create_soon(&waiting).await;
    browser.flow("budget.py", &[&url]).ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_a_token_is_in_until_they_sign_out() {
    let Some(browser) = Browser::new() else { return };
    let port = free_address().port();
    let http: &str = format!("0.0.0.0:{port}").leak();
    let mut secure = Secure::start(&["--http-listen", http]).await;
    let token = fs::read_to_string(secure.data().join("bootstrap-token")).expect("it was made");
    let url = format!("https://localhost:{port}");
    let mut flow = browser.flow("sign_in.py", &[&url, token.trim()]);
    flow.asks("restart the coordinator").await;
    secure.process.kill_9();
    secure.process = start(secure.folder.path(), secure.address, &secure.arguments, None);
    secure.ready().await;
    flow.done();
    flow.ends().await;
}
