//! Whether the source can be read: the newest check by a runner, and the one that goes on.

use maud::{Markup, html};
use prost_types::Timestamp;

use super::Panel;
use crate::words::{category, prose, relative};

/// A check that somebody has asked for at this address.
struct Asked {
    at: Timestamp,
    runner: String,
}

impl Asked {
    /// What the address says of it; `None` when it says nothing.
    fn of(panel: &Panel<'_>) -> Option<Self> {
        let query = panel.query();
        let millis: i64 = query.get("asked").parse().ok().filter(|millis| *millis > 0)?;
        Some(Self {
            at: Timestamp {
                seconds: millis / 1_000,
                nanos: i32::try_from(millis % 1_000).ok()? * 1_000_000,
            },
            runner: query.get("runner").to_owned(),
        })
    }
}

/// What is known of the connection. What is read aloud as soon as it is said, `role="status"`, says no time: each minute it is another one.
pub(super) fn region(panel: &Panel<'_>) -> Markup {
    let Panel { here, integration, now } = panel;
    let last = integration.last_check.as_ref();
    let is_newer = |asked: &Asked| {
        let ended = last.and_then(|last| last.end_time.as_ref());
        ended.is_none_or(|ended| (ended.seconds, ended.nanos) < (asked.at.seconds, asked.at.nanos))
    };
    let asked = Asked::of(panel).filter(is_newer);
    html! {
        section #checked aria-labelledby="connection" {
            div.between {
                h3 #connection { "Connection" }
                @if here.may_operate() { button type="submit" form="settings" name="do" value="check" aria-describedby="as-saved" { "Test connection" } }
            }
            // Shown while something is typed that is not saved.
            @if here.may_operate() { p #as-saved.help { "This is about what was saved last, and not about what has been typed below since: " b { "Save and test" } " tests that." } }
            @match (&integration.open_check, asked, last) {
                (Some(open), ..) => {
                    p.note {
                        span.running role="status" { "Being tested by " bdi { (open.runner_display_name) } }
                        @if let Some(at) = &open.begin_time { ", asked " (relative(at, now)) }
                        "."
                        @if let Some(limit) = &open.time_limit { " It may take " (limit.seconds) " s." }
                    }
                },
                // It has ended without a result, so that nothing of it is kept.
                (None, Some(asked), _) => {
                    div.note.warned {
                        p.all role="status" { bdi { (asked.runner) } " has not answered for the configuration as it is now: nothing is known of the source. See whether that runner is there, and test again." }
                        p.all { small { "It was asked " (relative(&asked.at, now)) "." } }
                    }
                },
                (None, None, Some(last)) => {
                    @let who = html! { bdi { (last.runner_display_name) } @if let Some(at) = &last.end_time { " " (relative(at, now)) } };
                    @match &last.failure {
                        None => p.note.good { span role="status" { "The source can be read." } " Tested by " (who) "." },
                        Some(failure) => div.note.error {
                            div role="status" {
                                p.all { b { (category(failure.category())) ". " } (prose(&failure.message)) }
                                @if !failure.remedy.is_empty() { p.all.remedy { b { "To do: " } (prose(&failure.remedy)) } }
                            }
                            p.all { small { "Found by " (who) "." } }
                        },
                    }
                    @if last.revision != integration.revision { p.help { "The configuration was changed since then: test it again." } }
                },
                (None, None, None) => p.help { "Never tested so far." },
            }
        }
    }
}
