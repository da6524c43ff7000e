//! Integrations are made.

use muster_proto::v1;
use muster_session::wire::struct_from_json;
use prost_types::FieldMask;
use tonic::Code;

use super::{create, list, request};
use crate::rig::{NOBODY, Rig, assert_refused, integration};

#[tokio::test]
async fn a_new_integration_collects_at_once_and_by_the_connectors_intervals() {
    let rig = Rig::with_connector().await;
    let created = create(
        &rig,
        request(v1::Integration {
            data_types: Vec::new(),
            ..integration("Corp")
        }),
    )
    .await;
    let created = created.expect("it is in order");
    assert_eq!(created.status(), v1::ConfigurationStatus::Active);
    assert_eq!(created.enablement(), v1::Enablement::Enabled);
    assert_eq!((created.revision, created.pool.as_str()), (1, "hq"));
    assert_eq!(
        created.configuration,
        struct_from_json(r#"{"server":"dc1","port":636}"#).ok()
    );
    let schedules: Vec<_> = created
        .data_types
        .iter()
        .map(|one| {
            assert!(
                one.next_collection_time.is_some() && one.open_execution.starts_with(&created.name),
                "{one:?}"
            );
            (one.data_type.as_str(), one.interval.map(|interval| interval.seconds))
        })
        .collect();
    assert_eq!(
        schedules,
        [
            ("device", Some(3_600)),
            ("software", Some(86_400)),
            ("user", Some(7_200))
        ]
    );
    assert_eq!(rig.get(&created.name).await, created);
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_its_field_and_changes_nothing() {
    let rig = Rig::with_connector().await;
    let refused = async |change: fn(&mut v1::Integration)| {
        let mut wrong = integration("Corp");
        change(&mut wrong);
        create(&rig, request(wrong)).await
    };
    let invalid = |answer, field| assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD", Some(field));
    invalid(refused(|it| it.display_name.clear()).await, "integration.display_name");
    invalid(refused(|it| it.connector.clear()).await, "integration.connector");
    invalid(refused(|it| it.pool = "HQ".to_owned()).await, "integration.pool");
    invalid(
        refused(|it| it.access_schema = "single".to_owned()).await,
        "integration.access_schema",
    );
    invalid(
        refused(|it| it.data_types[0].data_type = "group".to_owned()).await,
        "integration.data_types[0].data_type",
    );
    invalid(
        refused(|it| it.data_types[0].interval = Some(prost_types::Duration { seconds: 1, nanos: 0 })).await,
        "integration.data_types[0].interval",
    );
    let answer = refused(|it| it.configuration = struct_from_json(r#"{"server":"dc1","port":"x"}"#).ok()).await;
    assert_refused(
        answer,
        Code::InvalidArgument,
        "INVALID_CONFIGURATION",
        Some("integration.configuration.port"),
    );
    let mut nowhere = request(integration("Corp"));
    nowhere.parent = "organizations/other".to_owned();
    assert_refused(
        create(&rig, nowhere).await,
        Code::NotFound,
        "ORGANIZATION_NOT_FOUND",
        None,
    );
    let mut nowhere = request(integration("Corp"));
    nowhere.parent = "default".to_owned();
    invalid(create(&rig, nowhere).await, "parent");
    invalid(
        create(
            &rig,
            v1::CreateIntegrationRequest {
                integration: None,
                ..request(integration(""))
            },
        )
        .await,
        "integration",
    );
    assert_eq!(list(&rig, "", 0, "").await.expect("a list").0, Vec::<String>::new());
    rig.create("Corp").await;
    assert_refused(
        create(&rig, request(integration("corp"))).await,
        Code::AlreadyExists,
        "NAME_TAKEN",
        Some("integration.display_name"),
    );
}

#[tokio::test]
async fn a_connector_that_nobody_has_offered_is_a_precondition() {
    let rig = Rig::with_connector().await;
    let answer = create(
        &rig,
        request(v1::Integration {
            connector: "okta".to_owned(),
            ..integration("Corp")
        }),
    )
    .await;
    let message = answer.clone().expect_err("it is refused").message().to_owned();
    assert!(message.contains("`okta` yet (offered so far: `ldap`)"), "{message}");
    assert_refused(answer, Code::FailedPrecondition, "CONNECTOR_UNKNOWN", None);
}

#[tokio::test]
async fn validate_only_answers_as_if_it_were_done() {
    let rig = Rig::with_connector().await;
    let only = v1::CreateIntegrationRequest {
        validate_only: true,
        ..request(integration("Corp"))
    };
    let would = create(&rig, only.clone()).await.expect("it is in order");
    assert_eq!(
        (would.name.as_str(), would.status()),
        ("", v1::ConfigurationStatus::Active)
    );
    assert!(would.data_types[0].next_collection_time.is_some());
    assert_eq!(list(&rig, "", 0, "").await.expect("a list").0, Vec::<String>::new());
    let before = rig.create("Corp").await;
    assert_refused(
        create(&rig, only).await,
        Code::AlreadyExists,
        "NAME_TAKEN",
        Some("integration.display_name"),
    );

    let request = v1::UpdateIntegrationRequest {
        integration: Some(v1::Integration {
            name: before.name.clone(),
            pool: "other".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["pool".to_owned()],
        }),
        validate_only: true,
    };
    let would = rig
        .integrations()
        .update_integration(request)
        .await
        .expect("it is in order")
        .into_inner();
    assert_eq!(would.pool, "other");
    assert_ne!(would.etag, before.etag);
    assert_eq!(rig.get(&before.name).await, before);
}

#[tokio::test]
async fn a_repeated_request_creates_nothing_also_after_a_restart() {
    let rig = Rig::with_connector().await;
    let repeatable = v1::CreateIntegrationRequest {
        request_id: NOBODY.to_owned(),
        ..request(integration("Corp"))
    };
    let first = create(&rig, repeatable.clone()).await.expect("it is in order");
    let second = create(&rig, repeatable.clone()).await.expect("it is the same");
    assert_eq!(first, second);
    let rig = rig.restart().await;
    let third = create(&rig, repeatable.clone()).await.expect("it is the same");
    assert_eq!(first, third);
    let other = v1::CreateIntegrationRequest {
        integration: Some(integration("Other")),
        ..repeatable
    };
    assert_refused(
        create(&rig, other).await,
        Code::AlreadyExists,
        "REQUEST_ID_REUSED",
        Some("request_id"),
    );
    let odd = v1::CreateIntegrationRequest {
        request_id: "again".to_owned(),
        ..request(integration("Odd"))
    };
    assert_refused(
        create(&rig, odd).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("request_id"),
    );
}
