//! Why an open execution is where it is, in a sentence, and what makes it move. From the same data as the dispatch plan.

use std::fmt::Write as _;
use std::time::Duration;

use crate::entity::{Execution, OrganizationState, Phase, Runner};
use crate::index::{self, Lane};
use crate::remedy;
use crate::roster::WITHDRAWALS_MAX;
use crate::state::State;
use crate::time::{Now, Stamp};
use crate::words::{Claim, Pool, PoolName, RunnerId};

/// Counting those ahead ends here: the sentence says "more than" then, and the answer stays cheap.
const AHEAD_MAX: usize = 1_000;

/// Why an execution is where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// "Created for 4 min: no runner of pool `hq` has checked in since 09:12 UTC".
    pub state: String,
    /// What a person does next; `None` when there is nothing to do but to wait.
    pub next_step: Option<String>,
}

/// Explains an open execution. `held` is why nothing is dispatched now, if so.
#[must_use]
pub fn explain(state: &State, execution: &Execution, now: Now, held: Option<&str>) -> Explanation {
    let status = execution.status();
    let (why, next_step) = match &execution.phase {
        Phase::Created { not_before: Some(at) } if *at > now.stamp => {
            backing_off(state, execution, at.since(now.stamp))
        }
        Phase::Created { .. } => match held {
            Some(held) => waits_for_the_coordinator(held),
            None => rests(state, execution).unwrap_or_else(|| queued(state, execution, now)),
        },
        Phase::Pending(claim) => pending(state, *claim, now),
        Phase::Executing(claim) => executing(state, *claim, now),
        Phase::Landing(_, staged) => (
            format!("its {} records are being published", staged.counts.records),
            None,
        ),
    };
    let since = short(now.stamp.since(execution.since));
    Explanation {
        state: format!("{status} for {since}: {why}"),
        next_step,
    }
}

/// Why, as a clause, and what makes it go on.
type Why = (String, Option<String>);

/// Why no runner that is there could take what waits in this lane, however long it waits; `None` when there is one.
pub(crate) fn no_runner(state: &State, lane: &Lane, now: Now) -> Option<Why> {
    let pool = Standing::of(state, lane);
    if pool.online.is_empty() {
        return Some(nobody(state, &lane.pool, now));
    }
    if pool.able == 0 && pool.locked > 0 {
        return Some(locked(state, lane, pool.locked, now));
    }
    if pool.able == 0 {
        let why = format!(
            "no runner of pool `{}` that is online has the connector `{}`",
            lane.pool, lane.connector
        );
        let step = format!(
            "allow `{}` in the configuration of a runner of this pool, and restart it",
            lane.connector
        );
        return Some((why, Some(step)));
    }
    if let (0, Some(first), 1..) = (pool.taking, pool.first_too_old, pool.too_old) {
        return Some(too_old(state, lane, (first, pool.too_old)));
    }
    if pool.taking == 0 {
        let why = format!(
            "all runners of pool `{}` that are online are draining or excluded",
            lane.pool
        );
        let step = if pool.drained > 0 {
            "let one that was drained take work again (`muster runner resume`), or start another runner of this pool"
        } else {
            "start another runner of this pool, or restart these"
        };
        return Some((why, Some(step.to_owned())));
    }
    None
}

/// So many runners that are there are too old, this one among them, and others do not take it either.
fn too_old(state: &State, lane: &Lane, (first, count): (RunnerId, usize)) -> Why {
    let version = state
        .ledger()
        .runner(first)
        .map(|runner| runner.profile.version.as_str());
    let required = state.roster().presence(first).and_then(|presence| presence.required);
    let required = required.map_or_else(String::new, |required| required.to_string());
    let name = name(state, first);
    let others = match count {
        1 => String::new(),
        2 => ", and one more".to_owned(),
        more => format!(", and {} more", more - 1),
    };
    let why = format!(
        "the runners of pool `{}` that are online and could take it are too old: `{name}` is of version {}, and {required} is the least \
         (`runner_version_min`){others}",
        lane.pool,
        version.unwrap_or("unknown")
    );
    let step = format!("update the runner `{name}` to {required} or later, or start another one of this pool");
    (why, Some(step))
}

