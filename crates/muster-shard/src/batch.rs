//! What one turn of the writer leaves: events to record, and what is released once they are durable.

use muster_core::decide::Effect;
use muster_core::event::Recorded;
use muster_core::time::Moment;
use muster_core::words::Sequence;

use crate::directory;
use crate::watch::Changes;

/// Something that leaves the shard once the batch is durable: an answer to whoever asked.
pub(crate) type Release = Box<dyn FnOnce() + Send>;

/// One turn of the writer.
pub(crate) struct Batch {
    /// Its number in the journal; `None` when nothing has happened, and only answers wait for the batches before it.
    pub(crate) sequence: Option<Sequence>,
    /// When the turn began.
    pub(crate) began: Moment,
    /// How many executions it has given to runners.
    pub(crate) claims: u64,
    pub(crate) events: Vec<Recorded>,
    pub(crate) releases: Vec<Release>,
    pub(crate) effects: Vec<Effect>,
    /// The entities that the directory has and that have changed, as they are after it.
    pub(crate) listed: Vec<directory::Changed>,
    /// For watchers.
    pub(crate) changes: Changes,
}

impl Batch {
    /// What it weighs in the pipeline: roughly the work that it makes.
    pub(crate) fn weight(&self) -> usize {
        self.events.len() + self.releases.len() + self.effects.len()
    }
}
