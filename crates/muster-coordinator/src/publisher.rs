//! Carries out what the shard tells the landing: publishing what is past its commit point, and forgetting what is not wanted any more.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::landing::{Landed, Unlandable};
use muster_core::words::{Attempt, ExecutionId, LogLevel, LogLine, LogSource, Principal, Staged};
use muster_failpoint::failpoint;
use muster_shard::{LandingWork, ShardError, ShardHandle};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::kept::Kept;
use crate::landing::{Destination, Landing, PublishError};
use crate::wire::name;
use crate::{clock, named};

/// How many publications go on at the same time.
const PUBLISHING_MAX: usize = 8;

/// How long to wait before a publication that failed for now is tried again, and how often what the queue has lost is asked for.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The most publications that are asked for at a time; the next ones follow when these are done.
const ASKED_MAX: usize = 1_000;

/// Publishes until it is told to stop. What is not published then is published after the next start. Beside it, what earlier lives of the coordinator
/// have left staged for nobody is swept: there may be much of it, and nobody waits for that.
pub(crate) async fn run(
    shard: ShardHandle,
    (landing, kept): (Landing, Kept),
    mut work: mpsc::Receiver<LandingWork>,
    stop: CancellationToken,
) -> Result<(), ShardError> {
    let mut publisher = Publisher {
        shard,
        landing,
        kept,
        publishing: JoinSet::new(),
        in_hand: HashSet::new(),
    };
    let mut sweeping = pin!(sweep(publisher.shard.clone(), publisher.landing.clone()));
    let mut swept = false;
    let mut again = tokio::time::interval(AGAIN_AFTER);
    loop {
        tokio::select! {
            // What is not swept then is swept after the next start.
            () = stop.cancelled() => return publisher.finish().await,
            () = &mut sweeping, if !swept => swept = true,
            Some(done) = publisher.publishing.join_next() => publisher.done(done)?,
            next = work.recv(), if publisher.publishing.len() < PUBLISHING_MAX => match next {
                Some(LandingWork::Publish(execution)) => publisher.publish(execution),
                Some(LandingWork::Discard(execution, attempt)) => {
                    if let Err(error) = publisher.landing.discard(execution, attempt).await {
                        let execution = named::execution(&publisher.shard, execution).await;
                        tracing::warn!(execution, %attempt, %error, "what was staged stays until the next sweep");
                    }
                }
                None => return publisher.finish().await,
            },
            _ = again.tick() => publisher.ask_for_lost().await?,
        }
    }
}

type Done = (ExecutionId, Result<(), ShardError>);

struct Publisher {
    shard: ShardHandle,
    landing: Landing,
    kept: Kept,
    publishing: JoinSet<Done>,
    in_hand: HashSet<ExecutionId>,
}

impl Publisher {
    fn publish(&mut self, execution: ExecutionId) {
        if self.in_hand.insert(execution) {
            let (shard, landing, kept) = (self.shard.clone(), self.landing.clone(), self.kept.clone());
            self.publishing
                .spawn(async move { (execution, publish(&shard, &landing, &kept, execution).await) });
        }
    }

    fn done(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<(), ShardError> {
        match done {
            Ok((execution, result)) => {
                self.in_hand.remove(&execution);
                result
            }
            Err(error) => {
                // Which one it was is not known: all are asked for again, and publishing twice does no harm.
                tracing::error!(%error, "a publication has panicked");
                self.in_hand.clear();
                Ok(())
            }
        }
    }

    async fn ask_for_lost(&mut self) -> Result<(), ShardError> {
        let landing = self
            .shard
            .turn(|turn| turn.state().index().landing().take(ASKED_MAX).collect::<Vec<_>>());
        for execution in landing.await? {
            if self.publishing.len() < PUBLISHING_MAX {
                self.publish(execution);
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), ShardError> {
        while let Some(done) = self.publishing.join_next().await {
            self.done(done)?;
        }
        Ok(())
    }
}

/// Removes what earlier lives of the coordinator have left staged for nobody. What is about to be published, or is being staged, is of an open attempt,
/// and stays.
async fn sweep(shard: ShardHandle, landing: Landing) {
    let is_open = |execution, attempt| is_open(shard.clone(), execution, attempt);
    match landing.sweep(is_open).await {
        Ok(swept) => tracing::debug!(?swept, "staged leftovers are swept"),
        Err(error) => tracing::warn!(%error, "staged leftovers could not be swept: they stay until the next start"),
    }
}

/// Whether what this attempt has staged may still be wanted.
async fn is_open(shard: ShardHandle, execution: ExecutionId, attempt: Attempt) -> bool {
    let asked = shard.turn(move |turn| turn.state().everywhere().wants_staged(execution, attempt));
    // A shard that has stopped does not say: then it stays until the next start.
    asked.await.unwrap_or(true)
}

async fn publish(
    shard: &ShardHandle,
    landing: &Landing,
    kept: &Kept,
    execution: ExecutionId,
) -> Result<(), ShardError> {
    let Some((destination, staged)) = shard.turn(move |turn| committed(turn.state(), execution)).await? else {
        return Ok(());
    };
    let name = name::of_execution(&destination.organization, destination.integration, execution);
    // Of the highest level, so that the name is there whatever is filtered.
    let span = tracing::error_span!("publication", execution = name);
    land(shard, (landing, kept), execution, &destination, &staged)
        .instrument(span)
        .await
}

async fn land(
    shard: &ShardHandle,
    (landing, kept): (&Landing, &Kept),
    execution: ExecutionId,
    destination: &Destination,
    staged: &Staged,
) -> Result<(), ShardError> {
    failpoint!("publish");
    let before = landing.kept_of(destination).await.unwrap_or_default();
    let command = match landing.publish(destination, staged).await {
        Ok(published) => {
            failpoint!("published");
            kept.add(landing, destination, before).await;
            let counts = published.counts;
            let message = format!(
                "{} records ({} bytes) have landed: {}",
                counts.records, counts.bytes, published.uri
            );
            let line = LogLine {
                at: clock::now().stamp,
                source: LogSource::Coordinator,
                level: LogLevel::Info,
                message,
                attempt: None,
            };
            if let Err(error) = shard.append_log_lines(execution, vec![line]).await {
                tracing::warn!(%error, "a log line could not be kept");
            }
            Command::Landed(Landed { execution })
        }
        Err(PublishError::Impossible(error)) => {
            tracing::error!(%error, "the records of an execution are lost");
            Command::Unlandable(Unlandable {
                execution,
                message: error.to_string(),
            })
        }
        Err(PublishError::Transient(error)) => {
            tracing::warn!(%error, "the records of an execution cannot be published now: tried again later");
            return Ok(());
        }
    };
    let answered = shard.ask(Principal::Coordinator, command).await;
    failpoint!("landed");
    match answered {
        // A rejection says that it has ended before, by an earlier publication.
        Ok(_) | Err(muster_shard::AskError::Rejected(_)) => Ok(()),
        Err(muster_shard::AskError::Shard(error)) => Err(error),
    }
}

fn committed(state: &muster_core::state::State, execution: ExecutionId) -> Option<(Destination, Staged)> {
    let found = state.everywhere().execution(execution)?;
    Some((Destination::of(found), found.committed()?.clone()))
}
