//! Keeps the log lines of runners with their executions, in order, without holding up the stream that they came on.

use muster_core::decide::Work;
use muster_core::words::{Claim, ExecutionId, LogLevel, LogLine, LogSource, RunnerId};
use muster_shard::{Note, ShardError};
use tokio::sync::mpsc;

use super::Services;
use crate::{clock, named};

/// How many messages of lines may wait for the disk. Lines are not acknowledged: what does not fit is counted, and the log says so.
const WAITING_MAX: usize = 64;

struct Lines {
    claim: Claim,
    work: Work,
    lines: Vec<LogLine>,
    dropped: u64,
}

/// Where a stream leaves the lines that it gets. Its keeper is spawned with the first of them: thousands of runners are idle.
pub(super) struct LogSender {
    services: Services,
    sender: Option<mpsc::Sender<Lines>>,
    dropped: u64,
}

impl LogSender {
    pub(super) fn new(services: Services) -> Self {
        Self {
            services,
            sender: None,
            dropped: 0,
        }
    }

    /// Keeps lines of an attempt. Never waits.
    pub(super) fn keep(&mut self, runner: RunnerId, work: Work, lines: Vec<LogLine>, dropped: u64) {
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let claim = Claim {
            runner,
            attempt: work.1,
        };
        let dropped = dropped + self.dropped;
        let sender = self.sender.get_or_insert_with(|| spawn(&self.services));
        match sender.try_send(Lines {
            claim,
            work,
            lines,
            dropped,
        }) {
            Ok(()) => self.dropped = 0,
            Err(_) => self.dropped = dropped + count,
        }
    }
}

/// Spawns the keeper of one stream; it ends with its sender.
fn spawn(services: &Services) -> mpsc::Sender<Lines> {
    let (sender, mut receiver) = mpsc::channel::<Lines>(WAITING_MAX);
    let keeping = services.clone();
    // It has nothing to say at its end, and its panic is logged.
    drop(services.tasks.spawn("log-keeper", async move {
        while let Some(lines) = receiver.recv().await {
            keeping.keep_lines(lines).await;
        }
    }));
    sender
}

impl Services {
    /// Spawns the keeper of the coordinator's own lines; it ends with the shard.
    pub(crate) fn spawn_note_keeper(&self, mut notes: mpsc::Receiver<Note>) {
        let keeping = self.clone();
        let stop = self.tasks.token();
        // As above: it has nothing to say at its end.
        drop(self.tasks.spawn("note-keeper", async move {
            loop {
                let note = tokio::select! {
                    note = notes.recv() => note,
                    () = stop.cancelled() => None,
                };
                let Some(Note {
                    execution,
                    level,
                    message,
                }) = note
                else {
                    return;
                };
                keeping.keep_own(execution, level, message).await;
            }
        }));
    }

    /// Keeps a line of the coordinator with an execution.
    pub(crate) async fn keep_own(&self, execution: ExecutionId, level: LogLevel, message: String) {
        let line = LogLine {
            at: clock::now().stamp,
            source: LogSource::Coordinator,
            level,
            message,
            attempt: None,
        };
        self.keep(execution, vec![line]).await;
    }

    /// Lines of whoever does not hold the execution, or has not held it to its end, are dropped.
    async fn keep_lines(&self, lines: Lines) {
        let Lines {
            claim,
            work: (execution, _),
            mut lines,
            dropped,
        } = lines;
        // A shard that has stopped keeps nothing.
        if !self.is_told_by(execution, claim).await.unwrap_or(false) {
            return;
        }
        if dropped > 0 {
            lines.push(LogLine {
                at: clock::now().stamp,
                source: LogSource::Coordinator,
                level: LogLevel::Warn,
                message: format!(
                    "{dropped} lines before this one were dropped, since they came faster than they could be kept"
                ),
                attempt: Some(claim.attempt),
            });
        }
        self.keep(execution, lines).await;
    }

    async fn is_told_by(&self, execution: ExecutionId, claim: Claim) -> Result<bool, ShardError> {
        let open = self
            .shard
            .turn(move |turn| {
                let found = turn.state().everywhere().execution(execution);
                found.map(|found| found.is_told_by(claim))
            })
            .await?;
        if let Some(is_told) = open {
            return Ok(is_told);
        }
        // One that has just ended still gets its last lines.
        let finished = self.shard.find_finished(execution).await?;
        Ok(finished.is_some_and(|finished| finished.is_told_by(claim)))
    }

    async fn keep(&self, execution: ExecutionId, lines: Vec<LogLine>) {
        if let Err(error) = self.shard.append_log_lines(execution, lines).await {
            let execution = named::execution(&self.shard, execution).await;
            tracing::error!(execution, %error, "log lines could not be kept");
        }
    }
}
