use muster_core::words::Category;
use muster_proto::v1;
use muster_proto::v1::{IncidentState, NoticeDeliveryState};
use tonic::Code;

use crate::rig::{NOBODY, ORGANIZATION, Rig, Runner, assert_refused, integration};

fn told_to(recipients: &[&str]) -> Option<v1::ErrorNotifications> {
    Some(v1::ErrorNotifications {
        enabled: true,
        recipients: recipients.iter().map(|&one| one.to_owned()).collect(),
        ..Default::default()
    })
}

async fn create(rig: &Rig, notifications: Option<v1::ErrorNotifications>) -> Result<v1::Integration, tonic::Status> {
    let request = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(v1::Integration {
            error_notifications: notifications,
            ..integration("Corp")
        }),
        ..Default::default()
    };
    let created = rig.integrations().create_integration(request).await;
    created.map(tonic::Response::into_inner)
}

async fn list(rig: &Rig, filter: &str) -> Vec<v1::Incident> {
    let request = v1::ListIncidentsRequest {
        parent: ORGANIZATION.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    let page = rig.incidents().list_incidents(request).await;
    page.expect("it can be listed").into_inner().incidents
}

async fn update(rig: &Rig, name: &str, notifications: Option<v1::ErrorNotifications>) -> v1::Integration {
    let request = v1::UpdateIntegrationRequest {
        integration: Some(v1::Integration {
            name: name.to_owned(),
            error_notifications: notifications,
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["error_notifications".to_owned()],
        }),
        ..Default::default()
    };
    let updated = rig.integrations().update_integration(request).await;
    updated.expect("it can be changed").into_inner()
}

#[tokio::test]
async fn nobody_is_told_unless_somebody_asks_for_it() {
    let rig = Rig::with_connector().await;
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let quiet = create(&rig, None).await.expect("it is in order");
    let settings = quiet.error_notifications.expect("they are always told");
    assert!(!settings.enabled);
    assert_eq!((settings.threshold_percent, settings.sample_min), (Some(30.0), Some(1)));
    let assignment = runner.assigned().await;
    runner.fail(&assignment, Category::Permission).await;
    let failed = rig.get(&quiet.name).await;
    let rate = failed.error_rate.expect("it is always told");
    assert_eq!(rate.arithmetic, "1 of 1 failed = 100 %");
    assert_eq!((failed.open_incident.as_str(), list(&rig, "").await.len()), ("", 0));

    // From now on it is asked for, and the rate is what it is.
    let updated = update(&rig, &quiet.name, told_to(&["oncall@example.com"])).await;
    let incidents = list(&rig, "").await;
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert_eq!(rig.get(&quiet.name).await.open_incident, incidents[0].name);
    assert_ne!(updated.etag, quiet.etag);
}

#[tokio::test]
async fn an_incident_is_open_until_the_rate_has_come_down_and_waits_to_be_told_to_each() {
    let rig = Rig::with_connector().await;
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let notifications = told_to(&["oncall@example.com", "boss@example.com"]);
    let source = create(&rig, notifications).await.expect("it is in order");
    let assignment = runner.assigned().await;
    runner.fail(&assignment, Category::Permission).await;

    let incidents = list(&rig, "state = OPEN").await;
    let incident = incidents.first().expect("one is open");
    assert_eq!(incident.integration, source.name);
    assert_eq!(rig.get(&source.name).await.open_incident, incident.name);
    let notice = &incident.notices[0];
    assert_eq!(notice.display_name, "Corp");
    assert_eq!((notice.threshold_percent, notice.recovery_percent), (30.0, 20.0));
    assert_eq!(
        notice.error_rate.as_ref().map(|rate| rate.arithmetic.as_str()),
        Some("1 of 1 failed = 100 %")
    );
    let failure = notice.errors[0].failure.as_ref().expect("it has one");
    assert_eq!(failure.category(), v1::ErrorCategory::Permission);
    assert!(
        failure.remedy.starts_with("grant `read the directory` at the source"),
        "{failure:?}"
    );
    let states: Vec<_> = notice.deliveries.iter().map(v1::NoticeDelivery::state).collect();
    assert_eq!(states, [NoticeDeliveryState::Waiting, NoticeDeliveryState::Waiting]);
    for (filter, count) in [
        ("deliveries:WAITING", 1),
        ("deliveries:DEAD", 0),
        ("state = CLOSED", 0),
        (&format!("integration = \"{}\"", source.name), 1),
        (&format!("integration != \"{}\"", source.name), 0),
    ] {
        assert_eq!(list(&rig, filter).await.len(), count, "{filter}");
    }

    // 1 of 5 is 20 %, which is not below; 1 of 6 is.
    for (good, state) in [(4, IncidentState::Open), (1, IncidentState::Closed)] {
        for _ in 0..good {
            rig.run(&source.name).await;
            let assignment = runner.assigned().await;
            runner.finish_without_records(&assignment).await;
        }
        let request = v1::GetIncidentRequest {
            name: incident.name.clone(),
        };
        let now = rig.incidents().get_incident(request).await.expect("it is there");
        assert_eq!(now.into_inner().state(), state, "after {good} more");
    }
    assert_eq!(rig.get(&source.name).await.open_incident, "");

    drop(runner);
    let rig = rig.restart().await;
    let closed = list(&rig, "state = CLOSED").await;
    assert_eq!(closed[0].closing(), v1::IncidentClosing::Recovered);
    assert_eq!(closed[0].notices.len(), 2, "all of it has lived over the restart");
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_its_place() {
    let rig = Rig::with_connector().await;
    let refused = create(&rig, told_to(&["oncall@example.com", "no address"])).await;
    let place = Some("integration.error_notifications.recipients[1]");
    assert_refused(refused, Code::InvalidArgument, "INVALID_FIELD", place);
    let threshold = told_to(&["oncall@example.com"]).map(|settings| v1::ErrorNotifications {
        threshold_percent: Some(0.0),
        ..settings
    });
    let place = Some("integration.error_notifications.threshold_percent");
    assert_refused(
        create(&rig, threshold).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        place,
    );

    let request = |name: String| v1::GetIncidentRequest { name };
    let missing = rig
        .incidents()
        .get_incident(request(format!("{ORGANIZATION}/incidents/{NOBODY}")))
        .await;
    assert_refused(missing, Code::NotFound, "INCIDENT_NOT_FOUND", None);
    let wrong = rig.incidents().get_incident(request("incidents/1".to_owned())).await;
    assert_refused(wrong, Code::InvalidArgument, "INVALID_FIELD", Some("name"));
    let request = v1::ListIncidentsRequest {
        parent: ORGANIZATION.to_owned(),
        filter: "status = OPEN".to_owned(),
        ..Default::default()
    };
    let refused = rig.incidents().list_incidents(request).await;
    assert_refused(refused, Code::InvalidArgument, "INVALID_FILTER", Some("filter"));
}

/// By the index of statuses, page after page, and with the same counts.
#[tokio::test]
async fn those_in_error_are_listed_and_counted_without_the_others() {
    let rig = Rig::with_connector().await;
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let mut names = Vec::new();
    for n in 0..7 {
        let source = rig.create(&format!("Corp {n}")).await;
        let assignment = runner.assigned().await;
        if n % 2 == 0 {
            runner.fail(&assignment, Category::Permission).await;
            names.push(source.name);
        } else {
            runner.finish_without_records(&assignment).await;
        }
    }
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let request = v1::ListIntegrationsRequest {
            parent: ORGANIZATION.to_owned(),
            page_size: 3,
            page_token: token,
            filter: "status = ERROR".to_owned(),
            ..Default::default()
        };
        let page = rig.integrations().list_integrations(request).await;
        let page = page.expect("it can be listed").into_inner();
        found.extend(page.integrations.into_iter().map(|one| one.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, names);
    let request = v1::SummarizeIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
    };
    let summary = rig.integrations().summarize_integrations(request).await;
    let summary = summary.expect("it can be counted").into_inner();
    assert_eq!(
        (
            summary.active_count,
            summary.error_count,
            summary.disabled_count,
            summary.open_incident_count
        ),
        (3, 4, 0, 0)
    );
}

#[tokio::test]
async fn what_there_is_to_know_is_told_beside_the_status() {
    let rig = Rig::with_connector().await;
    let source = rig.create("Corp").await;
    let kinds = |one: &v1::Integration| {
        one.conditions
            .iter()
            .map(v1::IntegrationCondition::kind)
            .collect::<Vec<_>>()
    };
    let waits = [
        v1::IntegrationConditionKind::WaitingForRunner,
        v1::IntegrationConditionKind::NeverCollected,
    ];
    assert_eq!(kinds(&source), waits);
    assert!(!source.conditions[0].remedy.is_empty());
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let assignment = runner.assigned().await;
    runner.finish_without_records(&assignment).await;
    let collected = rig.get(&source.name).await;
    assert_eq!(kinds(&collected), []);
    let schedule = &collected.data_types[0];
    assert_eq!(schedule.last_completed_execution, schedule.last_execution);
    assert_eq!(schedule.last_counts.map(|counts| counts.records), Some(0));
    assert_eq!(
        (schedule.previous_counts, schedule.no_collection_reason.as_str()),
        (None, "")
    );
}
