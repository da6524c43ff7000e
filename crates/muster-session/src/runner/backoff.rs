//! How long a runner waits before it dials again.

use std::time::Duration;

/// The most that the first wait lasts: a stream that broke is mostly back at once.
const FIRST_MAX: Duration = Duration::from_millis(500);

/// The most that any wait lasts which is no [`long`](Backoff::long) one: a third of a usual lease, so that a runner is back in time to keep its work; and all of a
/// crowd are back within half a minute, however long their coordinator was away.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The most that a wait lasts when dialling again will hardly help.
const LONG_MAX: Duration = Duration::from_secs(30);

/// Exponential back-off with full jitter: many runners that lose one coordinator do not come back at one moment.
#[derive(Debug)]
pub(super) struct Backoff {
    chance: fastrand::Rng,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(chance: fastrand::Rng) -> Self {
        Self { chance, failures: 0 }
    }

    /// The wait after one more failure: any time from none to the most, which doubles each time.
    pub(super) fn next(&mut self) -> Duration {
        let most = FIRST_MAX * 2_u32.pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.up_to(most.min(WAIT_MAX))
    }

    /// The wait when dialling again will hardly help: in the upper half of the most.
    pub(super) fn long(&mut self) -> Duration {
        LONG_MAX / 2 + self.up_to(LONG_MAX / 2)
    }

    /// All was well.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.chance.u64(0..=most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_its_limit_and_begins_anew() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(fastrand::Rng::with_seed(seed));
            for most_ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000] {
                assert!(backoff.next() <= Duration::from_millis(most_ms));
            }
            assert!((LONG_MAX / 2..=LONG_MAX).contains(&backoff.long()));
            backoff.reset();
            assert!(backoff.next() <= FIRST_MAX);
        }
    }

    #[test]
    fn the_jitter_is_full() {
        let waits: Vec<Duration> = (0..200)
            .map(|seed| Backoff::new(fastrand::Rng::with_seed(seed)).next())
            .collect();
        assert!(waits.iter().any(|wait| *wait < FIRST_MAX / 10));
        assert!(waits.iter().any(|wait| *wait > FIRST_MAX * 9 / 10));
    }
}
