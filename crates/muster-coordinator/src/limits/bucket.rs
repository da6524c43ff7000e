//! Token buckets by key. Written here, since the libraries for it keep a key for ever or have no bound for how many they keep.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most buckets that are kept: a few MiB. Only those count that are not full again, and to empty a bucket takes as many peers as there are; if
/// there are more all the same, the others share one bucket.
const BUCKETS_MAX: usize = 1 << 16;

/// How often the buckets that are full again are forgotten; looking through all of them takes less than a millisecond.
const FORGET_EVERY: Duration = Duration::from_secs(10);

/// How often, when there is no room for a new one.
const FORGET_EVERY_WHEN_FULL: Duration = Duration::from_secs(1);

/// How often the log says that somebody is limited.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The tokens that come in a second; at least 1.
    pub per_second: u32,
    /// The most tokens that it holds; at least 1. What wants more at once gets it when the bucket is full.
    pub burst: u32,
}

impl Rate {
    /// How long it takes until that many tokens have come.
    fn time_for(self, tokens: u32) -> Duration {
        Duration::from_secs(1) * tokens / self.per_second.max(1)
    }
}

/// There are too few tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// After which time there are enough, if nobody else takes them.
    pub(crate) time: Duration,
    /// How many were told to wait since the log has said so, this one included; `None` while it is too early to say it again.
    pub(crate) to_tell: Option<u64>,
}

/// A bucket for each key.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    rate: Rate,
    kept: Mutex<Kept<K>>,
}

/// A bucket is the moment at which it is full again. One that is not kept is full.
#[derive(Debug)]
struct Kept<K> {
    full_at: HashMap<K, Instant>,
    /// The bucket that those share for whom there is no room.
    others_full_at: Option<Instant>,
    forgot_at: Option<Instant>,
    told_at: Option<Instant>,
    untold: u64,
}

impl<K: Hash + Eq> Buckets<K> {
    pub(super) fn new(rate: Rate) -> Self {
        let kept = Kept {
            full_at: HashMap::new(),
            others_full_at: None,
            forgot_at: None,
            told_at: None,
            untold: 0,
        };
        Self {
            rate,
            kept: Mutex::new(kept),
        }
    }

    /// Takes tokens out of a key's bucket: all, or none if there are too few. More than its burst takes the whole burst.
    ///
    /// # Errors
    /// [`Wait`] when there are too few.
    pub(super) fn take(&self, key: K, tokens: u32, now: Instant) -> Result<(), Wait> {
        self.take_at(self.rate, key, tokens, now)
    }

