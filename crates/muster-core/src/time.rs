//! Time as the domain sees it: stamps of the coordinator's clock, moments of its monotonic clock, and intervals. Nothing here reads a clock.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// A time of the coordinator's wall clock in milliseconds since the Unix epoch. Stamps of one ledger never decrease.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// One more than the milliseconds, so that a stamp that may be missing takes no more place than one: a million integrations have four of them.
    successor: NonZeroU64,
}

impl Stamp {
    /// The time `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        let successor = NonZeroU64::MIN.saturating_add(millis);
        Self { successor }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.successor.get() - 1
    }

    /// The time that is `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self::from_millis(self.millis().saturating_add(millis(span)))
    }

    /// The time that is `span` earlier, cut to whole milliseconds; not before the first that there is.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self::from_millis(self.millis().saturating_sub(millis(span)))
    }

    /// How much later this is than `earlier`; zero when it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis().saturating_sub(earlier.millis()))
    }
}

/// The epoch.
impl Default for Stamp {
    fn default() -> Self {
        Self::from_millis(0)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stamp({}.{:03})", self.millis() / 1_000, self.millis() % 1_000)
    }
}

/// A moment of the coordinator's monotonic clock, as the time since an arbitrary start. It means nothing after a restart, so it is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The moment that is `span` after the start of the clock.
    #[must_use]
    pub fn from_start(span: Duration) -> Self {
        Self(span)
    }

    /// The moment that is `span` later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How much later this is than `earlier`; zero when it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The present, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What events are stamped with.
    pub stamp: Stamp,
    /// What leases and deadlines are measured with.
    pub moment: Moment,
}

/// How often a data type is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// 4 bytes: a million integrations have six of them.
    seconds: u32,
}

/// An interval that is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an interval of {} s is not allowed: it must be between 1 min (60 s) and 366 days (31622400 s)", .0.as_secs())]
pub struct IntervalError(pub Duration);

impl Interval {
    /// The least: 1 min.
    pub const LEAST: Self = Self { seconds: 60 };
    /// The most: 366 days, so that "once a year" can be said.
    pub const MOST: Self = Self {
        seconds: 366 * 24 * 60 * 60,
    };
    /// The default of devices and users, and of data types that their connector says nothing about.
    pub const HOUR: Self = Self { seconds: 60 * 60 };
    /// The default of software.
    pub const DAY: Self = Self { seconds: 24 * 60 * 60 };

    /// The interval of this length, cut to whole seconds.
    ///
    /// # Errors
    /// [`IntervalError`] when it is shorter than [`Interval::LEAST`] or longer than [`Interval::MOST`].
    pub fn new(length: Duration) -> Result<Self, IntervalError> {
        if length < Self::LEAST.length() || length > Self::MOST.length() {
            return Err(IntervalError(length));
        }
        let seconds = u32::try_from(length.as_secs()).map_err(|_| IntervalError(length))?;
        Ok(Self { seconds })
    }

    /// Its length.
    #[must_use]
    pub fn length(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }

    /// Its length in milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::from(self.seconds) * 1_000
    }
}

/// `span` in whole milliseconds; at most the 584 million years that a `u64` holds.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_bounds() {
        for (seconds, allowed) in [
            (0, false),
            (59, false),
            (60, true),
            (31_622_400, true),
            (31_622_401, false),
        ] {
            assert_eq!(
                Interval::new(Duration::from_secs(seconds)).is_ok(),
                allowed,
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_stamp_does_not_overflow() {
        assert_eq!(
            Stamp::from_millis(u64::MAX).after(Duration::MAX),
            Stamp::from_millis(u64::MAX)
        );
        assert_eq!(Stamp::from_millis(1).since(Stamp::from_millis(2)), Duration::ZERO);
    }
}