/// None of so many runners that are there can open the secrets of this lane.
fn locked(state: &State, lane: &Lane, there: usize, now: Now) -> Why {
    let Pool { name: pool, .. } = &lane.pool;
    let of_them = if there == 1 {
        "the one that is"
    } else {
        "none of those that are"
    };
    let not = if there == 1 { " cannot" } else { " can" };
    let opens = |runner: &&Runner| {
        let (key, recipients) = (runner.profile.sealing_key.as_ref(), lane.sealed_to.as_ref());
        key.zip(recipients)
            .is_some_and(|(key, recipients)| recipients.contains(key))
    };
    let last = runners_of(state, &lane.pool)
        .filter(opens)
        .max_by_key(|runner| last_heard(state, runner));
    let anew = format!("seal them anew for the runners that are there: `muster seal --pool {pool}`");
    let (known, step) = match last {
        Some(runner) => {
            let name = &runner.profile.display_name;
            let heard = clock(last_heard(state, runner), now.stamp);
            (
                format!("`{name}` could, and was last seen {heard}"),
                format!("start the runner `{name}` again, or {anew}"),
            )
        }
        None => ("they were sealed to runners that nobody knows here".to_owned(), anew),
    };
    let why =
        format!("its secrets are sealed, and of the runners of pool `{pool}` {of_them} online{not} open them; {known}");
    (why, Some(step))
}

fn backing_off(state: &State, execution: &Execution, wait: Duration) -> Why {
    let failures = execution.failures;
    let mut why = format!("it is tried again in {}, after {failures} failed attempt", short(wait));
    if failures != 1 {
        why.push('s');
    }
    if let Some(failure) = &execution.last_failure {
        // Writing into a `String` does not fail.
        let _ = write!(why, " ({}: {})", failure.category.as_str(), failure.message);
    }
    (why, remedy::of_open(state, execution))
}

/// Why nothing of its organization is given to runners; `None` when it may be.
fn rests(state: &State, execution: &Execution) -> Option<Why> {
    let organization = state.ledger().organization(&execution.organization)?;
    match &organization.state {
        OrganizationState::Active => None,
        OrganizationState::Suspended { reason, .. } => Some((
            format!("the organization `{}` is suspended ({reason})", organization.id),
            Some("ask those who operate this coordinator".to_owned()),
        )),
        OrganizationState::Closing { .. } | OrganizationState::Deleted { .. } => {
            Some((format!("the organization `{}` is being deleted", organization.id), None))
        }
    }
}

fn waits_for_the_coordinator(held: &str) -> Why {
    (
        format!("nothing is given to runners now, since {held}"),
        Some("make room there, and it goes on by itself".to_owned()),
    )
}

fn queued(state: &State, execution: &Execution, now: Now) -> Why {
    let lane = index::lane(execution);
    if let Some(why) = no_runner(state, &lane, now) {
        return why;
    }
    let pool = Standing::of(state, &lane);
    let ahead = state.index().queue(&lane).map_or(0, |queue| {
        queue.ahead(&execution.organization, (execution.created, execution.id), AHEAD_MAX)
    });
    let place = if ahead >= AHEAD_MAX {
        format!("more than {AHEAD_MAX}")
    } else {
        ahead.to_string()
    };
    let why = format!(
        "{place} ahead of it in pool `{}`; {} of {} runners online, {} of their {} slots busy",
        lane.pool,
        pool.online.len(),
        pool.known,
        pool.busy,
        pool.slots
    );
    let full = pool.busy >= pool.slots;
    let step = match (full, pool.locked) {
        (false, _) => None,
        (true, 0) => Some("wait, add a runner to the pool, or give its runners more slots".to_owned()),
        (true, locked) => Some(format!(
            "wait, or seal its secrets anew, since {locked} more of the pool's runners cannot open them: `muster seal --pool {}`",
            lane.pool
        )),
    };
    (why, step)
}

/// How the runners of a lane's pool stand.
#[derive(Default)]
struct Standing {
    known: usize,
    online: Vec<RunnerId>,
    able: usize,
    /// They have the connector, and cannot open what the lane's secrets are sealed to.
    locked: usize,
    taking: usize,
    /// They rest until a person says otherwise.
    drained: usize,
    /// They could take it but for their version.
    too_old: usize,
    first_too_old: Option<RunnerId>,
    slots: u64,
    busy: u64,
}

impl Standing {
    fn of(state: &State, lane: &Lane) -> Self {
        let mut standing = Self {
            known: runners_of(state, &lane.pool).count(),
            ..Self::default()
        };
        for runner in runners_of(state, &lane.pool) {
            let Some(presence) = state.roster().presence(runner.id).filter(|one| one.session.is_some()) else {
                continue;
            };
            standing.online.push(runner.id);
            if presence.serves(lane) {
                standing.able += 1;
                if presence.required.is_some() {
                    standing.too_old += 1;
                    standing.first_too_old = standing.first_too_old.or(Some(runner.id));
                    continue;
                }
                standing.drained += usize::from(presence.drained);
                standing.taking +=
                    usize::from(!presence.draining && !presence.drained && presence.withdrawals < WITHDRAWALS_MAX);
                standing.slots += u64::from(presence.slots.0);
                standing.busy += u64::from(presence.held);
            } else if presence.connectors.contains(&lane.connector) {
                standing.locked += 1;
            }
        }
        standing
    }
}

