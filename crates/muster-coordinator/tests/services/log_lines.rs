use std::time::{Duration, Instant};

use muster_core::time::Stamp;
use muster_core::words::{ExecutionId, LogLevel, LogLine, LogSource};
use muster_proto::v1;
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::rig::{NOBODY, PATIENCE, Rig, Runner, assert_refused};

/// How long after the end of an execution, or the last line that came after it, another one may come.
const LATE_LINES_WITHIN: Duration = Duration::from_millis(500);

async fn say(rig: &Rig, execution: ExecutionId, numbers: std::ops::Range<u32>) {
    let lines = numbers.map(|number| LogLine {
        at: Stamp::from_millis(u64::from(number)),
        source: LogSource::Connector,
        level: LogLevel::Info,
        message: format!("line {number}"),
        attempt: None,
    });
    rig.shard
        .append_log_lines(execution, lines.collect())
        .await
        .expect("they are kept");
}

async fn list(rig: &Rig, parent: &str, size: i32, token: &str) -> Result<v1::ListLogLinesResponse, Status> {
    let request = v1::ListLogLinesRequest {
        parent: parent.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
    };
    rig.log_lines()
        .list_log_lines(request)
        .await
        .map(tonic::Response::into_inner)
}

fn id(name: &str) -> ExecutionId {
    name.rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("a name ends with an id")
}

#[tokio::test]
async fn lines_are_listed_in_pages_and_those_beyond_the_bound_are_counted() {
    let rig = Rig::with_connector().await;
    let name = rig.create("Corp").await.data_types[0].open_execution.clone();
    assert_eq!(
        list(&rig, &name, 0, "").await.expect("none"),
        v1::ListLogLinesResponse::default()
    );
    say(&rig, id(&name), 1..1_006).await;
    let mut numbers = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(&rig, &name, 300, &token).await.expect("a page");
        assert_eq!(page.dropped_count, 5);
        for line in &page.log_lines {
            assert_eq!(line.message, format!("line {}", line.number));
            assert_eq!(
                (line.source(), line.level()),
                (v1::LogSource::Connector, v1::LogLevel::Info)
            );
        }
        numbers.extend(page.log_lines.iter().map(|line| line.number));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(numbers, (1..=1_000).collect::<Vec<_>>());
    let parent = name.replace(name.rsplit('/').next().expect("an id"), NOBODY);
    assert_refused(
        list(&rig, &parent, 0, "").await,
        Code::NotFound,
        "EXECUTION_NOT_FOUND",
        None,
    );
    assert_refused(
        list(&rig, &name, 0, "x").await,
        Code::InvalidArgument,
        "INVALID_PAGE_TOKEN",
        Some("page_token"),
    );
    assert_refused(
        list(&rig, "x", 0, "").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("parent"),
    );
}

#[tokio::test]
async fn a_tail_ends_once_the_execution_has_and_all_was_told() {
    let rig = Rig::with_connector().await;
    let name = rig.create("Corp").await.data_types[0].open_execution.clone();
    say(&rig, id(&name), 1..4).await;
    let request = v1::TailLogLinesRequest {
        parent: name.clone(),
        from_number: 2,
    };
    let mut tail = rig
        .log_lines()
        .tail_log_lines(request)
        .await
        .expect("it is there")
        .into_inner();
    let mut next = async || {
        let message = timeout(PATIENCE, tail.message())
            .await
            .expect("a message in time")
            .expect("it goes on");
        message.map(|message| {
            message
                .log_lines
                .into_iter()
                .map(|line| line.number)
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(next().await, Some(vec![2, 3]));
    say(&rig, id(&name), 4..5).await;
    assert_eq!(next().await, Some(vec![4]));
    let mut runner = Runner::check_in(&rig.shard, "hq", 1).await;
    let assignment = runner.assigned().await;
    say(&rig, id(&name), 5..6).await;
    assert_eq!(next().await, Some(vec![5]));
    runner.start(&assignment).await;
    runner.finish_without_records(&assignment).await;
    let last = Instant::now();
    say(&rig, id(&name), 6..7).await;
    assert_eq!(next().await, Some(vec![6]), "a line may come shortly after the end");
    assert_eq!(next().await, None);
    // A runner's last lines are written beside its report: the tail waits for them.
    assert!(last.elapsed() >= LATE_LINES_WITHIN, "{:?}", last.elapsed());

    let request = v1::TailLogLinesRequest {
        parent: name.clone(),
        from_number: 0,
    };
    let mut whole = rig
        .log_lines()
        .tail_log_lines(request)
        .await
        .expect("it is there")
        .into_inner();
    let all = timeout(PATIENCE, whole.message())
        .await
        .expect("in time")
        .expect("it goes on")
        .expect("all lines");
    assert_eq!(all.log_lines.len(), 6);
    assert_eq!(
        timeout(PATIENCE, whole.message())
            .await
            .expect("in time")
            .expect("it ends well"),
        None
    );
}

#[tokio::test]
async fn a_tail_of_what_is_open_ends_with_the_coordinator() {
    let rig = Rig::with_connector().await;
    let name = rig.create("Corp").await.data_types[0].open_execution.clone();
    let request = v1::TailLogLinesRequest {
        parent: name,
        from_number: 0,
    };
    let mut tail = rig
        .log_lines()
        .tail_log_lines(request)
        .await
        .expect("it is there")
        .into_inner();
    rig.services.tasks.stop();
    let last = timeout(PATIENCE, tail.message()).await.expect("it ends in time");
    assert_refused(last, Code::Unavailable, "SHUTTING_DOWN", None);
}
