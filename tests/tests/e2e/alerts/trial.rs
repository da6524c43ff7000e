//! `muster alerts test`, against a real mail server.

use std::process::Output;

use muster_tests::{Binary, Way, World};

use super::{ONCALL, Post};

async fn test_mail(world: &World, address: &str) -> Output {
    let mut command = Binary::Cli.command();
    command.args(["alerts", "test", address, "--server", &world.coordinator.url()]);
    let ran = tokio::task::spawn_blocking(move || command.output());
    ran.await.expect("it does not panic").expect("it can be started")
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_test_mail_arrives_or_it_is_said_why_not() {
    let Some(post) = Post::start().await else { return };
    let world = post.world(Way::StartTls).await;
    let sent = test_mail(&world, ONCALL).await;
    let said = String::from_utf8_lossy(&sent.stdout);
    assert_eq!(
        said, "the mail server has taken a mail to oncall@example.com: 250 2.0.0 Ok: queued as 1\n",
        "{sent:?}"
    );
    let mails = post.server.mails();
    assert_eq!(
        (mails.len(), mails[0].recipients.as_slice()),
        (1, [ONCALL.to_owned()].as_slice())
    );
    assert_eq!(mails[0].header("Subject"), "[Muster] A test mail");

    let refused = complaint(&test_mail(&world, "refused@example.com").await);
    assert!(refused.contains("550 5.1.1 no such user here"), "{refused}");
    let wrong = complaint(&test_mail(&world, "nobody").await);
    assert!(wrong.contains("`nobody` is not the address of a mailbox"), "{wrong}");

    // One at a time, and for not longer than somebody waits.
    let began = std::time::Instant::now();
    let (first, second) = tokio::join!(test_mail(&world, "hanging@example.com"), async {
        post.mails(2).await;
        test_mail(&world, ONCALL).await
    });
    assert!(complaint(&second).contains("a test mail is under way"), "{second:?}");
    assert!(
        complaint(&first).contains("was not done with it after 20 s"),
        "{first:?}"
    );
    assert!(began.elapsed() < std::time::Duration::from_secs(28));
}

#[tokio::test]
async fn without_a_mail_server_there_is_no_test_mail() {
    let world = World::start().await;
    let said = complaint(&test_mail(&world, ONCALL).await);
    assert!(
        said.contains("no mail server is set: set `smtp` and `mail_from`"),
        "{said}"
    );
}
