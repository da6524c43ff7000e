//! Whether an execution waits although a runner with a free slot may have it. After each turn of the writer there is none, so one that stays like that is
//! a fault of ours, and nobody else would tell of it: it looks like a queue.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::index::Lane;
use crate::state::State;
use crate::time::Moment;
use crate::words::{Attempt, ExecutionId, RunnerId};

/// How long an execution at the head of its queue and a runner with a free slot for it may stand beside each other.
pub const STUCK_AFTER: Duration = Duration::from_secs(60);

/// How many queues one look takes in; the next look goes on behind them.
pub const LANES_MAX: usize = 1_000;

/// An execution that nobody gets, and should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Which.
    pub execution: ExecutionId,
    /// Who could have it.
    pub runner: RunnerId,
    /// Its queue.
    pub lane: Lane,
    /// How long both were seen at each look.
    pub waited: Duration,
}

/// What was seen at the earlier looks.
///
/// The head of a queue is followed, by execution and attempt: while dispatch works, each turn gives it away and another one is the head, however long
/// the queue is. Those behind a head that is stuck are not told of until they are the head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watch {
    seen: BTreeMap<Lane, Seen>,
    /// The lane behind which the next look begins; `None` for the first lane.
    after: Option<Lane>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    execution: ExecutionId,
    attempt: Attempt,
    since: Moment,
    told: bool,
}

impl Watch {
    /// Looks at the queues, and returns the heads that have become stuck since the look before: each execution once. `dispatches` is whether anything is
    /// given out now; what waits while nothing is waits for that.
    ///
    /// It is to be asked every few seconds, at any moment of a turn.
    pub fn look(&mut self, state: &State, dispatches: bool, now: Moment) -> Vec<Stuck> {
        if !dispatches {
            *self = Self::default();
            return Vec::new();
        }
        let page = state.index().queues_after(self.after.as_ref()).take(LANES_MAX);
        let (mut seen, mut stuck, mut lanes, mut last) = (BTreeMap::new(), Vec::new(), 0, None);
        for (lane, queue) in page {
            lanes += 1;
            last = Some(lane);
            let Some((runner, head)) = state.roster().vacancy(lane).zip(queue.head()) else {
                continue;
            };
            let execution = head.ticket.1;
            let Some(attempt) = state.ledger().execution(execution).map(|open| open.attempt) else {
                continue;
            };
            let before = self.seen.get(lane);
            let same = before.filter(|before| before.execution == execution && before.attempt == attempt);
            let since = same.map_or(now, |before| before.since);
            let waited = now.since(since);
            let is_stuck = waited >= STUCK_AFTER;
            if is_stuck && same.is_none_or(|before| !before.told) {
                let lane = lane.clone();
                stuck.push(Stuck {
                    execution,
                    runner,
                    lane,
                    waited,
                });
            }
            let told = is_stuck;
            seen.insert(
                lane.clone(),
                Seen {
                    execution,
                    attempt,
                    since,
                    told,
                },
            );
        }
        let last = last.filter(|_| lanes == LANES_MAX).cloned();
        // What was looked at is as it was seen now; what was not stays as it was seen before.
        let (first, end) = (self.after.take(), last.as_ref());
        self.seen
            .retain(|lane, _| first.as_ref().is_some_and(|first| lane <= first) || end.is_some_and(|end| lane > end));
        self.seen.append(&mut seen);
        self.after = last;
        stuck
    }
}
