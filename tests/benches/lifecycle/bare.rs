//! What bare streams carry: the same messages on as many streams, between two processes, with nobody behind them who decides or keeps anything.
//!
//! The server keeps all slots of all streams assigned, and answers each message of reports by one of acks and one of new assignments, eight each. So
//! what is counted is what the coordinator's lifecycles are on the wire: an assignment, its three reports and its ack.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::runner_service_server::{RunnerService, RunnerServiceServer};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::child::{Child, say};
use crate::harness::runner::{self, CONNECTOR, ORGANIZATION, RUNNERS, SLOTS, Shared};
use crate::harness::way::{Shows, Way};

/// The role of the process that serves the streams.
pub(crate) const SERVER_ROLE: &str = "bare-server";
/// The role of the process that opens them.
pub(crate) const CLIENT_ROLE: &str = "bare-client";

/// What the streams have carried.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Bare {
    /// Assignments that were reported and acknowledged.
    pub(crate) messages_per_s: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ClientSettings {
    address: SocketAddr,
    window: Duration,
}

pub(crate) fn measure(scale: &Scale) -> Outcome<Bare> {
    let mut server = Child::play(SERVER_ROLE, &())?;
    let settings = ClientSettings {
        address: server.hear()?,
        window: scale.window,
    };
    Child::play(CLIENT_ROLE, &settings)?.hear()
}

pub(crate) fn play_client(settings: ClientSettings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shows = Arc::new(Shows::of(Way::unasked(settings.address))?);
        let shared = Arc::new(Shared::default());
        let mut runners = JoinSet::new();
        for n in 0..RUNNERS {
            runner::spawn(&mut runners, &shows, n, &shared);
        }
        tokio::time::sleep(settings.window / 10).await;
        let (start, before) = (Instant::now(), shared.progress.finished());
        tokio::time::sleep(settings.window).await;
        let count = shared.progress.finished() - before;
        say(&Bare {
            messages_per_s: count as f64 / start.elapsed().as_secs_f64(),
        })
    })
}

pub(crate) fn play_server((): ()) -> Outcome<()> {
    // As the coordinator's runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        say(&listener.local_addr()?)?;
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let service = RunnerServiceServer::new(BareServer);
        Ok(Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming)
            .await?)
    })
}

struct BareServer;

#[tonic::async_trait]
impl RunnerService for BareServer {
    type CheckInStream = Pin<Box<dyn Stream<Item = Result<v1::CoordinatorMessage, Status>> + Send>>;

    async fn check_in(
        &self,
        request: Request<Streaming<v1::RunnerMessage>>,
    ) -> Result<Response<Self::CheckInStream>, Status> {
        let mut last = 0_u128;
        let answers = request.into_inner().flat_map(move |message| {
            let kinds = match message.map(|message| message.kind) {
                Ok(Some(v1::runner_message::Kind::Hello(_))) => {
                    vec![
                        Kind::Welcome(v1::Welcome::default()),
                        assignments(SLOTS as usize, &mut last),
                    ]
                }
                Ok(Some(v1::runner_message::Kind::Reports(reports))) => {
                    let acks = acks(&reports.reports);
                    let free = acks.acks.len();
                    vec![Kind::Acks(acks), assignments(free, &mut last)]
                }
                Ok(_) | Err(_) => Vec::new(),
            };
            stream::iter(kinds).map(|kind| Ok(v1::CoordinatorMessage { kind: Some(kind) }))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn upload_records(
        &self,
        _request: Request<Streaming<v1::UploadRecordsRequest>>,
    ) -> Result<Response<v1::UploadRecordsResponse>, Status> {
        Err(Status::unimplemented("nothing is uploaded here"))
    }

    type RehearseCheckInStream = stream::Empty<Result<v1::RehearseCheckInResponse, Status>>;

    async fn rehearse_check_in(
        &self,
        _request: Request<Streaming<v1::RehearseCheckInRequest>>,
    ) -> Result<Response<Self::RehearseCheckInStream>, Status> {
        Err(Status::unimplemented("nothing is rehearsed here"))
    }
}

fn acks(reports: &[v1::Report]) -> v1::Acks {
    let finished = reports
        .iter()
        .filter(|report| matches!(report.kind, Some(v1::report::Kind::Completed(_))));
    let acks = finished.map(|report| v1::Ack {
        execution_id: report.execution_id.clone(),
        attempt: report.attempt,
        kind: v1::ReportKind::Finished.into(),
    });
    v1::Acks { acks: acks.collect() }
}

/// As long as the coordinator's.
fn assignments(count: usize, last: &mut u128) -> Kind {
    let assignments = (0..count).map(|_| {
        *last += 1;
        v1::Assignment {
            execution_id: last.to_be_bytes().to_vec().into(),
            attempt: 1,
            integration: format!("{ORGANIZATION}/integrations/01936b1e-2f3a-7c4d-8e5f-0123456789ab"),
            connector: CONNECTOR.to_owned(),
            configuration: Some(prost_types::Struct::default()),
            configuration_revision: 1,
            data_type: "software".to_owned(),
            ..v1::Assignment::default()
        }
    });
    Kind::Assignments(v1::Assignments {
        assignments: assignments.collect(),
    })
}
