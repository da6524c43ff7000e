//! What goes wrong for a while, as people read it, and what they say about whom it is told to.

use muster_proto::v1::*;

use super::command::run;
use super::coordinator::{Coordinator, State};
use super::things::{LAPTOPS, ago, at, host, servers};

const INCIDENT: &str = "organizations/default/incidents/01936b1e-0000-7000-8000-0123456789ab";

/// An incident that is over, and of which one letter is dead.
pub fn incident() -> Incident {
    let delivery = |address: &str, state: NoticeDeliveryState, answer: &str| NoticeDelivery {
        channel: Some(notice_delivery::Channel::Email(address.to_owned())),
        state: state.into(),
        end_time: at(2),
        answer: answer.to_owned(),
        ..Default::default()
    };
    let notice = |kind: IncidentNoticeKind, arithmetic: &str, deliveries| IncidentNotice {
        kind: kind.into(),
        notice_time: ago(7_200),
        display_name: "laptops".to_owned(),
        error_rate: Some(ErrorRate {
            arithmetic: arithmetic.to_owned(),
            ..Default::default()
        }),
        threshold_percent: 30.0,
        recovery_percent: 12.5,
        summary: arithmetic.to_owned(),
        deliveries,
        ..Default::default()
    };
    let sent = delivery(
        "oncall@example.com",
        NoticeDeliveryState::Sent,
        "250 2.0.0 Ok: queued as 4c1f",
    );
    let dead = delivery("gone@example.com", NoticeDeliveryState::Dead, "550 5.1.1 no such user");
    let mut opened = notice(
        IncidentNoticeKind::Opened,
        "7 of 20 failed = 35 %",
        vec![sent.clone(), dead],
    );
    opened.errors.push(IncidentError {
        data_type: "user".to_owned(),
        failure: Some(Failure {
            category: ErrorCategory::Permission.into(),
            message: "dc1 said no".to_owned(),
            remedy: "grant it".to_owned(),
            reason: None,
        }),
        ..Default::default()
    });
    Incident {
        name: INCIDENT.to_owned(),
        cause: IncidentCause::ErrorRate.into(),
        integration: LAPTOPS.to_owned(),
        state: IncidentState::Closed.into(),
        open_time: at(0),
        close_time: at(3_600),
        closing: IncidentClosing::Recovered.into(),
        notices: vec![
            opened,
            notice(IncidentNoticeKind::Closed, "3 of 30 failed = 10 %", vec![sent]),
        ],
        ..Default::default()
    }
}

async fn coordinator(incidents: Vec<Incident>) -> Coordinator {
    Coordinator::start(State {
        integrations: vec![servers()],
        connectors: vec![host()],
        incidents,
        ..State::default()
    })
    .await
}

