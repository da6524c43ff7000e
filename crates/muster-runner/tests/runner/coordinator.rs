//! A coordinator of a few lines: it hands each check-in to the test, and answers uploads as the test has told it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_core::decide::Work;
use muster_core::words::{Attempt, ExecutionId, SessionId};
use muster_process::Tasks;
use muster_proto::v1;
use muster_proto::v1::runner_service_server::{RunnerService, RunnerServiceServer};
use muster_session::wire::struct_from_json;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};
use v1::coordinator_message::Kind as Say;
use v1::report::Kind as Reported;
use v1::runner_message::Kind as Said;
use v1::upload_records_request::Kind as Part;

/// Long enough that a test which reaches it has failed.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The integration of all work.
pub const INTEGRATION: &str = "organizations/default/integrations/01936b1e-2f3a-7c4d-8e5f-0123456789ab";

/// What the coordinator does with an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// Takes all of it.
    Well,
    /// Reads the header and nothing else.
    Nothing,
    /// Says after the first chunk that the attempt is fenced.
    Fenced,
    /// Says that the landing is not there.
    Unavailable,
    /// Says that it has a record less than was sent.
    OneLess,
}

/// An upload that was taken to its end.
#[derive(Debug, Clone)]
pub struct Uploaded {
    pub work: Work,
    pub lines: String,
}

#[derive(Debug)]
struct Book {
    taking: Taking,
    uploaded: Vec<Uploaded>,
}

/// The coordinator. It goes on serving until the test ends.
pub struct Coordinator {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    check_ins: mpsc::Receiver<Session>,
    _tasks: Tasks,
}

struct Service {
    book: Arc<Mutex<Book>>,
    check_ins: mpsc::Sender<Session>,
}

/// One check-in of a runner. Dropping it breaks the stream.
pub struct Session {
    incoming: Streaming<v1::RunnerMessage>,
    outgoing: mpsc::Sender<Result<v1::CoordinatorMessage, Status>>,
    waiting: VecDeque<v1::Report>,
    checked: VecDeque<v1::CheckResult>,
    /// The log lines so far.
    pub log: Vec<String>,
    /// Whether a drain has come.
    pub draining: bool,
}

impl Coordinator {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let book = Arc::new(Mutex::new(Book {
            taking: Taking::Well,
            uploaded: Vec::new(),
        }));
        let (sender, check_ins) = mpsc::channel(4);
        let service = Service {
            book: Arc::clone(&book),
            check_ins: sender,
        };
        let tasks = Tasks::new();
        let server = Server::builder()
            .add_service(RunnerServiceServer::new(service).max_decoding_message_size(2 * 1024 * 1024))
            .serve_with_incoming(TcpListenerStream::new(listener));
        drop(tasks.spawn("coordinator", server));
        Self {
            address,
            book,
            check_ins,
            _tasks: tasks,
        }
    }

    pub fn take_uploads(&self, taking: Taking) {
        self.book.lock().expect("not poisoned").taking = taking;
    }

    pub fn uploaded(&self) -> Vec<Uploaded> {
        self.book.lock().expect("not poisoned").uploaded.clone()
    }

    /// The next check-in and its hello.
    pub async fn check_in(&mut self) -> (Session, v1::Hello) {
        let session = timeout(LIMIT, self.check_ins.recv())
            .await
            .expect("no runner checks in");
        let mut session = session.expect("the service lives");
        match session.message().await.and_then(|message| message.kind) {
            Some(Said::Hello(hello)) => (session, hello),
            other => panic!("no hello, but {other:?}"),
        }
    }

    /// The next check-in, with a welcome that takes back what is listed.
    pub async fn welcome(&mut self, session: SessionId) -> (Session, v1::Hello) {
        let (mut stream, hello) = self.check_in().await;
        stream.welcome(session, hello.running.clone()).await;
        (stream, hello)
    }
}

impl Session {
    pub async fn welcome(&mut self, session: SessionId, resumed: Vec<v1::HeldAttempt>) {
        self.welcome_for(session, resumed, Duration::from_secs(60)).await;
    }

    /// Welcomes a runner with a lease of this length, and a heartbeat each quarter of it.
    pub async fn welcome_for(&mut self, session: SessionId, resumed: Vec<v1::HeldAttempt>, lease: Duration) {
        let span = |span: Duration| prost_types::Duration::try_from(span).ok();
        let welcome = v1::Welcome {
            session_id: session.to_bytes().to_vec().into(),
            lease: span(lease),
            heartbeat_interval: span(lease / 4),
            resumed,
            message_bytes_max: 256 * 1024,
            ..v1::Welcome::default()
        };
        self.say(Say::Welcome(welcome)).await;
    }

    /// Assigns a collection by the connector `test`, which does what `config` says.
    pub async fn assign(&mut self, work: Work, config: Value) {
        self.assign_to("test", "device", work, config).await;
    }

