//! The coordinator's clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_core::time::{Moment, Now, Stamp};

/// How far the wall clock may fall behind the last stamp before the coordinator calls itself not ready.
const BEHIND_MAX: Duration = Duration::from_secs(5 * 60);

/// What the clocks of a machine say. Stamps and moments are made of nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, which may be set and may be wrong.
    pub wall: Stamp,
    /// The monotonic clock, since the process began.
    pub moment: Moment,
}

/// The clocks of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    start: Instant,
}

impl Clocks {
    pub(crate) fn starting() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn read(self) -> Reading {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Reading {
            wall: Stamp::from_millis(0).after(since_epoch),
            moment: Moment::from_start(self.start.elapsed()),
        }
    }
}

/// The wall clock, made monotonic, beside the monotonic one.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Stamp,
    behind: bool,
}

impl Clock {
    /// A clock whose stamps are not before `last`, the newest one in the journal.
    pub(crate) fn starting_after(last: Stamp) -> Self {
        Self { last, behind: false }
    }

    /// The present. A wall clock that was set back stands still here until it has caught up.
    pub(crate) fn now(&mut self, Reading { wall, moment }: Reading) -> Now {
        let behind = self.last.since(wall);
        if (behind > BEHIND_MAX) != self.behind {
            self.behind = behind > BEHIND_MAX;
            if self.behind {
                tracing::error!(
                    behind_s = behind.as_secs(),
                    "the wall clock is far behind the last stamp: not ready until the clock of this machine is set right"
                );
            } else {
                tracing::info!("the wall clock has caught up with the last stamp");
            }
        }
        self.last = self.last.max(wall);
        Now {
            stamp: self.last,
            moment,
        }
    }

    /// Whether the wall clock can be trusted with new work.
    pub(crate) fn is_ready(&self) -> bool {
        !self.behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_stands_still_and_is_not_ready() {
        let future = Stamp::from_millis(0).after(Duration::from_secs(10_000_000_000));
        let clocks = Clocks::starting();
        let mut clock = Clock::starting_after(future);
        assert_eq!(clock.now(clocks.read()).stamp, future);
        assert!(!clock.is_ready());
        let mut clock = Clock::starting_after(Stamp::from_millis(0));
        assert!(clock.now(clocks.read()).stamp > Stamp::from_millis(0) && clock.is_ready());
    }
}
