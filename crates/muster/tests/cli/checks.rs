//! `muster integration check`, `pause` and `resume`.

use muster_proto::v1::check_integration_response::Event;
use muster_proto::v1::{CheckBegun, CheckEnded, CheckIntegrationResponse, ErrorCategory, Failure, IntegrationCheck};
use serde_json::json;
use tonic::Code;

use crate::command::{command, run};
use crate::coordinator::{Coordinator, End, Script, State, refusal};
use crate::stream::Running;
use crate::things::*;

fn event(event: Event) -> CheckIntegrationResponse {
    CheckIntegrationResponse { event: Some(event) }
}

fn begun() -> CheckIntegrationResponse {
    event(Event::Begun(CheckBegun {
        runner: "organizations/default/runners/01936b1e-0000-7000-8000-000000000001".to_owned(),
        runner_display_name: "rack-1".to_owned(),
        revision: 2,
        time_limit: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
    }))
}

fn refused() -> Failure {
    Failure {
        category: ErrorCategory::Permission.into(),
        message: "403 to GET /v1/devices".to_owned(),
        remedy: "grant devices.read".to_owned(),
        reason: None,
    }
}

/// A check that ends so.
pub fn checks(failure: Option<Failure>) -> Script<CheckIntegrationResponse> {
    let ended = event(Event::Ended(CheckEnded {
        failure,
        duration: Some(prost_types::Duration {
            seconds: 1,
            nanos: 500_000_000,
        }),
        outdated: false,
    }));
    Script {
        messages: vec![begun(), ended],
        end: End::Well,
    }
}

async fn checking(script: Script<CheckIntegrationResponse>) -> Coordinator {
    Coordinator::start(State {
        integrations: vec![laptops()],
        checks: [script].into(),
        ..State::default()
    })
    .await
}

#[tokio::test]
async fn a_good_check_is_told_as_it_happens() {
    let coordinator = checking(checks(None)).await;
    run(&coordinator.url, &["integration", "check", "laptops"]).await.tells(
        "\
runner `rack-1` checks, for 1 min at the most …
the source of `laptops` can be read (after 1 s)
",
    );
}

#[tokio::test]
async fn a_failing_check_says_what_to_do_and_ends_with_2() {
    let coordinator = checking(checks(Some(refused()))).await;
    let ran = run(&coordinator.url, &["integration", "check", "laptops"]).await;
    assert_eq!(ran.code, 2);
    assert_eq!(ran.stdout, "runner `rack-1` checks, for 1 min at the most …\n");
    assert_eq!(
        ran.stderr,
        "\
error: the source of `laptops` cannot be read (after 1 s): permission: 403 to GET /v1/devices
next: grant devices.read
"
    );
}

#[tokio::test]
async fn programs_get_one_document() {
    for format in ["json", "jsonl"] {
        let coordinator = checking(checks(Some(refused()))).await;
        let ran = run(
            &coordinator.url,
            &["integration", "check", "laptops", "--output", format],
        )
        .await;
        assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
        assert_eq!(
            document,
            json!({
                "integration": LAPTOPS,
                "runner": "organizations/default/runners/01936b1e-0000-7000-8000-000000000001",
                "runner_display_name": "rack-1",
                "revision": 2,
                "ok": false,
                "failure": {
                    "category": "permission",
                    "message": "403 to GET /v1/devices",
                    "remedy": "grant devices.read",
                },
                "duration_ms": 1500,
                "outdated": false,
            })
        );
    }
}

#[tokio::test]
async fn no_answer_is_no_fault_of_the_source() {
    let lost = refusal(
        Code::Aborted,
        "CHECK_UNANSWERED",
        "the runner `rack-1` lost its connection, or ended, before it had an answer: nothing is known of the source, so check again",
    );
    let script = Script {
        messages: vec![begun()],
        end: End::Badly(lost),
    };
    let coordinator = checking(script).await;
    let ran = run(&coordinator.url, &["integration", "check", "laptops"]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .starts_with("error: cannot check integration `laptops`: the runner `rack-1` lost"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("next: run the command again"), "{}", ran.stderr);

    let cut_off = Script {
        messages: vec![begun()],
        end: End::Well,
    };
    let coordinator = checking(cut_off).await;
    let ran = run(&coordinator.url, &["integration", "check", "laptops"]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("has not said how the check ended"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn whoever_does_not_want_to_wait_leaves() {
    let never = Script {
        messages: vec![begun()],
        end: End::Never,
    };
    let coordinator = checking(never).await;
    let mut running = Running::start(command(&coordinator.url, &["integration", "check", "laptops"]));
    assert_eq!(running.line().await, "runner `rack-1` checks, for 1 min at the most …");
    assert_eq!(running.interrupt().await, (Some(130), String::new()));
}

#[tokio::test]
async fn a_schedule_rests_until_a_time_or_for_a_while() {
    let coordinator = Coordinator::start(State {
        integrations: vec![laptops()],
        ..State::default()
    })
    .await;
    let until = ["integration", "pause", "laptops", "--until", "2026-12-01T08:00+01:00"];
    run(&coordinator.url, &until)
        .await
        .tells("integration `laptops` is paused until 2026-12-01 07:00:00 UTC\n");
    let ran = run(&coordinator.url, &["integration", "pause", "laptops", "--for", "3h"]).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let now = prost_types::Timestamp::from(std::time::SystemTime::now()).seconds;
    let asked = coordinator.state().paused[1].until.expect("a time").seconds;
    assert!((asked - now - 3 * 3_600).abs() < 60, "{asked} at {now}");
    run(&coordinator.url, &["integration", "resume", "laptops"])
        .await
        .tells("integration `laptops` collects by its schedule\n");
    for wrong in [
        &["integration", "pause", "laptops"][..],
        &["integration", "pause", "laptops", "--until", "tomorrow"],
        &[
            "integration",
            "pause",
            "laptops",
            "--for",
            "3h",
            "--until",
            "2026-12-01",
        ],
    ] {
        assert_eq!(run(&coordinator.url, wrong).await.code, 64, "{wrong:?}");
    }
}

#[tokio::test]
async fn show_tells_the_pause_the_last_check_and_what_is_to_know_of_upcoming_ones() {
    let mut rests = laptops();
    rests.pause_end_time = Some(prost_types::Timestamp {
        seconds: 1_796_112_000,
        nanos: 0,
    });
    rests.last_check = Some(IntegrationCheck {
        end_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        runner: "organizations/default/runners/01936b1e-0000-7000-8000-000000000001".to_owned(),
        runner_display_name: "rack-1".to_owned(),
        revision: 1,
        failure: Some(refused()),
    });
    for one in &mut rests.data_types {
        one.next_collection_note = "paused until 2026-12-01T08:00:00Z".to_owned();
    }
    let coordinator = Coordinator::start(State {
        integrations: vec![rests],
        ..State::default()
    })
    .await;
    let ran = run(&coordinator.url, &["integration", "show", "laptops"]).await;
    for line in [
        "paused until   2026-12-01 08:00:00 UTC",
        "by `rack-1`, of revision 1)",
        "               permission: 403 to GET /v1/devices",
        "               grant devices.read",
        "next: paused until 2026-12-01T08:00:00Z",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {}", ran.stdout);
    }
}
