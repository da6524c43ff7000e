//! The manners that all calls share: orders, filters, tokens, masks, and requests that only ask.

use muster_core::decide::Command;
use muster_core::decide::execution::cancel::Cancel;
use muster_core::decide::execution::run_now::RunNow;
use muster_core::words::{OrganizationId, Principal};
use muster_proto::v1;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::watch_executions_response::Kind;
use muster_session::wire::struct_from_json;
use prost_types::FieldMask;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::rig::{ORGANIZATION, PATIENCE, Rig, Runner, assert_refused, integration};

fn listed(order_by: &str, page_size: i32, page_token: &str, filter: &str) -> v1::ListIntegrationsRequest {
    v1::ListIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
        filter: filter.to_owned(),
        order_by: order_by.to_owned(),
        ..Default::default()
    }
}

async fn list(rig: &Rig, request: v1::ListIntegrationsRequest) -> Result<(Vec<String>, String), Status> {
    let page = rig.integrations().list_integrations(request).await?.into_inner();
    let names = page.integrations.into_iter().map(|one| one.display_name);
    Ok((names.collect(), page.next_page_token))
}

/// All display names, page by page of two.
async fn all(rig: &Rig, order_by: &str) -> Vec<String> {
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let (page, next) = list(rig, listed(order_by, 2, &token, "")).await.expect("a page");
        names.extend(page);
        if next.is_empty() {
            return names;
        }
        token = next;
    }
}

/// The description of the first field that an error names.
fn described<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    let status = answer.expect_err("it is refused");
    let bad = status.get_details_bad_request().expect("it names a field");
    bad.field_violations[0].description.clone()
}

#[tokio::test]
async fn integrations_come_in_each_order_that_there_is_and_in_no_other() {
    let rig = Rig::with_connector().await;
    for name in ["beta", "Alpha", "delta", "Ähre", "Gamma"] {
        rig.create(name).await;
    }
    // Of the same millisecond the later one may have the smaller id, so the orders of time are compared with each other.
    let mut by_time = all(&rig, "create_time").await;
    assert_eq!(all(&rig, "").await, by_time);
    by_time.reverse();
    assert_eq!(all(&rig, "create_time desc").await, by_time);
    assert_eq!(
        all(&rig, "display_name").await,
        ["Alpha", "beta", "delta", "Gamma", "Ähre"]
    );

    let (_, token) = list(&rig, listed("display_name", 2, "", "")).await.expect("a page");
    let other = list(&rig, listed("create_time", 2, &token, "")).await;
    assert_refused(other, Code::InvalidArgument, "INVALID_PAGE_TOKEN", Some("page_token"));
    let none = list(&rig, listed("pool", 2, "", "")).await;
    assert_eq!(
        described(none),
        "is `pool`: this list is ordered by `create_time` or `create_time desc` or `display_name` only"
    );
    let executions = v1::ListExecutionsRequest {
        parent: format!("{ORGANIZATION}/integrations/-"),
        order_by: "end_time".to_owned(),
        ..Default::default()
    };
    let answer = rig.executions().list_executions(executions).await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD", Some("order_by"));
}

#[tokio::test]
async fn too_large_a_page_is_cut_and_too_deep_a_filter_is_told() {
    let rig = Rig::with_connector().await;
    rig.create("Corp").await;
    let (names, _) = list(&rig, listed("", 1_000_000_000, "", "")).await.expect("a page");
    assert_eq!(names, ["Corp"]);
    let deep = format!("{}pool = hq{}", "(".repeat(10_000), ")".repeat(10_000));
    let answer = list(&rig, listed("", 0, "", &deep)).await;
    assert_refused(answer.clone(), Code::InvalidArgument, "INVALID_FILTER", Some("filter"));
    assert_eq!(
        described(answer),
        "at character 21: parentheses nest deeper than 20: write it flatter"
    );
    assert_eq!(
        list(&rig, listed("", 0, "", "pool = hq")).await.expect("a page").0,
        ["Corp"]
    );
}

#[tokio::test]
async fn runners_are_found_by_a_filter() {
    let rig = Rig::with_connector().await;
    let here = Runner::check_in(&rig.shard, "hq", 1).await;
    let find = async |filter: &str| {
        let request = v1::ListRunnersRequest {
            parent: ORGANIZATION.to_owned(),
            filter: filter.to_owned(),
            ..Default::default()
        };
        let page = rig.runners().list_runners(request).await.expect("a page").into_inner();
        page.runners.into_iter().map(|one| one.pool).collect::<Vec<_>>()
    };
    assert_eq!(find("status = READY").await, ["hq"]);
    assert_eq!(find("online = false").await, ["elsewhere"]);
    assert_eq!(
        find("pool = hq AND connectors:ldap AND last_seen_time > \"2020-01-01T00:00:00Z\"").await,
        ["hq"]
    );
    assert_eq!(find("connectors:okta OR version = \"9\"").await, Vec::<String>::new());
    drop(here);
}

