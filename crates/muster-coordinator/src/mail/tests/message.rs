//! What mails say.

use std::collections::VecDeque;
use std::time::Duration;

use muster_core::entity::{
    Cause, CloneEvidence, Closed, Closing, ErrorSeen, Evidence, Incident, LastRunner, Notice, NoticeKind, PoolEvidence,
    RateEvidence, RunnerEvidence,
};
use muster_core::health::Tally;
use muster_core::time::Stamp;
use muster_core::words::{
    Category, DataType, DisplayName, EmailAddress, ExecutionId, Failure, IncidentId, OrganizationId, Percent, PoolName,
    Release, RunnerId,
};

use super::super::{Letter, Letterhead};

const INTEGRATION: &str = "01932b2c-7a00-7000-8000-000000000001";

const RUNNER: RunnerId = RunnerId(0x0193_2b2c_7a00_7000_8000_0000_0000_0007);

/// 29 November 2026, 09:12:05 UTC.
const OPENED: u64 = 1_795_943_525_000;

fn letterhead(public_url: Option<&str>) -> Letterhead {
    let from = "Muster <muster@example.com>".parse().expect("a mailbox");
    Letterhead::new(from, public_url.map(str::to_owned))
}

fn incident(cause: Cause) -> Incident {
    Incident {
        id: IncidentId(0x0193_2b2c_7a00_7000_8000_0000_0000_0009),
        organization: OrganizationId::new("default").expect("a name"),
        cause,
        opened: Stamp::from_millis(OPENED),
        closed: None,
        noticed: 0,
        notices: VecDeque::new(),
    }
}

fn of_integration() -> Incident {
    incident(Cause::ErrorRate {
        integration: INTEGRATION.parse().expect("an id"),
    })
}

/// The letter of a notice of this incident, which ends with it if that says so.
fn told(
    mut incident: Incident,
    (kind, ordinal): (NoticeKind, u32),
    after: Duration,
    closing: Option<Closing>,
    evidence: Evidence,
) -> Letter {
    let at = Stamp::from_millis(OPENED).after(after);
    incident.closed = closing.map(|closing| Closed { at, closing });
    let notice = Notice {
        ordinal,
        kind,
        at,
        evidence,
        deliveries: Vec::new(),
    };
    let recipient = EmailAddress::new("oncall@example.com").expect("an address");
    Letter::of(&incident, &notice, &recipient)
}

fn rate() -> RateEvidence {
    let remedy = "give the token the scope `devices.read`, which this connector needs to list devices";
    let error = |data_type: &str, execution: u128, failure: Failure| ErrorSeen {
        data_type: DataType::new(data_type).expect("a data type"),
        execution: ExecutionId(execution),
        at: Stamp::from_millis(OPENED),
        failure,
    };
    RateEvidence {
        display_name: DisplayName::new("Acme LDAP").expect("a name"),
        tally: Tally {
            failed: 7,
            finished: 20,
        },
        window: Duration::from_secs(24 * 60 * 60),
        threshold: Percent::THIRTY,
        recovery: Percent::THIRTY.two_thirds(),
        errors: vec![
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
        ],
    }
}

fn letter(kind: NoticeKind, ordinal: u32, after: Duration) -> Letter {
    told(
        of_integration(),
        (kind, ordinal),
        after,
        None,
        Evidence::ErrorRate(rate()),
    )
}

fn closed(closing: Closing) -> Letter {
    let evidence = RateEvidence {
        tally: Tally {
            failed: 3,
            finished: 20,
        },
        errors: Vec::new(),
        ..rate()
    };
    let after = Duration::from_secs(3 * 60 * 60);
    told(
        of_integration(),
        (NoticeKind::Closed, 2),
        after,
        Some(closing),
        Evidence::ErrorRate(evidence),
    )
}

fn of_pool(kind: NoticeKind, after: Duration, closing: Option<Closing>) -> Letter {
    let pool = PoolName::new("hq").expect("a name");
    let organization = OrganizationId::new("default").expect("a name");
    let is_back = closing == Some(Closing::Recovered);
    let evidence = PoolEvidence {
        pool: pool.clone(),
        last: Some(LastRunner {
            runner: RUNNER,
            display_name: DisplayName::new(if is_back { "rack-8" } else { "rack-7" }).expect("a name"),
            heard: if is_back {
                Stamp::from_millis(OPENED).after(after)
            } else {
                Stamp::from_millis(OPENED - 365_000)
            },
        }),
        integrations: 3,
        executions: 1,
    };
    let ordinal = u32::from(kind != NoticeKind::Opened);
    told(
        incident(Cause::PoolOffline { organization, pool }),
        (kind, ordinal),
        after,
        closing,
        Evidence::PoolOffline(evidence),
    )
}

