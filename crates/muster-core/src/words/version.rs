//! A version, as far as versions are compared.

use std::fmt;
use std::str::FromStr;

/// A version such as `1.4.2`, or a pre-release such as `1.4.2-rc.1`, which comes before it. Two pre-releases of one version count as the same, and so does
/// what a version says of its build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    /// Last, so that a pre-release comes before what it leads to.
    is_released: bool,
}

/// A text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no version: write three numbers with dots, such as `1.4.0`")]
pub struct VersionFault;

impl FromStr for Version {
    type Err = VersionFault;

    fn from_str(text: &str) -> Result<Self, VersionFault> {
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (numbers, is_released) = match text.split_once('-') {
            Some((numbers, _)) => (numbers, false),
            None => (text, true),
        };
        let mut numbers = numbers.split('.');
        let mut number = || {
            let text = numbers.next().ok_or(VersionFault)?;
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = is_number.then(|| text.parse().ok()).flatten();
            number.ok_or(VersionFault)
        };
        let version = Self {
            major: number()?,
            minor: number()?,
            patch: number()?,
            is_released,
        };
        match numbers.next() {
            None => Ok(version),
            Some(_) => Err(VersionFault),
        }
    }
}

impl fmt::Display for Version {
    /// "1.4.2"; of a pre-release "1.4.2-pre".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major, minor, patch, ..
        } = self;
        write!(
            f,
            "{major}.{minor}.{patch}{}",
            if self.is_released { "" } else { "-pre" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number_and_a_pre_release_comes_before() {
        let of = |version: &str| version.parse::<Version>().expect("a version");
        assert!(of("0.9.9") < of("0.10.0") && of("1.4.2") < of("1.4.10"));
        assert!(of("1.4.1") < of("1.4.2-rc.1") && of("1.4.2-rc.1") < of("1.4.2"));
        assert_eq!(of("1.4.2+g1234567"), of("1.4.2"));
        assert_eq!(of("1.4.2").to_string(), "1.4.2");
        for other in [
            "",
            "1",
            "1.4",
            "1.4.x",
            "v1.4.2",
            "1.4.2.1",
            "1.4.",
            "+1.4.2",
            "99999999999.1.1",
        ] {
            assert_eq!(other.parse::<Version>(), Err(VersionFault), "{other}");
        }
    }
}