#[tokio::test]
async fn a_path_that_a_mask_may_not_name_is_told_with_what_was_meant() {
    let rig = Rig::with_connector().await;
    let created = rig.create("Corp").await;
    for (path, expected) in [
        (
            "displayname",
            "`displayname` is no field that an update changes: these are `display_name`, `access_schema`, `configuration`, `pool`, `data_types`, `error_notifications` or `*`; did you mean `display_name`?",
        ),
        (
            "connector",
            "`connector` never changes: create another integration; an update changes `display_name`,",
        ),
        ("status_time", "`status_time` is output only"),
        (
            "configuration.server",
            "`configuration.server` names a part of `configuration`, which is changed as a whole",
        ),
    ] {
        let request = v1::UpdateIntegrationRequest {
            integration: Some(created.clone()),
            update_mask: Some(FieldMask {
                paths: vec![path.to_owned()],
            }),
            validate_only: false,
        };
        let answer = rig.integrations().update_integration(request).await.map(drop);
        assert_refused(
            answer.clone(),
            Code::InvalidArgument,
            "INVALID_FIELD",
            Some("update_mask.paths[0]"),
        );
        let said = described(answer);
        assert!(said.starts_with(expected), "{path}: {said}");
    }
    assert_eq!(rig.get(&created.name).await, created);
}

#[tokio::test]
async fn what_only_asks_changes_nothing() {
    let rig = Rig::with_connector().await;
    let before = rig.create("Corp").await;
    let name = before.name.clone();
    let disable = v1::DisableIntegrationRequest {
        name: name.clone(),
        validate_only: true,
        ..Default::default()
    };
    let would = rig
        .integrations()
        .disable_integration(disable)
        .await
        .expect("it may")
        .into_inner();
    assert_eq!(
        (would.enablement(), would.etag.as_str()),
        (v1::Enablement::Disabled, "v2")
    );
    let delete = v1::DeleteIntegrationRequest {
        name: name.clone(),
        validate_only: true,
        etag: "v7".to_owned(),
    };
    let stale = rig.integrations().delete_integration(delete.clone()).await;
    assert_refused(stale, Code::Aborted, "ETAG_MISMATCH", None);
    let delete = v1::DeleteIntegrationRequest {
        etag: String::new(),
        ..delete
    };
    rig.integrations().delete_integration(delete).await.expect("it may");
    let run = v1::RunIntegrationRequest {
        name: name.clone(),
        validate_only: true,
        ..Default::default()
    };
    let open = rig
        .integrations()
        .run_integration(run)
        .await
        .expect("it may")
        .into_inner();
    assert_eq!(open.executions[0].name, before.data_types[0].open_execution);
    let cancel = v1::CancelExecutionRequest {
        name: open.executions[0].name.clone(),
        validate_only: true,
        ..Default::default()
    };
    let would = rig
        .executions()
        .cancel_execution(cancel)
        .await
        .expect("it may")
        .into_inner();
    assert_eq!(would.status(), v1::ExecutionStatus::Created);
    assert_eq!(rig.get(&name).await, before);

    let off = v1::DisableIntegrationRequest {
        name: name.clone(),
        ..Default::default()
    };
    let off = rig
        .integrations()
        .disable_integration(off)
        .await
        .expect("it is there")
        .into_inner();
    let since = |one: &v1::Integration| one.status_time.expect("it is always there");
    assert_eq!(since(&off), off.update_time.expect("it was changed"));
    let enable = v1::EnableIntegrationRequest {
        name: name.clone(),
        validate_only: true,
        ..Default::default()
    };
    let would = rig
        .integrations()
        .enable_integration(enable)
        .await
        .expect("it may")
        .into_inner();
    assert_eq!(would.status(), v1::ConfigurationStatus::Active);
    assert_eq!(rig.get(&name).await, off);
}

