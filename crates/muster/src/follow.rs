//! Following executions: the coordinator's watch, kept up over broken connections, told as changes without repetition.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use muster_proto::v1::{
    ErrorReason, Execution, ExecutionStatus, GetExecutionRequest, WatchExecutionsRequest, WatchExecutionsResponse,
    watch_executions_response,
};
use tonic::Streaming;

use crate::client::{Backoff, Client};
use crate::error::Error;
use crate::output::words::has_ended;

/// What is being done, for errors.
const DOING: &str = "watch executions";

/// What a follower is told.
#[derive(Debug)]
pub enum News {
    /// These executions have changed, in this order.
    Changed(Vec<Execution>),
    /// The stream has broken; it is opened anew after this time, and nothing is lost.
    Lost { error: Error, again_in: Duration },
}

/// Follows the executions of an organization or of one integration.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    parent: String,
    /// Where to go on; empty: from a snapshot.
    resume_token: String,
    stream: Option<Streaming<WatchExecutionsResponse>>,
    /// Whether the coordinator has ever answered. Before that, a failure is the caller's: the address may be wrong.
    answered: bool,
    /// What was told last of each open execution; as many as are open.
    known: HashMap<String, Told>,
    /// The names in the snapshot that is coming in; `None` between snapshots.
    snapshot: Option<HashSet<String>>,
    backoff: Backoff,
    wait: Option<Duration>,
}

/// What a follower sees of an execution: what differs in this is a change.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: ExecutionStatus,
    attempt: u32,
    failures: u32,
    progress_records: Option<u64>,
}

impl Told {
    fn of(execution: &Execution) -> Self {
        Self {
            status: execution.status(),
            attempt: execution.attempt,
            failures: execution.failures,
            progress_records: execution.progress_records,
        }
    }
}

impl Follow {
    /// Follows the executions of the parent. `known` are told already; one of them that has ended meanwhile is told with its end.
    pub fn new(client: &Client, parent: String, known: &[Execution]) -> Self {
        let open = known.iter().filter(|one| !has_ended(one.status()));
        let known = open.map(|one| (one.name.clone(), Told::of(one)));
        Self {
            client: client.clone(),
            parent,
            resume_token: String::new(),
            stream: None,
            answered: false,
            known: known.collect(),
            snapshot: None,
            backoff: Backoff::default(),
            wait: None,
        }
    }

    /// Waits for what happens next. Never ends by itself.
    ///
    /// # Errors
    /// When the watch cannot begin, or the coordinator says that it will never do: there is no such integration any more.
    pub async fn next(&mut self) -> Result<News, Error> {
        loop {
            match self.step().await {
                Ok(changed) if changed.is_empty() => {}
                Ok(changed) => return Ok(News::Changed(changed)),
                Err(error) if self.answered && error.may_pass() => return Ok(self.lost(error)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins to watch, if it has not begun: nothing that happens after this is missed.
    ///
    /// # Errors
    /// When the watch cannot begin.
    pub async fn begin(&mut self) -> Result<(), Error> {
        if self.stream.is_none() {
            let request = WatchExecutionsRequest {
                parent: self.parent.clone(),
                resume_token: self.resume_token.clone(),
            };
            let opened = self.client.executions().watch_executions(request).await;
            self.stream = Some(opened.map_err(|status| self.client.error(DOING, &status))?.into_inner());
            self.answered = true;
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<Vec<Execution>, Error> {
        if let Some(wait) = self.wait.take() {
            tokio::time::sleep(wait).await;
        }
        self.begin().await?;
        let Some(stream) = &mut self.stream else {
            return Ok(Vec::new());
        };
        match stream.message().await {
            Ok(Some(message)) => {
                self.backoff.reset();
                self.take(message).await
            }
            Ok(None) => Err(Error::Unreachable {
                doing: DOING.to_owned(),
                server: self.client.place().to_owned(),
                reason: "it has ended the stream".to_owned(),
            }),
            Err(status) => Err(self.client.error(DOING, &status)),
        }
    }

    /// Forgets the stream, and a snapshot of which only a part has come.
    fn lost(&mut self, error: Error) -> News {
        self.stream = None;
        if self.snapshot.take().is_some() {
            self.resume_token.clear();
        }
        let again_in = self.backoff.next();
        self.wait = Some(again_in);
        News::Lost { error, again_in }
    }

    async fn take(&mut self, message: WatchExecutionsResponse) -> Result<Vec<Execution>, Error> {
        let changed = match message.kind {
            Some(watch_executions_response::Kind::Snapshot(part)) => {
                let names = part.executions.iter().map(|one| one.name.clone());
                self.snapshot.get_or_insert_default().extend(names);
                let mut executions = part.executions;
                if part.complete {
                    // Asked before anything of this part counts as told: it fails as a whole, or not at all.
                    executions.extend(self.ended_unseen().await?);
                    self.snapshot = None;
                }
                self.changed(executions)
            }
            Some(watch_executions_response::Kind::Changes(changes)) => self.changed(changes.executions),
            // A snapshot follows, and tells what was left out.
            Some(watch_executions_response::Kind::Lagged(_)) | None => Vec::new(),
        };
        self.resume_token = message.resume_token;
        Ok(changed)
    }

    /// Those that differ from what was told of them last.
    fn changed(&mut self, executions: Vec<Execution>) -> Vec<Execution> {
        executions.into_iter().filter(|one| self.is_new(one)).collect()
    }

    fn is_new(&mut self, execution: &Execution) -> bool {
        if has_ended(execution.status()) {
            self.known.remove(&execution.name);
            return true;
        }
        let told = Told::of(execution);
        if self.known.get(&execution.name) == Some(&told) {
            return false;
        }
        self.known.insert(execution.name.clone(), told);
        true
    }

    /// Those that were open when they were told last, and are not in the complete snapshot: they have ended meanwhile.
    async fn ended_unseen(&mut self) -> Result<Vec<Execution>, Error> {
        let Some(open) = &self.snapshot else {
            return Ok(Vec::new());
        };
        let mut gone: Vec<String> = self
            .known
            .keys()
            .filter(|name| !open.contains(*name))
            .cloned()
            .collect();
        // Identifiers are in the order of creation.
        gone.sort();
        let mut ended = Vec::with_capacity(gone.len());
        for name in gone {
            let request = GetExecutionRequest { name: name.clone() };
            match self.client.executions().get_execution(request).await {
                Ok(found) => ended.push(found.into_inner()),
                Err(status) => {
                    let error = self.client.error(DOING, &status);
                    if !error.has_reason(ErrorReason::ExecutionNotFound) {
                        return Err(error);
                    }
                    self.known.remove(&name);
                }
            }
        }
        Ok(ended)
    }
}
