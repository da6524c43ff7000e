//! The first that happens in a store that was made of a backup, before anybody serves it: all that was open when the backup was made is fenced, since what
//! became of it after that is not known. Why, and how: `muster_core::decide::execution::fence`.

use std::sync::Arc;
use std::time::Duration;

use muster_core::decide::execution::fence::Fence;
use muster_core::decide::{Command, decide};
use muster_core::event::Recorded;
use muster_core::ledger::Position;
use muster_core::roster::Limits;
use muster_core::state::State;
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{ExecutionId, Principal};
use muster_store::{Store, StoreError};

/// How many executions are fenced by one batch.
const BATCH_MAX: usize = 1_000;

/// Fences all open executions of a store that was just restored, and makes that durable. `wall` is what the machine's clock says. Returns how many there
/// were.
///
/// # Errors
/// [`StoreError`].
pub fn fence_all(store: &Store, wall: Stamp) -> Result<u64, StoreError> {
    let recovered = store.recover()?;
    let ended = recovered
        .ended
        .iter()
        .map(|(sequence, finished)| (*sequence, &**finished));
    store.put_finished(recovered.head, ended)?;
    let now = Now {
        stamp: wall.max(recovered.last_stamp.unwrap_or_default()),
        moment: Moment::from_start(Duration::ZERO),
    };
    let mut state = State::starting(recovered.ledger, Limits::default(), Arc::default(), now);
    let open: Vec<ExecutionId> = state.everywhere().executions().map(|execution| execution.id).collect();
    let by = Principal::Coordinator;
    // Nothing here is left to chance.
    let mut chance = fastrand::Rng::with_seed(0);
    let mut sequence = recovered.head;
    let mut fenced = 0;
    for some in open.chunks(BATCH_MAX) {
        let mut events = Vec::with_capacity(some.len());
        for execution in some {
            let command = Command::Fence(Fence { execution: *execution });
            // Fencing is never refused.
            let decided = decide(&state, &by, command, now, &mut chance).map(|decision| decision.events);
            events.extend(decided.unwrap_or_default());
        }
        if events.is_empty() {
            continue;
        }
        sequence = sequence.next();
        let batch: Vec<Recorded> = events
            .into_iter()
            .map(|event| Recorded {
                at: now.stamp,
                by: by.clone(),
                event,
            })
            .collect();
        for (ordinal, recorded) in (0..).zip(&batch) {
            state.apply(Position { sequence, ordinal }, recorded);
        }
        fenced += batch.len() as u64;
        store.append([(sequence, batch.as_slice())])?;
    }
    store.flush()?;
    Ok(fenced)
}