#[tokio::test]
async fn an_execution_is_found_by_its_id_alone() {
    let rig = Rig::with_connector().await;
    let name = rig.create("Corp").await.data_types[0].open_execution.clone();
    let id = name.rsplit('/').next().expect("an id");
    let anywhere = format!("{ORGANIZATION}/integrations/-/executions/{id}");
    assert_eq!(rig.execution(&anywhere).await.name, name);
    let cancel = v1::CancelExecutionRequest {
        name: name.clone(),
        reason: "not today".to_owned(),
        ..Default::default()
    };
    rig.executions()
        .cancel_execution(cancel.clone())
        .await
        .expect("it is open");
    let ended = rig.execution(&anywhere).await;
    assert_eq!((&ended.name, ended.status()), (&name, v1::ExecutionStatus::Error));
    assert_eq!(
        ended.failure.expect("it was canceled").message,
        "canceled by operator local: not today"
    );
    let by_all = v1::CancelExecutionRequest {
        name: anywhere,
        ..cancel
    };
    let answer = rig.executions().cancel_execution(by_all).await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD", Some("name"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_does_not_read_is_told_that_it_lagged() {
    /// More than the changes that may wait for a watcher, in any number of messages.
    const ROUNDS: usize = 70;
    const INTEGRATIONS: usize = 100;
    let rig = Rig::with_connector().await;
    let mut integrations = Vec::new();
    for number in 0..INTEGRATIONS {
        let created = rig.create(&format!("Corp {number}")).await;
        let id = created.name.rsplit('/').next().expect("an id").parse();
        integrations.push(id.expect("it is one"));
    }
    let request = v1::WatchExecutionsRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    // As little as HTTP/2 lets a reader take in that does not read.
    let narrow = rig.narrow_channel().await;
    let watched = ExecutionServiceClient::new(narrow).watch_executions(request).await;
    let mut watched = watched.expect("it is watched").into_inner();
    for _ in 0..ROUNDS {
        let integrations = integrations.clone();
        let round = rig.shard.turn(move |turn| {
            let organization = OrganizationId::new("default").expect("a name");
            for integration in integrations {
                let open: Vec<_> = turn.state().index().open_of(integration).collect();
                for execution in open {
                    let command = Cancel {
                        organization: organization.clone(),
                        execution,
                        reason: None,
                    };
                    turn.ask(&Principal::local(), Command::Cancel(command))
                        .expect("it is open");
                }
                let command = RunNow {
                    organization: organization.clone(),
                    integration,
                    data_types: Vec::new(),
                };
                turn.ask(&Principal::local(), Command::RunNow(command))
                    .expect("it is enabled");
            }
        });
        round.await.expect("the shard goes on");
    }
    let mut has_lagged = false;
    let mut shown = 0;
    loop {
        let message = timeout(PATIENCE, watched.message()).await.expect("a message in time");
        match message
            .expect("it goes on")
            .expect("it goes on")
            .kind
            .expect("it says something")
        {
            Kind::Lagged(_) => has_lagged = true,
            Kind::Snapshot(snapshot) if has_lagged => {
                shown += snapshot.executions.len();
                if snapshot.complete {
                    break;
                }
            }
            Kind::Snapshot(_) | Kind::Changes(_) => {}
        }
    }
    assert_eq!(shown, INTEGRATIONS, "the snapshot after it has all that is open");
}

#[tokio::test]
async fn names_that_deceive_the_eye_are_refused() {
    let rig = Rig::with_connector().await;
    for (name, expected) in [
        ("a/b", "the name has the character '/' at position 2"),
        ("a\u{7}b", "the name has the character '\\u{7}' at position 2"),
        ("a\u{202e}b", "the name has the character '\\u{202e}' at position 2"),
        (" a", "the name has the character ' ' at position 1"),
        (
            &*"x".repeat(101),
            "the name has 101 characters: at most 100 are allowed",
        ),
    ] {
        let request = v1::CreateIntegrationRequest {
            parent: ORGANIZATION.to_owned(),
            integration: Some(integration(name)),
            ..Default::default()
        };
        let answer = rig.integrations().create_integration(request).await.map(drop);
        assert_refused(
            answer.clone(),
            Code::InvalidArgument,
            "INVALID_FIELD",
            Some("integration.display_name"),
        );
        let said = described(answer);
        assert!(said.starts_with(expected), "{name:?}: {said}");
    }
}

#[tokio::test]
async fn a_secret_in_plain_text_is_refused_and_never_repeated_not_even_of_a_draft() {
    let rig = Rig::with_connector().await;
    let with = |password: &str| v1::Integration {
        configuration: struct_from_json(&format!(r#"{{"server":"dc1","password":"{password}"}}"#)).ok(),
        ..integration("Corp")
    };
    for draft in [false, true] {
        let request = v1::CreateIntegrationRequest {
            parent: ORGANIZATION.to_owned(),
            integration: Some(with("hunter2")),
            draft,
            ..Default::default()
        };
        let status = rig
            .integrations()
            .create_integration(request)
            .await
            .expect_err("it is a secret");
        assert!(!format!("{status:?}").contains("hunter2"), "{status:?}");
        let field = Some("integration.configuration.password");
        assert_refused(
            Err::<(), _>(status),
            Code::InvalidArgument,
            "INVALID_CONFIGURATION",
            field,
        );
    }
    let request = v1::CreateIntegrationRequest {
        parent: ORGANIZATION.to_owned(),
        integration: Some(with("env:MUSTER_SECRET_LDAP")),
        ..Default::default()
    };
    rig.integrations()
        .create_integration(request)
        .await
        .expect("it is a reference");
}

#[tokio::test]
async fn absurd_intervals_are_refused_with_their_bounds() {
    let rig = Rig::with_connector().await;
    for seconds in [0, 59, -1, 10_000 * 31_557_600, i64::MAX] {
        let mut wrong = integration("Corp");
        wrong.data_types[0].interval = Some(prost_types::Duration { seconds, nanos: 0 });
        let request = v1::CreateIntegrationRequest {
            parent: ORGANIZATION.to_owned(),
            integration: Some(wrong),
            ..Default::default()
        };
        let answer = rig.integrations().create_integration(request).await.map(drop);
        let field = Some("integration.data_types[0].interval");
        assert_refused(answer.clone(), Code::InvalidArgument, "INVALID_FIELD", field);
        assert!(described(answer).contains("between 1 min (60 s) and 366 days (31622400 s)"));
    }
}
