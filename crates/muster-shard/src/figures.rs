//! What a shard counts of what happens in it, from its start on. Whoever counts waits for nobody and locks nothing; a copy has figures that may be of
//! slightly different moments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_core::audit::Outcome;
use muster_core::event::Event;
use muster_core::state::Applied;
use muster_core::time::Stamp;
use muster_core::words::{Category, ExecutionStatus};

/// The upper bounds of what takes a machine some time, in microseconds.
const MACHINE_US: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000,
    30_000_000,
];

/// The upper bounds of what takes as long as work takes, in microseconds: 10 ms to a day.
const WORK_US: &[u64] = &[
    10_000,
    100_000,
    1_000_000,
    5_000_000,
    15_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
    86_400_000_000,
];

/// The upper bounds of how much is done at a time.
const SIZES: &[u64] = &[1, 4, 16, 64, 256, 1_024, 4_096, 16_384];

/// What only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// As much as there is now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

impl Clone for Counter {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.get()))
    }
}

/// How values are spread.
#[derive(Debug, Clone)]
pub struct Histogram {
    bounds: &'static [u64],
    /// How many of its own values make one of the unit that it is told in.
    per_unit: f64,
    /// One for each bound, and one for what is beyond the last.
    counts: Box<[Counter]>,
    sum: Counter,
    greatest: Counter,
}

/// A histogram at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// Each bucket's upper bound, in the unit that it is told in, and how many values lie in it alone. The last one has no bound: infinity.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all values, in that unit.
    pub sum: f64,
    /// The greatest value, in that unit; 0 while there is none.
    pub greatest: f64,
}

impl Histogram {
    fn new(bounds: &'static [u64], per_unit: f64) -> Self {
        Self {
            bounds,
            per_unit,
            counts: (0..=bounds.len()).map(|_| Counter::default()).collect(),
            sum: Counter::default(),
            greatest: Counter::default(),
        }
    }

    fn of_times(bounds: &'static [u64]) -> Self {
        Self::new(bounds, 1e6)
    }

    /// How the values are spread by now.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody reads a figure of these to 16 digits")]
    pub fn spread(&self) -> Spread {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.per_unit);
        let counts = self.counts.iter().map(Counter::get);
        Spread {
            buckets: bounds.chain([f64::INFINITY]).zip(counts).collect(),
            sum: self.sum.get() as f64 / self.per_unit,
            greatest: self.greatest.get() as f64 / self.per_unit,
        }
    }

    fn observe(&self, value: u64, times: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].add(times);
        self.sum.add(value.saturating_mul(times));
        self.greatest.0.fetch_max(value, Ordering::Relaxed);
    }

    pub(crate) fn observe_size(&self, size: usize) {
        self.observe(size as u64, 1);
    }

    pub(crate) fn observe_time(&self, time: Duration) {
        self.observe_times(time, 1);
    }

    /// The same time for so many.
    pub(crate) fn observe_times(&self, time: Duration, times: u64) {
        self.observe(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), times);
    }
}

/// One counter for each category.
#[derive(Debug, Clone, Default)]
pub struct ByCategory([Counter; Category::ALL.len()]);

impl ByCategory {
    /// Each category with how many there are.
    pub fn get(&self) -> impl Iterator<Item = (Category, u64)> {
        Category::ALL
            .into_iter()
            .zip(&self.0)
            .map(|(category, count)| (category, count.get()))
    }

    fn add(&self, category: Category) {
        // They are declared in the order of `ALL`; a test says so.
        self.0[category as usize].add(1);
    }
}

