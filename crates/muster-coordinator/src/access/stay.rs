//! How long whoever was let in may stay: a stream ends when its token opens what it was let in by no more.

use std::time::Duration;

use muster_core::time::Stamp;
use muster_core::words::{Grant, TokenId};
use muster_shard::ShardHandle;

use super::authenticate::open;
use crate::clock;
use crate::status::ServiceError;

/// How often the clock is asked whether a token has expired: it may be set, and the machine may sleep.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(4);

/// Ends when the token does not open that much any more, with what its holder is told.
pub(super) async fn until_shut(shard: ShardHandle, token: TokenId, needed: Grant) -> ServiceError {
    let mut changes = shard.directory().watch();
    loop {
        changes.mark_unchanged();
        let now = clock::now().stamp;
        match open(shard.directory(), token, now) {
            Err(stranger) => return stranger.into(),
            Ok(caller) if !caller.grant.covers(&needed) => {
                return ServiceError::PermissionDenied(format!(
                    "this needs an {needed}, and the caller is {} now",
                    caller.grant
                ));
            }
            Ok(_) => {}
        }
        let expires = shard.directory().token(token).and_then(|(token, _)| token.expires);
        let changed = changes.changed();
        match expires.map(|end| left(end, now)) {
            // The directory has gone when the shard has: all streams end then.
            Some(left) => {
                let _whichever = tokio::time::timeout(left, changed).await;
            }
            None => {
                let _gone = changed.await;
            }
        }
    }
}

fn left(end: Stamp, now: Stamp) -> Duration {
    let left = Duration::from_millis(end.millis().saturating_sub(now.millis()));
    left.clamp(Duration::from_millis(1), LOOKED_AT_EVERY)
}
