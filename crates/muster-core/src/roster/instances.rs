//! The processes that come with one identity, to tell one that was copied from one that was started anew.

use std::num::NonZeroU64;

/// How many are remembered: a runner that is started anew again and again is a new one each time.
const REMEMBERED_MAX: usize = 8;

/// The processes that had an identity of late, the newest last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instances {
    seen: Vec<NonZeroU64>,
    returns: u32,
}

impl Instances {
    /// How often one would have come back after another one, if this one came now.
    #[must_use]
    pub fn returns_with(&self, instance: NonZeroU64) -> u32 {
        self.returns + u32::from(self.comes_back(instance))
    }

    pub(super) fn note(&mut self, instance: NonZeroU64) {
        self.returns = self.returns_with(instance);
        self.seen.retain(|seen| *seen != instance);
        if self.seen.len() >= REMEMBERED_MAX {
            self.seen.remove(0);
        }
        self.seen.push(instance);
    }

    fn comes_back(&self, instance: NonZeroU64) -> bool {
        self.seen.last() != Some(&instance) && self.seen.contains(&instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns_of(instances: &[u64]) -> u32 {
        let mut seen = Instances::default();
        for instance in instances {
            seen.note(NonZeroU64::new(*instance).expect("not zero"));
        }
        seen.returns
    }

    #[test]
    fn only_one_that_comes_back_after_another_counts() {
        assert_eq!(returns_of(&[1, 1, 1, 1]), 0, "its connection breaks");
        assert_eq!(returns_of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 0, "it is started anew");
        assert_eq!(returns_of(&[1, 2, 2, 1]), 1);
        assert_eq!(returns_of(&[1, 2, 1, 2, 1]), 3);
        assert_eq!(returns_of(&[1, 2, 1, 3, 1, 4, 1]), 3, "one of them is started anew");
    }
}
