//! The coordinator's clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_core::time::{Moment, Now, Stamp};

/// How far the wall clock may fall behind the last stamp before the coordinator calls itself not ready.
const BEHIND_MAX: Duration = Duration::from_secs(5 * 60);

/// The wall clock, made monotonic, and the monotonic one.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    last: Stamp,
    behind: bool,
}

impl Clock {
    /// A clock whose stamps are not before `last`, the newest one in the journal.
    pub(crate) fn starting_after(last: Stamp) -> Self {
        Self {
            start: Instant::now(),
            last,
            behind: false,
        }
    }

    /// The present. A wall clock that was set back stands still here until it has caught up.
    pub(crate) fn now(&mut self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Stamp::from_millis(0).after(since_epoch);
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
            moment: Moment::from_start(self.start.elapsed()),
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
        let mut clock = Clock::starting_after(future);
        assert_eq!(clock.now().stamp, future);
        assert!(!clock.is_ready());
        let mut clock = Clock::starting_after(Stamp::from_millis(0));
        assert!(clock.now().stamp > Stamp::from_millis(0) && clock.is_ready());
    }
}
