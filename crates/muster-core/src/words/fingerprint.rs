//! What names a key, a certificate or a secret without being it.

use std::fmt;

/// A SHA-256 digest: of a public key, of a certificate, or of a secret that is not kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Whether both are the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        pairs.fold(0, |differ, (one, another)| differ | (one ^ another)) == 0
    }
}

impl fmt::Display for Fingerprint {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_makes_another() {
        let one = Fingerprint([7; 32]);
        assert!(one.matches(&Fingerprint([7; 32])));
        for place in 0..32 {
            let mut other = one;
            other.0[place] ^= 0x80;
            assert!(!one.matches(&other), "byte {place}");
        }
        assert_eq!(one.to_string(), "07".repeat(32));
    }
}
