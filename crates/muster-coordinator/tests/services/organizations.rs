//! `OrganizationService`, and what it lets the others do.

use muster_proto::v1;
use muster_proto::v1::organization_service_client::OrganizationServiceClient;
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::rig::{ORGANIZATION, PATIENCE, Rig, Runner, assert_refused, integration};

const GLOBEX: &str = "organizations/globex";

async fn create(rig: &Rig, id: &str, request_id: &str) -> Result<v1::Organization, Status> {
    let request = v1::CreateOrganizationRequest {
        organization_id: id.to_owned(),
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    let made = OrganizationServiceClient::new(rig.channel())
        .create_organization(request)
        .await?;
    Ok(made.into_inner())
}

async fn get(rig: &Rig, name: &str) -> Result<v1::Organization, Status> {
    let request = v1::GetOrganizationRequest { name: name.to_owned() };
    let found = OrganizationServiceClient::new(rig.channel())
        .get_organization(request)
        .await?;
    Ok(found.into_inner())
}

async fn update(rig: &Rig, organization: v1::Organization, paths: &[&str]) -> Result<v1::Organization, Status> {
    let request = v1::UpdateOrganizationRequest {
        organization: Some(organization),
        update_mask: Some(FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        validate_only: false,
    };
    let changed = OrganizationServiceClient::new(rig.channel())
        .update_organization(request)
        .await?;
    Ok(changed.into_inner())
}

async fn suspend(rig: &Rig, name: &str, reason: &str) -> Result<v1::Organization, Status> {
    let request = v1::SuspendOrganizationRequest {
        name: name.to_owned(),
        reason: reason.to_owned(),
        ..Default::default()
    };
    let suspended = OrganizationServiceClient::new(rig.channel())
        .suspend_organization(request)
        .await?;
    Ok(suspended.into_inner())
}

async fn resume(rig: &Rig, name: &str) -> Result<v1::Organization, Status> {
    let request = v1::ResumeOrganizationRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    let resumed = OrganizationServiceClient::new(rig.channel())
        .resume_organization(request)
        .await?;
    Ok(resumed.into_inner())
}

async fn delete(rig: &Rig, name: &str) -> Result<v1::Organization, Status> {
    let request = v1::DeleteOrganizationRequest {
        name: name.to_owned(),
        ..Default::default()
    };
    let deleted = OrganizationServiceClient::new(rig.channel())
        .delete_organization(request)
        .await?;
    Ok(deleted.into_inner())
}

async fn list(rig: &Rig, size: i32, token: &str) -> (Vec<String>, String) {
    let request = v1::ListOrganizationsRequest {
        page_size: size,
        page_token: token.to_owned(),
    };
    let page = OrganizationServiceClient::new(rig.channel())
        .list_organizations(request)
        .await
        .expect("it is in order")
        .into_inner();
    let names = page.organizations.into_iter().map(|one| one.name).collect();
    (names, page.next_page_token)
}

#[tokio::test]
async fn an_organization_is_made_shown_listed_and_changed() {
    let rig = Rig::empty().await;
    let first = get(&rig, ORGANIZATION).await.expect("it is there from the beginning");
    assert_eq!(first.quotas, Some(v1::Quotas::default()), "it has no limits");

    let id = "01936b1e-0000-7000-8000-00000000aaaa";
    let made = create(&rig, "globex", id).await.expect("it is in order");
    assert_eq!(
        (
            made.name.as_str(),
            made.display_name.as_str(),
            made.state(),
            made.retention_days
        ),
        (GLOBEX, "globex", v1::OrganizationState::Active, 30)
    );
    assert_eq!(made.quotas.expect("the usual ones").integrations, Some(10_000));
    assert_eq!(create(&rig, "globex", id).await.expect("it is the same"), made);
    assert_refused(
        create(&rig, "globex", "").await,
        Code::AlreadyExists,
        "NAME_TAKEN",
        Some("organization_id"),
    );
    for (bad, field) in [("", "organization_id"), ("Globex", "organization_id")] {
        assert_refused(
            create(&rig, bad, "").await,
            Code::InvalidArgument,
            "INVALID_FIELD",
            Some(field),
        );
    }

    assert_eq!(list(&rig, 1, "").await.0, [ORGANIZATION]);
    let (_, token) = list(&rig, 1, "").await;
    assert_eq!(list(&rig, 1, &token).await, (vec![GLOBEX.to_owned()], String::new()));

    let wanted = v1::Organization {
        name: GLOBEX.to_owned(),
        display_name: "Globex Corp.".to_owned(),
        retention_days: 7,
        etag: made.etag.clone(),
        quotas: Some(v1::Quotas {
            runners: Some(3),
            ..Default::default()
        }),
        ..Default::default()
    };
    let changed = update(&rig, wanted.clone(), &["display_name", "quotas.runners"]).await;
    let changed = changed.expect("it is in order");
    let quotas = changed.quotas.expect("they are there");
    assert_eq!((quotas.runners, quotas.integrations), (Some(3), Some(10_000)));
    assert_eq!(
        (changed.display_name.as_str(), changed.retention_days),
        ("Globex Corp.", 30)
    );
    let stale = update(&rig, wanted, &["retention_days"]).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH", None);
    let odd = v1::Organization {
        name: GLOBEX.to_owned(),
        ..Default::default()
    };
    assert_refused(
        update(&rig, odd.clone(), &["state"]).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("update_mask.paths[0]"),
    );
    assert_refused(
        update(&rig, odd, &["retention_days"]).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("organization.retention_days"),
    );
}

#[tokio::test]
async fn what_is_suspended_is_read_and_not_changed_and_its_state_survives_a_restart() {
    let rig = Rig::with_connector().await;
    let made = rig.create("Corp").await;
    assert_refused(
        suspend(&rig, ORGANIZATION, "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("reason"),
    );
    let suspended = suspend(&rig, ORGANIZATION, "unpaid").await.expect("it is active");
    assert_eq!(suspended.state(), v1::OrganizationState::Suspended);
    let rig = rig.restart().await;
    assert_eq!(rig.get(&made.name).await.display_name, "Corp", "it can be read");
    let request = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(integration("Other")),
        ..Default::default()
    };
    let refused = rig.integrations().create_integration(request.clone()).await;
    assert_refused(refused, Code::FailedPrecondition, "ORGANIZATION_SUSPENDED", None);
    let run = v1::RunIntegrationRequest {
        name: made.name.clone(),
        ..Default::default()
    };
    let refused = rig.integrations().run_integration(run).await;
    assert_refused(refused, Code::FailedPrecondition, "ORGANIZATION_SUSPENDED", None);
    resume(&rig, ORGANIZATION).await.expect("it is suspended");
    rig.integrations()
        .create_integration(request)
        .await
        .expect("it goes on");
}

#[tokio::test]
async fn a_quota_is_told_with_what_there_is() {
    let rig = Rig::with_connector().await;
    rig.create("Corp").await;
    let wanted = v1::Organization {
        name: ORGANIZATION.to_owned(),
        quotas: Some(v1::Quotas {
            integrations: Some(1),
            ..Default::default()
        }),
        ..Default::default()
    };
    let changed = update(&rig, wanted, &["quotas"]).await.expect("it is in order");
    assert_eq!(changed.usage.expect("it is counted").integrations, 1);
    let request = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(integration("Other")),
        ..Default::default()
    };
    let refused = rig.integrations().create_integration(request).await;
    let message = refused.as_ref().expect_err("it is refused").message().to_owned();
    assert!(message.contains("has 1 integrations, and may have 1"), "{message}");
    assert_refused(refused, Code::ResourceExhausted, "LIMIT_REACHED", None);
}

#[tokio::test]
async fn what_is_deleted_goes_with_all_it_has_and_its_name_is_not_given_again() {
    let rig = Rig::with_connector().await;
    let made = rig.create("Corp").await;
    let refused = delete(&rig, ORGANIZATION).await;
    assert_refused(refused, Code::FailedPrecondition, "ORGANIZATION_NOT_SUSPENDED", None);
    let runner = Runner::check_in(&rig.shard, "hq", 1).await;
    suspend(&rig, ORGANIZATION, "it leaves").await.expect("it is active");
    let going = delete(&rig, ORGANIZATION).await.expect("it is suspended");
    assert_eq!(going.state(), v1::OrganizationState::Deleting);
    let gone = tokio::time::timeout(PATIENCE, async {
        while get(&rig, ORGANIZATION).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    gone.await.expect("it goes in time");
    assert_refused(
        get(&rig, ORGANIZATION).await,
        Code::NotFound,
        "ORGANIZATION_NOT_FOUND",
        None,
    );
    let request = v1::GetIntegrationRequest {
        name: made.name,
        ..Default::default()
    };
    let missing = rig.integrations().get_integration(request).await;
    assert_refused(missing, Code::NotFound, "ORGANIZATION_NOT_FOUND", None);
    let again = create(&rig, "default", "").await;
    assert_refused(again, Code::AlreadyExists, "NAME_TAKEN", Some("organization_id"));
    assert_eq!(list(&rig, 0, "").await.0, [""; 0]);
    // It is not made anew by the next start either. The runner holds a handle, and the shard ends with the last of them.
    drop(runner);
    let rig = rig.restart().await;
    assert_refused(
        get(&rig, ORGANIZATION).await,
        Code::NotFound,
        "ORGANIZATION_NOT_FOUND",
        None,
    );
}

#[tokio::test]
async fn another_organizations_object_is_not_there() {
    let rig = Rig::with_connector().await;
    let made = rig.create("Corp").await;
    create(&rig, "globex", "").await.expect("it is in order");
    let foreign = made.name.replace(ORGANIZATION, GLOBEX);
    let request = v1::GetIntegrationRequest {
        name: foreign.clone(),
        ..Default::default()
    };
    let answer = rig.integrations().get_integration(request).await;
    assert_refused(answer, Code::NotFound, "INTEGRATION_NOT_FOUND", None);
    let request = v1::RunIntegrationRequest {
        name: foreign.clone(),
        ..Default::default()
    };
    let answer = rig.integrations().run_integration(request).await;
    assert_refused(answer, Code::NotFound, "INTEGRATION_NOT_FOUND", None);
    let request = v1::DeleteIntegrationRequest {
        name: foreign,
        ..Default::default()
    };
    let answer = rig.integrations().delete_integration(request).await;
    assert_refused(answer, Code::NotFound, "INTEGRATION_NOT_FOUND", None);
    let execution = made.data_types[0].open_execution.replace(ORGANIZATION, GLOBEX);
    let request = v1::GetExecutionRequest { name: execution };
    let answer = rig.executions().get_execution(request).await;
    assert!(answer.is_err_and(|status| status.code() == Code::NotFound));
    let runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let request = v1::GetRunnerRequest {
        name: format!("{GLOBEX}/runners/{}", runner.id),
    };
    let answer = rig.runners().get_runner(request).await;
    assert_refused(answer, Code::NotFound, "RUNNER_NOT_FOUND", None);
}

#[tokio::test]
async fn runners_are_listed_by_their_owner_page_by_page() {
    let rig = Rig::with_connector().await;
    create(&rig, "globex", "").await.expect("it is in order");
    let mut expected = Vec::new();
    for pool in ["hq", "hosted", "lab"] {
        expected.push(Runner::check_in(&rig.shard, pool, 1).await.id.to_string());
    }
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let request = v1::ListRunnersRequest {
            parent: ORGANIZATION.to_owned(),
            page_size: 1,
            page_token: token,
            ..Default::default()
        };
        let page = rig
            .runners()
            .list_runners(request)
            .await
            .expect("it is in order")
            .into_inner();
        found.extend(
            page.runners
                .into_iter()
                .map(|one| one.name.rsplit('/').next().unwrap_or_default().to_owned()),
        );
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert!(found.is_sorted(), "{found:?}");
    for id in &expected {
        assert!(found.contains(id), "{id} is missing in {found:?}");
    }
    let request = v1::ListRunnersRequest {
        parent: GLOBEX.to_owned(),
        ..Default::default()
    };
    let page = rig
        .runners()
        .list_runners(request)
        .await
        .expect("it is in order")
        .into_inner();
    let names: Vec<_> = page.runners.iter().map(|one| one.pool.as_str()).collect();
    assert_eq!(
        names,
        ["hosted"],
        "those of the service itself, and no other organization's"
    );
}
