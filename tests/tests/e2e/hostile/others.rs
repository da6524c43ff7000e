//! Those who behave well, and what they notice: a runner with a steady load of small executions, and somebody who comes anew again and again.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use muster_identity::{judge, pem};
use muster_proto::v1;
use muster_proto::v1::access_service_client::AccessServiceClient;
use muster_proto::v1::coordinator_message::Kind;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_proto::v1::report::Kind as Said;
use muster_proto::v1::runner_message::Kind as Saying;
use muster_proto::v1::runner_service_client::RunnerServiceClient;
use muster_tests::{CONNECTOR, DATA_TYPE, LIMIT};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::secure::{PARENT, Secure};

/// How many integrations there are.
const INTEGRATIONS: usize = 40;
/// How often one of them is run.
const RUN_EVERY: Duration = Duration::from_millis(25);
/// How often somebody comes anew: with a connection of their own, and a call.
const COME_EVERY: Duration = Duration::from_millis(200);
/// How often the runner says that it is there.
const BEAT_EVERY: Duration = Duration::from_secs(4);

/// What they have noticed in a while.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    /// From just before an integration was run until the runner had the assignment.
    assigned: Vec<Duration>,
    /// From the first packet of a new connection to the answer to its first call.
    came: Vec<Duration>,
    /// Newcomers who got no answer.
    pub(super) turned_away: usize,
}

impl Noticed {
    /// Assignments: how many, the median and the 99th percentile.
    pub(super) fn assigned(&self) -> (usize, Duration, Duration) {
        (
            self.assigned.len(),
            quantile(&self.assigned, 0.5),
            quantile(&self.assigned, 0.99),
        )
    }

    /// The same of newcomers.
    pub(super) fn came(&self) -> (usize, Duration, Duration) {
        (self.came.len(), quantile(&self.came, 0.5), quantile(&self.came, 0.99))
    }
}

fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    let last = times.len().saturating_sub(1);
    times
        .get((last as f64 * share).ceil() as usize)
        .copied()
        .unwrap_or_default()
}

/// They go on until this is told to end.
pub(super) struct Others {
    noticed: Arc<Mutex<Noticed>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Done, String>>>,
}

/// What they have done in all.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) created: usize,
    pub(super) completed: usize,
}

