use muster_core::words::Category;
use muster_proto::v1;
use tonic::{Code, Status};

use crate::rig::{NOBODY, ORGANIZATION, Rig, Runner, assert_refused};

async fn list(
    rig: &Rig,
    parent: &str,
    filter: &str,
    size: i32,
    token: &str,
) -> Result<v1::ListExecutionsResponse, Status> {
    let request = v1::ListExecutionsRequest {
        parent: parent.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    rig.executions()
        .list_executions(request)
        .await
        .map(tonic::Response::into_inner)
}

async fn cancel(rig: &Rig, name: &str) -> Result<v1::Execution, Status> {
    let request = v1::CancelExecutionRequest {
        name: name.to_owned(),
        reason: "not today".to_owned(),
        ..Default::default()
    };
    rig.executions()
        .cancel_execution(request)
        .await
        .map(tonic::Response::into_inner)
}

/// All names of a list, page by page.
async fn names(rig: &Rig, parent: &str, filter: &str, size: i32) -> Vec<String> {
    let mut names = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(rig, parent, filter, size, &token).await.expect("a page");
        assert!(page.executions.len() <= usize::try_from(size).expect("it is small"));
        names.extend(page.executions.into_iter().map(|one| one.name));
        token = page.next_page_token;
        if token.is_empty() {
            return names;
        }
    }
}

#[tokio::test]
async fn an_execution_is_shown_from_its_creation_to_its_end() {
    let rig = Rig::with_connector().await;
    let integration = rig.create("Corp").await;
    let name = integration.data_types[0].open_execution.clone();
    let created = rig.execution(&name).await;
    assert_eq!(
        (created.status(), created.attempt, created.runner.as_str()),
        (v1::ExecutionStatus::Created, 0, "")
    );
    assert_eq!(
        (
            created.data_type.as_str(),
            created.connector.as_str(),
            created.pool.as_str()
        ),
        ("user", "ldap", "hq")
    );
    let why = created.explanation.expect("it is open");
    assert!(
        why.state.contains("no runner of pool `hq` has ever checked in"),
        "{why:?}"
    );
    assert!(!why.next_step.is_empty());

    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let assignment = runner.assigned().await;
    let pending = rig.execution(&name).await;
    assert_eq!((pending.status(), pending.attempt), (v1::ExecutionStatus::Pending, 1));
    assert_eq!(pending.runner, format!("{ORGANIZATION}/runners/{}", runner.id));
    assert!(pending.claim_time.is_some() && pending.start_time.is_none());

    runner.start(&assignment).await;
    rig.services
        .progress
        .note((assignment.execution, assignment.attempt), 17);
    let executing = rig.execution(&name).await;
    assert_eq!(
        (executing.status(), executing.progress_records),
        (v1::ExecutionStatus::Executing, Some(17))
    );

    runner
        .finish_with(&rig, &assignment, "{\"sid\":1}\n{\"sid\":2}\n")
        .await;
    let completed = rig.execution(&name).await;
    assert_eq!(completed.status(), v1::ExecutionStatus::Completed);
    assert_eq!(
        completed.counts.map(|counts| (counts.records, counts.bytes)),
        Some((2, 20))
    );
    assert!(completed.end_time.is_some() && completed.explanation.is_none() && completed.failure.is_none());
    assert!(
        completed.landing_uri.starts_with("file:///"),
        "{}",
        completed.landing_uri
    );
    let integration = rig.get(&integration.name).await;
    assert_eq!(integration.data_types[0].last_execution, name);
    assert_eq!(integration.data_types[0].last_status(), v1::ExecutionStatus::Completed);
}

