//! What becomes of an execution whose attempt has failed: the one rule of retries.

use std::time::Duration;

use crate::decide::{Decision, Effect};
use crate::entity::{Definition, Execution};
use crate::event::Event;
use crate::planted;
use crate::state::State;
use crate::time::Now;
use crate::words::{Claim, Failure, LogLevel};

/// How many attempts may fail. Withdrawn claims do not count.
pub const FAILURES_MAX: u32 = 3;

/// The most that the first back-off lasts.
const BACKOFF_FIRST: Duration = Duration::from_secs(30);

/// The most that any back-off lasts.
const BACKOFF_MOST: Duration = Duration::from_secs(15 * 60);

/// The most that the back-off after this many failures lasts: it doubles, up to a limit.
#[must_use]
pub fn backoff_most(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (BACKOFF_FIRST * 2_u32.pow(doublings)).min(BACKOFF_MOST)
}

/// Adds to a decision that an attempt has failed: back to the queue after a back-off, or the end. `failure` decides by its category, and by how many there were.
///
/// `reported` is the claim whose holder says so itself; `None` when the coordinator judges. The jitter is full: any time from none to the most.
pub fn or_fail(
    state: &State,
    execution: &Execution,
    failure: Failure,
    reported: Option<Claim>,
    now: Now,
    chance: &mut fastrand::Rng,
    decision: &mut Decision,
) {
    let event = judge(execution, failure, reported, now, chance);
    decision.effects.extend(note(&event, now));
    let is_back = matches!(event, Event::ExecutionReturned { .. });
    decision.events.push(event);
    if is_back {
        follow(state, execution, decision);
    }
}

/// Adds to a decision that an execution which is queued again waits for the runners that its integration has by now: when those were changed, one of
/// the old ones held it.
pub(crate) fn follow(state: &State, execution: &Execution, decision: &mut Decision) {
    if planted!("return-stays-in-its-pool") {
        return;
    }
    let integration = state.ledger().integration(execution.integration);
    decision
        .events
        .extend(integration.and_then(|integration| reroute(execution, &integration.definition)));
}

/// That a queued execution waits for the runners of this definition; `None` when it does so already.
pub(crate) fn reroute(execution: &Execution, definition: &Definition) -> Option<Event> {
    let is_there = execution.pool == definition.pool && execution.sealed_to == definition.sealed_to;
    (!is_there).then(|| Event::ExecutionRerouted {
        execution: execution.id,
        pool: definition.pool.clone(),
        sealed_to: definition.sealed_to.clone(),
    })
}

fn judge(
    execution: &Execution,
    failure: Failure,
    reported: Option<Claim>,
    now: Now,
    chance: &mut fastrand::Rng,
) -> Event {
    let failures = execution.failures + u32::from(!planted!("retry-not-counted"));
    let failures_max = FAILURES_MAX + u32::from(planted!("one-retry-too-many"));
    let may_pass = failure.category.is_retryable() || planted!("final-failure-retried");
    if may_pass && failures < failures_max {
        let most = backoff_most(failures).as_millis();
        let wait = Duration::from_millis(chance.u64(0..=u64::try_from(most).unwrap_or(u64::MAX)));
        Event::ExecutionReturned {
            execution: execution.id,
            failures,
            failure: Some(failure),
            reported,
            not_before: Some(now.stamp.after(wait)),
        }
    } else {
        Event::ExecutionFailed {
            execution: execution.id,
            integration: execution.integration,
            data_type: execution.data_type.clone(),
            failures,
            failure,
            reported,
        }
    }
}

/// What the execution's log says about it.
fn note(event: &Event, now: Now) -> Option<Effect> {
    let (execution, failure, what) = match event {
        Event::ExecutionReturned {
            execution,
            failures,
            failure: Some(failure),
            not_before: Some(at),
            ..
        } => {
            let wait = at.since(now.stamp).as_secs();
            (
                execution,
                failure,
                format!("failure {failures} of {FAILURES_MAX}: tried again in {wait} s"),
            )
        }
        Event::ExecutionFailed {
            execution,
            failures,
            failure,
            ..
        } => (
            execution,
            failure,
            format!("failure {failures} of {FAILURES_MAX}: not tried again"),
        ),
        _ => return None,
    };
    let message = format!("{what} ({}: {})", failure.category.as_str(), failure.message);
    Some(Effect::Note {
        execution: *execution,
        level: LogLevel::Warn,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_doubles_up_to_its_limit() {
        let seconds: Vec<u64> = (1..=8).map(|failures| backoff_most(failures).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 900, 900, 900]);
    }
}
