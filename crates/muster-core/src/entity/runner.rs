//! A runner, as it is remembered: whether it is connected now stands in the roster.

use smol_str::SmolStr;

use crate::time::Stamp;
use crate::words::{ConnectorName, DisplayName, OrganizationId, Pool, Release, RunnerId, SealingKey, Slots};

/// What a runner says about itself when it checks in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What people call it.
    pub display_name: DisplayName,
    /// Whose it is; `None` for the service's own.
    pub organization: Option<OrganizationId>,
    /// The pool that it serves.
    pub pool: Pool,
    /// Its version.
    pub version: SmolStr,
    /// Operating system and architecture, such as `linux/x86_64`.
    pub platform: SmolStr,
    /// How many executions it carries out at the same time.
    pub slots: Slots,
    /// The connectors that its own configuration allows, sorted.
    pub connectors: Vec<ConnectorName>,
    /// To what values are sealed that it can open; `None` when it opens none.
    pub sealing_key: Option<SealingKey>,
}

/// That a runner is older than it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outdated {
    /// Since which check-in.
    pub since: Stamp,
    /// The least release that the coordinator expected at the newest check-in.
    pub expected: Release,
}

/// A runner that has checked in at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// Its identity.
    pub id: RunnerId,
    /// What it said at its newest check-in.
    pub profile: Profile,
    /// When it checked in for the first time.
    pub first_seen: Stamp,
    /// When it checked in last.
    pub checked_in: Stamp,
    /// When it was last heard, if it has left since; `None` while it is there, as far as the ledger knows.
    pub left: Option<Stamp>,
    /// Since when it gets nothing new, however often it checks in, because a person has said so; `None` while it gets work.
    pub drained: Option<Stamp>,
    /// Whether it was too old at its newest check-in; `None` when it was not.
    pub outdated: Option<Outdated>,
}
