use muster_proto::v1;
use muster_session::wire::struct_from_json;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::rig::{NOBODY, ORGANIZATION, Rig, assert_refused, integration};

fn request(integration: v1::Integration) -> v1::CreateIntegrationRequest {
    v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(integration),
        ..Default::default()
    }
}

async fn create(rig: &Rig, request: v1::CreateIntegrationRequest) -> Result<v1::Integration, Status> {
    rig.integrations()
        .create_integration(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn update(rig: &Rig, integration: v1::Integration, paths: &[&str]) -> Result<v1::Integration, Status> {
    let request = v1::UpdateIntegrationRequest {
        integration: Some(integration),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        validate_only: false,
    };
    rig.integrations()
        .update_integration(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn list(rig: &Rig, filter: &str, size: i32, token: &str) -> Result<(Vec<String>, String), Status> {
    let request = v1::ListIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    let page = rig.integrations().list_integrations(request).await?.into_inner();
    Ok((
        page.integrations.into_iter().map(|one| one.display_name).collect(),
        page.next_page_token,
    ))
}

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
async fn a_draft_is_judged_when_it_is_enabled() {
    let rig = Rig::with_connector().await;
    let unfinished = v1::Integration {
        configuration: None,
        ..integration("Corp")
    };
    let draft = create(
        &rig,
        v1::CreateIntegrationRequest {
            draft: true,
            ..request(unfinished)
        },
    )
    .await
    .expect("saved");
    assert_eq!(
        (draft.enablement(), draft.status()),
        (v1::Enablement::Draft, v1::ConfigurationStatus::Disabled)
    );
    assert!(
        draft
            .data_types
            .iter()
            .all(|one| one.open_execution.is_empty() && one.next_collection_time.is_none())
    );
    assert!(!draft.status_message.is_empty() && !draft.status_remedy.is_empty());

    let enable = v1::EnableIntegrationRequest {
        name: draft.name.clone(),
        etag: String::new(),
        ..Default::default()
    };
    let answer = rig.integrations().enable_integration(enable.clone()).await;
    assert_refused(
        answer,
        Code::InvalidArgument,
        "INVALID_CONFIGURATION",
        Some("integration.configuration.server"),
    );
    let run = v1::RunIntegrationRequest {
        name: draft.name.clone(),
        data_types: Vec::new(),
        ..Default::default()
    };
    let answer = rig.integrations().run_integration(run).await;
    assert_refused(answer, Code::FailedPrecondition, "INTEGRATION_DISABLED", None);

    let finished = v1::Integration {
        name: draft.name.clone(),
        ..integration("Corp")
    };
    update(&rig, finished, &["configuration"])
        .await
        .expect("it is in order");
    let enabled = rig
        .integrations()
        .enable_integration(enable)
        .await
        .expect("it fits")
        .into_inner();
    assert_eq!(enabled.enablement(), v1::Enablement::Enabled);
    assert!(!enabled.data_types[0].open_execution.is_empty());
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

#[tokio::test]
async fn lists_go_on_where_they_ended_and_take_filters() {
    let rig = Rig::with_connector().await;
    for number in 0..5 {
        rig.create(&format!("Corp {number}")).await;
    }
    let last = create(
        &rig,
        v1::CreateIntegrationRequest {
            draft: true,
            ..request(integration("Draft"))
        },
    )
    .await;
    last.expect("it is saved");
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let (page, next) = list(&rig, "status = ACTIVE", 2, &token).await.expect("a page");
        assert!(page.len() <= 2, "{page:?}");
        names.extend(page);
        token = next;
        if token.is_empty() {
            break;
        }
    }
    names.sort();
    assert_eq!(names, ["Corp 0", "Corp 1", "Corp 2", "Corp 3", "Corp 4"]);
    assert_eq!(
        list(&rig, r#"display_name = "corp 3""#, 0, "").await.expect("a page").0,
        ["Corp 3"]
    );
    assert_eq!(
        list(&rig, "status = DISABLED AND pool = hq", 0, "")
            .await
            .expect("a page")
            .0,
        ["Draft"]
    );
    assert_eq!(
        list(&rig, "pool = other", 0, "").await.expect("a page").0,
        Vec::<String>::new()
    );

    let (_, token) = list(&rig, "", 2, "").await.expect("a page");
    assert_refused(
        list(&rig, "pool = hq", 2, &token).await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("page_token"),
    );
    assert_refused(
        list(&rig, "", 2, "forged").await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("page_token"),
    );
    assert_refused(
        list(&rig, "", -1, "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("page_size"),
    );
    assert_refused(
        list(&rig, "pool ~ hq", 0, "").await,
        Code::InvalidArgument,
        "INVALID_FILTER",
        Some("filter"),
    );
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names_under_its_etag() {
    let rig = Rig::with_connector().await;
    let before = rig.create("Corp").await;
    let change = v1::Integration {
        name: before.name.clone(),
        etag: before.etag.clone(),
        ..integration("Renamed")
    };
    let renamed = update(&rig, change.clone(), &["display_name"])
        .await
        .expect("it is in order");
    assert_eq!((renamed.display_name.as_str(), renamed.revision), ("Renamed", 1));
    assert_refused(
        update(&rig, change.clone(), &["pool"]).await,
        Code::Aborted,
        "ETAG_MISMATCH",
        None,
    );
    let unguarded = v1::Integration {
        etag: String::new(),
        ..change
    };
    let wrong = v1::Integration {
        configuration: struct_from_json("{}").ok(),
        ..unguarded.clone()
    };
    let answer = update(&rig, wrong, &["configuration"]).await;
    assert_refused(
        answer,
        Code::InvalidArgument,
        "INVALID_CONFIGURATION",
        Some("integration.configuration.server"),
    );
    let moved = v1::Integration {
        configuration: struct_from_json(r#"{"server":"dc2"}"#).ok(),
        ..unguarded.clone()
    };
    let moved = update(&rig, moved, &["configuration"]).await.expect("it fits");
    assert_eq!(moved.revision, 2);
    let answer = update(&rig, unguarded.clone(), &["connector"]).await;
    assert_refused(
        answer,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("update_mask.paths[0]"),
    );
    let all = v1::Integration {
        data_types: Vec::new(),
        ..unguarded
    };
    let all = update(&rig, all, &["*"]).await.expect("it is in order");
    assert_eq!(all.data_types.len(), 3, "all that the connector offers: {all:?}");
    let nobody = v1::Integration {
        name: format!("{ORGANIZATION}/integrations/{NOBODY}"),
        ..integration("Nobody")
    };
    assert_refused(
        update(&rig, nobody, &["pool"]).await,
        Code::NotFound,
        "INTEGRATION_NOT_FOUND",
        None,
    );
}

#[tokio::test]
async fn what_is_switched_off_runs_no_more_and_what_is_deleted_is_gone() {
    let rig = Rig::with_connector().await;
    let created = rig.create("Corp").await;
    let name = created.name.clone();
    let stale = v1::DisableIntegrationRequest {
        name: name.clone(),
        etag: "v99".to_owned(),
        ..Default::default()
    };
    assert_refused(
        rig.integrations().disable_integration(stale).await,
        Code::Aborted,
        "ETAG_MISMATCH",
        None,
    );
    let disable = v1::DisableIntegrationRequest {
        name: name.clone(),
        etag: created.etag.clone(),
        ..Default::default()
    };
    let disabled = rig
        .integrations()
        .disable_integration(disable)
        .await
        .expect("it is enabled")
        .into_inner();
    assert_eq!(disabled.enablement(), v1::Enablement::Disabled);
    assert!(
        disabled.data_types[0].open_execution.is_empty(),
        "what was created is canceled"
    );

    let stale = v1::DeleteIntegrationRequest {
        name: name.clone(),
        etag: created.etag,
        ..Default::default()
    };
    assert_refused(
        rig.integrations().delete_integration(stale).await,
        Code::Aborted,
        "ETAG_MISMATCH",
        None,
    );
    let delete = v1::DeleteIntegrationRequest {
        name: name.clone(),
        etag: disabled.etag,
        ..Default::default()
    };
    rig.integrations()
        .delete_integration(delete.clone())
        .await
        .expect("it is there");
    assert_refused(
        rig.integrations()
            .delete_integration(v1::DeleteIntegrationRequest {
                etag: String::new(),
                ..delete
            })
            .await,
        Code::NotFound,
        "INTEGRATION_NOT_FOUND",
        None,
    );
    let get = v1::GetIntegrationRequest { name };
    assert_refused(
        rig.integrations().get_integration(get).await,
        Code::NotFound,
        "INTEGRATION_NOT_FOUND",
        None,
    );
    let odd = v1::GetIntegrationRequest {
        name: "Corp".to_owned(),
    };
    assert_refused(
        rig.integrations().get_integration(odd).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("name"),
    );
}

#[tokio::test]
async fn run_now_answers_with_what_is_open() {
    let rig = Rig::with_connector().await;
    let created = rig.create("Corp").await;
    let open = rig.run(&created.name).await;
    assert_eq!(
        open.name, created.data_types[0].open_execution,
        "there is never a second one beside it"
    );
    let wrong = v1::RunIntegrationRequest {
        name: created.name,
        data_types: vec!["device".to_owned()],
        ..Default::default()
    };
    let answer = rig.integrations().run_integration(wrong).await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD", Some("data_types"));
}

#[tokio::test]
async fn a_batch_runs_each_by_itself() {
    let rig = Rig::with_connector().await;
    let one = rig.create("One").await;
    let draft = create(
        &rig,
        v1::CreateIntegrationRequest {
            draft: true,
            ..request(integration("Draft"))
        },
    )
    .await;
    let draft = draft.expect("it is saved");
    let two = rig.create("Two").await;
    let cancel = v1::CancelExecutionRequest {
        name: two.data_types[0].open_execution.clone(),
        reason: String::new(),
        ..Default::default()
    };
    rig.executions().cancel_execution(cancel).await.expect("it is open");
    let nobody = format!("{ORGANIZATION}/integrations/{NOBODY}");
    let batch = v1::BatchRunIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        names: vec![
            one.name.clone(),
            draft.name.clone(),
            two.name.clone(),
            nobody.clone(),
            two.name,
        ],
        data_types: Vec::new(),
        validate_only: false,
    };
    for _ in 0..2 {
        let asked = v1::BatchRunIntegrationsRequest {
            validate_only: true,
            ..batch.clone()
        };
        let would = rig.integrations().batch_run_integrations(asked).await;
        let would = would.expect("it would run").into_inner();
        assert_eq!(
            (would.created_count, would.open_count),
            (1, 2),
            "asking has run nothing"
        );
        assert_eq!(would.failures.len(), 2);
    }
    let ran = rig
        .integrations()
        .batch_run_integrations(batch.clone())
        .await
        .expect("it runs")
        .into_inner();
    assert_eq!(
        (ran.created_count, ran.open_count),
        (1, 2),
        "one was open, and the second time the other too"
    );
    let refused: Vec<_> = ran
        .failures
        .iter()
        .map(|one| (one.name.as_str(), one.reason.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (draft.name.as_str(), "INTEGRATION_DISABLED"),
            (nobody.as_str(), "INTEGRATION_NOT_FOUND")
        ]
    );

    let batches = [
        (Vec::new(), "names"),
        (vec![one.name.clone(); 1_001], "names"),
        (vec![one.name, "x".to_owned()], "names[1]"),
        (vec![format!("organizations/other/integrations/{NOBODY}")], "names[0]"),
    ];
    for (names, field) in batches {
        let wrong = v1::BatchRunIntegrationsRequest { names, ..batch.clone() };
        let answer = rig.integrations().batch_run_integrations(wrong).await;
        assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD", Some(field));
    }
}
