//! What mails say.

use std::time::Duration;

use muster_core::entity::{Closed, Closing, ErrorSeen, Evidence, Notice, NoticeKind};
use muster_core::health::Tally;
use muster_core::time::Stamp;
use muster_core::words::{Category, DataType, DisplayName, EmailAddress, ExecutionId, Failure, IncidentId, Percent};

use super::super::{Letter, Letterhead};

const INTEGRATION: &str = "01932b2c-7a00-7000-8000-000000000001";

/// 29 November 2026, 09:12:05 UTC.
const OPENED: u64 = 1_795_943_525_000;

fn letterhead(public_url: Option<&str>) -> Letterhead {
    let from = "Muster <muster@example.com>".parse().expect("a mailbox");
    Letterhead::new(from, public_url.map(str::to_owned))
}

fn letter(kind: NoticeKind, ordinal: u32, after: Duration) -> Letter {
    let at = Stamp::from_millis(OPENED).after(after);
    let remedy = "give the token the scope `devices.read`, which this connector needs to list devices";
    let error = |data_type: &str, execution: u128, failure: Failure| ErrorSeen {
        data_type: DataType::new(data_type).expect("a data type"),
        execution: ExecutionId(execution),
        at: Stamp::from_millis(OPENED),
        failure,
    };
    let errors = vec![
        error(
            "device",
            0x0193_2b2c_7a00_7000_8000_0000_0000_0002,
            Failure::new(Category::Permission, "the API answered 403 to GET /v1/devices").with_remedy(remedy),
        ),
        error(
            "user",
            0x0193_2b2c_7a00_7000_8000_0000_0000_0003,
            Failure::new(
                Category::Communication,
                "no answer:\nthe name `ldap.example.com` is not known",
            ),
        ),
    ];
    Letter {
        incident: IncidentId(0x0193_2b2c_7a00_7000_8000_0000_0000_0009),
        integration: format!("organizations/default/integrations/{INTEGRATION}"),
        integration_id: INTEGRATION.to_owned(),
        executions: errors
            .iter()
            .map(|error| {
                format!(
                    "organizations/default/integrations/{INTEGRATION}/executions/{}",
                    error.execution
                )
            })
            .collect(),
        opened: Stamp::from_millis(OPENED),
        closed: None,
        notice: Notice {
            ordinal,
            kind,
            at,
            evidence: Evidence {
                display_name: DisplayName::new("Acme LDAP").expect("a name"),
                tally: Tally {
                    failed: 7,
                    finished: 20,
                },
                window: Duration::from_secs(24 * 60 * 60),
                threshold: Percent::THIRTY,
                recovery: Percent::THIRTY.two_thirds(),
                errors,
            },
            deliveries: Vec::new(),
        },
        recipient: EmailAddress::new("oncall@example.com").expect("an address"),
    }
}

fn closed(closing: Closing) -> Letter {
    let after = Duration::from_secs(3 * 60 * 60);
    let mut letter = letter(NoticeKind::Closed, 2, after);
    letter.closed = Some(Closed {
        at: Stamp::from_millis(OPENED).after(after),
        closing,
    });
    letter.notice.evidence.tally = Tally {
        failed: 3,
        finished: 20,
    };
    letter.notice.evidence.errors.clear();
    letter
}

/// The mail as it goes over the wire.
fn written(letterhead: &Letterhead, letter: &Letter) -> String {
    let mail = letterhead.write(letter).expect("a mail can be written");
    let text = String::from_utf8(mail.formatted()).expect("a mail is of ASCII");
    assert!(text.is_ascii(), "{text}");
    text.replace("\r\n", "\n")
}

#[test]
fn the_mail_of_an_incident_that_opens() {
    let letter = letter(NoticeKind::Opened, 0, Duration::ZERO);
    insta::assert_snapshot!(written(&letterhead(Some("https://muster.example.com")), &letter));
}

#[test]
fn a_reminder() {
    let letter = letter(NoticeKind::Reminder, 1, Duration::from_secs(24 * 60 * 60));
    insta::assert_snapshot!(written(&letterhead(None), &letter));
}

#[test]
fn the_mail_of_a_recovery() {
    insta::assert_snapshot!(written(
        &letterhead(Some("https://muster.example.com")),
        &closed(Closing::Recovered)
    ));
}

#[test]
fn the_mail_of_an_integration_that_is_not_there_any_more() {
    insta::assert_snapshot!(written(
        &letterhead(Some("https://muster.example.com")),
        &closed(Closing::Deleted)
    ));
}

#[test]
fn the_same_notice_is_the_same_mail_and_another_recipient_has_another_id() {
    let (letterhead, letter) = (letterhead(None), letter(NoticeKind::Reminder, 3, Duration::ZERO));
    assert_eq!(written(&letterhead, &letter), written(&letterhead, &letter));
    let mut other = letter.clone();
    other.recipient = EmailAddress::new("boss@example.com").expect("an address");
    let id = |letter| {
        let mail = written(&letterhead, letter);
        let line = mail.lines().find(|line| line.starts_with("Message-ID: "));
        line.expect("it has one").to_owned()
    };
    assert_ne!(id(&letter), id(&other));
}

#[test]
fn nothing_that_others_say_breaks_out_of_its_place() {
    let mut letter = letter(NoticeKind::Opened, 0, Duration::ZERO);
    let evil = "</li><script>alert(1)</script>\r\n\r\n.\r\nBcc: everybody@example.com";
    letter.notice.evidence.display_name = DisplayName::new("<b>ACME & Söhne").expect("a name");
    letter.notice.evidence.errors[0].failure = Failure::new(Category::Connector, evil).with_remedy(evil);
    let head_of = |mail: &str| mail.split("\n\n").next().unwrap_or_default().to_owned();
    let mail = written(&letterhead(None), &letter);
    let head = head_of(&mail);
    assert!(!head.contains("Bcc") && head.lines().count() == 9, "{head}");
    let html = letterhead(None).html(&letter);
    assert!(!html.contains("<script") && !html.contains("<b>ACME"), "{html}");
    assert!(html.contains("&lt;b&gt;ACME &amp; Söhne"), "{html}");
}

#[test]
fn a_long_name_of_any_letters_is_a_subject_of_short_lines() {
    let mut letter = letter(NoticeKind::Opened, 0, Duration::ZERO);
    letter.notice.evidence.display_name = DisplayName::new("大Größe ".repeat(12).trim()).expect("a name");
    let mail = written(&letterhead(None), &letter);
    let subject = mail.lines().skip_while(|line| !line.starts_with("Subject: "));
    let subject: Vec<&str> = subject.take_while(|line| !line.starts_with("Date: ")).collect();
    assert!(
        subject.len() > 1 && subject.iter().all(|line| line.len() <= 78),
        "{subject:?}"
    );
}
