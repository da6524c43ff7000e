//! A runner that does what a test tells it, and nothing else: it speaks the wire itself, and so may misbehave.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use muster_proto::v1;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::runner_message;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_proto::v1::upload_records_request::Kind as Upload;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Status, Streaming};
use uuid::Uuid;

use crate::client::ORGANIZATION;
use crate::wait::LIMIT;
use crate::work::Work;

/// The connector that scripted runners offer, and no real one.
pub const CONNECTOR: &str = "scripted";

/// The one data type of that connector.
pub const DATA_TYPE: &str = "item";

/// The service's own pool, whose runners belong to no organization.
pub const HOSTED: &str = "hosted";

/// The messages of a test that wait for the connection: more than any test sends at once.
const SENDING_MAX: usize = 64;

/// A runner, as its stream sees it.
#[derive(Debug)]
pub struct ScriptedRunner {
    url: String,
    id: Uuid,
    welcome: v1::Welcome,
    sender: mpsc::Sender<v1::RunnerMessage>,
    incoming: Streaming<v1::CoordinatorMessage>,
    /// What has come and was not asked for yet.
    kept: VecDeque<Kind>,
    /// The heart; it stops when the runner is dropped.
    heart: JoinSet<()>,
}

/// Who checks in.
#[derive(Debug, Clone)]
pub struct Identity {
    name: String,
    pool: String,
    slots: u32,
    version: String,
    id: Uuid,
}

impl ScriptedRunner {
    /// The identity of a new runner.
    #[must_use]
    pub fn named(name: &str, pool: &str, slots: u32) -> Identity {
        let mut chance = fastrand::Rng::new();
        Identity {
            name: name.to_owned(),
            pool: pool.to_owned(),
            slots,
            version: "1.0.0".to_owned(),
            id: uuid::Builder::from_random_bytes(chance.u128(..).to_be_bytes()).into_uuid(),
        }
    }
}

impl Identity {
    /// The same with another version.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// Checks in with the coordinator at `url`, with nothing in hand, and keeps the heart beating.
    ///
    /// # Panics
    /// When the coordinator does not welcome it.
    pub async fn check_in(&self, url: &str) -> ScriptedRunner {
        self.check_in_with(url, &[], &[]).await
    }

    /// Checks in with this in hand: what it still runs, and what it has finished.
    ///
    /// # Panics
    /// When the coordinator does not welcome it.
    pub async fn check_in_with(&self, url: &str, running: &[Work], finished: &[Work]) -> ScriptedRunner {
        let (sender, outgoing) = mpsc::channel(SENDING_MAX);
        let hello = v1::RunnerMessage {
            kind: Some(runner_message::Kind::Hello(self.hello(running, finished))),
        };
        sender.send(hello).await.expect("the stream has not begun");
        let mut client = RunnerServiceClient::new(connect(url).await);
        let opened = client.check_in(ReceiverStream::new(outgoing)).await;
        let mut incoming = opened.expect("a check-in is taken").into_inner();
        let first = tokio::time::timeout(LIMIT, incoming.message()).await;
        let first = first.expect("a welcome comes in time").expect("a runner is welcome");
        let Some(Kind::Welcome(welcome)) = first.and_then(|message| message.kind) else {
            panic!("the first message is a welcome");
        };
        let mut heart = JoinSet::new();
        let interval = welcome
            .heartbeat_interval
            .expect("a welcome says how often to send a heartbeat");
        let interval = Duration::try_from(interval).expect("an interval is not negative");
        heart.spawn(beat(sender.clone(), interval));
        ScriptedRunner {
            url: url.to_owned(),
            id: self.id,
            welcome,
            sender,
            incoming,
            kept: VecDeque::new(),
            heart,
        }
    }

    fn hello(&self, running: &[Work], finished: &[Work]) -> v1::Hello {
        let data_type = v1::DataTypeSpecification {
            data_type: DATA_TYPE.to_owned(),
            default_interval: Some(prost_types::Duration {
                seconds: 24 * 60 * 60,
                nanos: 0,
            }),
            primary_key: vec!["id".to_owned()],
            ..Default::default()
        };
        let connector = v1::ConnectorSpecification {
            connector: CONNECTOR.to_owned(),
            version: "1.0.0".to_owned(),
            title: "Scripted".to_owned(),
            description: "Collects what a test says.".to_owned(),
            data_types: vec![data_type],
            ..v1::ConnectorSpecification::default()
        };
        v1::Hello {
            runner_id: Bytes::copy_from_slice(self.id.as_bytes()),
            display_name: self.name.clone(),
            organization: match self.pool.as_str() {
                HOSTED => String::new(),
                _ => ORGANIZATION.to_owned(),
            },
            pool: self.pool.clone(),
            version: self.version.clone(),
            connectors: vec![connector],
            slots: self.slots,
            running: running.iter().map(Work::held).collect(),
            finished: finished.iter().map(Work::held).collect(),
            host: None,
            local_time: None,
            instance_id: 0,
            sealing_key: String::new(),
        }
    }
}