    pub async fn assign_to(&mut self, connector: &str, data_type: &str, work: Work, config: Value) {
        let assignment = v1::Assignment {
            execution_id: work.0.to_bytes().to_vec().into(),
            attempt: work.1.0,
            integration: INTEGRATION.to_owned(),
            connector: connector.to_owned(),
            configuration: Some(struct_from_json(&config.to_string()).expect("an object")),
            configuration_revision: 1,
            data_type: data_type.to_owned(),
            ..v1::Assignment::default()
        };
        let assignments = vec![assignment];
        self.say(Say::Assignments(v1::Assignments { assignments })).await;
    }

    /// Asks for a check by the connector `test`, which does what `config` says.
    pub async fn check(&mut self, id: u8, limit: Duration, config: Value) {
        self.check_by("test", id, limit, config).await;
    }

    /// Asks for a check by another connector.
    pub async fn check_by(&mut self, connector: &str, id: u8, limit: Duration, config: Value) {
        let check = v1::Check {
            check_id: vec![id; 16].into(),
            integration: INTEGRATION.to_owned(),
            connector: connector.to_owned(),
            configuration: Some(struct_from_json(&config.to_string()).expect("an object")),
            configuration_revision: 1,
            time_limit: Some(limit.try_into().expect("short")),
            ..v1::Check::default()
        };
        self.say(Say::Check(check)).await;
    }

    /// How the next check has ended.
    pub async fn checked(&mut self) -> (u8, Option<v1::Failure>) {
        loop {
            if let Some(result) = self.checked.pop_front() {
                return (result.check_id[0], result.failure);
            }
            let message = self.message().await.expect("the runner's half is closed");
            self.take(message);
        }
    }

    pub async fn ack(&mut self, work: Work) {
        let ack = v1::Ack {
            execution_id: work.0.to_bytes().to_vec().into(),
            attempt: work.1.0,
            kind: v1::ReportKind::Finished.into(),
        };
        self.say(Say::Acks(v1::Acks { acks: vec![ack] })).await;
    }

    pub async fn fence(&mut self, work: Work) {
        let fence = v1::Fence {
            execution_id: work.0.to_bytes().to_vec().into(),
            attempt: work.1.0,
            reason: v1::FenceReason::NotHeld.into(),
        };
        self.say(Say::Fences(v1::Fences { fences: vec![fence] })).await;
    }

    pub async fn cancel(&mut self, work: Work) {
        let cancel = v1::Cancel {
            execution_id: work.0.to_bytes().to_vec().into(),
            attempt: work.1.0,
            reason: "not wanted".to_owned(),
        };
        let cancels = vec![cancel];
        self.say(Say::Cancels(v1::Cancels { cancels })).await;
    }

    /// Waits until the runner says that the connector has begun.
    pub async fn started(&mut self, work: Work) {
        loop {
            let (of, kind) = self.report().await;
            match kind {
                Reported::Started(_) if of == work => return,
                Reported::Started(_) | Reported::Accepted(_) | Reported::Progress(_) => {}
                Reported::Completed(_) | Reported::Failed(_) => panic!("{of:?} has ended: {kind:?}"),
            }
        }
    }

    /// The next result, whatever it is of.
    pub async fn finished(&mut self) -> (Work, Reported) {
        loop {
            let (work, kind) = self.report().await;
            match kind {
                Reported::Completed(_) | Reported::Failed(_) => return (work, kind),
                Reported::Accepted(_) | Reported::Started(_) | Reported::Progress(_) => {}
            }
        }
    }

    /// The result of this work, which is the next one; acknowledged.
    pub async fn completed(&mut self, work: Work) -> v1::Completed {
        let (of, kind) = self.finished().await;
        assert_eq!(of, work, "{kind:?}");
        self.ack(work).await;
        match kind {
            Reported::Completed(completed) => completed,
            other => panic!("not completed: {other:?}"),
        }
    }

