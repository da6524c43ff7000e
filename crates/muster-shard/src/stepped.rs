//! The same shard without threads and without clocks: whoever drives it calls its steps, one after the other, and says what time it is.
//!
//! For the simulator, which lets anything happen between two steps. A shard that was [started](crate::start()) makes the very same steps, each of its
//! threads its own. What is read through a [`ShardHandle`] is read at once here, so nothing needs a runtime.

use std::time::Duration;

use muster_core::state::State;
use muster_core::time::Now;
use muster_core::words::Sequence;
use muster_store::Store;

pub use crate::clock::Reading;

use crate::assembly::{Parts, Reads, assemble};
use crate::committer::Group;
use crate::error::FatalError;
use crate::handle::ShardHandle;
use crate::options::Options;
use crate::release::{LandingWork, Note};
use crate::verifier::Damage;

/// A shard that is driven step by step.
///
/// After an error of any step the process would stop: the only thing to do then is to drop it.
pub struct SteppedShard {
    parts: Parts,
    /// What is being committed; `None` between two groups.
    group: Option<Committing>,
}

/// A group of batches, and how far it has come.
struct Committing {
    group: Group,
    flushed: bool,
}

/// What the committer does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitStep {
    /// It waits for the writer.
    Wait,
    /// It appends what has gathered.
    Append,
    /// It flushes what it has appended.
    Flush,
    /// It releases what depends on the next batch.
    Release,
}

impl SteppedShard {
    /// Recovers the shard in `store`, as a start does.
    ///
    /// # Errors
    /// [`FatalError`] when the store is damaged or cannot be read.
    pub fn open(store: Store, options: &Options, now: Reading) -> Result<Self, FatalError> {
        Ok(Self {
            parts: assemble(store, options, Reads::InPlace, now)?,
            group: None,
        })
    }

    /// The way to it, as everybody else has it.
    #[must_use]
    pub fn handle(&self) -> &ShardHandle {
        &self.parts.handle
    }

    /// The state, with what is not durable yet: for whoever checks it. What is told to anybody goes by the handle.
    #[must_use]
    pub fn state(&self) -> &State {
        self.parts.turns.writer.state()
    }

    /// The newest batch, which may not be durable yet.
    #[must_use]
    pub fn head(&self) -> Sequence {
        self.parts.turns.writer.head()
    }

    /// The present as the shard sees it: its stamps never go back.
    pub fn now(&mut self, reading: Reading) -> Now {
        self.parts.turns.now(reading)
    }

    /// One turn of the writer, with the jobs that wait for it. Nothing happens while the pipeline has no room.
    pub fn turn(&mut self, reading: Reading) {
        if !self.parts.turns.pipeline.has_room() || self.parts.turns.pipeline.is_closed() {
            return;
        }
        let mut jobs = Vec::new();
        self.parts.turns.take_waiting(&mut jobs);
        let now = self.parts.turns.now(reading);
        // It says `false` only when the pipeline is closed.
        let _ = self.parts.turns.turn(&mut jobs, now) && self.parts.turns.checkpoint(now);
    }

    /// How long the writer has nothing to do if nobody asks; `None` when nothing is planned.
    pub fn idle_for(&mut self, reading: Reading) -> Option<Duration> {
        let now = self.parts.turns.now(reading);
        if self.parts.turns.has_work(now) {
            Some(Duration::ZERO)
        } else {
            self.parts.turns.idle_for(now)
        }
    }

    /// What [`commit`](Self::commit) does next.
    #[must_use]
    pub fn next_commit(&self) -> CommitStep {
        match &self.group {
            None if self.parts.turns.pipeline.is_empty() => CommitStep::Wait,
            None => CommitStep::Append,
            Some(Committing { flushed: false, .. }) => CommitStep::Flush,
            Some(Committing { flushed: true, .. }) => CommitStep::Release,
        }
    }

    /// The committer's next step.
    ///
    /// # Errors
    /// [`FatalError`] of the store: nothing that it has not released yet will ever be.
    pub fn commit(&mut self) -> Result<(), FatalError> {
        let done = self.try_commit();
        if done.is_err() {
            self.group = None;
            self.parts.committer.end();
        }
        done
    }

    fn try_commit(&mut self) -> Result<(), FatalError> {
        match &mut self.group {
            None => {
                let batches = self.parts.turns.pipeline.take_gathered();
                if !batches.is_empty() {
                    let group = self.parts.committer.append(batches)?;
                    self.group = Some(Committing { group, flushed: false });
                }
            }
            Some(committing) if !committing.flushed => {
                self.parts.committer.flush(&committing.group)?;
                committing.flushed = true;
            }
            Some(committing) => {
                if !self.parts.committer.release_next(&mut committing.group) {
                    self.group = None;
                }
            }
        }
        Ok(())
    }

    /// A step of the keeper. Returns how long it rests after it.
    ///
    /// # Errors
    /// [`FatalError`] of the store.
    pub fn keep(&mut self, now: Reading) -> Result<Duration, FatalError> {
        self.parts.keeper.take_checkpoint();
        let rest = self.parts.keeper.step(now);
        if rest.is_err() {
            self.parts.turns.pipeline.abandon();
        }
        Ok(rest?)
    }

    /// A step of the verifier. Returns how long it rests after it.
    pub fn verify(&mut self) -> Duration {
        self.parts.verifier.step()
    }

    /// What the verifier has found to be damaged, in history or else in the audit logs; `None` when nothing is.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        let damages = &self.parts.damages;
        let history = damages.history.borrow().clone();
        history.or_else(|| damages.audit.borrow().clone())
    }

    /// Work for the landing, if there is some.
    pub fn landing_work(&mut self) -> Option<LandingWork> {
        self.parts.landing.try_recv().ok()
    }

    /// A line for the log of an execution, if there is one.
    pub fn note(&mut self) -> Option<Note> {
        self.parts.notes.try_recv().ok()
    }

    /// Ends it as a shutdown does: commits what has gathered, and lets the keeper write all that is durable.
    ///
    /// # Errors
    /// [`FatalError`] of the store.
    pub fn close(mut self, now: Reading) -> Result<(), FatalError> {
        self.parts.turns.pipeline.close();
        while self.next_commit() != CommitStep::Wait {
            self.commit()?;
        }
        self.parts.committer.end();
        Ok(self.parts.keeper.end(now)?)
    }
}
