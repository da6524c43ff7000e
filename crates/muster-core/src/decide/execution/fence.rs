//! A coordinator begins that was restored from a backup.
//!
//! What happened after the backup was made is lost, and yet it has happened: an execution that was at its attempt 2 then may have been claimed twice more
//! since, one of these claims may still be worked on, and another may have been completed and told. If the restored coordinator counted on from where the
//! backup ends, it would give out attempts 3 and 4 once more, and believe what a runner reports of the first 3 as if it were of the second.
//!
//! So before it serves, every execution that is open and not past its commit point is fenced: whoever holds it loses it, and its next attempt is one that
//! cannot have been given out before. Attempts go on from the seconds since the Unix epoch at the time of the restore. What was given out before it, also by
//! a coordinator that was itself restored from this very backup, is less: that would take more than one claim of the same execution a second from one
//! restore to the next. What was created after the backup has an identifier that the restored coordinator does not know, and never makes again.
//!
//! What is past its commit point stays so: its attempt has ended, and what it has staged is published whatever happened since.

use crate::decide::Decision;
use crate::decide::execution::retry;
use crate::entity::Phase;
use crate::event::Event;
use crate::state::State;
use crate::time::Now;
use crate::words::{Attempt, ExecutionId};

/// The coordinator was restored from a backup: fence what may have happened to an execution since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// Which execution.
    pub execution: ExecutionId,
}

impl Fence {
    /// Queues the execution again and fences all attempts that there can have been. No failure is counted. Nothing happens when it is past its commit
    /// point, or not open.
    #[must_use]
    pub fn decide(self, state: &State, now: Now) -> Decision {
        let Some(execution) = state.ledger().execution(self.execution) else {
            return Decision::nothing();
        };
        match execution.phase {
            Phase::Created { .. } | Phase::Pending(_) | Phase::Executing(_) => {
                let mut decision = Decision::event(Event::ExecutionFenced {
                    execution: execution.id,
                    attempt: Attempt::at_restore(now.stamp).max(execution.attempt.next()),
                });
                retry::follow(state, execution, &mut decision);
                decision
            }
            Phase::Landing(..) => Decision::nothing(),
        }
    }
}
