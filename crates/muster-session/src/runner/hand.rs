//! What a runner has in hand: the work that it carries out, the results that it could not hand over yet, and what it
//! remembers of the past.

use std::collections::{BTreeMap, VecDeque};

use muster_core::decide::Work;
use muster_core::words::{Attempt, ExecutionId};
use muster_proto::v1;

/// How many executions a runner remembers after it is done with them, so that it does not begin an attempt a second
/// time.
const PAST_MAX: usize = 4_096;

/// The most results that wait for their acknowledgement: what a hello can list. While there are so many, nothing new is
/// begun.
pub(super) const SPOOL_MAX: usize = crate::wire::HELD_MAX;

/// Work that the runner carries out.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) started: bool,
    /// The furthest of its reports that is durable; `None` before the first.
    pub(super) acked: Option<v1::ReportKind>,
}

#[derive(Debug)]
struct Spooled {
    /// Orders the results as they came.
    ordinal: u64,
    report: v1::Report,
}

#[derive(Debug, Default)]
pub(super) struct Hand {
    running: BTreeMap<Work, Running>,
    spool: BTreeMap<Work, Spooled>,
    ordinal: u64,
    past: BTreeMap<ExecutionId, Attempt>,
    oldest_past: VecDeque<ExecutionId>,
}

impl Hand {
    pub(super) fn begin(&mut self, work: Work) {
        self.running.insert(work, Running::default());
        self.remember(work);
    }

    pub(super) fn running(&mut self, work: Work) -> Option<&mut Running> {
        self.running.get_mut(&work)
    }

    pub(super) fn is_running(&self, work: Work) -> bool {
        self.running.contains_key(&work)
    }

    /// Whether it runs, or has ended and that is not acknowledged.
    pub(super) fn has(&self, work: Work) -> bool {
        self.running.contains_key(&work) || self.spool.contains_key(&work)
    }

    pub(super) fn all_running(&self) -> impl Iterator<Item = (Work, &Running)> {
        self.running.iter().map(|(work, running)| (*work, running))
    }

    pub(super) fn running_count(&self) -> usize {
        self.running.len()
    }

    /// Takes work out of hand; whether it was there.
    pub(super) fn stop(&mut self, work: Work) -> bool {
        self.running.remove(&work).is_some()
    }

    pub(super) fn stop_all(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.running).into_keys().collect()
    }

    pub(super) fn spool(&mut self, work: Work, report: v1::Report) {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        self.spool.insert(work, Spooled { ordinal, report });
        self.remember(work);
    }

    pub(super) fn unspool(&mut self, work: Work) -> bool {
        self.spool.remove(&work).is_some()
    }

    pub(super) fn spooled(&self, work: Work) -> Option<&v1::Report> {
        self.spool.get(&work).map(|spooled| &spooled.report)
    }

    /// The spooled results, the oldest first.
    pub(super) fn all_spooled(&self) -> Vec<Work> {
        let mut spooled: Vec<(u64, Work)> = self.spool.iter().map(|(work, it)| (it.ordinal, *work)).collect();
        spooled.sort_unstable();
        spooled.into_iter().map(|(_, work)| work).collect()
    }

    pub(super) fn spooled_count(&self) -> usize {
        self.spool.len()
    }

    /// How many more executions may be begun with this many slots.
    pub(super) fn free(&self, slots: usize) -> usize {
        let room = SPOOL_MAX.saturating_sub(self.spool.len());
        slots.min(room).saturating_sub(self.running.len())
    }

    /// Whether this attempt, or a later one of the same execution, was in hand before.
    pub(super) fn is_past(&self, (execution, attempt): Work) -> bool {
        self.past.get(&execution).is_some_and(|newest| attempt <= *newest)
    }

    fn remember(&mut self, (execution, attempt): Work) {
        let newest = self.past.entry(execution).or_insert_with(|| {
            self.oldest_past.push_back(execution);
            attempt
        });
        *newest = attempt.max(*newest);
        if self.oldest_past.len() > PAST_MAX
            && let Some(oldest) = self.oldest_past.pop_front()
        {
            self.past.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_remembered_and_bounded() {
        let mut hand = Hand::default();
        hand.begin((ExecutionId(0), Attempt(3)));
        assert!(hand.is_past((ExecutionId(0), Attempt(2))));
        assert!(!hand.is_past((ExecutionId(0), Attempt(4))));
        for n in 1..=PAST_MAX as u128 {
            hand.begin((ExecutionId(n), Attempt(1)));
        }
        assert_eq!((hand.past.len(), hand.oldest_past.len()), (PAST_MAX, PAST_MAX));
        assert!(!hand.is_past((ExecutionId(0), Attempt(3))), "the oldest is forgotten");
    }

    #[test]
    fn a_full_spool_leaves_no_slot() {
        let mut hand = Hand::default();
        for n in 0..SPOOL_MAX as u128 - 1 {
            hand.spool((ExecutionId(n), Attempt(1)), v1::Report::default());
        }
        assert_eq!(hand.free(8), 1);
        hand.begin((ExecutionId(5_000), Attempt(1)));
        assert_eq!(hand.free(8), 0);
    }

    #[test]
    fn results_keep_their_order() {
        let mut hand = Hand::default();
        for n in [5, 3, 4] {
            hand.spool((ExecutionId(n), Attempt(1)), v1::Report::default());
        }
        let order: Vec<u128> = hand.all_spooled().into_iter().map(|(id, _)| id.0).collect();
        assert_eq!(order, [5, 3, 4]);
    }
}
