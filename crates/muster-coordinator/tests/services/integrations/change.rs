//! Integrations are changed, switched on and off, and deleted.

use muster_proto::v1;
use muster_session::wire::struct_from_json;
use tonic::Code;

use super::{create, request, update};
use crate::rig::{NOBODY, ORGANIZATION, Rig, assert_refused, integration};

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
    let get = v1::GetIntegrationRequest {
        name,
        ..Default::default()
    };
    assert_refused(
        rig.integrations().get_integration(get).await,
        Code::NotFound,
        "INTEGRATION_NOT_FOUND",
        None,
    );
    let odd = v1::GetIntegrationRequest {
        name: "Corp".to_owned(),
        ..Default::default()
    };
    assert_refused(
        rig.integrations().get_integration(odd).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("name"),
    );
}
