use muster_proto::v1;
use muster_proto::v1::watch_executions_response::Kind;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::rig::{NOBODY, ORGANIZATION, PATIENCE, Rig, Runner, assert_refused};

struct Watch {
    stream: Streaming<v1::WatchExecutionsResponse>,
    token: String,
}

impl Watch {
    async fn open(rig: &Rig, parent: &str, resume_token: &str) -> Self {
        let request = v1::WatchExecutionsRequest {
            parent: parent.to_owned(),
            resume_token: resume_token.to_owned(),
        };
        let stream = rig
            .executions()
            .watch_executions(request)
            .await
            .expect("it is watched")
            .into_inner();
        Self {
            stream,
            token: resume_token.to_owned(),
        }
    }

    async fn next(&mut self) -> Kind {
        let message = timeout(PATIENCE, self.stream.message())
            .await
            .expect("a message in time");
        let message = message.expect("it goes on").expect("it goes on");
        self.token = message.resume_token;
        message.kind.expect("it says something")
    }

    async fn snapshot(&mut self) -> Vec<v1::Execution> {
        match self.next().await {
            Kind::Snapshot(snapshot) if snapshot.complete => snapshot.executions,
            other => panic!("a snapshot was to come, not {other:?}"),
        }
    }

    /// The statuses of one execution up to its end, as they are told.
    async fn statuses(&mut self, name: &str) -> Vec<v1::ExecutionStatus> {
        let mut statuses = Vec::new();
        loop {
            let Kind::Changes(changes) = self.next().await else {
                panic!("only changes were to come")
            };
            for change in changes.executions.into_iter().filter(|change| change.name == name) {
                let is_open = change.explanation.is_some();
                assert_eq!(
                    is_open,
                    change.end_time.is_none(),
                    "what is open is explained: {change:?}"
                );
                statuses.push(change.status());
                if !is_open {
                    return statuses;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_watcher_sees_what_is_open_and_then_each_change() {
    let rig = Rig::with_connector().await;
    let before = rig.create("Before").await;
    let mut watch = Watch::open(&rig, ORGANIZATION, "").await;
    let shown = watch.snapshot().await;
    assert_eq!(
        shown.iter().map(|one| &one.name).collect::<Vec<_>>(),
        [&before.data_types[0].open_execution]
    );
    assert!(shown[0].explanation.is_some());

    let after = rig.create("After").await;
    let mut own = Watch::open(&rig, &after.name, "").await;
    let name = after.data_types[0].open_execution.clone();
    assert_eq!(own.snapshot().await.len(), 1);
    let mut runner = Runner::check_in(&rig.shard, "hq", 2).await;
    for _ in 0..2 {
        let assignment = runner.assigned().await;
        runner.start(&assignment).await;
        runner.finish_without_records(&assignment).await;
    }
    use v1::ExecutionStatus::{Completed, Created, Executing, Pending};
    assert_eq!(watch.statuses(&name).await, [Created, Pending, Executing, Completed]);
    assert_eq!(
        own.statuses(&name).await,
        [Pending, Executing, Completed],
        "the snapshot had the first"
    );
}

#[tokio::test]
async fn a_watch_goes_on_where_it_ended_or_begins_with_a_snapshot() {
    let rig = Rig::with_connector().await;
    let integration = rig.create("Corp").await;
    let mut watch = Watch::open(&rig, ORGANIZATION, "").await;
    watch.snapshot().await;
    let cancel = async |name: String| {
        let request = v1::CancelExecutionRequest {
            name,
            reason: String::new(),
            ..Default::default()
        };
        rig.executions().cancel_execution(request).await.expect("it is open");
    };
    let first = integration.data_types[0].open_execution.clone();
    cancel(first.clone()).await;
    assert_eq!(watch.statuses(&first).await, [v1::ExecutionStatus::Error]);

    // Nothing has happened since: no snapshot comes, only the next change.
    let mut resumed = Watch::open(&rig, ORGANIZATION, &watch.token).await;
    let second = rig.run(&integration.name).await.name;
    cancel(second.clone()).await;
    let expected = [v1::ExecutionStatus::Created, v1::ExecutionStatus::Error];
    assert_eq!(resumed.statuses(&second).await, expected);

    // Something has happened since the first one's end: what was missed comes, and then what follows.
    let after_first = watch.token.clone();
    drop((watch, resumed));
    let third = rig.run(&integration.name).await.name;
    for name in [&second, &third] {
        let mut late = Watch::open(&rig, ORGANIZATION, &after_first).await;
        if name == &third {
            cancel(third.clone()).await;
        }
        assert_eq!(late.statuses(name).await, expected);
    }
}

#[tokio::test]
async fn a_large_snapshot_comes_in_parts_the_oldest_first() {
    let rig = Rig::with_connector().await;
    for number in 0..250 {
        rig.create(&format!("Corp {number}")).await;
    }
    let mut watch = Watch::open(&rig, ORGANIZATION, "").await;
    let mut shown = Vec::new();
    loop {
        let Kind::Snapshot(part) = watch.next().await else {
            panic!("only parts were to come")
        };
        shown.extend(
            part.executions
                .into_iter()
                .map(|one| one.name.rsplit('/').next().map(str::to_owned)),
        );
        if part.complete {
            break;
        }
        // A part is nothing to go on from.
        let mut anew = Watch::open(&rig, ORGANIZATION, &watch.token).await;
        assert!(matches!(anew.next().await, Kind::Snapshot(_)));
    }
    assert_eq!(shown.len(), 250);
    assert!(shown.is_sorted(), "the oldest first");
}

#[tokio::test]
async fn a_watch_is_refused_or_ended_with_a_reason() {
    let rig = Rig::with_connector().await;
    let watch = async |parent: &str, token: &str| {
        let request = v1::WatchExecutionsRequest {
            parent: parent.to_owned(),
            resume_token: token.to_owned(),
        };
        rig.executions().watch_executions(request).await.map(|_| ())
    };
    let nobody = format!("{ORGANIZATION}/integrations/{NOBODY}");
    assert_refused(watch(&nobody, "").await, Code::NotFound, "INTEGRATION_NOT_FOUND", None);
    assert_refused(
        watch("organizations/other", "").await,
        Code::NotFound,
        "ORGANIZATION_NOT_FOUND",
        None,
    );
    assert_refused(
        watch("default", "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("parent"),
    );
    assert_refused(
        watch(ORGANIZATION, "x").await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("resume_token"),
    );

    let mut ended = Watch::open(&rig, ORGANIZATION, "").await;
    ended.snapshot().await;
    rig.services.tasks.stop();
    let last = timeout(PATIENCE, ended.stream.message())
        .await
        .expect("it ends in time");
    assert_refused(last, Code::Unavailable, "SHUTTING_DOWN", None);
}
