//! The coordinator's side of an upload: what `service/upload.rs` does with tonic.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use bytes::Bytes;
use muster_core::time::Stamp;
use muster_core::words::{Claim, Counts, ExecutionId};
use muster_landing::{Destination, Landing, StageError};
use muster_shard::ShardHandle;

/// What has arrived of an upload. Clones are the same.
#[derive(Debug, Clone)]
pub struct Inbox {
    pub execution: ExecutionId,
    pub claim: Claim,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    parts: VecDeque<Part>,
    broken: bool,
    waiting: Option<Waker>,
}

#[derive(Debug)]
enum Part {
    Chunk(Bytes),
    End(Counts),
}

/// What was staged.
pub type Taken = Counts;

/// Why an upload was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The attempt does not hold the execution.
    Fenced,
    /// The way, or the landing.
    Broken,
}

impl Inbox {
    pub fn new(execution: ExecutionId, claim: Claim) -> Self {
        Self {
            execution,
            claim,
            inner: Arc::default(),
        }
    }

    pub fn chunk(&self, lines: Bytes) {
        self.change(|inner| inner.parts.push_back(Part::Chunk(lines)));
    }

    pub fn end(&self, counts: Counts) {
        self.change(|inner| inner.parts.push_back(Part::End(counts)));
    }

    pub fn cut(&self) {
        self.change(|inner| inner.broken = true);
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        if let Some(waiting) = inner.waiting.take() {
            waiting.wake();
        }
    }

    async fn next(&self) -> Result<Part, Refused> {
        poll_fn(|context| {
            let mut inner = self.lock();
            match inner.parts.pop_front() {
                Some(part) => Poll::Ready(Ok(part)),
                None if inner.broken => Poll::Ready(Err(Refused::Broken)),
                None => {
                    inner.waiting = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stages an upload.
pub async fn take(shard: &ShardHandle, landing: &Landing, inbox: &Inbox, now: Stamp) -> Result<Taken, Refused> {
    let destination = destination(shard, inbox).await?;
    let stage = landing.stage(destination, inbox.claim.attempt, now).await;
    let mut stage = stage.map_err(|_| Refused::Broken)?;
    let said = loop {
        match inbox.next().await? {
            Part::Chunk(lines) => stage.write(lines).await.map_err(|error| refused(&error))?,
            Part::End(counts) => break counts,
        }
    };
    if said != stage.counts() {
        return Err(Refused::Broken);
    }
    self::destination(shard, inbox).await?;
    let staged = stage.finish().await.map_err(|error| refused(&error))?;
    Ok(staged.counts)
}

fn refused(error: &StageError) -> Refused {
    match error {
        StageError::Replaced => Refused::Fenced,
        StageError::Line { .. } | StageError::Broken | StageError::Landing(_) => Refused::Broken,
    }
}

async fn destination(shard: &ShardHandle, inbox: &Inbox) -> Result<Destination, Refused> {
    let (execution, claim) = (inbox.execution, inbox.claim);
    let found = shard.turn(move |turn| {
        let found = turn.state().everywhere().execution(execution)?;
        (found.holder() == Some(claim)).then(|| Destination::of(found))
    });
    let found = found.await.map_err(|_| Refused::Broken)?;
    found.ok_or(Refused::Fenced)
}