/// The figures of a shard. A clone is a copy of this moment.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Executions that were created.
    pub created: Counter,
    /// Executions that ended in Completed.
    pub completed: Counter,
    /// Executions that ended in Error.
    pub failed: ByCategory,
    /// Attempts that failed, those included after which the execution was tried again.
    pub attempts_failed: ByCategory,
    /// Records that have become visible in the landing.
    pub landed_records: Counter,
    /// Their bytes, as they were collected: not compressed.
    pub landed_bytes: Counter,
    /// How long executions were in Created, in s: from the moment at which they could be claimed, so back-offs do not count.
    pub in_created: Histogram,
    /// How long they were in Pending, in s.
    pub in_pending: Histogram,
    /// How long they were in Executing, in s.
    pub in_executing: Histogram,
    /// How long it took an execution that could be claimed, and a runner that had a free slot for it, to come together, in s: from the turn of the writer
    /// in which both were there until the assignment was durable and on its way.
    pub dispatch: Histogram,
    /// How long a turn of the writer took, in s.
    pub turn: Histogram,
    /// For how long the writer stopped to copy changed entities for a part of a checkpoint, in s.
    pub checkpoint: Histogram,
    /// How long the journal took to make a group of batches durable, in s.
    pub flush: Histogram,
    /// How many events were made durable at a time.
    pub commit_events: Histogram,
    /// Entries of audit logs of calls that were carried out.
    pub audited_done: Counter,
    /// Of refused calls.
    pub audited_refused: Counter,
    /// Of how many refused calls have none of their own.
    pub audited_more_refused: Counter,
    /// How often the verifier has found that history is damaged.
    pub history_findings: Counter,
    /// The same of the audit logs.
    pub audit_findings: Counter,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            created: Counter::default(),
            completed: Counter::default(),
            failed: ByCategory::default(),
            attempts_failed: ByCategory::default(),
            landed_records: Counter::default(),
            landed_bytes: Counter::default(),
            in_created: Histogram::of_times(WORK_US),
            in_pending: Histogram::of_times(WORK_US),
            in_executing: Histogram::of_times(WORK_US),
            dispatch: Histogram::of_times(MACHINE_US),
            turn: Histogram::of_times(MACHINE_US),
            checkpoint: Histogram::of_times(MACHINE_US),
            flush: Histogram::of_times(MACHINE_US),
            commit_events: Histogram::new(SIZES, 1.0),
            audited_done: Counter::default(),
            audited_refused: Counter::default(),
            audited_more_refused: Counter::default(),
            history_findings: Counter::default(),
            audit_findings: Counter::default(),
        }
    }
}

impl Figures {
    /// Counts an event that has just been applied.
    pub(crate) fn count(&self, at: Stamp, event: &Event, applied: &Applied) {
        if let Some((status, since)) = applied.left {
            let lasted = at.since(since);
            match status {
                ExecutionStatus::Created => self.in_created.observe_time(lasted),
                ExecutionStatus::Pending => self.in_pending.observe_time(lasted),
                ExecutionStatus::Executing => self.in_executing.observe_time(lasted),
                // Nothing leaves these.
                ExecutionStatus::Completed | ExecutionStatus::Error => {}
            }
        }
        match event {
            Event::ExecutionCreated { .. } => self.created.add(1),
            Event::ExecutionReturned {
                failure: Some(failure), ..
            } => self.attempts_failed.add(failure.category),
            Event::ExecutionCompleted { counts, .. } => {
                self.completed.add(1);
                self.landed_records.add(counts.records);
                self.landed_bytes.add(counts.bytes);
            }
            Event::ExecutionFailed { failure, .. } => {
                self.failed.add(failure.category);
                // Nobody has attempted what was canceled in the queue, and a cancellation is nobody's failure.
                if failure.category != Category::Canceled {
                    self.attempts_failed.add(failure.category);
                }
            }
            Event::Audited(note) => match &note.outcome {
                Outcome::Done => self.audited_done.add(1),
                Outcome::Refused { .. } => self.audited_refused.add(1),
                Outcome::MoreRefused { .. } => self.audited_more_refused.add(1),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_counted_apart() {
        let counts = ByCategory::default();
        for (times, category) in Category::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| counts.add(category));
        }
        let got: Vec<_> = counts.get().collect();
        let expected: Vec<_> = Category::ALL.into_iter().zip(0..).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn a_value_lies_in_the_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::of_times(MACHINE_US);
        histogram.observe_time(Duration::from_micros(100));
        histogram.observe_times(Duration::from_micros(101), 2);
        histogram.observe_time(Duration::from_secs(31));
        let spread = histogram.spread();
        assert_eq!(spread.buckets[0], (0.0001, 1));
        assert_eq!(spread.buckets[1], (0.00025, 2));
        assert_eq!(spread.buckets.last(), Some(&(f64::INFINITY, 1)));
        assert!((spread.greatest - 31.0).abs() < 1e-9, "{spread:?}");
        assert!((spread.sum - 31.000_302).abs() < 1e-9, "{spread:?}");
    }
}
