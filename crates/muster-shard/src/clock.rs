//! The coordinator's clocks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_core::planted;
use muster_core::time::{Moment, Now, Stamp};

/// How far the wall clock may fall behind the last stamp before the coordinator calls itself not ready.
const BEHIND_MAX: Duration = Duration::from_secs(5 * 60);

/// How far the wall clock may be ahead of the last stamp. It stands there for as long as nothing ran: nobody starts a coordinator again that has
/// rested for a year, or says so.
pub const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

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

/// What is wrong with the wall clock: too far from what has been stamped for both to be true. No new work is taken then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockFault {
    /// What the wall clock says.
    pub wall: Stamp,
    /// The newest stamp.
    pub last: Stamp,
}

impl ClockFault {
    /// Whether the wall clock is later than it can be, and not earlier.
    #[must_use]
    pub fn is_ahead(self) -> bool {
        self.wall > self.last
    }
}

/// What the writer's clock shows to those who have none of their own.
#[derive(Debug, Default)]
pub(crate) struct Face(Mutex<(Stamp, Option<ClockFault>)>);

impl Face {
    /// The newest stamp: the present, as far as it is known.
    pub(crate) fn stamp(&self) -> Stamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// What is wrong with the wall clock; `None` while it can be trusted with new work.
    pub(crate) fn fault(&self) -> Option<ClockFault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn show(&self, stamp: Stamp, fault: Option<ClockFault>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (stamp, fault);
    }
}

/// The wall clock, made monotonic, beside the monotonic one.
#[derive(Debug)]
pub(crate) struct Clock {
    last: Stamp,
    /// The next reading is taken at its word, however late it is.
    trusting: bool,
    fault: Option<ClockFault>,
    face: Arc<Face>,
}

impl Clock {
    /// A clock whose stamps are not before `last`, the newest one in the journal; `None` when there is none. Its first reading may be any later time if
    /// there is none, or the operator vouches for it.
    pub(crate) fn starting_after(last: Option<Stamp>, vouched: bool) -> Self {
        Self {
            last: last.unwrap_or_default(),
            trusting: vouched || last.is_none(),
            fault: None,
            face: Arc::default(),
        }
    }

    /// The present. A wall clock that was set back stands still here until it has caught up, and one that was set far ahead until it has come back:
    /// what it says then would end every retention, make everything due, and could never be taken back.
    pub(crate) fn now(&mut self, Reading { wall, moment }: Reading) -> Now {
        let ahead = wall.since(self.last) > AHEAD_MAX && !self.trusting;
        let behind = self.last.since(wall) > BEHIND_MAX;
        self.trusting = false;
        let fault = (ahead || behind).then_some(ClockFault { wall, last: self.last });
        self.tell(fault);
        if !ahead {
            self.last = if planted!("clock-goes-back") {
                wall
            } else {
                self.last.max(wall)
            };
        }
        self.face.show(self.last, fault);
        Now {
            stamp: self.last,
            moment,
        }
    }

    /// What it shows to others.
    pub(crate) fn face(&self) -> Arc<Face> {
        Arc::clone(&self.face)
    }

    fn tell(&mut self, fault: Option<ClockFault>) {
        let before = std::mem::replace(&mut self.fault, fault);
        if before.map(ClockFault::is_ahead) == fault.map(ClockFault::is_ahead) {
            return;
        }
        match fault {
            None => tracing::info!("the wall clock is near the last stamp again: ready"),
            Some(ClockFault { wall, last }) if wall > last => tracing::error!(
                ahead_s = wall.since(last).as_secs(),
                "the wall clock is more than a year ahead of the last stamp: not ready until the clock of this machine is set right, or \
                 the coordinator is started with --trust-clock"
            ),
            Some(ClockFault { wall, last }) => tracing::error!(
                behind_s = last.since(wall).as_secs(),
                "the wall clock is far behind the last stamp: not ready until the clock of this machine is set right"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn at(days: u32) -> Reading {
        Reading {
            wall: Stamp::from_millis(0).after(DAY * days),
            moment: Moment::default(),
        }
    }

    #[test]
    fn a_clock_that_was_set_back_stands_still_and_is_at_fault() {
        let mut clock = Clock::starting_after(Some(at(20_000).wall), false);
        assert_eq!(clock.now(at(19_999)).stamp, at(20_000).wall);
        let fault = clock.face().fault().expect("a day behind");
        assert!(!fault.is_ahead());
        assert_eq!(clock.now(at(20_001)).stamp, at(20_001).wall);
        assert_eq!(clock.face().fault(), None);
    }

    #[test]
    fn a_clock_that_was_set_far_ahead_stamps_nothing_and_goes_on_once_it_is_right() {
        let mut clock = Clock::starting_after(Some(at(20_000).wall), false);
        assert_eq!(clock.now(at(23_650)).stamp, at(20_000).wall);
        assert!(clock.face().fault().is_some_and(ClockFault::is_ahead));
        assert_eq!(clock.face().stamp(), at(20_000).wall);
        assert_eq!(clock.now(at(20_001)).stamp, at(20_001).wall);
        assert_eq!(clock.face().fault(), None);
        // Also in the middle of its life.
        assert_eq!(clock.now(at(23_650)).stamp, at(20_001).wall);
    }

    #[test]
    fn the_first_reading_is_believed_where_nothing_speaks_against_it_or_somebody_vouches_for_it() {
        let mut new = Clock::starting_after(None, false);
        assert_eq!(new.now(at(20_000)).stamp, at(20_000).wall);
        let mut vouched = Clock::starting_after(Some(at(16_000).wall), true);
        assert_eq!(vouched.now(at(20_000)).stamp, at(20_000).wall);
        assert_eq!(vouched.face().fault(), None);
        // And no other one is.
        vouched.now(at(24_000));
        assert!(vouched.face().fault().is_some());
        // Nor is one that goes back.
        let mut back = Clock::starting_after(Some(at(20_000).wall), true);
        assert_eq!(back.now(at(16_000)).stamp, at(20_000).wall);
        assert!(back.face().fault().is_some());
    }
}
