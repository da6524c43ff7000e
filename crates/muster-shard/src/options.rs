//! How a shard behaves.

use std::sync::Arc;
use std::time::Duration;

use muster_core::alert::Policy;
use muster_core::roster::Limits;

/// How a shard behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time limits of the check-in.
    pub limits: Limits,
    /// What is told of pools and runners, and to whom.
    pub policy: Arc<Policy>,
    /// Where chance begins; `None` for somewhere else each time.
    pub seed: Option<u64>,
    /// How long a changed entity may wait for its record. Most executions live less, and so never get one; the journal is replayed over as much at
    /// a start.
    pub record_after: Duration,
    /// Why new work is held back from the beginning, until a handle lets it go on; `None` when nothing holds it back.
    pub held: Option<String>,
    /// How long history is kept.
    pub retention: Retention,
    /// Whether the wall clock is right at the start even if it is more than a year ahead of the newest stamp.
    pub trust_clock: bool,
    /// How long the verification of history rests between two steps. A million executions take a quarter of an hour by default.
    pub verify_step_every: Duration,
}

/// How long history is kept: whichever ends first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// By age, from the creation of an execution: of what belongs to an organization that does not say it.
    pub age: Duration,
    /// By size: the bytes of all finished executions. Beyond it the oldest go.
    pub bytes: u64,
}

impl Default for Retention {
    /// 30 days, at most 16 GiB.
    fn default() -> Self {
        Self {
            age: Duration::from_secs(30 * 24 * 60 * 60),
            bytes: 16 << 30,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            policy: Arc::default(),
            seed: None,
            held: None,
            record_after: Duration::from_secs(7),
            retention: Retention::default(),
            trust_clock: false,
            verify_step_every: Duration::from_secs(1),
        }
    }
}
