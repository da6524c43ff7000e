//! Checks, and schedules that rest.

use std::time::{Duration, SystemTime};

use muster_core::decide::Command;
use muster_core::decide::session::presence::Disconnect;
use muster_core::words::{Category, Failure, Principal};
use muster_proto::v1;
use muster_proto::v1::check_integration_response::Event;
use tonic::{Code, Streaming};

use super::{create, request};
use crate::rig::{ORGANIZATION, Rig, Runner, assert_refused, integration};

fn asks(name: &str) -> v1::CheckIntegrationRequest {
    v1::CheckIntegrationRequest {
        name: name.to_owned(),
        ..Default::default()
    }
}

async fn check(rig: &Rig, name: &str) -> Streaming<v1::CheckIntegrationResponse> {
    let asked = rig.integrations().check_integration(asks(name)).await;
    asked.expect("somebody is asked").into_inner()
}

async fn begun(events: &mut Streaming<v1::CheckIntegrationResponse>) -> v1::CheckBegun {
    match events.message().await.expect("it goes on").expect("an event").event {
        Some(Event::Begun(begun)) => begun,
        other => panic!("it begins: {other:?}"),
    }
}

async fn ended(events: &mut Streaming<v1::CheckIntegrationResponse>) -> v1::CheckEnded {
    let ended = match events.message().await.expect("it goes on").expect("an event").event {
        Some(Event::Ended(ended)) => ended,
        other => panic!("it ends: {other:?}"),
    };
    assert_eq!(events.message().await.expect("a good end"), None);
    ended
}

fn refused() -> Option<Failure> {
    Some(Failure::new(Category::Permission, "dc1 said no"))
}

#[tokio::test]
async fn what_happens_is_told_while_it_happens_and_is_part_of_the_integration_then() {
    let rig = Rig::with_connector().await;
    let made = create(&rig, request(integration("Corp"))).await.expect("created");
    let mut runner = Runner::check_in(&rig.services.shard, "hq", 1).await;

    let mut events = check(&rig, &made.name).await;
    let said = begun(&mut events).await;
    assert_eq!(said.runner_display_name, "hq-1");
    assert_eq!(said.revision, 1);
    assert!(
        said.runner.starts_with(&format!("{ORGANIZATION}/runners/")),
        "{}",
        said.runner
    );
    let order = runner.asked_to_check().await;
    runner.checked(&order, refused()).await;
    let end = ended(&mut events).await;
    let failure = end.failure.expect("it fails");
    assert_eq!(failure.category(), v1::ErrorCategory::Permission);
    assert!(!failure.remedy.is_empty() && end.duration.is_some() && !end.outdated);

    let found = rig.get(&made.name).await;
    assert_eq!(found.status(), v1::ConfigurationStatus::Error);
    assert_eq!(found.status_message, "check: permission: dc1 said no");
    assert_eq!(found.status_remedy, failure.remedy);
    let kept = found.last_check.expect("it is kept");
    assert_eq!((kept.runner_display_name.as_str(), kept.revision), ("hq-1", 1));
    assert_eq!(kept.failure, Some(failure));
    assert_eq!(found.error_rate.expect("told").failed_count, 0);
    let listed = v1::ListIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        filter: "status = ERROR AND category = PERMISSION".to_owned(),
        ..Default::default()
    };
    let listed = rig.integrations().list_integrations(listed).await.expect("a page");
    assert_eq!(listed.into_inner().integrations.len(), 1);

    let mut events = check(&rig, &made.name).await;
    begun(&mut events).await;
    let order = runner.asked_to_check().await;
    runner.checked(&order, None).await;
    assert_eq!(ended(&mut events).await.failure, None);
    assert_eq!(rig.get(&made.name).await.status(), v1::ConfigurationStatus::Active);
}

#[tokio::test]
async fn a_result_is_kept_though_nobody_waits_for_it() {
    let rig = Rig::with_connector().await;
    let draft = v1::CreateIntegrationRequest {
        draft: true,
        ..request(integration("Corp"))
    };
    let made = create(&rig, draft).await.expect("saved");
    let mut runner = Runner::check_in(&rig.services.shard, "hq", 1).await;
    let events = check(&rig, &made.name).await;
    let order = runner.asked_to_check().await;
    drop(events);
    runner.checked(&order, refused()).await;
    let found = rig.get(&made.name).await;
    assert_eq!(found.status(), v1::ConfigurationStatus::Disabled);
    assert!(found.last_check.expect("it is kept").failure.is_some());
}

#[tokio::test]
async fn nobody_there_and_nobody_left_are_told_apart_from_the_source() {
    let rig = Rig::with_connector().await;
    let made = create(&rig, request(integration("Corp"))).await.expect("created");
    let answer = rig.integrations().check_integration(asks(&made.name)).await;
    let status = answer.as_ref().map(drop).expect_err("nobody is there").clone();
    assert!(status.message().contains("hq"), "{}", status.message());
    assert_refused(answer, Code::FailedPrecondition, "NO_RUNNER", None);

    let mut runner = Runner::check_in(&rig.services.shard, "hq", 1).await;
    let mut events = check(&rig, &made.name).await;
    begun(&mut events).await;
    runner.asked_to_check().await;
    let gone = Disconnect {
        runner: runner.id,
        session: runner.session,
    };
    let asked = rig
        .services
        .shard
        .ask(Principal::Runner(runner.id), Command::Disconnect(gone));
    asked.await.expect("it is heard");
    let answer = events.message().await;
    let status = answer.as_ref().map(drop).expect_err("nobody answers").clone();
    assert!(
        status.message().contains("`hq-1` lost its connection"),
        "{}",
        status.message()
    );
    assert_refused(answer, Code::Aborted, "CHECK_UNANSWERED", None);
    let found = rig.get(&made.name).await;
    assert_eq!(
        (found.status(), found.last_check),
        (v1::ConfigurationStatus::Active, None)
    );
}

