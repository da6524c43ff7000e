//! Carries out executions: one task each, from the assignment to the result.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use muster_connector::{Collection, Connector, Items, SinkItem, sink};
use muster_connectors::Registry;
use muster_core::decide::Work;
use muster_core::words::{
    AccessSchema, Category, Configuration, ConnectorName, Counts, Cursor, Failure, LogLevel, LogSource, Reason,
    ReasonKind,
};
use muster_process::Tasks;
use muster_session::wire::Task;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::collect::{Collecting, Threads};
use crate::upload::{Upload, UploadError, Uploads};

/// How much of what the executions say may wait for the link. It takes it at once, so this only smoothes; an execution
/// whose news does not fit waits.
pub(crate) const NEWS_WAITING_MAX: usize = 256;

/// What is said about one attempt.
#[derive(Debug)]
pub(crate) struct News {
    /// Which attempt.
    pub(crate) work: Work,
    /// What is new.
    pub(crate) what: What,
}

/// What may be new.
#[derive(Debug)]
pub(crate) enum What {
    /// The connector has begun to collect.
    Started,
    /// How many records there are so far.
    Progress(u64),
    /// A line for the execution's log.
    Log(LogSource, LogLevel, String),
    /// The work has ended by itself. Nothing follows.
    Ended(Result<Collected, Failure>),
}

/// A good end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Collected {
    /// How much was collected.
    pub(crate) counts: Counts,
    /// Where the next collection goes on.
    pub(crate) cursor: Option<Cursor>,
    /// Whether records were uploaded. `false`: there were none.
    pub(crate) staged: bool,
}

/// Carries out executions. Dropping it stops them all.
#[derive(Debug)]
pub(crate) struct Executor {
    bench: Arc<Bench>,
    tasks: Tasks,
    running: BTreeMap<Work, CancellationToken>,
}

/// What every execution needs.
struct Bench {
    connectors: Registry,
    threads: Threads,
    uploads: Uploads,
    /// The coordinator gives out no more than there are slots, but it may see one free while what it has canceled still
    /// ends here.
    slots: Semaphore,
    slots_count: u32,
    time_limit: Duration,
    news: mpsc::Sender<News>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.stop_all();
    }
}

impl Executor {
    /// An executor with this many slots, and where its news comes out. `time_limit` holds for executions that have no
    /// shorter one of their own.
    pub(crate) fn new(
        connectors: Registry,
        uploads: Uploads,
        slots: u32,
        time_limit: Duration,
        threads: Threads,
        tasks: Tasks,
    ) -> (Self, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(NEWS_WAITING_MAX);
        let bench = Bench {
            connectors,
            threads,
            uploads,
            slots: Semaphore::new(slots as usize),
            slots_count: slots,
            time_limit,
            news,
        };
        let executor = Self {
            bench: Arc::new(bench),
            tasks,
            running: BTreeMap::new(),
        };
        (executor, receiver)
    }

    /// Begins to carry out a task. Exactly one [`What::Ended`] follows, unless it is stopped before.
    /// What is logged about it is logged in `span`.
    pub(crate) fn start(&mut self, task: Task, span: &Span) {
        let work = (task.assignment.execution, task.assignment.attempt);
        let stop = CancellationToken::new();
        let bench = Arc::clone(&self.bench);
        let stopped = stop.clone();
        let life = async move {
            // A panic here is a fault of the runner; without this the coordinator would wait for the execution for
            // ever.
            let ended = AssertUnwindSafe(bench.carry_out(task, &stopped)).catch_unwind().await;
            let ended = ended.unwrap_or_else(|_| {
                Some(Err(Failure::new(
                    Category::Connector,
                    "the runner has panicked: see its log",
                )))
            });
            if let Some(ended) = ended {
                bench.say(work, What::Ended(ended)).await;
            }
        };
        let name = format!("execution {}.{}", work.0, work.1);
        drop(span.in_scope(|| self.tasks.spawn(name, life.in_current_span())));
        self.running.insert(work, stop);
    }

    /// Stops a task; does nothing when it has ended. Nothing more is said about it, save for what waits already.
    pub(crate) fn stop(&mut self, work: Work) {
        if let Some(stop) = self.running.remove(&work) {
            stop.cancel();
        }
    }

    /// Stops all tasks.
    pub(crate) fn stop_all(&mut self) {
        for stop in std::mem::take(&mut self.running).into_values() {
            stop.cancel();
        }
    }

    /// The task has said that it has ended.
    pub(crate) fn forget(&mut self, work: Work) {
        self.running.remove(&work);
    }

    /// How many tasks run that nobody has stopped.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Waits until all slots are free: until what was stopped has ended, too.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed, so this cannot fail.
        let _ = self.bench.slots.acquire_many(self.bench.slots_count).await;
    }
}

