//! Which release a version is of.

use std::fmt;

/// The first two numbers of a version: runners and coordinator of one release understand each other fully.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Release {
    /// The first.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl Release {
    /// The release of a version such as `1.4.2` or `1.4.2-rc.1`; `None` when it is written in another way, so that nobody knows.
    #[must_use]
    pub fn of(version: &str) -> Option<Self> {
        let mut numbers = version.split('.');
        let mut number = || {
            let text = numbers.next()?;
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten()
        };
        Some(Self {
            major: number()?,
            minor: number()?,
        })
    }
}

impl fmt::Display for Release {
    /// "1.4".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        let of = |version| Release::of(version).expect("a version");
        assert!(of("0.9.9") < of("0.10.0"));
        assert!(of("0.99.0") < of("1.0.0"));
        assert_eq!(of("1.4.2-rc.1"), of("1.4.0"));
        assert_eq!(of("1.4").to_string(), "1.4");
    }

    #[test]
    fn of_other_versions_nobody_knows() {
        for other in ["", "1", "next", "v1.2.3", "1.x", "1.", "+1.2", "99999999999.1"] {
            assert_eq!(Release::of(other), None, "{other}");
        }
    }
}
