//! When people hear that a pool has no runner any more, and that it has one again.

use crate::alert::{Policy, Verdict};
use crate::entity::Closing;
use crate::planted;
use crate::time::Stamp;

/// How a pool stands for an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether a runner of it is there, as far as the ledger knows: its lease runs.
    pub is_served: bool,
    /// Whether an enabled integration of the organization relies on it.
    pub is_used: bool,
    /// When people were told last that it is offline; `None` while no incident is open.
    pub told: Option<Stamp>,
}

/// What follows at `now` for an open incident; `None` when all is as it ought to be, or none is open. When one opens is for the roster to say, which knows
/// for how long nobody has been there.
#[must_use]
pub fn judge(standing: Standing, policy: &Policy, now: Stamp) -> Option<Verdict> {
    let told = standing.told?;
    match over(standing) {
        Some(closing) => Some(Verdict::Close(closing)),
        None => (told_again(policy, told)? <= now).then_some(Verdict::Remind),
    }
}

/// From when on [`judge`] says something of an open incident; `None` for never, or while none is open.
#[must_use]
pub fn next_look(standing: Standing, policy: &Policy) -> Option<Stamp> {
    let told = standing.told?;
    match over(standing) {
        Some(_) => Some(told),
        None => told_again(policy, told),
    }
}

fn over(standing: Standing) -> Option<Closing> {
    if standing.is_served && !planted!("pool-back-not-seen") {
        Some(Closing::Recovered)
    } else if !standing.is_used && !planted!("unused-pool-stays-open") {
        Some(Closing::Unused)
    } else {
        None
    }
}

fn told_again(policy: &Policy, told: Stamp) -> Option<Stamp> {
    policy.reminder.map(|reminder| told.after(reminder))
}
