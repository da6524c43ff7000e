//! Mail servers that refuse, put off, hang, or are not to be trusted.

use std::time::Duration;

use muster_proto::v1::NoticeDeliveryState as State;
use muster_tests::{LIMIT, Way, World, eventually, http};
use nix::sys::signal::Signal;

use super::{FIRST_BACKOFF, ONCALL, Post, Source};

#[tokio::test]
async fn who_is_refused_put_off_or_hung_up_keeps_no_other_from_being_told() {
    let Some(post) = Post::start().await else { return };
    let world = post.world(Way::StartTls).await;
    let [refused, greylisted, hanging, dropping] = [
        "refused@example.com",
        "greylisted@example.com",
        "hanging@example.com",
        "dropping@example.com",
    ];
    let recipients = [refused, greylisted, hanging, dropping, ONCALL];
    let mut source = Source::at(&world.coordinator, "faults", &recipients, |_| ()).await;
    source.run(true).await;
    source.until_sent(ONCALL).await;
    let dead = source
        .until_delivery(refused, LIMIT, |one| one.state() == State::Dead)
        .await;
    assert!(
        dead.answer.contains("to the recipient: 550 5.1.1 no such user here"),
        "{dead:?}"
    );
    let put_off = source.until_deferred(greylisted).await;
    assert!(
        put_off.answer.contains("451 4.7.1 greylisted, try again later"),
        "{put_off:?}"
    );
    let dropped = source.until_deferred(dropping).await;
    assert!(dropped.answer.contains("broke at the mail"), "{dropped:?}");

    // While the server still hangs with one of them, others are told.
    let mut other = Source::at(&world.coordinator, "other", &[ONCALL], |_| ()).await;
    other.run(true).await;
    other.until_sent(ONCALL).await;
    eventually("what is told to Prometheus", LIMIT, async || {
        let page = http::get(world.coordinator.http_address(), "/metrics").await;
        let page = page.map_err(|error| error.to_string())?.body;
        let says = |line: &str| page.lines().any(|one| one == line);
        // One is dead; the one that hangs waits at least.
        let dead = says("muster_notice_deliveries_total{outcome=\"dead\"} 1");
        let told = dead && says("muster_incidents_open 2") && !says("muster_outbox_notices 0");
        if told { Ok(()) } else { Err(page) }
    })
    .await;
    let hangs = source
        .until_delivery(hanging, LIMIT, |one| one.state() == State::Waiting)
        .await;
    assert_eq!(hangs.tries, 0, "{hangs:?}");

    // Who was put off gets it at the next try. Who was dropped had got it, and gets it again.
    source
        .until_delivery(greylisted, FIRST_BACKOFF, |one| one.state() == State::Sent)
        .await;
    source
        .until_delivery(dropping, FIRST_BACKOFF, |one| {
            one.state() == State::Waiting && one.tries == 2
        })
        .await;
    let mails = post.server.mails();
    let ids: Vec<&str> = mails
        .iter()
        .filter(|mail| mail.recipients == [dropping])
        .map(|mail| mail.header("Message-ID"))
        .collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    assert_eq!(mails.iter().filter(|mail| mail.recipients == [greylisted]).count(), 1);
    assert_eq!(mails.iter().filter(|mail| mail.recipients == [ONCALL]).count(), 2);
    assert_eq!(post.server.said("refused"), 1, "a dead letter is not tried again");
}

#[tokio::test]
async fn a_server_without_tls_or_of_another_name_gets_nothing_until_it_is_mended() {
    let login = ["--login", "muster:correct horse"];
    let Some(mut post) = Post::start_as(Way::StartTls, &["--wrong-name"]).await else {
        return;
    };
    let mut world = post.world(Way::StartTls).await;
    let mut source = Source::at(&world.coordinator, "untrusted", &[ONCALL], |_| ()).await;
    source.run(true).await;
    let deferred = source.until_deferred(ONCALL).await;
    assert!(deferred.answer.contains("TLS with localhost:"), "{deferred:?}");
    assert!(
        deferred.answer.contains("it must be of the name `localhost`"),
        "{deferred:?}"
    );

    post.server.replace(Way::Open, &login).await;
    let mut other = Source::at(&world.coordinator, "open", &[ONCALL], |_| ()).await;
    other.run(true).await;
    let deferred = other.until_deferred(ONCALL).await;
    assert!(
        deferred.answer.contains("does not offer STARTTLS, so nothing was sent"),
        "{deferred:?}"
    );
    assert_eq!((post.server.mails().len(), post.server.said("login")), (0, 0));

    // The certificates of the authority are read at the start, and what waits outlives that.
    post.server.replace(Way::StartTls, &login).await;
    world.coordinator.kill_9();
    world.coordinator.restart().await;
    source
        .until_delivery(ONCALL, FIRST_BACKOFF, |one| one.state() == State::Sent)
        .await;
    other
        .until_delivery(ONCALL, FIRST_BACKOFF, |one| one.state() == State::Sent)
        .await;
    let mails = post.server.mails();
    assert!(mails.len() == 2 && mails.iter().all(|mail| mail.encrypted), "{mails:?}");
}

#[tokio::test]
async fn a_server_that_stands_still_holds_nothing_up() {
    let Some(mut post) = Post::start().await else { return };
    let mut world = post.world(Way::StartTls).await;
    post.server.process().signal(Signal::SIGSTOP);
    let recipients: Vec<String> = (0..20).map(|number| format!("person-{number}@example.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut source = Source::at(&world.coordinator, "still", &recipients, |_| ()).await;
    source.run(true).await;
    source.run_many(5, 5).await;
    let incidents = source.incidents().await;
    assert_eq!(incidents[0].notices[0].deliveries.len(), 20);
    let status = world.coordinator.terminate(Duration::from_secs(5)).await;
    assert!(status.success(), "{status}");
    // After the start all are told, each once.
    post.server.process().signal(Signal::SIGCONT);
    world.coordinator.restart().await;
    let mails = post.mails(20).await;
    for recipient in recipients {
        assert_eq!(mails.iter().filter(|mail| mail.recipients == [recipient]).count(), 1);
    }
}

#[tokio::test]
async fn without_a_mail_server_it_is_said_what_to_set() {
    let world = World::start().await;
    let mut source = Source::at(&world.coordinator, "nowhere", &[ONCALL], |_| ()).await;
    source.run(true).await;
    let deferred = source.until_deferred(ONCALL).await;
    assert_eq!(
        deferred.answer,
        "no mail server is set: set `smtp` and `mail_from` of the coordinator"
    );
}
