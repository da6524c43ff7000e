//! A runner in the table, and what stands above those of its pool.

use std::collections::HashMap;
use std::time::Duration;

use maud::{Markup, html};
use muster_proto::v1::{Execution, Runner, RunnerStatus};
use prost_types::{DurationError, Timestamp};

use super::super::Here;
use super::{Count, HOSTED};
use crate::form::confirmed;
use crate::words::{clock, length, relative};

/// How many of the executions that it holds are named.
const NAMED: usize = 3;

/// Beyond this a clock is worth a look.
const SKEW_MAX: Duration = Duration::from_secs(5);

/// What stands above the runners of a pool that are shown.
pub(super) fn pool(name: &str, count: Count) -> Markup {
    let Count { online, more, .. } = count;
    let all = count.all - count.revoked;
    html! {
        tr.pool id={ "pool-" (name) } {
            th colspan="8" scope="rowgroup" {
                (name)
                @if all == 0 && !more { small { "its runners were revoked" } }
                @else if online == 0 && !more { small.bad { "no runner online: what is collected by this pool waits" } }
                @else { small { (online) " of " (all) @if more { " or more" } " online" } }
                @if name == HOSTED { small { "the service’s own, for sources that are reachable from the internet" } }
            }
        }
    }
}

/// A runner.
pub(super) fn runner(
    here: &Here,
    runner: &Runner,
    running: &HashMap<String, Execution>,
    now: &Timestamp,
) -> (String, Markup) {
    let id = runner.name.rsplit('/').next().unwrap_or_default();
    let key = format!("r-{id}");
    let row = html! {
        tr id=(key) {
            th scope="row" {
                details {
                    summary { bdi { (runner.display_name) } }
                    (facts(runner, id, now))
                    @if here.may_operate() && runner.pool != HOSTED && runner.status() != RunnerStatus::Revoked { (actions(here, runner, id, now)) }
                }
            }
            td data-name="Status" {
                (status(runner)) " " (since(runner, now))
                @if runner.drain_time.is_some() && !matches!(runner.status(), RunnerStatus::Draining | RunnerStatus::Revoked) { small { "drained" } }
            }
            td data-name="Slots" { (slots(runner)) }
            td data-name="Runs" { (runs(runner, running)) }
            td data-name="Connectors" { (runner.connectors.join(", ")) }
            td data-name="Version" { (version(runner)) }
            td data-name="Clock" { (skew(runner)) }
            td data-name="Last heard" {
                @if runner.online { "now" } @else if let Some(at) = &runner.last_seen_time { (relative(at, now)) }
            }
        }
    };
    (key, row)
}

fn status(runner: &Runner) -> Markup {
    let (word, class) = match runner.status() {
        RunnerStatus::Ready => ("Ready", "completed"),
        RunnerStatus::Busy => ("Busy", "running"),
        RunnerStatus::Draining => ("Draining", "warned"),
        RunnerStatus::Excluded => ("Excluded", "error"),
        RunnerStatus::TooOld => ("Too old", "error"),
        RunnerStatus::Offline => ("Offline", "canceled"),
        RunnerStatus::Unknown => ("Unknown", "waiting"),
        RunnerStatus::Revoked => ("Revoked", "canceled"),
        RunnerStatus::Unspecified => ("–", "waiting"),
    };
    html! { span class={ "state " (class) } { i {} (word) } }
}

/// Since when it is as it is: there, or not, at rest, or revoked.
fn since(runner: &Runner, now: &Timestamp) -> Markup {
    let at = match (runner.status(), runner.online) {
        (RunnerStatus::Revoked, _) => &runner.revoke_time,
        // Nobody knows since when one does that is shutting down.
        (RunnerStatus::Draining, _) => &runner.drain_time,
        (_, true) => &runner.check_in_time,
        (_, false) => &runner.last_seen_time,
    };
    html! { @if let Some(at) = at { small { "since " (clock(at, now)) } } }
}

fn slots(runner: &Runner) -> Markup {
    let busy = if runner.online { runner.busy_slots } else { 0 };
    html! {
        span.slots {
            svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
                rect.ground x="0" y="0" width="100" height="6" {}
                rect.taken x="0" y="0" width=(u64::from(busy) * 100 / u64::from(runner.slots.max(1))) height="6" {}
            }
            (busy) " of " (runner.slots)
        }
    }
}

/// What it holds of this organization, each a link to where it is shown.
fn runs(runner: &Runner, running: &HashMap<String, Execution>) -> Markup {
    let more = runner.executions.len().saturating_sub(NAMED);
    html! {
        @if runner.executions.is_empty() { span.faint { "–" } }
        @for name in runner.executions.iter().take(NAMED) {
            a.what href={ "/" (name) } {
                @match running.get(name) {
                    Some(one) => { (one.connector) " " (one.data_type) },
                    None => { (name.rsplit('-').next().unwrap_or_default()) },
                }
            }
        }
        @if more > 0 { small { "and " (more) " more" } }
    }
}

fn version(runner: &Runner) -> Markup {
    html! {
        (runner.version)
        @if !runner.version_required.is_empty() {
            small.bad { "too old to get work: update it to " (runner.version_required) }
        } @else if !runner.release_expected.is_empty() {
            small.warned { "outdated: " (runner.release_expected) " is expected" }
        }
    }
}

