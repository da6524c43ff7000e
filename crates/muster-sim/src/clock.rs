//! The clocks of one process: a wall clock that may be wrong, and a monotonic one that may be a little too fast or too slow.

use std::time::Duration;

use muster_core::time::{Moment, Now, Stamp};
use muster_shard::stepped::Reading;

use crate::agenda::Millis;

/// When the simulation begins, by a right wall clock: some day of 2025.
const BEGINNING_MS: u64 = 1_750_000_000_000;

/// How many millionths a clock may be too fast or too slow: far more than the worst quartz.
const DRIFT_PPM_MAX: i64 = 5_000;

/// The clocks of one process.
#[derive(Debug, Clone)]
pub struct Clock {
    /// When the process began, in true time: the monotonic clock's zero.
    began: Millis,
    /// By how many millionths both clocks are too fast.
    drift_ppm: i64,
    /// By how much the wall clock is ahead.
    ahead_ms: i64,
}

impl Clock {
    /// The clocks of a machine that is switched on now.
    pub fn new(now: Millis, chance: &mut fastrand::Rng) -> Self {
        Self {
            began: now,
            drift_ppm: chance.i64(-DRIFT_PPM_MAX..=DRIFT_PPM_MAX),
            ahead_ms: chance.i64(-2_000..=2_000),
        }
    }

    /// The same machine's clocks, for a process that begins now.
    #[must_use]
    pub fn restarted(&self, now: Millis) -> Self {
        Self {
            began: now,
            ..self.clone()
        }
    }

    /// Somebody, or a daemon, sets the wall clock.
    pub fn step(&mut self, by_ms: i64) {
        self.ahead_ms += by_ms;
    }

    /// The wall clock is set right, but not before `stamp`.
    pub fn set_right_after(&mut self, now: Millis, stamp: Stamp) {
        self.ahead_ms = 0;
        let behind = stamp.since(self.read(now).wall).as_millis();
        self.ahead_ms = i64::try_from(behind).unwrap_or(0);
    }

    /// What the clocks say.
    #[must_use]
    pub fn read(&self, now: Millis) -> Reading {
        let drifted = i128::from(now) * i128::from(1_000_000 + self.drift_ppm) / 1_000_000;
        let wall = i128::from(BEGINNING_MS) + drifted + i128::from(self.ahead_ms);
        Reading {
            wall: Stamp::from_millis(u64::try_from(wall).unwrap_or(0)),
            moment: self.moment(now),
        }
    }

    /// The same as the session wants it: its stamps are only shown.
    #[must_use]
    pub fn now(&self, now: Millis) -> Now {
        let Reading { wall, moment } = self.read(now);
        Now { stamp: wall, moment }
    }

    /// The monotonic clock.
    #[must_use]
    pub fn moment(&self, now: Millis) -> Moment {
        let since_us = i128::from(now - self.began) * i128::from(1_000_000 + self.drift_ppm) / 1_000;
        Moment::from_start(Duration::from_micros(u64::try_from(since_us).unwrap_or(0)))
    }

    /// The true time at which the monotonic clock will have come to `moment`.
    #[must_use]
    pub fn when(&self, moment: Moment) -> Millis {
        let us = moment.since(Moment::default()).as_micros();
        let rate = u128::try_from(1_000_000 + self.drift_ppm).unwrap_or(1);
        let ms = (us * 1_000).div_ceil(rate);
        self.began + u64::try_from(ms).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
    }

    /// How long `span` of this clock is in true time, rounded up.
    #[must_use]
    pub fn wait(&self, span: Duration) -> Millis {
        let rate = u128::try_from(1_000_000 + self.drift_ppm).unwrap_or(1);
        let ms = (span.as_micros() * 1_000).div_ceil(rate);
        u64::try_from(ms).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
    }
}