    /// The failure of this work, whose result is the next one; acknowledged.
    pub async fn failed(&mut self, work: Work) -> v1::Failure {
        let (of, kind) = self.finished().await;
        assert_eq!(of, work, "{kind:?}");
        self.ack(work).await;
        match kind {
            Reported::Failed(failure) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }

    /// Waits until the runner has closed its half. `Some` is a result that came before.
    pub async fn closed(&mut self) -> Option<(Work, Reported)> {
        while let Some(message) = self.message().await {
            self.take(message);
        }
        let waiting = self
            .waiting
            .drain(..)
            .map(|report| (work_of(&report), report.kind.expect("a kind")));
        waiting
            .into_iter()
            .find(|(_, kind)| matches!(kind, Reported::Completed(_) | Reported::Failed(_)))
    }

    /// Waits for a heartbeat.
    pub async fn heartbeat(&mut self) {
        loop {
            match self.message().await.expect("the runner's half is closed").kind {
                Some(Said::Heartbeat(_)) => return,
                kind => self.take(v1::RunnerMessage { kind }),
            }
        }
    }

    /// Waits for a drain.
    pub async fn drained(&mut self) {
        while !self.draining {
            let message = self.message().await.expect("a drain comes before the end");
            self.take(message);
        }
    }

    async fn report(&mut self) -> (Work, Reported) {
        loop {
            if let Some(report) = self.waiting.pop_front() {
                return (work_of(&report), report.kind.expect("a kind"));
            }
            let message = self.message().await.expect("the runner's half is closed");
            self.take(message);
        }
    }

    fn take(&mut self, message: v1::RunnerMessage) {
        match message.kind.expect("a kind") {
            Said::Hello(_) => panic!("a second hello"),
            Said::Heartbeat(_) => {}
            Said::Reports(reports) => self.waiting.extend(reports.reports),
            Said::CheckResult(result) => self.checked.push_back(result),
            Said::LogLines(lines) => {
                let lines = lines.attempts.into_iter().flat_map(|attempt| attempt.lines);
                self.log.extend(lines.map(|line| line.message));
            }
            Said::Drain(_) => self.draining = true,
        }
    }

    /// The next message; `None` when the runner has closed its half, or the stream is broken.
    async fn message(&mut self) -> Option<v1::RunnerMessage> {
        let message = timeout(LIMIT, self.incoming.message()).await;
        message.expect("the runner says nothing").ok().flatten()
    }

    async fn say(&mut self, kind: Say) {
        let message = v1::CoordinatorMessage { kind: Some(kind) };
        self.outgoing.send(Ok(message)).await.expect("the stream is open");
    }
}

fn work_of(report: &v1::Report) -> Work {
    muster_session::wire::work_of_report(report).expect("an attempt")
}

#[tonic::async_trait]
impl RunnerService for Service {
    type CheckInStream = ReceiverStream<Result<v1::CoordinatorMessage, Status>>;

    async fn check_in(
        &self,
        request: Request<Streaming<v1::RunnerMessage>>,
    ) -> Result<Response<Self::CheckInStream>, Status> {
        let (outgoing, receiver) = mpsc::channel(16);
        let session = Session {
            incoming: request.into_inner(),
            outgoing,
            waiting: VecDeque::new(),
            checked: VecDeque::new(),
            log: Vec::new(),
            draining: false,
        };
        let handed = self.check_ins.send(session).await;
        handed.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type RehearseCheckInStream = tokio_stream::Empty<Result<v1::RehearseCheckInResponse, Status>>;

    async fn rehearse_check_in(
        &self,
        _request: Request<Streaming<v1::RehearseCheckInRequest>>,
    ) -> Result<Response<Self::RehearseCheckInStream>, Status> {
        Err(Status::unimplemented("nothing is rehearsed here"))
    }

    async fn upload_records(
        &self,
        request: Request<Streaming<v1::UploadRecordsRequest>>,
    ) -> Result<Response<v1::UploadRecordsResponse>, Status> {
        let mut parts = request.into_inner();
        let Some(Part::Header(header)) = parts.message().await?.and_then(|part| part.kind) else {
            return Err(Status::invalid_argument("no header"));
        };
        let taking = self.book.lock().expect("not poisoned").taking;
        let mut lines = Vec::new();
        loop {
            if taking == Taking::Nothing {
                std::future::pending::<()>().await;
            }
            match parts.message().await?.and_then(|part| part.kind) {
                Some(Part::Chunk(chunk)) => {
                    assert!(!chunk.is_empty() && chunk.len() <= 1024 * 1024, "{} bytes", chunk.len());
                    lines.extend_from_slice(&chunk);
                }
                Some(Part::End(end)) => return self.end(taking, &header, lines, end),
                other => return Err(Status::invalid_argument(format!("{other:?}"))),
            }
            match taking {
                Taking::Fenced => return Err(refusal(Code::Aborted, "ATTEMPT_FENCED")),
                Taking::Unavailable => return Err(refusal(Code::Unavailable, "LANDING_UNAVAILABLE")),
                Taking::Well | Taking::Nothing | Taking::OneLess => {}
            }
        }
    }
}

impl Service {
    fn end(
        &self,
        taking: Taking,
        header: &v1::UploadHeader,
        lines: Vec<u8>,
        end: v1::UploadEnd,
    ) -> Result<Response<v1::UploadRecordsResponse>, Status> {
        let mut counts = end.counts.unwrap_or_default();
        let lines = String::from_utf8(lines).expect("JSON is UTF-8");
        assert_eq!(
            (lines.lines().count() as u64, lines.len() as u64),
            (counts.records, counts.bytes)
        );
        if taking == Taking::OneLess {
            counts.records -= 1;
        }
        let bytes = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).expect("16 bytes");
        self.book.lock().expect("not poisoned").uploaded.push(Uploaded {
            work: (
                ExecutionId::from_bytes(bytes(&header.execution_id)),
                Attempt(header.attempt),
            ),
            lines,
        });
        Ok(Response::new(v1::UploadRecordsResponse { counts: Some(counts) }))
    }
}

fn refusal(code: Code, reason: &str) -> Status {
    Status::with_error_details(
        code,
        "refused by the test",
        ErrorDetails::with_error_info(reason, "muster.v1", []),
    )
}

/// The configuration of a connector that gives `count` records.
pub fn records(count: u64) -> Value {
    json!({"do": "records", "records": count})
}
