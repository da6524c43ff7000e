//! When people hear that a runner's key is used at two places. They hear it at once: it opens with the lock. Nothing is asked of the locked runner any more, so
//! when those who are told have had as long as for an outdated one, it closes by itself.

use crate::alert::{Policy, Verdict};
use crate::entity::Closing;
use crate::time::Stamp;

/// What follows at `now` for an incident that was told at `told`.
#[must_use]
pub fn judge(told: Stamp, policy: &Policy, now: Stamp) -> Option<Verdict> {
    (next_look(told, policy) <= now).then_some(Verdict::Close(Closing::Gone))
}

/// From when on [`judge`] says something.
#[must_use]
pub fn next_look(told: Stamp, policy: &Policy) -> Stamp {
    told.after(policy.outdated_after)
}
