//! Looks whether an execution waits although a runner could have it: the coordinator's own fault, which it tells of itself.

use std::time::Duration;

use muster_core::dispatch::stuck::Watch;
use muster_shard::ShardHandle;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::named;

/// How often it looks: a minute passes before anything is told.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How many are named after one look; the others are counted.
const NAMED_MAX: usize = 10;

/// Looks until it is told to stop.
pub(crate) async fn keep_looking(shard: ShardHandle, metrics: Metrics, stop: CancellationToken) {
    let mut watch = Watch::default();
    while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        let looked = shard.turn(move |turn| {
            let stuck = watch.look(turn.state(), turn.dispatches(), turn.now().moment);
            (watch, stuck)
        });
        // A shard that has stopped says why by itself.
        let Ok((next, stuck)) = looked.await else { return };
        watch = next;
        metrics.count_stuck(stuck.len());
        for one in stuck.iter().take(NAMED_MAX) {
            let execution = named::execution(&shard, one.execution).await;
            tracing::error!(
                execution,
                pool = %one.lane.pool,
                connector = %one.lane.connector,
                runner = %one.runner,
                waited_s = one.waited.as_secs(),
                "an execution waits although a runner has a free slot for it: this is a fault of the coordinator. Restart it, so that all is looked \
                 through anew, and report this fault, with the log around it"
            );
        }
        if stuck.len() > NAMED_MAX {
            tracing::error!(more = stuck.len() - NAMED_MAX, "more executions wait in the same way");
        }
    }
}
