//! What a runner is, and what its end asks of it.

use muster_core::decide::{CheckOrder, Work};
use muster_core::words::{CheckId, RunnerId, SessionId};
use muster_proto::v1;

use crate::wire::Task;

/// What a runner says about itself in each hello.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerProfile {
    /// Its identity, made at its first start and kept.
    pub runner: RunnerId,
    /// What people call it.
    pub display_name: String,
    /// `organizations/{organization}`; empty for the service's own pool.
    pub organization: String,
    /// The pool that it serves.
    pub pool: String,
    /// The version of its program.
    pub version: String,
    /// The connectors that its own configuration allows, with their specifications.
    pub connectors: Vec<v1::ConnectorSpecification>,
    /// How many executions it carries out at the same time: 1 to [`SLOTS_MAX`](crate::wire::SLOTS_MAX).
    pub slots: u32,
    /// Where it runs.
    pub host: v1::HostFacts,
    /// The public half of its sealing key; empty when it opens nothing that is sealed.
    pub sealing_key: String,
}

/// What the runner has to do. Messages to the coordinator come from
/// [`RunnerEnd::poll_send`](super::RunnerEnd::poll_send).
#[derive(Debug, Clone, PartialEq)]
pub enum RunnerOutput {
    /// Dial, by a fresh connection and name look-up; then say [`connected`](super::RunnerEnd::connected) or
    /// [`disconnected`](super::RunnerEnd::disconnected).
    Connect,
    /// Drop the stream, or the dialling, and hand in nothing more of it.
    Disconnect {
        /// Why it was given up.
        why: GiveUpReason,
    },
    /// The runner is checked in. Uploads name this session.
    Welcomed {
        /// The session.
        session: SessionId,
        /// The least version of which this runner would have to be to get work; `None` when it gets some.
        version_required: Option<String>,
    },
    /// Carry this out. It is accepted already.
    Start(Box<Task>),
    /// Stop this work, and drop what it has staged. Nothing that it still hands in counts.
    Stop {
        /// Which attempt.
        work: Work,
        /// Why.
        why: StopReason,
    },
    /// Check this, beside all slots, and say to [`checked`](super::RunnerEnd::checked) how it ended. It has a time limit.
    Check(Box<CheckOrder>),
    /// Stop this check: its stream is over, and nobody waits for it.
    StopCheck(CheckId),
    /// Keep this result over restarts, until it is unspooled.
    Spool(v1::Report),
    /// Remove this result from the spool.
    Unspool {
        /// Which attempt.
        work: Work,
        /// Whether the coordinator has taken it. `false`: it was fenced or canceled, and counts for nothing.
        accepted: bool,
    },
    /// An assignment was not taken, and will be withdrawn: the coordinator does not see this runner as it is. Worth a
    /// line in the log.
    Ignored {
        /// Which attempt.
        work: Work,
        /// Of which integration, as the coordinator names it: only for the log, since nothing has judged it.
        integration: String,
        /// Why.
        why: IgnoreReason,
    },
}

/// Why a stream is given up by the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiveUpReason {
    /// There is no connection for so long.
    NoConnection,
    /// There is one, and no welcome for so long.
    NoWelcome,
    /// Nothing has come from the coordinator for so long.
    Silence,
    /// The coordinator has asked for it.
    Asked,
    /// Work that the hello listed was stopped before the welcome came, and the coordinator believes that it goes on: the next hello does not list it.
    WorkLost,
    /// The coordinator has broken the protocol; [`receive`](super::RunnerEnd::receive) has told how.
    Violation,
}

/// Why work is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody canceled the execution.
    Canceled,
    /// The runner does not hold the attempt any more.
    Fenced,
    /// The coordinator was not heard for so long that it will have given the work to others.
    LeaseLost,
}

/// Why an assignment is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoreReason {
    /// All slots are taken, or the spool is full.
    NoSlot,
    /// The runner is draining.
    Draining,
    /// The runner had this attempt, or a later one, before.
    Past,
}