#[tokio::test]
async fn a_failure_is_told_with_its_remedy() {
    let rig = Rig::with_connector().await;
    let integration = rig.create("Corp").await;
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let assignment = runner.assigned().await;
    runner.start(&assignment).await;
    runner.fail(&assignment, Category::Permission).await;
    let failed = rig.execution(&integration.data_types[0].open_execution).await;
    assert_eq!(failed.status(), v1::ExecutionStatus::Error);
    let failure = failed.failure.expect("it has failed");
    assert_eq!(
        (failure.category(), failure.message.as_str()),
        (v1::ErrorCategory::Permission, "dc1 said no")
    );
    let remedy =
        "grant `read the directory` at the source to the credentials of `Corp`: `ldap` needs it (to find accounts)";
    assert_eq!(failure.remedy, remedy);
    let request = v1::ListExecutionsRequest {
        parent: integration.name.clone(),
        ..v1::ListExecutionsRequest::default()
    };
    let listed = rig
        .executions()
        .list_executions(request)
        .await
        .expect("they are listed");
    let listed = listed
        .into_inner()
        .executions
        .into_iter()
        .find(|one| one.name == failed.name);
    assert_eq!(
        listed.and_then(|one| one.failure),
        Some(failure),
        "history says the same"
    );
    let integration = rig.get(&integration.name).await;
    assert_eq!(integration.status(), v1::ConfigurationStatus::Error);
    assert_eq!(integration.status_remedy, remedy);
    assert_eq!(
        integration.data_types[0]
            .last_failure
            .as_ref()
            .map(|it| it.remedy.as_str()),
        Some(remedy)
    );
    assert!(
        integration.status_message.contains("`user`: permission: dc1 said no"),
        "{}",
        integration.status_message
    );
    assert!(integration.status_time.is_some());
}

#[tokio::test]
async fn executions_are_missing_to_others() {
    let rig = Rig::with_connector().await;
    let one = rig.create("One").await;
    let other = rig.create("Other").await;
    let id = one.data_types[0]
        .open_execution
        .rsplit('/')
        .next()
        .expect("an id")
        .to_owned();
    let get = async |name: String| rig.executions().get_execution(v1::GetExecutionRequest { name }).await;
    let missing = |answer| assert_refused(answer, Code::NotFound, "EXECUTION_NOT_FOUND", None);
    missing(get(format!("{}/executions/{id}", other.name)).await);
    missing(get(format!("{}/executions/{NOBODY}", one.name)).await);
    assert_refused(
        get(format!("organizations/other/integrations/{NOBODY}/executions/{id}")).await,
        Code::NotFound,
        "ORGANIZATION_NOT_FOUND",
        None,
    );
    assert_refused(
        get(id.clone()).await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("name"),
    );
    let foreign = cancel(&rig, &format!("{}/executions/{id}", other.name)).await;
    assert_refused(foreign, Code::NotFound, "EXECUTION_NOT_FOUND", None);
}

#[tokio::test]
async fn what_is_canceled_ends_once() {
    let rig = Rig::with_connector().await;
    let integration = rig.create("Corp").await;
    let name = &integration.data_types[0].open_execution;
    let canceled = cancel(&rig, name).await.expect("it is open");
    assert_eq!(canceled.status(), v1::ExecutionStatus::Error);
    assert_eq!(
        canceled.failure.map(|failure| failure.category()),
        Some(v1::ErrorCategory::Canceled)
    );
    assert_refused(
        cancel(&rig, name).await,
        Code::FailedPrecondition,
        "EXECUTION_ENDED",
        None,
    );
    assert_eq!(
        rig.get(&integration.name).await.status(),
        v1::ConfigurationStatus::Active
    );
    let lines = v1::ListLogLinesRequest {
        parent: name.clone(),
        ..Default::default()
    };
    let lines = rig
        .log_lines()
        .list_log_lines(lines)
        .await
        .expect("its lines")
        .into_inner()
        .log_lines;
    assert_eq!(
        lines.last().map(|line| line.message.as_str()),
        Some("canceled by operator local: not today")
    );
    let request = v1::CancelExecutionRequest {
        name: name.clone(),
        reason: "x".repeat(501),
        ..Default::default()
    };
    let answer = rig.executions().cancel_execution(request).await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD", Some("reason"));
}

