//! The present, for the streams of runners. Events are stamped by the shard's own clock.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use muster_core::time::{Moment, Now, Stamp};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The present, on both clocks.
pub(crate) fn now() -> Now {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        stamp: Stamp::from_millis(0).after(since_epoch),
        moment: Moment::from_start(START.elapsed()),
    }
}

/// The moment as the timers of the runtime know it.
pub(crate) fn instant(moment: Moment) -> tokio::time::Instant {
    (*START + moment.since(Moment::default())).into()
}