fn of_runner(kind: NoticeKind, version: &str, closing: Option<Closing>) -> Letter {
    let evidence = RunnerEvidence {
        display_name: DisplayName::new("rack-7").expect("a name"),
        pool: PoolName::new("hq").expect("a name"),
        version: version.into(),
        expected: Release { major: 1, minor: 4 },
        checked_in: Stamp::from_millis(OPENED - 60_000),
    };
    let ordinal = u32::from(kind != NoticeKind::Opened);
    told(
        incident(Cause::RunnerOutdated { runner: RUNNER }),
        (kind, ordinal),
        Duration::from_secs(60 * 60 * u64::from(ordinal)),
        closing,
        Evidence::RunnerOutdated(evidence),
    )
}

#[test]
fn the_mails_of_a_runner_whose_key_was_copied() {
    let evidence = CloneEvidence {
        display_name: DisplayName::new("rack-7").expect("a name"),
        pool: PoolName::new("hq").expect("a name"),
        locked: Stamp::from_millis(OPENED),
    };
    for (kind, closing) in [(NoticeKind::Opened, None), (NoticeKind::Closed, Some(Closing::Gone))] {
        let ordinal = u32::from(kind != NoticeKind::Opened);
        let letter = told(
            incident(Cause::RunnerCloned { runner: RUNNER }),
            (kind, ordinal),
            Duration::from_secs(60 * 60 * u64::from(ordinal)),
            closing,
            Evidence::RunnerCloned(evidence.clone()),
        );
        insta::assert_snapshot!(written(&letterhead(None), &letter));
    }
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
fn the_mail_of_a_pool_that_has_lost_its_last_runner() {
    let letter = of_pool(NoticeKind::Opened, Duration::ZERO, None);
    insta::assert_snapshot!(written(&letterhead(Some("https://muster.example.com")), &letter));
}

#[test]
fn the_mail_of_a_pool_that_still_has_no_runner() {
    let letter = of_pool(NoticeKind::Reminder, Duration::from_secs(24 * 60 * 60), None);
    insta::assert_snapshot!(written(&letterhead(None), &letter));
}

#[test]
fn the_mail_of_a_pool_that_is_back() {
    let letter = of_pool(NoticeKind::Closed, Duration::from_secs(600), Some(Closing::Recovered));
    insta::assert_snapshot!(written(&letterhead(None), &letter));
}

#[test]
fn the_mail_of_a_pool_that_nobody_relies_on_any_more() {
    let letter = of_pool(NoticeKind::Closed, Duration::from_secs(600), Some(Closing::Unused));
    insta::assert_snapshot!(written(&letterhead(None), &letter));
}

#[test]
fn the_mail_of_a_runner_that_is_outdated() {
    let letter = of_runner(NoticeKind::Opened, "1.3.9", None);
    insta::assert_snapshot!(written(&letterhead(Some("https://muster.example.com")), &letter));
}

#[test]
fn the_mail_of_a_runner_that_is_updated_or_gone() {
    let updated = of_runner(NoticeKind::Closed, "1.4.0", Some(Closing::Recovered));
    insta::assert_snapshot!(written(&letterhead(None), &updated));
    let gone = of_runner(NoticeKind::Closed, "1.3.9", Some(Closing::Gone));
    insta::assert_snapshot!(written(&letterhead(None), &gone));
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
    let evil = "</li><script>alert(1)</script>\r\n\r\n.\r\nBcc: everybody@example.com";
    let mut evidence = rate();
    evidence.display_name = DisplayName::new("<b>ACME & Söhne").expect("a name");
    evidence.errors[0].failure = Failure::new(Category::Connector, evil).with_remedy(evil);
    let letter = told(
        of_integration(),
        (NoticeKind::Opened, 0),
        Duration::ZERO,
        None,
        Evidence::ErrorRate(evidence),
    );
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
    let mut evidence = rate();
    evidence.display_name = DisplayName::new("大Größe ".repeat(12).trim()).expect("a name");
    let evidence = Evidence::ErrorRate(evidence);
    let letter = told(
        of_integration(),
        (NoticeKind::Opened, 0),
        Duration::ZERO,
        None,
        evidence,
    );
    let mail = written(&letterhead(None), &letter);
    let subject = mail.lines().skip_while(|line| !line.starts_with("Subject: "));
    let subject: Vec<&str> = subject.take_while(|line| !line.starts_with("Date: ")).collect();
    assert!(
        subject.len() > 1 && subject.iter().all(|line| line.len() <= 78),
        "{subject:?}"
    );
}