#[tokio::test]
async fn lists_merge_what_is_open_and_what_has_ended_newest_first() {
    let rig = Rig::with_connector().await;
    let mut all = Vec::new();
    let mut own = Vec::new();
    let mut last = String::new();
    for display_name in ["One", "Two", "Three"] {
        let integration = rig.create(display_name).await;
        last.clone_from(&integration.name);
        own.clear();
        for _ in 0..5 {
            let open = rig.run(&integration.name).await.name;
            cancel(&rig, &open).await.expect("it is open");
            own.push(open);
        }
        own.push(rig.run(&integration.name).await.name);
        all.extend(own.iter().cloned());
    }
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort_by(|one, other| other.rsplit('/').next().cmp(&one.rsplit('/').next()));
        names
    };
    let everywhere = format!("{ORGANIZATION}/integrations/-");
    for size in [1, 2, 7, 100] {
        assert_eq!(names(&rig, &last, "", size).await, sorted(&own), "pages of {size}");
        assert_eq!(
            names(&rig, &everywhere, "", size).await,
            sorted(&all),
            "pages of {size}"
        );
        assert_eq!(names(&rig, &everywhere, "status = CREATED", size).await.len(), 3);
        assert_eq!(
            names(&rig, &everywhere, "status = ERROR AND data_type = user", size)
                .await
                .len(),
            15
        );
        assert_eq!(
            names(&rig, &everywhere, "data_type = device", size).await,
            Vec::<String>::new()
        );
    }

    let page = list(&rig, &everywhere, "", 1, "").await.expect("a page");
    let foreign = list(&rig, &last, "", 1, &page.next_page_token).await;
    assert_refused(foreign, Code::InvalidArgument, "INVALID_PAGE_TOKEN", Some("page_token"));
    let nobody = list(&rig, &format!("{ORGANIZATION}/integrations/{NOBODY}"), "", 0, "").await;
    assert_refused(nobody, Code::NotFound, "INTEGRATION_NOT_FOUND", None);

    let delete = v1::DeleteIntegrationRequest {
        name: last.clone(),
        etag: String::new(),
        ..Default::default()
    };
    rig.integrations()
        .delete_integration(delete)
        .await
        .expect("it is there");
    assert_eq!(
        names(&rig, &last, "", 100).await,
        sorted(&own),
        "history outlives its integration"
    );
    for size in [2, 100] {
        assert_eq!(
            names(&rig, &everywhere, "", size).await,
            sorted(&all),
            "also among those of all, in pages of {size}"
        );
    }
}

#[tokio::test]
async fn records_are_read_once_they_are_visible() {
    let rig = Rig::with_connector().await;
    let integration = rig.create("Corp").await;
    let name = integration.data_types[0].open_execution.clone();
    let read = async |max_records| {
        let request = v1::ReadRecordsRequest {
            name: name.clone(),
            max_records,
        };
        let mut stream = rig.executions().read_records(request).await?.into_inner();
        let mut lines = Vec::new();
        while let Some(part) = stream.message().await? {
            lines.extend_from_slice(&part.lines);
        }
        Ok::<_, Status>(String::from_utf8(lines).expect("JSON"))
    };
    assert_refused(read(0).await, Code::NotFound, "RECORDS_NOT_FOUND", None);
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let assignment = runner.assigned().await;
    runner.start(&assignment).await;
    let lines = "{\"sid\":1}\n{\"sid\":2}\n{\"sid\":3}\n";
    runner.finish_with(&rig, &assignment, lines).await;
    assert_eq!(read(0).await.expect("they are there"), lines);
    assert_eq!(read(2).await.expect("they are there"), "{\"sid\":1}\n{\"sid\":2}\n");

    let empty = rig.run(&integration.name).await.name;
    let assignment = runner.assigned().await;
    runner.start(&assignment).await;
    runner.finish_without_records(&assignment).await;
    let ended = rig.execution(&empty).await;
    assert_eq!(
        ended.warning.map(|warning| warning.kind()),
        Some(v1::WarningKind::ZeroRecords)
    );
    let request = v1::ReadRecordsRequest {
        name: empty,
        max_records: 0,
    };
    let answer = rig.executions().read_records(request).await.map(|_| ());
    assert_refused(answer, Code::NotFound, "RECORDS_NOT_FOUND", None);
}

