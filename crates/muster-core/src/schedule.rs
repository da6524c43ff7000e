//! The arithmetic of schedules: nominal times lie on the interval's grid, shifted by a phase that belongs to the integration, so that a million
//! integrations do not fall due in one second.

use crate::planted;
use crate::time::{Interval, Stamp};
use crate::words::{IntegrationId, Revision};

/// Why nominal times have no execution of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// An execution of the same data type was still open.
    StillOpen,
    /// Nobody let it run: the coordinator was not there, or the organization was suspended. The newest of the missed times ran instead.
    Missed,
    /// The organization had as many open executions as it may.
    QuotaReached,
}

/// A range of nominal times of one schedule that had no execution of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skip {
    /// The first of them.
    pub from: Stamp,
    /// The last of them.
    pub to: Stamp,
    /// How many they are.
    pub count: u64,
    /// Which of the data type's schedules they belong to.
    pub revision: Revision,
    /// Why they were skipped.
    pub reason: SkipReason,
}

/// The grid of an integration's nominal times: every `interval`, shifted by the integration's phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    interval: u64,
    phase: u64,
}

impl Grid {
    /// The grid of this integration for this interval. It is the same whenever it is asked for.
    #[must_use]
    pub fn of(integration: IntegrationId, interval: Interval) -> Self {
        let interval = interval.millis();
        Self {
            interval,
            phase: if planted!("phase-ignored") {
                0
            } else {
                integration.spread() % interval
            },
        }
    }

    /// The first nominal time after `time`.
    #[must_use]
    pub fn next_after(self, time: Stamp) -> Stamp {
        match time.millis().checked_sub(self.phase) {
            None => Stamp::from_millis(self.phase),
            Some(past) => Stamp::from_millis((past / self.interval + 1) * self.interval + self.phase),
        }
    }

    /// The newest nominal time at or before `now`, given that `due` is one and is not later than `now`.
    fn newest(self, due: Stamp, now: Stamp) -> Stamp {
        let steps = (now.millis() - due.millis()) / self.interval;
        Stamp::from_millis(due.millis() + steps * self.interval)
    }
}

/// What follows from a data type's time having come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// The nominal time that runs; `None` when an execution is still open.
    pub run: Option<Stamp>,
    /// The nominal times that do not.
    pub skip: Option<Skip>,
    /// The upcoming one.
    pub next: Stamp,
}

/// Advances a schedule whose nominal time `due` has come: the newest nominal time runs, and those that were missed before it are one recorded
/// range; while something is in the way none runs, and all are the range.
///
/// # Panics
/// When `due` lies after `now`: nothing is due then.
#[must_use]
pub fn advance(grid: Grid, revision: Revision, due: Stamp, now: Stamp, blocked: Option<SkipReason>) -> Advance {
    assert!(due <= now, "a schedule advances when its time has come, not before");
    let newest = grid.newest(due, now);
    let range = |to: Stamp, reason| Skip {
        from: due,
        to,
        count: (to.millis() - due.millis()) / grid.interval + 1,
        revision,
        reason,
    };
    let skip = if let Some(reason) = blocked {
        Some(range(newest, reason)).filter(|_| !planted!("skip-not-recorded"))
    } else if newest > due {
        Some(range(
            if planted!("skip-one-too-many") {
                newest
            } else {
                Stamp::from_millis(newest.millis() - grid.interval)
            },
            SkipReason::Missed,
        ))
    } else {
        None
    };
    Advance {
        run: blocked.is_none().then_some(newest),
        skip,
        next: Stamp::from_millis(newest.millis() + grid.interval),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use std::time::Duration;

    fn minutes(n: u64) -> Interval {
        Interval::new(Duration::from_secs(60 * n)).expect("in bounds")
    }

    #[test]
    fn the_phase_belongs_to_the_integration() {
        let grid = Grid::of(IntegrationId(7_000), minutes(60));
        assert_eq!(grid.next_after(Stamp::from_millis(0)), Stamp::from_millis(7_000));
        assert_eq!(
            grid.next_after(Stamp::from_millis(7_000)),
            Stamp::from_millis(3_607_000)
        );
    }

    #[test]
    fn three_missed_times_run_once_the_newest() {
        let grid = Grid::of(IntegrationId(0), minutes(1));
        let at = |minute: u64| Stamp::from_millis(minute * 60_000);
        let advance = advance(grid, Revision(1), at(1), Stamp::from_millis(4 * 60_000 + 5), None);
        assert_eq!(advance.run, Some(at(4)));
        let skip = Skip {
            from: at(1),
            to: at(3),
            count: 3,
            revision: Revision(1),
            reason: SkipReason::Missed,
        };
        assert_eq!(advance.skip, Some(skip));
        assert_eq!(advance.next, at(5));
    }

    proptest! {
        #[test]
        fn every_nominal_time_runs_or_lies_in_one_range(
            id in any::<u128>(),
            minutes in 1_u64..100_000,
            start in 0_u64..2_000_000_000_000,
            steps in prop::collection::vec((0_u64..10_000_000_000, any::<bool>()), 1..20),
        ) {
            let interval = self::minutes(minutes.min(366 * 24 * 60));
            let grid = Grid::of(IntegrationId(id), interval);
            let mut due = grid.next_after(Stamp::from_millis(start));
            prop_assert!(due > Stamp::from_millis(start) && due.millis() - start <= interval.millis());
            let mut now = due;
            for (step, still_open) in steps {
                now = Stamp::from_millis(now.millis().max(due.millis()) + step);
                let advance = advance(grid, Revision(1), due, now, still_open.then_some(SkipReason::StillOpen));
                // What the range and the run cover is exactly the grid from `due` to the time before `next`.
                let covered = advance.skip.map_or(0, |skip| skip.count) + u64::from(advance.run.is_some());
                prop_assert_eq!(due.millis() + covered * interval.millis(), advance.next.millis());
                prop_assert!(advance.next > now && advance.next.millis() - now.millis() <= interval.millis());
                prop_assert_eq!(grid.next_after(now), advance.next);
                due = advance.next;
            }
        }
    }
}
