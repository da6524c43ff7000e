//! What is told of an error rate, and when.

use muster_tests::Way;

use super::{ONCALL, Post, Source, log_of};

#[tokio::test]
async fn a_mail_at_the_threshold_exactly_and_one_when_it_is_over() {
    let Some(post) = Post::start().await else { return };
    let world = post.world(Way::StartTls).await;
    let sample = |settings: &mut muster_proto::v1::ErrorNotifications| settings.sample_min = Some(97);
    let mut source = Source::at(&world.coordinator, "acme", &[ONCALL, "boss@example.com"], sample).await;
    source.run_many(29, 68).await;
    assert_eq!(source.arithmetic().await, "29 of 97 failed = 29.89 %");
    source.run_many(0, 2).await;
    assert_eq!(source.arithmetic().await, "29 of 99 failed = 29.29 %");
    assert_eq!(source.incidents().await, [], "29.89 % are less than 30 %");
    source.run(true).await;
    assert_eq!(source.arithmetic().await, "30 of 100 failed = 30 %");

    let mails = post.mails(2).await;
    for (mail, recipient) in [(&mails[0], ONCALL), (&mails[1], "boss@example.com")] {
        assert!(
            mails.iter().any(|mail| mail.recipients == [recipient]),
            "one mail each: {mails:?}"
        );
        assert!(mail.encrypted && mail.user.as_deref() == Some("muster"), "{mail:?}");
        assert_eq!(mail.header("Subject"), "[Muster] acme: 30 of 100 failed = 30 %");
        assert_eq!(mail.header("From"), "Muster <muster@example.com>");
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        for part in [&mail.text, &mail.html] {
            for said in [
                "30 of 100 failed = 30 %",
                "permission: the API answered 403 to GET /v1/devices",
                "What to do: give the token the scope `devices.read`",
                &format!("https://muster.example.com/{}", source.name),
            ] {
                assert!(part.replace("</b>", "").contains(said), "no `{said}` in {part}");
            }
        }
    }
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    let answer = source.until_sent(ONCALL).await.answer;
    assert!(answer.starts_with("250 2.0.0 Ok: queued as "), "{answer}");

    // 30 of 150 are 20 %, which is not below.
    source.run_many(0, 50).await;
    assert_eq!(source.arithmetic().await, "30 of 150 failed = 20 %");
    assert_eq!(post.server.mails().len(), 2);
    source.run(false).await;
    let mails = post.mails(4).await;
    assert_eq!(mails.len(), 4);
    let first = mails[..2]
        .iter()
        .find(|mail| mail.recipients == [ONCALL])
        .expect("it was seen");
    let last = mails[2..]
        .iter()
        .find(|mail| mail.recipients == [ONCALL])
        .expect("one mail each");
    assert_eq!(
        last.header("Subject"),
        "[Muster] acme has recovered: 30 of 151 failed = 19.86 %"
    );
    for header in ["In-Reply-To", "References"] {
        assert_eq!(last.header(header), first.header("Message-ID"), "{header}");
    }
    assert_eq!(source.incidents().await.len(), 1);
    let log = log_of(world.folder());
    assert!(!log.contains("correct horse"), "the password is in the log");
}

#[tokio::test]
async fn a_rate_that_swings_makes_no_more_mails_and_a_reminder_comes_in_its_time() {
    let Some(post) = Post::start_as(Way::Tls, &["--login", "muster:correct horse"]).await else {
        return;
    };
    let world = post.world(Way::Tls).await;
    let remind = |settings: &mut muster_proto::v1::ErrorNotifications| {
        settings.sample_min = Some(4);
        settings.reminder = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    };
    let mut source = Source::at(&world.coordinator, "swing", &[ONCALL], remind).await;
    let (mut failed, mut finished) = (2, 5);
    source.run_many(failed, finished - failed).await;
    let opened = post.mails(1).await;
    assert!(opened[0].encrypted);
    for _ in 0..4 {
        while failed * 100 > finished * 25 {
            source.run(false).await;
            finished += 1;
        }
        while failed * 100 < finished * 35 {
            source.run(true).await;
            (failed, finished) = (failed + 1, finished + 1);
        }
    }
    assert_eq!(
        source.arithmetic().await.split(" failed").next(),
        Some(&*format!("{failed} of {finished}"))
    );
    assert_eq!(source.incidents().await[0].notices.len(), 1, "no notices that flap");
    assert_eq!(post.server.mails().len(), 1, "no mails that flap");

    // A minute after the first.
    let mails = muster_tests::eventually("a reminder", super::FIRST_BACKOFF, async || {
        let mails = post.server.mails();
        if mails.len() > 1 {
            Ok(mails)
        } else {
            Err("none".to_owned())
        }
    })
    .await;
    let reminder = &mails[1];
    assert!(
        reminder.header("Subject").starts_with("[Muster] swing: still "),
        "{reminder:?}"
    );
    assert_eq!(reminder.header("References"), opened[0].header("Message-ID"));
}
