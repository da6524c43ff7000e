//! Names that people choose.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

/// The most characters of a name of an organization, pool, connector or data type (the limit of a DNS label, which people know).
pub const NAME_CHARS_MAX: usize = 63;

/// The most characters of a display name.
const DISPLAY_NAME_CHARS_MAX: usize = 100;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the name is empty: give it 1 to {max} characters")]
    Empty {
        /// How many characters there may be.
        max: usize,
    },
    /// Too many characters.
    #[error("the name has {chars} characters: at most {max} are allowed")]
    TooLong {
        /// How many there are.
        chars: usize,
        /// How many there may be.
        max: usize,
    },
    /// A character that is not allowed.
    #[error("the name has the character {character:?} at position {position}: {allowed}")]
    Character {
        /// The first such character.
        character: char,
        /// Its place, counted in characters from 1.
        position: usize,
        /// What is allowed, as a sentence.
        allowed: &'static str,
    },
}

const SLUG: &str = "use lower-case letters, digits, `-` and `_`, and begin and end with a letter or digit";
const DISPLAY: &str =
    "control characters, marks that change the direction of text, `/`, and blanks at either end are not allowed";

fn slug(text: &str) -> Result<SmolStr, NameError> {
    bounded(text, NAME_CHARS_MAX)?;
    let last = text.chars().count();
    for (place, character) in text.chars().enumerate() {
        let position = place + 1;
        let alphanumeric = character.is_ascii_lowercase() || character.is_ascii_digit();
        let inner = position > 1 && position < last && matches!(character, '-' | '_');
        if !alphanumeric && !inner {
            return Err(NameError::Character {
                character,
                position,
                allowed: SLUG,
            });
        }
    }
    Ok(SmolStr::new(text))
}

fn bounded(text: &str, max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { max });
    }
    let chars = text.chars().count();
    if chars > max {
        return Err(NameError::TooLong { chars, max });
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 63 lower-case letters, digits, `-` and `_`; begins and ends with a letter or digit. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// The name that `text` is.
            ///
            /// # Errors
            /// [`NameError`] says which character or length is wrong.
            pub fn new(text: &str) -> Result<Self, NameError> {
                slug(text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

name!(
    /// Names an organization: the tenant to which everything else belongs.
    OrganizationId
);
name!(
    /// Names a runner pool: the runners that may serve an integration.
    PoolName
);
name!(
    /// Names a connector: the code that reads one kind of source.
    ConnectorName
);
name!(
    /// Names one of the ways in which a connector can be configured, such as `single-domain` or `auto-discovery`.
    AccessSchema
);
name!(
    /// Names what is collected, such as `device`, `user` or `software`. An open set: a connector may offer others.
    DataType
);

impl DataType {
    /// A lower bound of all names, for ranges; it is no name itself.
    pub(crate) fn least() -> Self {
        Self(SmolStr::new_static(""))
    }
}

impl ConnectorName {
    /// A lower bound of all names, for ranges; it is no name itself.
    pub(crate) fn least() -> Self {
        Self(SmolStr::new_static(""))
    }
}

/// A runner pool and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pool {
    /// `None` for the service's own pool, which serves any organization.
    pub organization: Option<OrganizationId>,
    /// Its name, unique within its owner.
    pub name: PoolName,
}

impl Pool {
    /// The name of the service's own pool.
    pub const HOSTED: &str = "hosted";

    /// A lower bound of all pools of an owner, for ranges; it is no pool itself.
    pub(crate) fn least_of(organization: Option<OrganizationId>) -> Self {
        Self {
            organization,
            name: PoolName(SmolStr::new_static("")),
        }
    }

    /// The pool that `organization` means by `name`: `hosted` is the service's own, any other is the organization's.
    #[must_use]
    pub fn named(organization: &OrganizationId, name: &PoolName) -> Self {
        let hosted = name.as_str() == Self::HOSTED;
        Self {
            organization: (!hosted).then(|| organization.clone()),
            name: name.clone(),
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// What a person calls an integration or a runner.
///
/// 1 to 100 characters, none of them a control character, a mark that changes the direction of text, or `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisplayName(SmolStr);

impl DisplayName {
    /// The display name that `text` is.
    ///
    /// # Errors
    /// [`NameError`] says which character or length is wrong.
    pub fn new(text: &str) -> Result<Self, NameError> {
        bounded(text, DISPLAY_NAME_CHARS_MAX)?;
        let last = text.chars().count();
        for (place, character) in text.chars().enumerate() {
            let position = place + 1;
            let end = position == 1 || position == last;
            if character.is_control()
                || character == '/'
                || is_direction_mark(character)
                || (end && character.is_whitespace())
            {
                return Err(NameError::Character {
                    character,
                    position,
                    allowed: DISPLAY,
                });
            }
        }
        Ok(Self(SmolStr::new(text)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Unicode's `Bidi_Control` characters, the invisible joiners and separators, and the byte-order mark: all of them can make one name look like
/// another.
fn is_direction_mark(character: char) -> bool {
    matches!(
        character,
        '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_slugs() {
        for good in ["hq", "device", "plant-2", "active_directory", "7"] {
            assert!(PoolName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-hq", "hq-", "Hq", "a/b", "a b", "ä", &"x".repeat(64)] {
            assert!(PoolName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fault_tells_its_place() {
        let error = PoolName::new("plant/2").expect_err("a slash");
        assert_eq!(
            error.to_string(),
            "the name has the character '/' at position 6: use lower-case letters, digits, `-` and `_`, and begin and end with a letter or digit"
        );
    }

    #[test]
    fn display_names_are_for_people_but_hide_nothing() {
        for good in ["Corp directory", "Büro Köln", "目录", "a"] {
            assert!(DisplayName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " a",
            "a ",
            "a\nb",
            "a\u{202E}b",
            "a/b",
            "\u{FEFF}",
            &"x".repeat(101),
        ] {
            assert!(DisplayName::new(bad).is_err(), "{bad:?}");
        }
    }
}
