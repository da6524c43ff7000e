//! Values that only some runners can read: sealed to their keys before they reach the coordinator, which carries them and knows to whom.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use smol_str::SmolStr;

/// What a sealed value begins with.
const PREFIX: &str = "sealed:";

/// What a key begins with.
const KEY_PREFIX: &str = "age1";

/// How many characters a key has: 32 bytes and a checksum in Bech32.
const KEY_CHARS: usize = 62;

/// A text that is no key, or no sealed value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a key.
    #[error("`{0}` is no key of a runner: it must be `age1` and 58 more lower-case letters and digits")]
    Key(String),
    /// Not the form of a sealed value.
    #[error(
        "a sealed value is `sealed:`, the keys of its runners, `:` and what was sealed, as `muster seal` prints it"
    )]
    Form,
    /// Nobody could open it, or more than are told apart.
    #[error("a value is sealed to {0} runners: it must be 1 to {max}", max = Recipients::MAX)]
    Count(usize),
}

/// The public half of a runner's sealing key: an X25519 recipient of the age format (<https://age-encryption.org/v1>), in its text form. Whether it
/// is a point of the curve is for whoever seals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealingKey(SmolStr);

impl SealingKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SealingKey {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        // The alphabet of Bech32 is all of them but 1, b, i and o.
        let is_letter = |byte: u8| matches!(byte, b'0' | b'2'..=b'9' | b'a' | b'c'..=b'h' | b'j'..=b'n' | b'p'..=b'z');
        let is_key = text.len() == KEY_CHARS
            && text
                .strip_prefix(KEY_PREFIX)
                .is_some_and(|rest| rest.bytes().all(is_letter));
        if is_key {
            Ok(Self(SmolStr::new(text)))
        } else {
            Err(SealError::Key(text.chars().take(KEY_CHARS).collect()))
        }
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// To whom something is sealed: at least one key. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipients(Arc<BTreeSet<SealingKey>>);

impl Recipients {
    /// The most keys of a value: each makes it longer by some 200 bytes, and a configuration may have 64 KiB.
    pub const MAX: usize = 50;

    /// These keys, each once.
    ///
    /// # Errors
    /// [`SealError::Count`].
    pub fn new(keys: impl IntoIterator<Item = SealingKey>) -> Result<Self, SealError> {
        let keys: BTreeSet<_> = keys.into_iter().collect();
        if keys.is_empty() || keys.len() > Self::MAX {
            return Err(SealError::Count(keys.len()));
        }
        Ok(Self(Arc::new(keys)))
    }

    /// Whether what is sealed to these can be opened with the other half of this key.
    #[must_use]
    pub fn contains(&self, key: &SealingKey) -> bool {
        self.0.contains(key)
    }

    /// The keys, in the order of their texts.
    pub fn iter(&self) -> impl Iterator<Item = &SealingKey> {
        self.0.iter()
    }

    /// Those of both: who can open everything when there are two values. `None` when there is nobody.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<Self> {
        Self::new(self.0.intersection(&other.0).cloned()).ok()
    }
}

/// A sealed value as it stands in a configuration: `sealed:age1…,age1…:BASE64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// Who can open it.
    pub recipients: Recipients,
    /// What was sealed: a file of the age format, in Base64. Whether it is one is found out by whoever opens it.
    pub body: &'a str,
}

impl<'a> Sealed<'a> {
    /// Whether a text is meant as a sealed value, in order or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The sealed value that a text is.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn parse(text: &'a str) -> Result<Self, SealError> {
        let (keys, body) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once(':'))
            .filter(|(_, body)| !body.is_empty())
            .ok_or(SealError::Form)?;
        // As many as there may be, and one more: a text of a million commas is not read to its end.
        let keys: Vec<SealingKey> = keys
            .split(',')
            .take(Recipients::MAX + 1)
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            recipients: Recipients::new(keys)?,
            body,
        })
    }
}

impl fmt::Display for Sealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for (place, key) in self.recipients.iter().enumerate() {
            write!(f, "{}{key}", if place == 0 { "" } else { "," })?;
        }
        write!(f, ":{}", self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: char) -> SealingKey {
        format!("age1{}{last}", "q".repeat(57)).parse().expect("a key")
    }

    #[test]
    fn a_key_is_known_by_its_form() {
        assert_eq!(key('a').as_str().len(), 62);
        let upper = key('a').as_str().to_uppercase();
        for bad in [
            "",
            "age1",
            &key('a').as_str()[..61],
            &upper,
            &format!("{}q", key('a')),
            &"1".repeat(62),
        ] {
            assert!(matches!(bad.parse::<SealingKey>(), Err(SealError::Key(_))), "{bad}");
        }
    }

    #[test]
    fn a_sealed_value_survives_its_text() {
        let recipients = Recipients::new([key('c'), key('a'), key('c')]).expect("two");
        let sealed = Sealed {
            recipients,
            body: "YWdl",
        };
        let text = sealed.to_string();
        assert_eq!(Sealed::parse(&text), Ok(sealed.clone()));
        assert_eq!(sealed.recipients.iter().collect::<Vec<_>>(), [&key('a'), &key('c')]);
        for bad in [
            "sealed:",
            "sealed::YWdl",
            &text[..text.len() - 4],
            "env:X",
            &text.replace("age1", "age2"),
        ] {
            assert!(Sealed::parse(bad).is_err(), "{bad}");
        }
        let many = format!("sealed:{}:YWdl", vec![key('a').to_string(); 1_000_000].join(","));
        assert_eq!(
            Sealed::parse(&many).map(|sealed| sealed.recipients.iter().count()),
            Ok(1)
        );
    }

    #[test]
    fn two_values_are_opened_by_those_whom_both_name() {
        let both = |one: &[char], other: &[char]| {
            let of = |letters: &[char]| Recipients::new(letters.iter().map(|letter| key(*letter))).expect("some");
            of(one).common(&of(other))
        };
        assert_eq!(both(&['a', 'c'], &['c', 'd']), Recipients::new([key('c')]).ok());
        assert_eq!(both(&['a'], &['c']), None);
    }
}