    /// The same of a bucket that fills at another rate than the others.
    ///
    /// # Errors
    /// [`Wait`] when there are too few.
    pub(super) fn take_at(&self, rate: Rate, key: K, tokens: u32, now: Instant) -> Result<(), Wait> {
        let tokens = tokens.min(rate.burst);
        let mut kept = self.lock();
        kept.forget_full(now);
        let full_at = kept.full_at(&key).map_or(now, |at| at.max(now)) + rate.time_for(tokens);
        let missing = (full_at - now).saturating_sub(rate.time_for(rate.burst));
        if missing > Duration::ZERO {
            let to_tell = kept.note_refused(now);
            return Err(Wait { time: missing, to_tell });
        }
        kept.set(key, full_at);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K>> {
        // Nothing that can panic halfway through a change runs under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Kept<K> {
    fn full_at(&self, key: &K) -> Option<Instant> {
        match self.full_at.get(key) {
            Some(at) => Some(*at),
            None if self.has_no_room() => self.others_full_at,
            None => None,
        }
    }

    fn set(&mut self, key: K, at: Instant) {
        if self.has_no_room() && !self.full_at.contains_key(&key) {
            self.others_full_at = Some(at);
        } else {
            self.full_at.insert(key, at);
        }
    }

    fn has_no_room(&self) -> bool {
        self.full_at.len() >= BUCKETS_MAX
    }

    fn forget_full(&mut self, now: Instant) {
        let every = if self.has_no_room() {
            FORGET_EVERY_WHEN_FULL
        } else {
            FORGET_EVERY
        };
        if self.forgot_at.is_none_or(|at| now.duration_since(at) >= every) {
            self.forgot_at = Some(now);
            self.full_at.retain(|_, at| *at > now);
            self.full_at.shrink_to(2 * self.full_at.len());
        }
    }

    /// Counts one, and gives the count when the log is to say it.
    fn note_refused(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told_at.is_some_and(|at| now.duration_since(at) < TELL_EVERY) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 10,
        burst: 5,
    };

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// How often a key can take one token at this moment.
    fn takes(buckets: &Buckets<u32>, key: u32, now: Instant) -> u32 {
        (0..1_000)
            .find(|_| buckets.take(key, 1, now).is_err())
            .expect("it is limited")
    }

    fn wait(buckets: &Buckets<u32>, key: u32, tokens: u32, now: Instant) -> Duration {
        buckets.take(key, tokens, now).expect_err("it is limited").time
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (buckets, now) = (Buckets::new(RATE), Instant::now());
        assert_eq!(takes(&buckets, 1, now), 5);
        assert_eq!(wait(&buckets, 1, 1, now), millis(100));
        assert_eq!(takes(&buckets, 1, now + millis(99)), 0);
        assert_eq!(takes(&buckets, 1, now + millis(100)), 1);
        assert_eq!(takes(&buckets, 1, now + millis(450)), 3);
        // However long one waits, it is not more than the burst.
        assert_eq!(takes(&buckets, 1, now + millis(60_000)), 5);
    }

    #[test]
    fn a_key_that_floods_takes_nothing_from_others() {
        let (buckets, now) = (Buckets::new(RATE), Instant::now());
        assert_eq!(takes(&buckets, 1, now), 5);
        assert_eq!(takes(&buckets, 2, now), 5);
    }

    #[test]
    fn several_tokens_are_taken_together_or_not_at_all() {
        let (buckets, now) = (Buckets::new(RATE), Instant::now());
        buckets.take(1, 3, now).expect("there are five");
        assert_eq!(wait(&buckets, 1, 4, now), millis(200));
        buckets.take(1, 2, now).expect("what was refused has taken nothing");
    }

    #[test]
    fn what_weighs_more_than_a_bucket_passes_when_it_is_full() {
        let (buckets, now) = (Buckets::new(RATE), Instant::now());
        buckets.take(1, 1_000_000, now).expect("it is full");
        assert_eq!(wait(&buckets, 1, 1_000_000, now), millis(500));
        buckets.take(1, 1_000_000, now + millis(500)).expect("it is full again");
    }

    #[test]
    fn a_bucket_that_is_full_again_is_forgotten() {
        let (buckets, now) = (Buckets::new(RATE), Instant::now());
        for key in 0..1_000 {
            buckets.take(key, 1, now).expect("it is full");
        }
        assert_eq!(buckets.lock().full_at.len(), 1_000);
        buckets.take(1_000, 1, now + FORGET_EVERY).expect("it is full");
        let kept = buckets.lock();
        assert_eq!(kept.full_at.len(), 1);
        assert!(kept.full_at.capacity() < 100, "its room is kept");
    }

    #[test]
    fn those_for_whom_there_is_no_room_share_a_bucket_and_the_others_keep_theirs() {
        let slow = Rate {
            per_second: 1,
            burst: 5,
        };
        let (buckets, now) = (Buckets::new(slow), Instant::now());
        let most = u32::try_from(BUCKETS_MAX).expect("it is small");
        for key in 0..most {
            buckets.take(key, 1, now).expect("it is full");
        }
        assert_eq!(takes(&buckets, most, now), 5);
        assert_eq!(takes(&buckets, most + 1, now), 0);
        assert_eq!(takes(&buckets, 0, now), 4);
        assert_eq!(buckets.lock().full_at.len(), BUCKETS_MAX);
        // There is room again as soon as somebody's bucket is full.
        assert_eq!(takes(&buckets, most + 1, now + FORGET_EVERY_WHEN_FULL), 5);
    }

    #[test]
    fn the_log_says_it_now_and_then_and_how_often_it_was() {
        let (buckets, now) = (Buckets::new(RATE), Instant::now());
        assert_eq!(takes(&buckets, 1, now), 5);
        let told = |now| buckets.take(1, 5, now).expect_err("it is limited").to_tell;
        assert_eq!(told(now), None, "it was said for the first one");
        buckets.take(1, 5, now + millis(500)).expect("it is full again");
        let later = now + TELL_EVERY;
        buckets.take(1, 5, later).expect("it is full again");
        assert_eq!(told(later), Some(2));
    }
}
