//! What is released for others than runners: once it is durable, and without a promise that it arrives. What must arrive is asked for again.

use muster_core::words::{Attempt, ExecutionId, LogLevel};

/// What the landing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandingWork {
    /// Publish what this execution has staged.
    Publish(ExecutionId),
    /// Forget what this attempt may have staged.
    Discard(ExecutionId, Attempt),
}

/// A line of the coordinator for an execution's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Of which execution.
    pub execution: ExecutionId,
    /// How much it matters.
    pub level: LogLevel,
    /// What happened.
    pub message: String,
}
