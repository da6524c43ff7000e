//! The full name of an execution for a line of the log, where only its id is at hand.

use muster_core::words::ExecutionId;
use muster_shard::ShardHandle;

use crate::wire::name;

/// The resource name of an execution, open or finished. For what is rare: it may have to be looked up in history. Where the shard does not know it, or
/// does not answer any more, its id: the last part of the name.
pub(crate) async fn execution(shard: &ShardHandle, id: ExecutionId) -> String {
    let open = shard.turn(move |turn| {
        let open = turn.state().everywhere().execution(id)?;
        Some((open.organization.clone(), open.integration))
    });
    let found = match open.await {
        Ok(None) => {
            let finished = shard.find_finished(id).await.ok().flatten();
            finished.map(|finished| (finished.organization.clone(), finished.integration))
        }
        open => open.ok().flatten(),
    };
    match found {
        Some((organization, integration)) => name::of_execution(&organization, integration, id),
        None => id.to_string(),
    }
}
