//! What may be found very often, and is worth telling a few times only.

use std::collections::BTreeMap;

/// How many of a kind are told.
pub const TOLD_MAX: u64 = 20;

/// How many there were of each kind: the first [`TOLD_MAX`] are told one by one, the rest as a number in the end.
///
/// ```
/// use muster_core::few::Few;
///
/// let mut few = Few::default();
/// let told = (0..100).filter(|_| few.count("a page is missing")).count();
/// assert!(few.count("a page is torn"));
/// assert_eq!(told, 20);
/// assert_eq!(Vec::from_iter(few.untold()), [("a page is missing", 80)]);
/// ```
#[derive(Debug)]
pub struct Few<K> {
    counts: BTreeMap<K, u64>,
}

impl<K: Ord> Few<K> {
    /// Counts one more of a kind; whether it is to be told.
    #[must_use]
    pub fn count(&mut self, kind: K) -> bool {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        *count <= TOLD_MAX
    }

    /// Of which kinds there were more than were told, and how many more.
    pub fn untold(self) -> impl Iterator<Item = (K, u64)> {
        let more = |(kind, count): (K, u64)| Some((kind, count.checked_sub(TOLD_MAX).filter(|more| *more > 0)?));
        self.counts.into_iter().filter_map(more)
    }
}

impl<K> Default for Few<K> {
    fn default() -> Self {
        let counts = BTreeMap::new();
        Self { counts }
    }
}
