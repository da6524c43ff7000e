//! The coordinator is killed between what it decides, the mail, and its note of that: a mail is sent at least once, never not at all.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_tests::{Coordinator, LIMIT, Way, eventually};
use tokio::task::JoinSet;

use super::{ONCALL, Post, Source};

/// Has a coordinator die at a failpoint on its way to tell of an incident, and start again. Returns the Message-IDs of what the server has got by the end.
async fn told_although_it_dies(failpoint: &str) -> Option<Vec<String>> {
    let post = Post::start().await?;
    let folder = tempfile::tempdir().expect("a folder");
    let settings = post.settings(Way::StartTls);
    let arguments: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut coordinator = Coordinator::start_to_crash(folder.path(), &arguments, failpoint);
    eventually("the coordinator to serve", LIMIT, async || {
        if coordinator.is_ready() {
            Ok(())
        } else {
            Err("it does not".to_owned())
        }
    })
    .await;
    let mut source = Source::at(&coordinator, "killed", &[ONCALL], |_| ()).await;
    source.client.run(&source.name, &[]).await.expect("it is run");
    let work = source.runner.assignment().await;
    let failure = muster_proto::v1::Failure {
        category: muster_proto::v1::ErrorCategory::Permission.into(),
        message: "403".to_owned(),
        ..Default::default()
    };
    let reports = vec![work.accepted(), work.started(), work.failed(failure)];
    source.runner.report(reports).await;
    coordinator.process().ended(LIMIT).await;
    let place = failpoint.split(':').next();
    assert_eq!(coordinator.process().died_at().as_deref(), place);
    coordinator.restart().await;
    source.until_sent(ONCALL).await;
    let mails = post.server.mails();
    let bodies: BTreeSet<&String> = mails.iter().map(|mail| &mail.text).collect();
    assert_eq!(bodies.len(), 1, "it is the same mail: {mails:?}");
    Some(mails.iter().map(|mail| mail.header("Message-ID").to_owned()).collect())
}

#[tokio::test]
async fn killed_before_the_mail_it_is_sent_once() {
    let Some(ids) = told_although_it_dies("mail:1").await else {
        return;
    };
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn killed_between_the_mail_and_its_note_it_is_sent_again_as_the_same() {
    let Some(ids) = told_although_it_dies("mailed:1").await else {
        return;
    };
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}

/// Where the journal can be killed, in their order.
const JOURNAL: [&str; 7] = [
    "append",
    "appended",
    "engine-flushed",
    "synced",
    "noted",
    "releasing",
    "released",
];

/// How often it comes to one of these until all is told: what is decided, and the note of the mail, are among them.
const BATCHES: u32 = 6;

/// How often it is killed.
const ROUNDS: usize = 2 * JOURNAL.len();

#[tokio::test]
async fn killed_at_any_point_of_the_journal_one_incident_is_told_as_one() {
    let Some(post) = Post::start().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut arguments = post.settings(Way::StartTls);
    arguments.extend(["--lease", "5s"].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut coordinator = Coordinator::start(folder.path(), &arguments).await;
    for (round, point) in JOURNAL.into_iter().cycle().take(ROUNDS).enumerate() {
        let pool = format!("killed-{round}");
        let sample = |settings: &mut muster_proto::v1::ErrorNotifications| settings.sample_min = Some(2);
        let mut calm = Source::at(&coordinator, &pool, &[ONCALL], sample).await;
        calm.run(false).await;
        let (client, name) = (calm.client.clone(), calm.name.clone());
        drop(calm);

        coordinator.kill_9();
        let failpoint = format!("{point}:{}:20", fastrand::u32(1..=BATCHES));
        coordinator.relaunch_to_crash(&failpoint);
        let url = coordinator.url();
        let mut failing = JoinSet::new();
        let (other, named, of_pool) = (client.clone(), name.clone(), pool.clone());
        failing.spawn(async move {
            Source::again(other, &url, &of_pool, named).await.run(true).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        });
        tokio::select! {
            // It has not died yet, or could not be asked since it has.
            _ = failing.join_next() => {}
            _ = coordinator.process().ended(LIMIT) => {}
        }
        coordinator.kill_9();
        let died_at = coordinator.process().died_at();
        println!("{failpoint}: died at {died_at:?}");
        failing.shutdown().await;

        coordinator.restart().await;
        let mut source = Source::again(client, &coordinator.url(), &pool, name).await;
        while source.incidents().await.is_empty() {
            source.run(true).await;
        }
        source.until_sent(ONCALL).await;
        assert_eq!(source.incidents().await.len(), 1, "{failpoint}");
        let mails = post.server.mails();
        let of_this = mails.iter().filter(|mail| mail.header("Subject").contains(&pool));
        let ids: BTreeSet<&str> = of_this.map(|mail| mail.header("Message-ID")).collect();
        assert_eq!(ids.len(), 1, "{failpoint}: {mails:?}");
    }
}
