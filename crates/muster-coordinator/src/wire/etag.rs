//! Etags: the version of what a person has said, as opaque text.

/// What an etag asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Nothing: whatever is there is changed.
    None,
    /// This version.
    Version(u32),
    /// A text that is no etag: it is that of no version.
    Unknown,
}

impl Guard {
    pub(crate) fn of(etag: &str) -> Self {
        if etag.is_empty() {
            return Self::None;
        }
        let version = etag.strip_prefix('v').filter(|digits| !digits.starts_with(['+', '0']));
        version
            .and_then(|digits| digits.parse().ok())
            .map_or(Self::Unknown, Self::Version)
    }

    /// Whether what is of this version may be changed.
    pub(crate) fn allows(self, version: u32) -> bool {
        match self {
            Self::None => true,
            Self::Version(expected) => expected == version,
            Self::Unknown => false,
        }
    }
}

pub(super) fn etag(version: u32) -> String {
    format!("v{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_allows_its_version_alone() {
        assert!(Guard::of("").allows(3));
        assert!(Guard::of(&etag(3)).allows(3));
        for other in ["v4", "v03", "v+3", "3", "v", "x", "v99999999999999"] {
            assert!(!Guard::of(other).allows(3), "{other}");
        }
    }
}
