//! For how long an organization's history and its audit log are kept.

use std::fmt;
use std::time::Duration;

/// For how many days finished executions and their log lines are kept, or entries of the audit log: 1 to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetentionDays(u16);

/// Why a number is none of days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is kept for 1 to 65535 days, not for {days}")]
pub struct RetentionError {
    /// What was asked for.
    pub days: u32,
}

impl RetentionDays {
    /// For how long the audit log is kept where nothing is said.
    pub const AUDIT: Self = Self(400);

    /// So many days.
    ///
    /// # Errors
    /// [`RetentionError`] when it is none, or more than 65,535.
    pub fn new(days: u32) -> Result<Self, RetentionError> {
        match u16::try_from(days) {
            Ok(days @ 1..) => Ok(Self(days)),
            Ok(0) | Err(_) => Err(RetentionError { days }),
        }
    }

    /// How many.
    #[must_use]
    pub fn days(self) -> u16 {
        self.0
    }

    /// As a span of time.
    #[must_use]
    pub fn span(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 86_400)
    }
}

impl Default for RetentionDays {
    fn default() -> Self {
        Self(30)
    }
}

impl fmt::Display for RetentionDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 day"),
            days => write!(f, "{days} days"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_for_no_time_or_for_ever() {
        for good in [1, 30, 65_535] {
            assert!(RetentionDays::new(good).is_ok(), "{good}");
        }
        for bad in [0, 65_536, u32::MAX] {
            assert_eq!(RetentionDays::new(bad), Err(RetentionError { days: bad }));
        }
    }
}
