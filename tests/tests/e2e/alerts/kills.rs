//! The coordinator is killed between what it decides, the mail, and its note of that: a mail is sent at least once, never not at all.

use std::collections::BTreeSet;

use muster_tests::{Coordinator, LIMIT, Way, eventually};

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