#[tokio::test]
async fn an_integrations_executions_are_counted_by_status() {
    let rig = Rig::with_connector().await;
    let integration = rig.create("Counted").await;
    let counts = async |parent: &str| {
        let parent = parent.to_owned();
        let answer = rig
            .executions()
            .summarize_executions(v1::SummarizeExecutionsRequest { parent })
            .await;
        let counts = answer.map(tonic::Response::into_inner);
        counts.map(|counts| {
            [
                counts.created_count,
                counts.pending_count,
                counts.executing_count,
                counts.completed_count,
                counts.error_count,
            ]
        })
    };
    let own = async || counts(&integration.name).await.expect("it is counted");
    assert_eq!(own().await, [1, 0, 0, 0, 0]);
    let first = integration.data_types[0].open_execution.clone();
    cancel(&rig, &first).await.expect("it is open");
    assert_eq!(own().await, [0; 5], "one that was canceled counts nowhere");

    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    rig.run(&integration.name).await;
    let assignment = runner.assigned().await;
    assert_eq!(own().await, [0, 1, 0, 0, 0]);
    runner.start(&assignment).await;
    assert_eq!(own().await, [0, 0, 1, 0, 0]);
    runner.finish_without_records(&assignment).await;
    assert_eq!(own().await, [0, 0, 0, 1, 0]);
    rig.run(&integration.name).await;
    let assignment = runner.assigned().await;
    runner.start(&assignment).await;
    runner.fail(&assignment, Category::Permission).await;
    rig.create("Another").await;
    assert_eq!(own().await, [0, 0, 0, 1, 1]);

    let nobody = format!("{ORGANIZATION}/integrations/{NOBODY}");
    assert_refused(counts(&nobody).await, Code::NotFound, "INTEGRATION_NOT_FOUND", None);
    let all = counts(&format!("{ORGANIZATION}/integrations/-")).await;
    assert_refused(all, Code::InvalidArgument, "INVALID_FIELD", Some("parent"));
}

#[tokio::test]
async fn what_comes_next_stands_before_the_list_of_one_integration() {
    let rig = Rig::with_connector().await;
    let integration = rig.create("Corp").await;
    let parent = integration.name.as_str();
    let upcoming = async |parent: &str, filter: &str| {
        let page = list(&rig, parent, filter, 0, "").await.expect("a page");
        let planned = page.upcoming.into_iter();
        planned.map(|one| (one.data_type, one.create_time)).collect::<Vec<_>>()
    };
    let mut planned: Vec<_> = integration
        .data_types
        .iter()
        .map(|one| (one.data_type.clone(), one.next_collection_time))
        .collect();
    planned.sort_by_key(|(_, at)| at.expect("it is enabled").seconds);
    assert!(!planned.is_empty());
    assert_eq!(upcoming(parent, "").await, planned);

    let (first, _) = &planned[0];
    let of_first = upcoming(parent, &format!("data_type = {first}")).await;
    assert_eq!(of_first, planned[..1]);
    for nothing in [
        "status = CREATED",
        "category = TIMEOUT",
        "create_time < \"2026-01-01T00:00:00Z\"",
    ] {
        assert_eq!(upcoming(parent, nothing).await, [], "{nothing}");
    }
    assert_eq!(upcoming(&format!("{ORGANIZATION}/integrations/-"), "").await, []);

    rig.run(parent).await;
    cancel(&rig, &rig.get(parent).await.data_types[0].open_execution)
        .await
        .expect("it is open");
    rig.run(parent).await;
    let page = list(&rig, parent, "", 1, "").await.expect("a page");
    let second = list(&rig, parent, "", 1, &page.next_page_token).await.expect("a page");
    assert_eq!((page.upcoming.len(), second.upcoming.len()), (planned.len(), 0));

    let disable = v1::DisableIntegrationRequest {
        name: parent.to_owned(),
        ..Default::default()
    };
    rig.integrations()
        .disable_integration(disable)
        .await
        .expect("it is there");
    assert_eq!(upcoming(parent, "").await, []);
}
