//! What becomes of mails at servers that answer as a test has it.

use std::path::Path;
use std::time::{Duration, Instant};

use lettre::Message;
use muster_core::decide::incident::deliver::Tried;
use muster_core::words::EmailAddress;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::super::sender::Patience;
use super::super::server::{MailServer, SmtpTls};
use super::super::{Mailer, Reply};
use crate::settings::Settings;

const PATIENCE: Patience = Patience {
    connect: Duration::from_millis(400),
    command: Duration::from_millis(200),
    end: Duration::from_millis(300),
    farewell: Duration::from_millis(100),
};

/// What is answered to the greeting, and to each command that begins so; `None` is silence. What is not named is accepted.
type Script = &'static [(&'static str, Option<&'static str>)];

/// A server of one conversation. Returns what it was told.
async fn server(script: Script) -> (MailServer, JoinSet<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let host = "127.0.0.1".to_owned();
    let mut told = JoinSet::new();
    told.spawn(async move {
        let (stream, _) = listener.accept().await.expect("somebody connects");
        converse(stream, script).await
    });
    (MailServer { host, port }, told)
}

/// What a server was told until its conversation ended.
async fn all(mut told: JoinSet<Vec<String>>) -> Vec<String> {
    let ended = told.join_next().await.expect("there is one");
    ended.expect("it does not panic")
}

async fn converse(stream: TcpStream, script: Script) -> Vec<String> {
    let mut stream = BufReader::new(stream);
    let mut told: Vec<String> = Vec::new();
    let mut command = "greeting".to_owned();
    loop {
        let scripted = script.iter().find(|(name, _)| command.starts_with(name));
        let answer = match (scripted, command.as_str()) {
            (Some((_, answer)), _) => *answer,
            (None, "greeting") => Some("220 test"),
            (None, "DATA") => Some("354 go on"),
            (None, command) if command.starts_with("EHLO") => Some("250-test\r\n250 AUTH PLAIN LOGIN"),
            (None, _) => Some("250 2.0.0 it is accepted"),
        };
        if let Some(answer) = answer {
            let _ = stream.write_all(format!("{answer}\r\n").as_bytes()).await;
        }
        if command == "DATA" && answer.is_some_and(|answer| answer.starts_with("354")) {
            let mut line = String::new();
            while line != ".\r\n" {
                line.clear();
                if !stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
                    return told;
                }
            }
            command = "end".to_owned();
            continue;
        }
        let mut line = String::new();
        if !stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
            return told;
        }
        command = line.trim_end().to_owned();
        told.push(command.clone());
    }
}

fn settings(server: MailServer) -> Settings {
    Settings {
        smtp: Some(server),
        smtp_tls: SmtpTls::None,
        mail_from: Some("muster@example.com".parse().expect("a mailbox")),
        ..Settings::default()
    }
}

fn mail(mailer: &Mailer, recipient: &str) -> Message {
    let recipient = EmailAddress::new(recipient).expect("an address");
    let letterhead = mailer.letterhead().expect("a server is set");
    letterhead.write_trial(&recipient, 1).expect("a mail can be written")
}

async fn sent(settings: &Settings) -> Reply {
    let mailer = Mailer::with_patience(settings, PATIENCE).expect("the settings are good");
    mailer.send(&mail(&mailer, "oncall@example.com")).await
}

#[tokio::test]
async fn a_server_that_takes_a_mail_is_quoted() {
    let (server, told) = server(&[("end", Some("250 2.0.0 Ok: queued as 4F2"))]).await;
    let reply = sent(&settings(server)).await;
    assert_eq!(
        reply,
        Reply {
            tried: Tried::Accepted,
            answer: "250 2.0.0 Ok: queued as 4F2".to_owned()
        }
    );
    let told = all(told).await;
    let commands: Vec<&str> = told.iter().map(|line| &line[..4]).collect();
    assert_eq!(commands, ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]);
}

