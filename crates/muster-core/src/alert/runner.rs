//! When people hear that a runner is older than it should be.

use crate::alert::{Policy, Verdict};
use crate::entity::{Closing, Outdated, Runner};
use crate::planted;
use crate::time::Stamp;
use crate::words::{Release, Version};

/// Whether a runner that checks in with this version is too old; `before` is what was known of it. Of a version that nobody understands nothing is said.
#[must_use]
pub fn outdated(version: &str, before: Option<Outdated>, policy: &Policy, now: Stamp) -> Option<Outdated> {
    let is_old = Release::of(version).is_some_and(|release| release < policy.release);
    is_old.then(|| Outdated {
        since: before.map_or(now, |before| before.since),
        expected: policy.release,
    })
}

/// The version that a runner of this one would have to be of to get work; `None` when it gets some. One of a version that nobody understands gets some.
#[must_use]
pub fn required(version: &str, policy: &Policy) -> Option<Version> {
    let is_old = |least: &Version| version.parse::<Version>().is_ok_and(|version| version < *least);
    policy.runner_version_min.filter(is_old)
}

/// What follows at `now`; `None` when all is as it ought to be. There are no reminders: it is told once, since a runner that is old still works.
#[must_use]
pub fn judge(runner: &Runner, is_open: bool, policy: &Policy, now: Stamp) -> Option<Verdict> {
    match (is_open, runner.outdated, runner.left) {
        (true, None, _) => Some(Verdict::Close(Closing::Recovered)),
        (true, Some(_), Some(left)) => {
            (left.after(policy.outdated_after) <= now).then_some(Verdict::Close(Closing::Gone))
        }
        (true, Some(_), None) | (false, None, _) | (false, Some(_), Some(_)) => None,
        // The service's own runners are no organization's business.
        (false, Some(_), None) if runner.profile.organization.is_none() => None,
        (false, Some(outdated), None) => (tolerated_until(outdated, policy) <= now).then_some(Verdict::Open),
    }
}

/// From when on [`judge`] says something, if nothing but time goes on; `None` for never. `told` is when the open incident was told.
#[must_use]
pub fn next_look(runner: &Runner, told: Option<Stamp>, policy: &Policy) -> Option<Stamp> {
    match (told, runner.outdated, runner.left) {
        (Some(told), None, _) => Some(told),
        (Some(_), Some(_), Some(left)) => Some(left.after(policy.outdated_after)),
        (Some(_), Some(_), None) | (None, None, _) | (None, Some(_), Some(_)) => None,
        (None, Some(_), None) if runner.profile.organization.is_none() => None,
        (None, Some(outdated), None) => Some(tolerated_until(outdated, policy)),
    }
}

fn tolerated_until(outdated: Outdated, policy: &Policy) -> Stamp {
    if planted!("outdated-at-once") {
        return outdated.since;
    }
    outdated.since.after(policy.outdated_after)
}