impl Others {
    /// They begin: the runner is the one that has enrolled with this data folder. On a thread of their own, so that they do not wait for whoever attacks.
    pub(super) fn begin(secure: &Arc<Secure>, folder: PathBuf) -> Self {
        let (noticed, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (secure, seen, stopped) = (Arc::clone(secure), Arc::clone(&noticed), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("others".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            runtime.block_on(Steady::go_on(&secure, &folder, seen, &stopped))
        });
        Self {
            noticed,
            stop,
            thread: Some(thread.expect("a thread can be made")),
        }
    }

    /// What they notice from now on, until it is taken again.
    pub(super) fn take(&self) -> Noticed {
        std::mem::take(&mut *self.noticed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether they had to give up.
    pub(super) fn have_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends their work when all of it is done.
    ///
    /// # Panics
    /// When something has disturbed them.
    pub(super) fn end(mut self) -> Done {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it was begun");
        thread
            .join()
            .expect("it does not panic")
            .expect("nothing has disturbed them")
    }
}

struct Steady {
    noticed: Arc<Mutex<Noticed>>,
    says: mpsc::Sender<v1::RunnerMessage>,
    hears: Streaming<v1::CoordinatorMessage>,
    session: Option<Bytes>,
    /// Those that have nothing open.
    free: VecDeque<String>,
    /// When each was run, until its assignment is there.
    sent: HashMap<String, Instant>,
    /// The integrations of executions that are not acknowledged yet.
    open: HashMap<Bytes, String>,
    created: usize,
    completed: usize,
}

impl Steady {
    async fn go_on(
        secure: &Secure,
        folder: &std::path::Path,
        noticed: Arc<Mutex<Noticed>>,
        stop: &AtomicBool,
    ) -> Result<Done, String> {
        let (says, outgoing) = mpsc::channel(64);
        says.send(say(Saying::Hello(hello(folder)))).await.map_err(told)?;
        let mut client = RunnerServiceClient::new(secure.channel(Some(folder)));
        let hears = client.check_in(ReceiverStream::new(outgoing)).await.map_err(told)?;
        let mut steady = Self {
            noticed,
            says,
            hears: hears.into_inner(),
            session: None,
            free: VecDeque::new(),
            sent: HashMap::new(),
            open: HashMap::new(),
            created: 0,
            completed: 0,
        };
        steady.hear_next().await?;
        let mut integrations = IntegrationServiceClient::new(secure.operator());
        for number in 0..INTEGRATIONS {
            let create = v1::CreateIntegrationRequest {
                parent: PARENT.to_owned(),
                integration: Some(v1::Integration {
                    display_name: format!("steady {number}"),
                    connector: CONNECTOR.to_owned(),
                    configuration: Some(prost_types::Struct::default()),
                    pool: "hq".to_owned(),
                    ..Default::default()
                }),
                ..Default::default()
            };
            let created = integrations.create_integration(create).await.map_err(told)?;
            // Its first collection begins at once.
            steady.sent.insert(created.into_inner().name, Instant::now());
            steady.created += 1;
        }
        steady.work(secure, stop).await?;
        Ok(Done {
            created: steady.created,
            completed: steady.completed,
        })
    }

    async fn work(&mut self, secure: &Secure, stop: &AtomicBool) -> Result<(), String> {
        let mut run = tokio::time::interval(RUN_EVERY);
        let mut come = tokio::time::interval(COME_EVERY);
        let mut beat = tokio::time::interval(BEAT_EVERY);
        let mut runs: JoinSet<Result<usize, String>> = JoinSet::new();
        let mut newcomers: JoinSet<Result<Duration, String>> = JoinSet::new();
        // All are on one connection of theirs.
        let operator = Arc::new(tokio::sync::Mutex::new(IntegrationServiceClient::new(
            secure.operator(),
        )));
        loop {
            let is_over = stop.load(Ordering::Relaxed);
            if is_over && self.sent.is_empty() && self.open.is_empty() && runs.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                heard = tokio::time::timeout(LIMIT, self.hears.message()) => {
                    let heard = heard.map_err(|_| format!("nothing comes for {LIMIT:?}"))?;
                    let heard = heard.map_err(|status| format!("the stream has ended: {status}"))?;
                    self.hear(heard.ok_or("the stream has ended")?).await?;
                }
                Some(ran) = runs.join_next() => self.created += ran.map_err(told)??,
                Some(came) = newcomers.join_next() => {
                    let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
                    match came.map_err(told)? {
                        Ok(took) => noticed.came.push(took),
                        Err(why) => {
                            eprintln!("a newcomer got no answer: {why}");
                            noticed.turned_away += 1;
                        }
                    }
                }
                _ = beat.tick() => {
                    self.says.send(say(Saying::Heartbeat(v1::Heartbeat::default()))).await.map_err(told)?;
                }
                _ = run.tick(), if !is_over => {
                    let Some(name) = self.free.pop_front() else { continue };
                    self.sent.insert(name.clone(), Instant::now());
                    let operator = Arc::clone(&operator);
                    runs.spawn(async move {
                        let mut client = operator.lock().await;
                        let request = v1::RunIntegrationRequest { name, ..Default::default() };
                        let ran = client.run_integration(request).await.map_err(told)?;
                        Ok(ran.into_inner().executions.len())
                    });
                }
                _ = come.tick(), if !is_over => {
                    let operator = secure.operator();
                    newcomers.spawn(async move {
                        let began = Instant::now();
                        let mut client = AccessServiceClient::new(operator);
                        let called = tokio::time::timeout(LIMIT, client.who_am_i(v1::WhoAmIRequest {})).await;
                        called.map_err(told)?.map_err(told)?;
                        Ok(began.elapsed())
                    });
                }
            }
        }
    }

    async fn hear_next(&mut self) -> Result<(), String> {
        let heard = self.hears.message().await.map_err(told)?;
        self.hear(heard.ok_or("the stream has ended")?).await
    }

    async fn hear(&mut self, message: v1::CoordinatorMessage) -> Result<(), String> {
        match message.kind {
            Some(Kind::Welcome(welcome)) => match &self.session {
                None => self.session = Some(welcome.session_id),
                Some(_) => return Err("it was welcomed twice".to_owned()),
            },
            Some(Kind::Assignments(it)) => {
                let now = Instant::now();
                let mut reports = Vec::new();
                for assignment in it.assignments {
                    let sent = self.sent.remove(&assignment.integration);
                    let sent = sent.ok_or_else(|| format!("{assignment:?} was not asked for"))?;
                    let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
                    noticed.assigned.push(now - sent);
                    drop(noticed);
                    if assignment.attempt != 1 {
                        return Err(format!("{assignment:?} was given to somebody before"));
                    }
                    reports.extend(work_off(&assignment));
                    self.open.insert(assignment.execution_id, assignment.integration);
                }
                self.says
                    .send(say(Saying::Reports(v1::Reports { reports })))
                    .await
                    .map_err(told)?;
            }
            Some(Kind::Acks(acks)) => {
                for ack in acks
                    .acks
                    .into_iter()
                    .filter(|ack| ack.kind() == v1::ReportKind::Finished)
                {
                    let integration = self.open.remove(&ack.execution_id);
                    self.free
                        .push_back(integration.ok_or_else(|| format!("{ack:?} of nothing that is open"))?);
                    self.completed += 1;
                }
            }
            Some(Kind::Heartbeat(_)) | None => {}
            Some(other) => return Err(format!("it is told {other:?}")),
        }
        Ok(())
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn say(kind: Saying) -> v1::RunnerMessage {
    v1::RunnerMessage { kind: Some(kind) }
}

fn work_off(assignment: &v1::Assignment) -> [v1::Report; 3] {
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

fn hello(folder: &std::path::Path) -> v1::Hello {
    let text = std::fs::read(folder.join("identity.pem")).expect("it has enrolled");
    let certificate = pem::certificates(&text).expect("a certificate").remove(0);
    let name = judge::says(&certificate).expect("it is a runner's").name;
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
        title: "Steady".to_owned(),
        configuration_schema: Some(prost_types::Struct::default()),
        data_types: vec![data_type],
        ..v1::ConnectorSpecification::default()
    };
    v1::Hello {
        runner_id: name.runner.to_bytes().to_vec().into(),
        display_name: "steady".to_owned(),
        organization: PARENT.to_owned(),
        pool: "hq".to_owned(),
        version: "1.0.0".to_owned(),
        connectors: vec![connector],
        slots: 16,
        ..v1::Hello::default()
    }
}