#[tokio::test]
async fn a_refusal_of_the_recipient_is_for_good_and_all_else_may_pass() {
    use Tried::{Deferred, Refused};
    let cases: &[(Script, Tried, &str)] = &[
        (
            &[("RCPT", Some("550 5.1.1 no such user"))],
            Refused,
            "to the recipient: 550 5.1.1 no such user",
        ),
        (
            &[("end", Some("554 5.6.0 not this"))],
            Refused,
            "to the mail: 554 5.6.0 not this",
        ),
        (
            &[("RCPT", Some("451 4.7.1 greylisted, try again"))],
            Deferred,
            "to the recipient: 451 4.7.1 greylisted",
        ),
        (
            &[("RCPT", Some("554 5.7.1 relay access denied"))],
            Deferred,
            "554 5.7.1 relay access denied",
        ),
        (&[("RCPT", Some("530 log in first"))], Deferred, "530 log in first"),
        (
            &[("MAIL", Some("553 5.1.8 this sender is not known"))],
            Deferred,
            "to the sender: 553",
        ),
        (
            &[("greeting", Some("554 nobody is served"))],
            Deferred,
            "to the connection: 554",
        ),
        (
            &[("greeting", Some("421 too many connections"))],
            Deferred,
            "421 too many",
        ),
        (
            &[("greeting", Some("SSH-2.0-OpenSSH_9.2"))],
            Deferred,
            "cannot reach 127.0.0.1",
        ),
        (
            &[("end", Some("452 4.3.1 the disk\u{7} is full"))],
            Deferred,
            "452 4.3.1 the disk  is full",
        ),
    ];
    for (script, tried, part) in cases {
        let (server, _told) = server(script).await;
        let reply = sent(&settings(server)).await;
        assert_eq!(reply.tried, *tried, "{reply:?}");
        assert!(reply.answer.contains(part), "{reply:?}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_a_while_wherever_it_does() {
    let cases: &[(Script, &str)] = &[
        (
            &[("greeting", None)],
            "did not answer for 0.4 s: look whether it can be reached",
        ),
        (&[("EHLO", None)], "did not answer for 0.4 s"),
        (&[("MAIL", None)], "did not answer to the sender for 0.2 s"),
        (&[("RCPT", None)], "did not answer to the recipient for 0.2 s"),
        (&[("DATA", None)], "did not answer to DATA for 0.2 s"),
        (&[("end", None)], "did not answer to the mail for 0.3 s"),
    ];
    for (script, part) in cases {
        let (server, _told) = server(script).await;
        let began = Instant::now();
        let reply = sent(&settings(server)).await;
        assert_eq!(reply.tried, Tried::Deferred, "{reply:?}");
        assert!(reply.answer.contains(part), "{reply:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{script:?}");
    }
}

#[tokio::test]
async fn a_mail_that_was_taken_does_not_wait_for_a_farewell() {
    let (server, _told) = server(&[("QUIT", None)]).await;
    assert_eq!(sent(&settings(server)).await.tried, Tried::Accepted);
}

#[tokio::test]
async fn without_tls_that_is_demanded_nothing_is_told() {
    let (server, told) = server(&[]).await;
    let settings = Settings {
        smtp_tls: SmtpTls::Starttls,
        ..settings(server)
    };
    let reply = sent(&settings).await;
    assert_eq!(reply.tried, Tried::Deferred);
    assert!(reply.answer.contains("does not offer STARTTLS"), "{reply:?}");
    let told = all(told).await;
    assert!(told.iter().all(|line| line.starts_with("EHLO")), "{told:?}");
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let host = "127.0.0.1".to_owned();
    let reply = sent(&settings(MailServer { host, port })).await;
    assert_eq!(reply.tried, Tried::Deferred);
    assert!(
        reply.answer.contains("cannot reach 127.0.0.1:") && reply.answer.contains("refused"),
        "{reply:?}"
    );
}

fn with_login(server: MailServer, file: &Path) -> Settings {
    Settings {
        smtp_user: Some("muster".to_owned()),
        smtp_password_file: Some(file.to_owned()),
        ..settings(server)
    }
}

#[tokio::test]
async fn a_password_is_told_to_nobody_but_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2hunter2\n").expect("a file");
    // AG11c3RlcgBodW50ZXIyaHVudGVyMg== is `\0muster\0hunter2hunter2`.
    let echo = "535 5.7.8 bad AUTH PLAIN AG11c3RlcgBodW50ZXIyaHVudGVyMg== (hunter2hunter2, aHVudGVyMmh1bnRlcjI=)";
    let script: Script = Box::leak(Box::new([("AUTH", Some(echo))]));
    let (server, told) = server(script).await;
    let reply = sent(&with_login(server, &file)).await;
    let told = all(told).await;
    assert!(
        told.iter()
            .any(|line| line == "AUTH PLAIN AG11c3RlcgBodW50ZXIyaHVudGVyMg=="),
        "{told:?}"
    );
    assert_eq!(reply.tried, Tried::Deferred);
    let answer = reply.answer;
    assert!(
        answer.ends_with("bad AUTH PLAIN [the password] ([the password], [the password])"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_password_that_has_gone_is_missed_and_may_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, "secret").expect("a file");
    let (server, _told) = server(&[("AUTH", Some("235 2.7.0 welcome"))]).await;
    let mailer = Mailer::with_patience(&with_login(server, &file), PATIENCE).expect("the settings are good");
    std::fs::remove_file(&file).expect("it is there");
    let reply = mailer.send(&mail(&mailer, "oncall@example.com")).await;
    assert_eq!(reply.tried, Tried::Deferred);
    assert!(reply.answer.contains("`smtp_password_file`: No such file"), "{reply:?}");
    std::fs::write(&file, "secret").expect("a file");
    let reply = mailer.send(&mail(&mailer, "oncall@example.com")).await;
    assert_eq!(reply.tried, Tried::Accepted, "{reply:?}");
}

#[tokio::test]
async fn an_address_of_other_letters_needs_a_server_that_takes_them() {
    let offers = "250-test\r\n250 SMTPUTF8";
    for (script, tried) in [
        (&[] as Script, Tried::Refused),
        (&[("EHLO", Some("250-test\r\n250 SMTPUTF8"))], Tried::Accepted),
    ] {
        let (server, told) = server(script).await;
        let mailer = Mailer::with_patience(&settings(server), PATIENCE).expect("the settings are good");
        let reply = mailer.send(&mail(&mailer, "größe@example.com")).await;
        assert_eq!(reply.tried, tried, "{offers}: {reply:?}");
        let told = all(told).await.join("\n");
        assert_eq!(told.contains("SMTPUTF8"), tried == Tried::Accepted, "{told}");
    }
}

#[tokio::test]
async fn without_a_server_it_is_said_what_to_set() {
    let mailer = Mailer::open(&Settings::default()).expect("nothing is wrong");
    assert!(mailer.letterhead().is_none());
    let reply = Mailer::nowhere();
    assert_eq!(reply.tried, Tried::Deferred);
    assert!(reply.answer.starts_with("no mail server is set"));
}

#[test]
fn files_that_hold_nothing_are_found_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    let server = || "mail.example.com:587".parse().expect("a server");
    let refused = |settings: &Settings| {
        Mailer::open(settings)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let with_ca = Settings {
        smtp_ca: Some(file.clone()),
        ..settings(server())
    };
    assert!(refused(&with_ca).contains("the file of `smtp_ca`"));
    assert!(refused(&with_login(server(), &file)).contains("the file of `smtp_password_file`"));
    for nothing in [
        "",
        "\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&file, nothing).expect("a file");
        assert!(refused(&with_ca).contains("holds no certificate"), "{nothing}");
    }
    std::fs::write(&file, "\n").expect("a file");
    assert!(refused(&with_login(server(), &file)).contains("holds no password"));
}
