//! A count and a rolling checksum of a set of values: what a tree must add up to.

/// How many values there are, and the sum of their fingerprints. It does not depend on an order, and a value can be
/// taken out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// The sum (wrapping) of their fingerprints.
    pub digest: u64,
}

impl Tally {
    /// How many bytes [`Tally::to_bytes`] has.
    pub(crate) const BYTES: usize = 16;

    /// One value more.
    pub(crate) fn add(&mut self, fingerprint: u64) {
        self.count = self.count.wrapping_add(1);
        self.digest = self.digest.wrapping_add(fingerprint);
    }

    /// One value less. A tally that is a difference may go below zero: it wraps, and comes back when it is merged.
    pub(crate) fn subtract(&mut self, fingerprint: u64) {
        self.count = self.count.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(fingerprint);
    }

    /// Both together.
    pub(crate) fn merged(self, other: Self) -> Self {
        Self {
            count: self.count.wrapping_add(other.count),
            digest: self.digest.wrapping_add(other.digest),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.count.to_be_bytes());
        bytes[8..].copy_from_slice(&self.digest.to_be_bytes());
        bytes
    }

    /// The tally in the first bytes of `bytes`, and what follows it; `None` when they are too few.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (count, rest) = bytes.split_first_chunk::<8>()?;
        let (digest, rest) = rest.split_first_chunk::<8>()?;
        let tally = Self {
            count: u64::from_be_bytes(*count),
            digest: u64::from_be_bytes(*digest),
        };
        Some((tally, rest))
    }
}

/// What a value contributes to a digest: its key and its checksum (which covers the key too), spread over 64 bits so
/// that sums of different sets differ.
pub(crate) fn fingerprint(key: &[u8], checksum: u32) -> u64 {
    let mut bits = (u64::from(crc32c::crc32c(key)) << 32) | u64::from(checksum);
    bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_knows_no_order_and_takes_back() {
        let prints: Vec<u64> = (0..4).map(|key| fingerprint(&[key], 7)).collect();
        let mut there = Tally::default();
        let mut back = Tally::default();
        prints.iter().for_each(|print| there.add(*print));
        prints.iter().rev().for_each(|print| back.add(*print));
        assert_eq!(there, back);
        prints.iter().for_each(|print| back.subtract(*print));
        assert_eq!(back, Tally::default());
        assert_eq!(Tally::from_bytes(&there.to_bytes()), Some((there, &[][..])));
    }
}
