//! Waiting for a value, with a limit that tells the last thing seen.

use std::time::{Duration, Instant};

/// Long enough for whatever takes no time by itself, also on a machine that is busy with something else: who waits as long as this has failed.
pub const LIMIT: Duration = Duration::from_secs(30);

/// How long to wait before looking again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Looks until there is a value. `look` says what it has seen instead when there is none yet.
///
/// # Panics
/// When there is none within `limit`: with `what` was waited for, and what was seen last.
pub async fn eventually<T, F, L>(what: &str, limit: Duration, mut look: F) -> T
where
    F: FnMut() -> L,
    L: Future<Output = Result<T, String>>,
{
    let until = Instant::now() + limit;
    loop {
        let seen = match look().await {
            Ok(value) => return value,
            Err(seen) => seen,
        };
        assert!(
            Instant::now() < until,
            "waited {limit:?} for {what}, and saw last: {seen}"
        );
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