async fn connect(url: &str) -> tonic::transport::Channel {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL of a test");
    endpoint.connect().await.expect("the coordinator is there")
}

async fn beat(sender: mpsc::Sender<v1::RunnerMessage>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let heartbeat = v1::RunnerMessage {
            kind: Some(runner_message::Kind::Heartbeat(v1::Heartbeat { local_time: None })),
        };
        if sender.send(heartbeat).await.is_err() {
            return;
        }
    }
}

impl ScriptedRunner {
    /// What it was welcomed with.
    #[must_use]
    pub fn welcome(&self) -> &v1::Welcome {
        &self.welcome
    }

    /// Says nothing any more, as one that is stopped: its stream stays open.
    pub fn fall_silent(&mut self) {
        self.heart.abort_all();
    }

    /// Reports, in one message.
    ///
    /// # Panics
    /// When the stream has ended.
    pub async fn report(&self, reports: Vec<v1::Report>) {
        let message = v1::RunnerMessage {
            kind: Some(runner_message::Kind::Reports(v1::Reports { reports })),
        };
        self.sender.send(message).await.expect("the stream goes on");
    }

    /// Says anything.
    ///
    /// # Panics
    /// When the stream has ended.
    pub async fn say(&self, kind: runner_message::Kind) {
        let message = v1::RunnerMessage { kind: Some(kind) };
        self.sender.send(message).await.expect("the stream goes on");
    }

    /// Has a line kept with the execution of this work.
    ///
    /// # Panics
    /// When the stream has ended.
    pub async fn log(&self, work: &Work, message: &str) {
        let line = v1::RunnerLogLine {
            source: v1::LogSource::Runner.into(),
            level: v1::LogLevel::Info.into(),
            message: message.to_owned(),
        };
        let attempt = v1::AttemptLogLines {
            execution_id: work.execution.clone(),
            attempt: work.attempt,
            lines: vec![line],
            dropped_count: 0,
        };
        let lines = v1::RunnerLogLines {
            attempts: vec![attempt],
        };
        let message = v1::RunnerMessage {
            kind: Some(runner_message::Kind::LogLines(lines)),
        };
        self.sender.send(message).await.expect("the stream goes on");
    }