/// The runners of a pool, but for those that may not check in any more.
fn runners_of<'a>(state: &'a State, pool: &'a Pool) -> impl Iterator<Item = &'a Runner> {
    state
        .index()
        .runners_of(pool)
        .filter_map(|id| state.ledger().runner(id))
        .filter(|runner| may_come(state, runner))
}

/// Whether a runner that is not there may check in.
pub(crate) fn may_come(state: &State, runner: &Runner) -> bool {
    let identity = state.ledger().runner_identity(runner.id);
    let is_there = || {
        state
            .roster()
            .presence(runner.id)
            .is_some_and(|one| one.session.is_some())
    };
    identity.is_none_or(|identity| identity.barred.is_none()) || is_there()
}

fn nobody(state: &State, pool: &Pool, now: Now) -> Why {
    let last = runners_of(state, pool).max_by_key(|runner| last_heard(state, runner));
    match last {
        None => (
            if state.index().runners_of(pool).next().is_some() {
                format!("no runner of pool `{pool}` may check in any more: what it had was revoked")
            } else {
                format!("no runner of pool `{pool}` has ever checked in")
            },
            Some(match &pool.organization {
                Some(_) => format!("add one: {}", how_to_add(&pool.name)),
                None => "the pool is the service's own: ask those who operate this coordinator".to_owned(),
            }),
        ),
        Some(runner) => {
            let name = &runner.profile.display_name;
            let heard = clock(last_heard(state, runner), now.stamp);
            (
                format!("no runner of pool `{pool}` has checked in since {heard}"),
                Some(format!("start the runner `{name}` again, or another of this pool")),
            )
        }
    }
}

/// What adds a runner to a pool, as an end of a sentence. Whether runners need a token there is not known here.
pub(crate) fn how_to_add(pool: &PoolName) -> String {
    format!(
        "`Add runner` on the web page says how, or `muster runner enroll-token create --pool {pool}`; where runners need no token, start \
         `muster-runner --pool {pool}`"
    )
}

fn last_heard(state: &State, runner: &Runner) -> Stamp {
    let present = state.roster().presence(runner.id).map(|presence| presence.heard_at);
    present.or(runner.left).unwrap_or(runner.checked_in)
}

fn pending(state: &State, claim: Claim, now: Now) -> Why {
    match away(state, claim, now) {
        Some(why) => why,
        None => (
            format!(
                "the runner `{}` has it and has not started yet",
                name(state, claim.runner)
            ),
            None,
        ),
    }
}

fn executing(state: &State, claim: Claim, now: Now) -> Why {
    match away(state, claim, now) {
        Some(why) => why,
        None => (
            format!(
                "the runner `{}` is collecting, attempt {}",
                name(state, claim.runner),
                claim.attempt
            ),
            None,
        ),
    }
}

/// What there is to say when the holder is not connected; `None` when it is.
fn away(state: &State, claim: Claim, now: Now) -> Option<Why> {
    let presence = state.roster().presence(claim.runner)?;
    if presence.session.is_some() {
        return None;
    }
    let left = state.roster().lease_end(presence.heard).since(now.moment);
    let why = format!(
        "the runner `{}` is not connected; unless it is back within {}, its work is given to another",
        name(state, claim.runner),
        short(left)
    );
    Some((
        why,
        Some("check the runner's host and its connection to the coordinator".to_owned()),
    ))
}

pub(crate) fn name(state: &State, id: RunnerId) -> String {
    state
        .ledger()
        .runner(id)
        .map_or_else(|| id.to_string(), |runner| runner.profile.display_name.to_string())
}

/// A span as people say it, in its largest unit: "4 min".
#[must_use]
pub fn short(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A time of the last day as "09:12 UTC", an older one with its date.
fn clock(at: Stamp, now: Stamp) -> String {
    let millis = i64::try_from(at.millis()).unwrap_or(i64::MAX);
    let Ok(time) = jiff::Timestamp::from_millisecond(millis) else {
        return "a time out of range".to_owned();
    };
    let today = now.since(at) < Duration::from_secs(20 * 60 * 60);
    time.strftime(if today { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let said = [0, 59, 60, 3_599, 3_600, 172_799, 172_800].map(|s| short(Duration::from_secs(s)));
        assert_eq!(said, ["0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 d"]);
    }

    #[test]
    fn an_old_time_has_its_date() {
        let at = Stamp::from_millis(1_700_000_000_000);
        assert_eq!(clock(at, at.after(Duration::from_secs(60))), "22:13 UTC");
        assert_eq!(clock(at, at.after(Duration::from_secs(90_000))), "2023-11-14 22:13 UTC");
    }
}