/// How far its clock is off, which is only worth a word when it is far.
fn skew(runner: &Runner) -> Markup {
    let Some(skew) = runner.clock_skew else {
        return html! { span.faint { "–" } };
    };
    // A negative duration is an error that carries its length.
    let (off, way) = match Duration::try_from(skew) {
        Ok(ahead) => (ahead, "ahead"),
        Err(DurationError::NegativeDuration(behind)) => (behind, "behind"),
        Err(_) => return html! {},
    };
    html! {
        @if off > SKEW_MAX { small.warned { (length(off)) " " (way) ": set its clock" } }
        @else if off < Duration::from_secs(1) { "right" }
        @else { (length(off)) " " (way) }
    }
}

fn facts(runner: &Runner, id: &str, now: &Timestamp) -> Markup {
    html! {
        dl.facts {
            div { dt { "Id" } dd { code { (id) } } }
            @if let Some(at) = &runner.first_seen_time { div { dt { "First seen" } dd { (relative(at, now)) } } }
            @if let Some(host) = &runner.host {
                div { dt { "Host" } dd { bdi { (host.hostname) } " " (host.os) " " (host.arch) } }
            }
            @if let Some(at) = &runner.revoke_time { div { dt { "Revoked" } dd { (relative(at, now)) ": it may not check in until its machine is enrolled anew" } } }
            div { dt { "Connectors" } dd { (runner.connectors.join(", ")) } }
            @if !runner.sealing_key.is_empty() {
                div { dt { "Sealing key" } dd { code { (runner.sealing_key) } } }
            }
        }
    }
}

fn actions(here: &Here, runner: &Runner, id: &str, now: &Timestamp) -> Markup {
    let back = here.query.at(&here.path("runners"));
    let address = format!("/{}", runner.name);
    html! {
        div.actions {
            @if runner.drain_time.is_some() {
                form method="post" action={ (address) "/resume" } {
                    input type="hidden" name="back" value=(back);
                    button type="submit" aria-describedby={ "drain-" (id) } { "Take work again" }
                }
            } @else {
                form method="post" action={ (address) "/drain" } {
                    input type="hidden" name="back" value=(back);
                    button type="submit" aria-describedby={ "drain-" (id) } { "Drain" }
                }
            }
            // Nobody enrolls where nobody is asked.
            @if here.signed_in {
                (confirmed(
                    "Revoke",
                    "It may check in no more, and what it holds goes to others. Nothing undoes that: its machine has to be enrolled anew.",
                    &format!("{address}/revoke"),
                    (&back, "Revoke it for good"),
                ))
            }
        }
        p.help id={ "drain-" (id) } {
            @if let Some(at) = &runner.drain_time { "Drained " (relative(at, now)) ": it gets nothing new, however often it starts again, until you let it take work again." }
            @else { "Drained it finishes what it holds and takes nothing new, until you let it take work again: so that it can be stopped or updated." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_marked_that_is_far_off() {
        let off = |seconds: i64, nanos: i32| {
            let skew = prost_types::Duration { seconds, nanos };
            super::skew(&Runner {
                clock_skew: Some(skew),
                ..Runner::default()
            })
            .0
        };
        assert_eq!(off(0, 20_000_000), "right");
        assert_eq!(off(-3, 0), "3.0 s behind");
        assert!(off(5, 1).contains("warned") && off(5, 1).contains("ahead"));
        assert!(off(-90, 0).contains("1 min 30 s behind: set its clock"));
    }

    #[test]
    fn since_when_it_is_as_it_is_is_told() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let of = |status: RunnerStatus, online: bool| {
            let runner = Runner {
                status: status.into(),
                online,
                check_in_time: at(60),
                last_seen_time: at(120),
                drain_time: at(180),
                revoke_time: at(240),
                ..Runner::default()
            };
            since(&runner, &Timestamp::default()).0
        };
        for (status, online, time) in [
            (RunnerStatus::Ready, true, "00:01:00"),
            (RunnerStatus::Offline, false, "00:02:00"),
            (RunnerStatus::Draining, true, "00:03:00"),
            (RunnerStatus::Revoked, false, "00:04:00"),
        ] {
            assert!(of(status, online).contains(time), "{}", of(status, online));
        }
    }

    #[test]
    fn a_pool_whose_runners_were_revoked_misses_none() {
        let of = |all, online, revoked| {
            let count = Count {
                all,
                online,
                revoked,
                more: false,
            };
            pool("hq", count).0
        };
        assert!(of(2, 0, 1).contains("no runner online"));
        assert!(of(3, 1, 1).contains("1 of 2 online"), "{}", of(3, 1, 1));
        assert!(!of(1, 0, 1).contains("no runner online") && of(1, 0, 1).contains("revoked"));
    }

    #[test]
    fn one_that_is_of_an_old_version_is_marked_by_what_follows_from_that() {
        let of = |required: &str, expected: &str| {
            version(&Runner {
                version: "1.2.0".to_owned(),
                version_required: required.to_owned(),
                release_expected: expected.to_owned(),
                ..Runner::default()
            })
            .0
        };
        assert_eq!(of("", ""), "1.2.0");
        assert!(of("", "1.4").contains("outdated: 1.4 is expected"));
        assert!(of("1.3.0", "1.4").contains("too old to get work: update it to 1.3.0"));
    }
}
