//! Integrations are run now.

use muster_proto::v1;
use tonic::Code;

use super::{create, request};
use crate::rig::{NOBODY, ORGANIZATION, Rig, assert_refused, integration};

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