#[tokio::test]
async fn incidents_are_listed_and_shown() {
    let over = coordinator(vec![incident()]).await;
    let listed = run(&over.url, &["alerts", "--all"]).await;
    let rows: Vec<_> = listed.stdout.lines().collect();
    assert!(rows[0].starts_with("INCIDENT  STATE   SINCE"), "{rows:?}");
    assert!(rows[1].contains("456789ab  closed"), "{rows:?}");
    assert!(
        rows[1].contains("laptops  3 of 30 failed = 10 %  2 sent, 1 dead"),
        "{rows:?}"
    );
    assert_eq!(over.state().listed_incidents[0].filter, "");
    run(&over.url, &["alerts"]).await;
    assert_eq!(
        over.state().listed_incidents[1].filter,
        "state = OPEN OR deliveries:DEAD"
    );
    run(&over.url, &["alerts", "show", "456789ab"]).await.tells(
        "\
incident      01936b1e-0000-7000-8000-0123456789ab
state         closed
integration   laptops
id            01936b1e-0000-7000-8000-00000000aaaa
what          3 of 30 failed = 10 %
opens at      30 %
closes below  12.5 %
opened        2026-11-24 09:12:01 UTC
closed        2026-11-24 10:12:01 UTC
why           recovered

NOTICE  DECIDED  TO                  STATE        ANSWER
opened  2 h ago  oncall@example.com  sent         250 2.0.0 Ok: queued as 4c1f
opened  2 h ago  gone@example.com    dead letter  550 5.1.1 no such user
closed  2 h ago  oncall@example.com  sent         250 2.0.0 Ok: queued as 4c1f
",
    );
    let mut open = incident();
    open.state = IncidentState::Open.into();
    open.notices.pop();
    let open = coordinator(vec![open]).await;
    let shown = run(&open.url, &["alerts", "show", INCIDENT]).await;
    assert_eq!(shown.code, 2, "it goes on");
    assert!(
        shown.stdout.ends_with("user: permission: dc1 said no\n  grant it\n"),
        "{}",
        shown.stdout
    );
    let missing = run(&open.url, &["alerts", "show", "ffff"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("muster alerts --all"), "{}", missing.stderr);
}

#[tokio::test]
async fn pools_and_runners_are_told_beside_integrations() {
    let notice = |display_name: &str, summary: &str, remedy: &str| IncidentNotice {
        kind: IncidentNoticeKind::Opened.into(),
        notice_time: ago(7_200),
        display_name: display_name.to_owned(),
        summary: summary.to_owned(),
        remedy: remedy.to_owned(),
        ..Default::default()
    };
    let pool = Incident {
        name: INCIDENT.to_owned(),
        cause: IncidentCause::PoolOffline.into(),
        pool: "hq".to_owned(),
        state: IncidentState::Open.into(),
        open_time: at(0),
        notices: vec![IncidentNotice {
            pool: Some(PoolStanding {
                last_runner_display_name: "rack-7".to_owned(),
                last_runner_time: at(0),
                ..Default::default()
            }),
            ..notice("hq", "no runner for 3 integrations", "start another runner")
        }],
        ..Default::default()
    };
    let runner = Incident {
        name: INCIDENT.replace("456789ab", "456789ac"),
        cause: IncidentCause::RunnerOutdated.into(),
        runner: "organizations/default/runners/01936b1e-0000-7000-8000-00000000bbbb".to_owned(),
        state: IncidentState::Open.into(),
        open_time: at(0),
        notices: vec![IncidentNotice {
            runner: Some(RunnerVersion {
                pool: "hq".to_owned(),
                check_in_time: at(0),
                ..Default::default()
            }),
            ..notice("rack-7", "version 0.0.9, 0.1 is expected", "install release 0.1")
        }],
        ..Default::default()
    };
    let coordinator = coordinator(vec![pool, runner.clone()]).await;
    let listed = run(&coordinator.url, &["alerts"]).await;
    let rows: Vec<_> = listed.stdout.lines().collect();
    assert!(
        rows[1].contains("pool hq        no runner for 3 integrations"),
        "{rows:?}"
    );
    assert!(
        rows[2].contains("runner rack-7  version 0.0.9, 0.1 is expected"),
        "{rows:?}"
    );
    let shown = run(&coordinator.url, &["alerts", "show", "456789ab"]).await;
    let facts: Vec<_> = shown.stdout.lines().take(7).collect();
    assert_eq!(
        facts,
        [
            "incident     01936b1e-0000-7000-8000-0123456789ab",
            "state        open",
            "pool         hq",
            "what         no runner for 3 integrations",
            "last runner  rack-7, heard 2026-11-24 09:12:01 UTC",
            "what to do   start another runner",
            "opened       2026-11-24 09:12:01 UTC",
        ]
    );
    let shown = run(&coordinator.url, &["alerts", "show", &runner.name]).await;
    let facts: Vec<_> = shown.stdout.lines().skip(2).take(6).collect();
    assert_eq!(
        facts,
        [
            "runner      rack-7",
            "id          01936b1e-0000-7000-8000-00000000bbbb",
            "what        version 0.0.9, 0.1 is expected",
            "serves      pool hq",
            "checked in  2026-11-24 09:12:01 UTC",
            "what to do  install release 0.1",
        ]
    );
}

#[tokio::test]
async fn a_test_mail_shows_what_the_mail_server_answers() {
    let coordinator = coordinator(Vec::new()).await;
    let test = ["alerts", "test", "oncall@example.com"];
    run(&coordinator.url, &test)
        .await
        .tells("the mail server has taken a mail to oncall@example.com: 250 2.0.0 Ok: oncall@example.com\n");
    run(&coordinator.url, &[&test[..], &["--output", "json"]].concat())
        .await
        .tells("{\n  \"answer\": \"250 2.0.0 Ok: oncall@example.com\"\n}\n");
}

#[tokio::test]
async fn whom_errors_are_told_to_is_said_by_flags_and_kept_where_none_is_given() {
    let coordinator = coordinator(Vec::new()).await;
    let create = [
        "integration",
        "create",
        "hq",
        "--connector",
        "host",
        "--set",
        "label=hq",
    ];
    let flags = [
        "--notify",
        "a@b.example",
        "--notify",
        "c@d.example",
        "--threshold",
        "12.5",
        "--reminder",
        "0s",
    ];
    let created = run(&coordinator.url, &[&create[..], &flags[..]].concat()).await;
    assert_eq!(created.code, 0, "{}", created.stderr);
    let asked = coordinator.state().created[0].integration.clone().expect("it is there");
    let settings = asked.error_notifications.expect("they were given");
    assert!(settings.enabled);
    assert_eq!(settings.recipients, ["a@b.example", "c@d.example"]);
    assert_eq!((settings.threshold_percent, settings.hold), (Some(12.5), None));
    assert_eq!(settings.reminder.map(|reminder| reminder.seconds), Some(0));

    coordinator.state().integrations[0].error_notifications = Some(settings.clone());
    let updated = run(
        &coordinator.url,
        &["integration", "update", "Servers of HQ", "--no-notify"],
    )
    .await;
    assert_eq!(updated.code, 0, "{}", updated.stderr);
    let request = coordinator.state().updated[0].clone();
    assert_eq!(
        request.update_mask.map(|mask| mask.paths),
        Some(vec!["error_notifications".to_owned()])
    );
    let after = request.integration.and_then(|one| one.error_notifications);
    assert_eq!(
        after,
        Some(ErrorNotifications {
            enabled: false,
            ..settings
        })
    );
}

#[tokio::test]
async fn the_status_says_what_is_wrong_and_what_to_do() {
    let mut broken = servers();
    broken.status = ConfigurationStatus::Error.into();
    broken.status_time = ago(600);
    broken.status_message = "`user`: permission: dc1 said no".to_owned();
    broken.status_remedy = "grant it".to_owned();
    let mut well = servers();
    well.status = ConfigurationStatus::Active.into();
    let mut open = incident();
    open.state = IncidentState::Open.into();
    open.open_time = ago(300);
    let coordinator = Coordinator::start(State {
        integrations: vec![well.clone(), broken],
        incidents: vec![open],
        ..State::default()
    })
    .await;
    let told = run(&coordinator.url, &["status"]).await;
    assert_eq!(told.code, 2, "{}", told.stderr);
    assert_eq!(
        told.stdout,
        "\
1 Active, 1 Error, 0 Disabled

IN ERROR       SINCE       WHY
Servers of HQ  10 min ago  `user`: permission: dc1 said no

→ Servers of HQ: grant it

INCIDENT  SINCE      ABOUT    WHAT
456789ab  5 min ago  laptops  3 of 30 failed = 10 %
"
    );
    let told = run(&coordinator.url, &["status", "--output", "json"]).await;
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("a document");
    assert_eq!(told["summary"]["error_count"], 1);
    assert_eq!(told["in_error"][0]["display_name"], "Servers of HQ");

    let mut stale = well.clone();
    stale.display_name = "Fleet".to_owned();
    stale.conditions = vec![IntegrationCondition {
        kind: IntegrationConditionKind::Stale.into(),
        ..IntegrationCondition::default()
    }];
    let coordinator = Coordinator::start(State {
        integrations: vec![well.clone()],
        ..State::default()
    })
    .await;
    let told = run(&coordinator.url, &["status"]).await;
    assert_eq!(
        (told.code, told.stdout.as_str()),
        (0, "1 Active, 0 Error, 0 Disabled\n")
    );

    let coordinator = Coordinator::start(State {
        integrations: vec![well, stale],
        ..State::default()
    })
    .await;
    let told = run(&coordinator.url, &["status"]).await;
    assert_eq!(told.code, 0, "nothing is in Error: {}", told.stderr);
    let command = "muster integration list --status attention";
    assert_eq!(
        told.stdout,
        format!("2 Active, 0 Error, 0 Disabled\n1 of the Active to look at: {command}\n")
    );
    let told = run(&coordinator.url, &["integration", "list", "--status", "attention"]).await;
    assert!(
        told.stdout.contains("Fleet") && !told.stdout.contains("Servers of HQ"),
        "{}",
        told.stdout
    );
}
