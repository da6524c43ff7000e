//! Shares of a whole.

use std::fmt;

/// A share in hundredths of a percent, from 0 % to 100 %: exact, since the ledger has no floating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u16);

/// A number that is no share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} % is not allowed: it must be more than 0 and at most 100, with at most two decimals")]
pub struct PercentError(pub f64);

impl Percent {
    /// At which an integration's errors are told by default.
    pub const THIRTY: Self = Self(3_000);

    /// The share of this many hundredths of a percent, more than none and at most all.
    ///
    /// # Errors
    /// [`PercentError`].
    pub fn from_hundredths(hundredths: u32) -> Result<Self, PercentError> {
        match u16::try_from(hundredths) {
            Ok(share) if (1..=10_000).contains(&share) => Ok(Self(share)),
            Ok(_) | Err(_) => Err(PercentError(f64::from(hundredths) / 100.0)),
        }
    }

    /// The share that a person has given, such as 30 or 12.5.
    ///
    /// # Errors
    /// [`PercentError`], also for a third decimal and for what is no number.
    pub fn new(percent: f64) -> Result<Self, PercentError> {
        let hundredths = (percent * 100.0).round();
        if !(1.0..=10_000.0).contains(&hundredths) || (hundredths / 100.0 - percent).abs() > 1e-9 {
            return Err(PercentError(percent));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a whole number within bounds"
        )]
        Self::from_hundredths(hundredths as u32).map_err(|_| PercentError(percent))
    }

    /// It in hundredths of a percent.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        self.0.into()
    }

    /// Two thirds of it: where an alarm ends by default that began at it.
    #[must_use]
    pub fn two_thirds(self) -> Self {
        Self((self.0 * 2 / 3).max(1))
    }

    /// Whether `part` of `whole` is at least this share. Of nothing there is no share.
    #[must_use]
    pub fn is_reached_by(self, part: u32, whole: u32) -> bool {
        whole > 0 && u64::from(part) * 10_000 >= u64::from(self.0) * u64::from(whole)
    }
}

impl fmt::Display for Percent {
    /// "30 %", "12.5 %".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", f64::from(self.0) / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_or_refused() {
        for (given, hundredths) in [(30.0, 3_000), (29.99, 2_999), (0.01, 1), (100.0, 10_000), (12.5, 1_250)] {
            assert_eq!(Percent::new(given).map(Percent::hundredths), Ok(hundredths), "{given}");
        }
        for bad in [0.0, -1.0, 100.01, 29.999, f64::NAN, f64::INFINITY] {
            assert!(Percent::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_reached_exactly() {
        let share = Percent::new(30.0).expect("in bounds");
        assert!(share.is_reached_by(3, 10));
        assert!(!share.is_reached_by(299, 1_000));
        assert!(share.is_reached_by(u32::MAX, u32::MAX));
        assert!(!share.is_reached_by(0, 0));
        assert_eq!(share.two_thirds(), Percent(2_000));
        assert_eq!(
            (share.to_string(), Percent(1_250).to_string()),
            ("30 %".to_owned(), "12.5 %".to_owned())
        );
    }
}
