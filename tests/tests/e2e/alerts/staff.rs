//! Pools that have lost their last runner, and runners that are outdated: told to the operators of the coordinator.

use std::time::{Duration, Instant};

use muster_proto::v1;
use muster_tests::{CONNECTOR, Client, LIMIT, Mail, Runner, ScriptedRunner, Wanted, Way, World, eventually};

use super::{Post, State};

const OPERATOR: &str = "operator@example.com";
const BOSS: &str = "boss@example.com";

/// The shortest lease that there is with its grace, and how long a pool may be without runners after it.
const LEASE: Duration = Duration::from_secs(10);
const OFFLINE_AFTER: Duration = Duration::from_secs(3);

/// A coordinator that has operators and little patience.
async fn world(post: &Post) -> World {
    let operators = format!("{OPERATOR},{BOSS}");
    let mut settings = post.settings(Way::StartTls);
    let patience = [
        ("--operators", operators.as_str()),
        ("--lease", "5s"),
        ("--pool-offline-after", "3s"),
        ("--runner-outdated-after", "2s"),
    ];
    settings.extend(
        patience
            .iter()
            .flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]),
    );
    let arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
    World::start_with(&arguments).await
}

/// The mails that the operator has got, once there are so many, each of which the boss has got, too.
async fn told(post: &Post, count: usize) -> Vec<Mail> {
    let mails = post.mails(2 * count).await;
    let of = |recipient: &str| -> Vec<Mail> {
        let those = mails.iter().filter(|mail| mail.recipients == [recipient]);
        those.cloned().collect()
    };
    let (operator, boss) = (of(OPERATOR), of(BOSS));
    assert_eq!((operator.len(), boss.len()), (count, count), "{mails:?}");
    operator
}

async fn incidents(client: &Client) -> Vec<v1::Incident> {
    eventually("the coordinator to serve", LIMIT, async || {
        client.incidents().await.map_err(|status| status.to_string())
    })
    .await
}

async fn until_settled(client: &Client) {
    eventually("all mails to be noted", LIMIT, async || {
        let all = client.incidents().await.map_err(|status| status.to_string())?;
        let notices = all.iter().flat_map(|one| &one.notices);
        let mut deliveries = notices.flat_map(|notice| &notice.deliveries);
        if deliveries.all(|one| one.state() == State::Sent) {
            Ok(())
        } else {
            Err(format!("{all:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_pool_without_runners_is_told_once_and_again_when_one_is_back_whoever_is_killed_in_between() {
    let Some(post) = Post::start().await else { return };
    let mut world = world(&post).await;
    let client = world.client();
    let mut runner: Runner = world.runner("rack-7", &["--pool", "hq"]);
    client.until_online("rack-7").await;
    let created = client.create_soon(&Wanted::new("laptops", "host").pool("hq")).await;

    // Whether the runner is gone the coordinator does not know after its own restart: it waits for a lease, and then as long as a pool may be alone.
    runner.kill_9();
    world.coordinator.kill_9();
    world.coordinator.restart().await;
    let began = Instant::now();
    let mails = told(&post, 1).await;
    let waited = began.elapsed();
    assert!(waited + Duration::from_secs(2) > LEASE + OFFLINE_AFTER, "{waited:?}");
    let opened = &mails[0];
    assert_eq!(opened.header("Subject"), "[Muster] Pool hq is offline");
    for part in [
        "rack-7, heard",
        "1 integration, ",
        "`muster-runner --pool hq`",
        "on the host of `rack-7`",
    ] {
        assert!(opened.text.contains(part), "{part}: {}", opened.text);
    }
    let link = "https://muster.example.com/organizations/default/runners";
    assert!(opened.text.contains(link) && opened.html.contains(link), "{opened:?}");
    until_settled(&client).await;

    // Nobody is told a second time by another start.
    world.coordinator.kill_9();
    world.coordinator.restart().await;
    let open = incidents(&client).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(
        (open[0].cause(), open[0].pool.as_str()),
        (v1::IncidentCause::PoolOffline, "hq")
    );
    assert_eq!(open[0].state(), v1::IncidentState::Open);
    tokio::time::sleep(LEASE + OFFLINE_AFTER + Duration::from_secs(2)).await;
    told(&post, 1).await;

    runner.restart();
    let mails = told(&post, 2).await;
    let back = &mails[1];
    assert_eq!(back.header("Subject"), "[Muster] Pool hq is back: rack-7");
    assert_eq!(
        back.header("References"),
        opened.header("Message-ID"),
        "they stand together"
    );
    let closed = incidents(&client).await;
    assert_eq!((closed.len(), closed[0].closing()), (1, v1::IncidentClosing::Recovered));

    // What is told of an integration is not mixed up with it.
    client.delete(&created.name).await.expect("it is there");
    runner.kill_9();
    tokio::time::sleep(LEASE + OFFLINE_AFTER + Duration::from_secs(2)).await;
    assert_eq!(incidents(&client).await.len(), 1, "nobody relies on the pool any more");
}

#[tokio::test]
async fn an_outdated_runner_is_told_until_it_is_updated() {
    let Some(post) = Post::start().await else { return };
    let world = world(&post).await;
    let client = world.client();
    let old = ScriptedRunner::named("rack-8", "lab", 1).version("0.0.9");
    let session = old.check_in(&world.coordinator.url()).await;
    client
        .create_soon(&Wanted::new("servers", CONNECTOR).pool("lab").draft())
        .await;
    let mails = told(&post, 1).await;
    assert_eq!(mails[0].header("Subject"), "[Muster] Runner rack-8 is outdated: 0.0.9");
    let expected = format!(
        "{} or newer",
        env!("CARGO_PKG_VERSION").rsplit_once('.').expect("a version").0
    );
    assert!(mails[0].text.contains(&expected), "{}", mails[0].text);
    let open = incidents(&client).await;
    assert_eq!(open[0].cause(), v1::IncidentCause::RunnerOutdated);
    assert!(open[0].runner.starts_with("organizations/default/runners/"), "{open:?}");
    drop(session);
    let _updated = old
        .version(env!("CARGO_PKG_VERSION"))
        .check_in(&world.coordinator.url())
        .await;
    let mails = told(&post, 2).await;
    let subject = format!("[Muster] Runner rack-8 is updated: {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(mails[1].header("Subject"), subject);
}
