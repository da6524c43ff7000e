//! A scripted runner on the raw check-in stream. It does what is assigned to it in no time, and batches as a busy runner does: all that has come is
//! answered in one message, each assignment by `accepted`, `started` and `completed`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::report::Kind as Said;
use muster_proto::v1::runner_message::Kind as Saying;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;

use super::Outcome;
use super::load::Latencies;
use super::progress::Progress;
use super::way::Shows;

/// How many runners make the load.
pub(crate) const RUNNERS: u64 = 64;
/// How many executions each of them carries out at a time.
pub(crate) const SLOTS: u32 = 8;
/// The connector that they offer.
pub(crate) const CONNECTOR: &str = "bench";
/// What it collects.
pub(crate) const DATA_TYPES: [&str; 3] = ["device", "software", "user"];
/// The pool that they serve.
pub(crate) const POOL: &str = "bench";
/// Whose they are.
pub(crate) const ORGANIZATION: &str = "organizations/default";

/// The runner's messages that wait for the transport.
const SENDING_MAX: usize = 4;

/// How often a runner says that it is there: half of the most that is asked of it.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);

/// What the runners of a process share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) progress: Progress,
    /// Set once it is known what the integrations are called, where latencies are measured.
    pub(crate) latencies: OnceLock<Latencies>,
}

/// Starts the runner number `n`. When its stream ends, the process does: then nothing is measured any more.
pub(crate) fn spawn(runners: &mut JoinSet<()>, shows: &Arc<Shows>, n: u64, shared: &Arc<Shared>) {
    let (shows, shared) = (Arc::clone(shows), Arc::clone(shared));
    runners.spawn(async move {
        let why = match run(&shows, n, &shared).await {
            Ok(()) => "the other end has closed it".to_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("error: the stream of runner {n} has ended: {why}");
        std::process::exit(1);
    });
}

async fn run(shows: &Shows, n: u64, shared: &Shared) -> Outcome<()> {
    let channel = shows.way.endpoint()?.connect_with_connector(shows.dialer(n)?).await?;
    let mut client = RunnerServiceClient::new(channel);
    let (outbound, messages) = mpsc::channel(SENDING_MAX);
    outbound.send(say(Saying::Hello(hello(shows, n)))).await?;
    let mut inbound = client.check_in(ReceiverStream::new(messages)).await?.into_inner();
    let mut heartbeat = tokio::time::interval(HEARTBEAT_EVERY);
    loop {
        let message = tokio::select! {
            message = inbound.message() => message?,
            _ = heartbeat.tick() => {
                outbound.send(say(Saying::Heartbeat(v1::Heartbeat::default()))).await?;
                continue;
            }
        };
        let Some(message) = message else { return Ok(()) };
        let mut reports = Vec::new();
        take(message, shared, &mut reports)?;
        while let Some(Some(more)) = inbound.next().now_or_never() {
            take(more?, shared, &mut reports)?;
        }
        if !reports.is_empty() {
            outbound.send(say(Saying::Reports(v1::Reports { reports }))).await?;
        }
    }
}

fn take(message: v1::CoordinatorMessage, shared: &Shared, reports: &mut Vec<v1::Report>) -> Outcome<()> {
    match message.kind {
        Some(Kind::Welcome(_)) => shared.progress.check_in(),
        Some(Kind::Assignments(v1::Assignments { assignments })) => {
            if let Some(latencies) = shared.latencies.get() {
                latencies.arrived(&assignments, Instant::now());
            }
            for assignment in assignments {
                reports.extend(work_off(assignment));
            }
        }
        Some(Kind::Acks(v1::Acks { acks })) => {
            let finished = acks.iter().filter(|ack| ack.kind() == v1::ReportKind::Finished).count();
            shared.progress.finish(finished as u64);
        }
        Some(Kind::Fences(v1::Fences { fences })) => shared.progress.fence(fences.len() as u64),
        Some(Kind::Heartbeat(_) | Kind::Cancels(_) | Kind::Check(_)) | None => {}
        Some(Kind::Reconnect(_)) => return Err("the coordinator wants it to check in anew".into()),
    }
    Ok(())
}

fn work_off(assignment: v1::Assignment) -> [v1::Report; 3] {
    let done = v1::Completed {
        counts: Some(v1::Counts::default()),
        ..v1::Completed::default()
    };
    let course = [
        Said::Accepted(v1::Accepted {}),
        Said::Started(v1::Started {}),
        Said::Completed(done),
    ];
    course.map(|kind| v1::Report {
        execution_id: assignment.execution_id.clone(),
        attempt: assignment.attempt,
        kind: Some(kind),
    })
}

fn say(kind: Saying) -> v1::RunnerMessage {
    v1::RunnerMessage { kind: Some(kind) }
}

fn hello(shows: &Shows, n: u64) -> v1::Hello {
    v1::Hello {
        runner_id: shows.runner_id(n),
        display_name: format!("runner {n}"),
        organization: ORGANIZATION.to_owned(),
        pool: POOL.to_owned(),
        version: "1.0.0".to_owned(),
        connectors: vec![specification()],
        slots: SLOTS,
        ..v1::Hello::default()
    }
}

pub(crate) fn specification() -> v1::ConnectorSpecification {
    let data_type = |name: &str| v1::DataTypeSpecification {
        data_type: name.to_owned(),
        // So long that no schedule makes work beside the load.
        default_interval: Some(prost_types::Duration {
            seconds: 366 * 24 * 60 * 60,
            nanos: 0,
        }),
        primary_key: vec!["id".to_owned()],
        ..Default::default()
    };
    v1::ConnectorSpecification {
        connector: CONNECTOR.to_owned(),
        version: "1.0.0".to_owned(),
        title: "Benchmark".to_owned(),
        configuration_schema: Some(prost_types::Struct::default()),
        data_types: DATA_TYPES.map(data_type).into(),
        ..v1::ConnectorSpecification::default()
    }
}