impl Bench {
    /// Carries out a task; `None` when it was stopped.
    async fn carry_out(&self, task: Task, stop: &CancellationToken) -> Option<Result<Collected, Failure>> {
        let work = (task.assignment.execution, task.assignment.attempt);
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            slot = self.slots.acquire() => slot,
        };
        let time_limit = task
            .time_limit
            .map_or(self.time_limit, |limit| limit.min(self.time_limit));
        let (mut collecting, items) = match self.begin(task) {
            Ok(begun) => begun,
            Err(failure) => return Some(Err(self.failed(work, failure).await)),
        };
        self.say(work, What::Started).await;
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            ended = self.collect(work, &mut collecting, items) => Some(ended),
            () = tokio::time::sleep(time_limit) => Some(Err(overdue(time_limit))),
        };
        let ended = match ended {
            Some(Ok(collected)) => Some(Ok(collected)),
            Some(Err(failure)) => {
                collecting.halt().await;
                Some(Err(self.failed(work, failure).await))
            }
            None => {
                tracing::info!("stopping");
                collecting.halt().await;
                None
            }
        };
        // Held until here, so that the slot is not given to another before this one has let go of its source.
        drop(slot);
        ended
    }

    fn begin(&self, task: Task) -> Result<(Collecting, Items), Failure> {
        let assignment = task.assignment;
        let (connector, config) = prepare(
            &self.connectors,
            &assignment.connector,
            assignment.access_schema.as_ref(),
            &assignment.configuration,
        )?;
        let collection = Collection {
            config,
            data_type: assignment.data_type,
            cursor: assignment.cursor,
            network: self.threads.guard(&assignment.connector).network,
        };
        tracing::info!("starting");
        let (sink, items) = sink(CancellationToken::new());
        Ok((self.threads.start(connector, collection, sink)?, items))
    }

    /// Carries on what the connector gives, to its end.
    async fn collect(&self, work: Work, collecting: &mut Collecting, mut items: Items) -> Result<Collected, Failure> {
        let mut upload: Option<Upload> = None;
        loop {
            let item = tokio::select! {
                item = items.next() => item,
                // Also while the connector has nothing to give: a fenced attempt should stop at once.
                error = broken(&mut upload) => return Err(error.into()),
            };
            match item {
                Some(SinkItem::Records { lines, records }) => {
                    let upload = upload.get_or_insert_with(|| self.uploads.open(work));
                    upload.send(lines, records).await?;
                }
                Some(SinkItem::Log { level, message }) => {
                    self.say(work, What::Log(LogSource::Connector, level, message)).await;
                }
                Some(SinkItem::Progress { counts, total: _ }) => {
                    self.say(work, What::Progress(counts.records)).await;
                }
                None => break,
            }
        }
        let done = collecting.ended().await?;
        let staged = match upload {
            Some(upload) => Some(upload.finish().await?),
            None => None,
        };
        let counts = staged.unwrap_or_default();
        if counts != done.counts {
            return Err(Failure::new(
                Category::Landing,
                format!(
                    "the connector has given {} records, but {} were uploaded",
                    done.counts.records, counts.records
                ),
            ));
        }
        tracing::info!(records = counts.records, bytes = counts.bytes, "completed");
        Ok(Collected {
            counts,
            cursor: done.cursor,
            staged: staged.is_some(),
        })
    }

    /// Logs a failure, here and with the execution.
    async fn failed(&self, work: Work, failure: Failure) -> Failure {
        tracing::warn!(
            category = failure.category.as_str(),
            message = failure.message,
            "failed"
        );
        self.say(
            work,
            What::Log(LogSource::Runner, LogLevel::Error, failure.message.clone()),
        )
        .await;
        failure
    }

    async fn say(&self, work: Work, what: What) {
        // Nobody listens once the runner has given up its work, and then this does not count.
        let _ = self.news.send(News { work, what }).await;
    }
}

/// What an execution or a check is carried out with: the connector, if this runner may run it, and what that is told.
pub(crate) fn prepare(
    connectors: &Registry,
    name: &ConnectorName,
    access_schema: Option<&AccessSchema>,
    configuration: &Configuration,
) -> Result<(Arc<dyn Connector>, Value), Failure> {
    let connector = connectors.get(name).ok_or_else(|| {
        Failure::new(
            Category::Configuration,
            format!("this runner's own configuration does not allow the connector `{name}`"),
        )
        .with_remedy("add it to `connectors` in the runner's configuration, or choose a pool whose runners allow it")
    })?;
    if let Some(access_schema) = access_schema {
        return Err(Failure::new(
            Category::Configuration,
            format!("the connector `{name}` has no access schema `{access_schema}`"),
        ));
    }
    let config = serde_json::from_str(configuration.as_str()).map_err(|error| {
        Failure::new(
            Category::Configuration,
            format!("the integration's configuration is no JSON: {error}"),
        )
    })?;
    Ok((connector, config))
}

/// Why the upload has ended before its time; waits for ever when there is none.
async fn broken(upload: &mut Option<Upload>) -> UploadError {
    match upload {
        Some(upload) => upload.ended().await,
        None => std::future::pending().await,
    }
}

fn overdue(limit: Duration) -> Failure {
    let limit =
        jiff::SignedDuration::try_from(limit).map_or_else(|_| format!("{limit:?}"), |limit| format!("{limit:#}"));
    let message = format!("the collection took longer than {limit}, and was stopped");
    Failure::because(Reason::new(ReasonKind::TimeLimit, limit), message)
}
