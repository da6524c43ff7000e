//! The organizations that there are from the beginning.

use muster_core::decide::Command;
use muster_core::decide::organization::found::Found;
use muster_core::words::{OrganizationId, Principal, RetentionDays};
use muster_shard::{AskError, ShardHandle};

/// The organization that a new coordinator has: who keeps a coordinator for themselves needs no other.
const FIRST: &str = "default";

/// Makes the first organization, and those that a store names which is older than organizations are. To be called at each start, before anybody is
/// served.
///
/// # Errors
/// [`AskError`] when the shard has stopped.
///
/// # Panics
/// Never: the name of the first organization is one.
pub async fn found(shard: &ShardHandle, retention: RetentionDays) -> Result<(), AskError> {
    let command = Command::FoundOrganizations(Found {
        // It is a constant, and a name.
        organization: OrganizationId::new(FIRST).expect("a name"),
        retention,
    });
    shard.ask(Principal::Coordinator, command).await.map(drop)
}