    /// The next message, whatever it is but a heartbeat; `None` when the stream has ended.
    pub async fn message(&mut self) -> Option<Kind> {
        if let Some(kept) = self.kept.pop_front() {
            return Some(kept);
        }
        loop {
            match self.incoming.message().await {
                Ok(Some(message)) => match message.kind {
                    Some(Kind::Heartbeat(_)) | None => {}
                    Some(kind) => return Some(kind),
                },
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next message that `choose` wants; others but heartbeats are kept for later.
    async fn next<T>(&mut self, what: &str, limit: Duration, choose: impl Fn(&Kind) -> Option<T>) -> T {
        if let Some(index) = self.kept.iter().position(|kind| choose(kind).is_some()) {
            let chosen = self.kept.remove(index).expect("it was just seen there");
            return choose(&chosen).expect("it was just chosen");
        }
        let until = tokio::time::Instant::now() + limit;
        loop {
            let message = tokio::time::timeout_at(until, self.incoming.message()).await;
            let Ok(message) = message else {
                panic!("no {what} within {limit:?}; what came instead: {:?}", self.kept);
            };
            let message = message.unwrap_or_else(|status| panic!("the stream has ended before {what}: {status}"));
            let message = message.unwrap_or_else(|| panic!("the stream has ended before {what}"));
            match message.kind {
                Some(Kind::Heartbeat(_)) | None => {}
                Some(kind) => match choose(&kind) {
                    Some(chosen) => return chosen,
                    None => self.kept.push_back(kind),
                },
            }
        }
    }

    /// The next assignments: at least one.
    ///
    /// # Panics
    /// When none come within the limit.
    pub async fn assignments(&mut self) -> Vec<v1::Assignment> {
        self.assignments_within(LIMIT).await
    }

    /// The next assignments: at least one.
    ///
    /// # Panics
    /// When none come within `limit`.
    pub async fn assignments_within(&mut self, limit: Duration) -> Vec<v1::Assignment> {
        self.next("assignment", limit, |kind| match kind {
            Kind::Assignments(it) => Some(it.assignments.clone()),
            _ => None,
        })
        .await
    }

    /// The one assignment that comes next.
    ///
    /// # Panics
    /// When none comes, or several come at once.
    pub async fn assignment(&mut self) -> Work {
        let assignments = self.assignments().await;
        let [assignment] = assignments.as_slice() else {
            panic!("one assignment is expected: {assignments:?}");
        };
        Work::from(assignment)
    }

    /// The same, accepted and started: the coordinator has acknowledged that.
    ///
    /// # Panics
    /// When none comes, or several come at once, or it is not acknowledged.
    pub async fn begin_assigned(&mut self) -> Work {
        let work = self.assignment().await;
        self.report(vec![work.accepted(), work.started()]).await;
        self.ack(&work, v1::ReportKind::Started).await;
        work
    }

    /// Waits until a report on this work, of this kind or a later one, is acknowledged.
    ///
    /// # Panics
    /// When it is not within the limit.
    pub async fn ack(&mut self, work: &Work, kind: v1::ReportKind) {
        let what = format!("ack of {work:?}");
        self.next(&what, LIMIT, |message| match message {
            Kind::Acks(acks) => {
                let mut acks = acks.acks.iter();
                acks.any(|ack| {
                    ack.execution_id == work.execution && ack.attempt == work.attempt && ack.kind >= kind as i32
                })
                .then_some(())
            }
            _ => None,
        })
        .await;
    }

    /// Waits until this work is fenced, and tells why.
    ///
    /// # Panics
    /// When it is not within `limit`.
    pub async fn fence(&mut self, work: &Work, limit: Duration) -> v1::FenceReason {
        let what = format!("fence of {work:?}");
        self.next(&what, limit, |message| match message {
            Kind::Fences(fences) => {
                let mut fences = fences.fences.iter();
                let found = fences.find(|fence| fence.execution_id == work.execution && fence.attempt == work.attempt);
                found.map(v1::Fence::reason)
            }
            _ => None,
        })
        .await
    }

    /// Waits until the coordinator ends the stream; `None` when it does so without a complaint.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Option<Status> {
        let until = tokio::time::Instant::now() + limit;
        loop {
            let message = tokio::time::timeout_at(until, self.incoming.message()).await;
            match message.unwrap_or_else(|_| panic!("the stream has not ended within {limit:?}")) {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(status) => return Some(status),
            }
        }
    }

    /// Uploads records (JSON lines) of this work, on a connection of its own.
    ///
    /// # Errors
    /// What the coordinator has to say against it.
    pub async fn upload(&self, work: &Work, lines: &'static str) -> Result<v1::Counts, Status> {
        let counts = v1::Counts {
            records: lines.lines().count() as u64,
            bytes: lines.len() as u64,
        };
        let kinds = [
            Upload::Header(self.upload_header(work)),
            Upload::Chunk(Bytes::from_static(lines.as_bytes())),
            Upload::End(v1::UploadEnd { counts: Some(counts) }),
        ];
        let messages = kinds.map(|kind| v1::UploadRecordsRequest { kind: Some(kind) });
        let mut client = RunnerServiceClient::new(connect(&self.url).await);
        let answer = client.upload_records(tokio_stream::iter(messages)).await?;
        Ok(answer.into_inner().counts.unwrap_or_default())
    }

    /// Begins an upload and sends no more of it than its header; it goes on until what this returns is dropped.
    pub async fn begin_upload(&self, work: &Work) -> JoinSet<()> {
        let (sender, messages) = mpsc::channel(1);
        let header = v1::UploadRecordsRequest {
            kind: Some(Upload::Header(self.upload_header(work))),
        };
        sender.send(header).await.expect("the upload has not begun");
        let mut client = RunnerServiceClient::new(connect(&self.url).await);
        let mut upload = JoinSet::new();
        upload.spawn(async move {
            let answer = client.upload_records(ReceiverStream::new(messages)).await;
            // Nothing is to be learned of it, but what is open must stay so until then.
            drop((answer, sender));
        });
        upload
    }

    /// The header of an upload of this work.
    #[must_use]
    pub fn upload_header(&self, work: &Work) -> v1::UploadHeader {
        v1::UploadHeader {
            execution_id: work.execution.clone(),
            attempt: work.attempt,
            runner_id: Bytes::copy_from_slice(self.id.as_bytes()),
        }
    }
}
