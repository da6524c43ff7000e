//! Shares of a whole.

use std::fmt;

use crate::planted;

/// A share in hundredths of a percent, more than none and at most all: exact, since the ledger has no floating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u16);

/// A number that is no such share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share must be more than 0 % and at most 100 %, with at most two decimals")]
pub struct PercentError;

impl Percent {
    /// At which an integration's errors are told by default.
    pub const THIRTY: Self = Self(3_000);

    /// The share of this many hundredths of a percent.
    ///
    /// # Errors
    /// [`PercentError`].
    pub fn from_hundredths(hundredths: u32) -> Result<Self, PercentError> {
        match u16::try_from(hundredths) {
            Ok(share) if (1..=10_000).contains(&share) => Ok(Self(share)),
            Ok(_) | Err(_) => Err(PercentError),
        }
    }

    /// It in hundredths of a percent.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        self.0.into()
    }

    /// Two thirds of it: where an alarm ends by default that began at it.
    #[must_use]
    pub fn two_thirds(self) -> Self {
        let thirds = u32::from(self.0) * 2 / 3;
        Self::from_hundredths(thirds).unwrap_or(Self(1))
    }

    /// Whether `part` of `whole` is at least this share. Of nothing there is no share.
    #[must_use]
    pub fn is_reached_by(self, part: u32, whole: u32) -> bool {
        if planted!("share-exceeded") {
            return whole > 0 && u64::from(part) * 10_000 > u64::from(self.0) * u64::from(whole);
        }
        whole > 0 && u64::from(part) * 10_000 >= u64::from(self.0) * u64::from(whole)
    }
}

impl fmt::Display for Percent {
    /// "30 %", "12.5 %".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hundredths(f, self.hundredths())
    }
}

/// Writes a share of so many hundredths of a percent, without needless decimals.
pub(crate) fn write_hundredths(f: &mut fmt::Formatter<'_>, hundredths: u32) -> fmt::Result {
    write!(f, "{}", hundredths / 100)?;
    match hundredths % 100 {
        0 => {}
        tenths if tenths % 10 == 0 => write!(f, ".{}", tenths / 10)?,
        rest => write!(f, ".{rest:02}")?,
    }
    f.write_str(" %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_within_bounds_or_refused() {
        for good in [1, 2_999, 3_000, 10_000] {
            assert_eq!(Percent::from_hundredths(good).map(Percent::hundredths), Ok(good));
        }
        for bad in [0, 10_001, 70_000, u32::MAX] {
            assert_eq!(Percent::from_hundredths(bad), Err(PercentError), "{bad}");
        }
    }

    #[test]
    fn a_share_is_reached_exactly() {
        let share = Percent::THIRTY;
        assert!(share.is_reached_by(3, 10));
        assert!(!share.is_reached_by(299, 1_000));
        assert!(share.is_reached_by(u32::MAX, u32::MAX));
        assert!(!share.is_reached_by(0, 0));
        assert_eq!(
            (share.two_thirds(), Percent(1).two_thirds()),
            (Percent(2_000), Percent(1))
        );
    }

    #[test]
    fn a_share_is_said_without_needless_decimals() {
        for (hundredths, said) in [(3_000, "30 %"), (1_250, "12.5 %"), (3_333, "33.33 %"), (9, "0.09 %")] {
            assert_eq!(Percent(hundredths).to_string(), said);
        }
    }
}