#[tokio::test]
async fn a_check_is_guarded_and_knows_its_integration() {
    let rig = Rig::with_connector().await;
    let made = create(&rig, request(integration("Corp"))).await.expect("created");
    let guarded = v1::CheckIntegrationRequest {
        name: made.name.clone(),
        etag: "other".to_owned(),
    };
    let answer = rig.integrations().check_integration(guarded).await;
    assert_refused(answer, Code::Aborted, "ETAG_MISMATCH", None);
    let nobody = format!("{ORGANIZATION}/integrations/01936b1e-2f3a-7c4d-8e5f-0123456789ab");
    let answer = rig.integrations().check_integration(asks(&nobody)).await;
    assert_refused(answer, Code::NotFound, "INTEGRATION_NOT_FOUND", None);
}

#[tokio::test]
async fn a_schedule_rests_until_a_time_and_says_so() {
    let rig = Rig::with_connector().await;
    let made = create(&rig, request(integration("Corp"))).await.expect("created");
    let _runner = Runner::check_in(&rig.services.shard, "hq", 1).await;
    let until = |hours: u64| {
        Some(prost_types::Timestamp::from(
            SystemTime::now() + Duration::from_secs(hours * 3_600),
        ))
    };
    let pause = |until| v1::PauseIntegrationRequest {
        name: made.name.clone(),
        until,
        ..Default::default()
    };
    for bad in [
        None,
        until(0).map(|now| prost_types::Timestamp {
            seconds: now.seconds - 60,
            ..now
        }),
        until(9_000),
    ] {
        let answer = rig.integrations().pause_integration(pause(bad)).await;
        assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD", Some("until"));
    }
    let end = until(30);
    let only_asked = v1::PauseIntegrationRequest {
        validate_only: true,
        ..pause(end)
    };
    let asked = rig
        .integrations()
        .pause_integration(only_asked)
        .await
        .expect("it would be");
    assert!(asked.into_inner().pause_end_time.is_some());
    assert_eq!(rig.get(&made.name).await.pause_end_time, None, "it was only asked");

    let paused = rig
        .integrations()
        .pause_integration(pause(end))
        .await
        .expect("it rests")
        .into_inner();
    let told = paused.pause_end_time.expect("it rests");
    assert_eq!(told.seconds, end.expect("a time").seconds);
    assert!(
        paused.status_message.starts_with("paused until 2"),
        "{}",
        paused.status_message
    );
    assert_ne!(paused.etag, made.etag);
    for one in &paused.data_types {
        assert!(one.next_collection_time.expect("a time").seconds >= told.seconds);
        assert!(
            one.next_collection_note.starts_with("paused until 2"),
            "{}",
            one.next_collection_note
        );
        assert!(one.no_collection_reason.is_empty());
    }
    let guarded = v1::ResumeIntegrationRequest {
        name: made.name.clone(),
        etag: made.etag.clone(),
        ..Default::default()
    };
    let answer = rig.integrations().resume_integration(guarded.clone()).await;
    assert_refused(answer, Code::Aborted, "ETAG_MISMATCH", None);
    let resume = v1::ResumeIntegrationRequest {
        etag: String::new(),
        ..guarded
    };
    let resumed = rig
        .integrations()
        .resume_integration(resume.clone())
        .await
        .expect("it goes on")
        .into_inner();
    assert_eq!(resumed.pause_end_time, None);
    for (one, before) in resumed.data_types.iter().zip(&made.data_types) {
        assert_eq!(
            one.next_collection_time, before.next_collection_time,
            "as it would have been"
        );
    }

    let disable = v1::DisableIntegrationRequest {
        name: made.name.clone(),
        ..Default::default()
    };
    rig.integrations()
        .disable_integration(disable)
        .await
        .expect("it is off");
    let answer = rig.integrations().pause_integration(pause(end)).await;
    assert_refused(answer, Code::FailedPrecondition, "INTEGRATION_DISABLED", None);
    let answer = rig.integrations().resume_integration(resume).await;
    assert_refused(answer, Code::FailedPrecondition, "INTEGRATION_DISABLED", None);
}

#[tokio::test]
async fn upcoming_collections_say_when_nobody_could_do_them() {
    let rig = Rig::with_connector().await;
    let made = create(&rig, request(integration("Corp"))).await.expect("created");
    for one in rig.get(&made.name).await.data_types {
        assert!(one.next_collection_time.is_some());
        assert!(
            one.next_collection_note.contains("no runner of pool"),
            "{}",
            one.next_collection_note
        );
    }
}
