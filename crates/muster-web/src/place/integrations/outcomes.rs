//! How the executions of the last 24 hours ended, as a strip: one mark for each, from yesterday on the left to now on the right.

use std::time::Duration;

use maud::{Markup, html};
use muster_proto::v1::{CollectionSchedule, Integration, Outcomes};
use prost_types::Timestamp;

use crate::words::counted;

/// So many units are an hour, of which a strip is 24 and as much of the next half as has begun: it moves on only twice an hour.
const HOUR: f64 = 12.0;
const WIDTH: f64 = 24.5 * HOUR;
const HALF_AN_HOUR: i64 = 30 * 60;
/// A mark is as wide as the time between two collections, but not wider than an hour, and never too narrow to be seen.
const MARK: std::ops::RangeInclusive<f64> = 0.6..=HOUR - GAP;
/// Failures are to be seen wherever they are, and so is what runs.
const FAILURE_MIN: f64 = 2.0;
const RUNNING_MIN: f64 = 5.0;
/// What is between two marks.
const GAP: f64 = 1.2;

/// The strip of a data type, with a mark of its own for what is collected now; nothing where it is not known how its executions ended.
pub(super) fn of_data_type(kind: &CollectionSchedule, is_running: bool) -> Markup {
    let interval = kind.interval.and_then(|interval| Duration::try_from(interval).ok());
    let hours = interval.map_or(1.0, |interval| interval.as_secs_f64() / 3_600.0);
    html! {
        @if let Some(outcomes) = &kind.outcomes {
            (strip(outcomes, hours, is_running))
        }
    }
}

/// The strip of all data types together.
pub(super) fn of_all(integration: &Integration) -> Markup {
    let none = Outcomes::default();
    strip(integration.outcomes.as_ref().unwrap_or(&none), 1.0, false)
}

fn strip(outcomes: &Outcomes, hours: f64, is_running: bool) -> Markup {
    let (completed, failed) = (
        outcomes.completed_seconds.len() as u64,
        outcomes.error_seconds.len() as u64,
    );
    let said = match completed + failed {
        0 => "Nothing has ended in the last 24 h".to_owned(),
        all => format!("{} of the last 24 h, {failed} failed", counted(all, "execution")),
    };
    let marks = Marks::of(outcomes, hours);
    html! {
        svg.strip viewBox="0 0 294 6" preserveAspectRatio="none" role="img" aria-label=(said) {
            title { (said) }
            path.ground d="M0 3h294" {}
            @if !marks.good.is_empty() { path.good d=(marks.good) {} }
            @if !marks.bad.is_empty() { path.bad d=(marks.bad) {} }
            @if is_running { path.run d=(marks.running()) {} }
        }
    }
}

/// The marks as paths: of those that completed and of those that failed, so that a thousand strips are a few thousand elements and not fifty thousand.
#[derive(Default)]
struct Marks {
    good: String,
    bad: String,
    /// Where the newest ends.
    last: f64,
}

impl Marks {
    fn of(outcomes: &Outcomes, hours: f64) -> Self {
        let ends = |seconds: &[u32], failed: bool| -> Vec<(u32, bool)> {
            seconds.iter().map(|seconds| (*seconds, failed)).collect()
        };
        let mut all = ends(&outcomes.completed_seconds, false);
        all.extend(ends(&outcomes.error_seconds, true));
        all.sort_unstable();
        let width = (hours * HOUR - GAP).clamp(*MARK.start(), *MARK.end());
        let mut marks = Self::default();
        for (seconds, failed) in all {
            let to = place(outcomes.start_time.as_ref(), seconds);
            // What ended soon after another one takes the room that is left.
            let room = (to - marks.last - GAP).max(*MARK.start());
            let width = width.min(room).max(if failed { FAILURE_MIN } else { 0.0 });
            let path = if failed { &mut marks.bad } else { &mut marks.good };
            path.push_str(&format!("M{:.1} 3h{width:.1}", to - width));
            marks.last = to;
        }
        marks
    }

    /// The mark of what has not ended, at the end of the strip: as wide as there is room for, and to be seen in any case.
    fn running(&self) -> String {
        let from = (self.last + GAP).clamp(WIDTH - MARK.end(), WIDTH - RUNNING_MIN);
        format!("M{from:.1} 3H{WIDTH}")
    }
}

/// Where a mark ends whose execution has ended so many seconds after the start of the day that is told.
fn place(start: Option<&Timestamp>, seconds: u32) -> f64 {
    let into = start.map_or(0, |start| start.seconds.rem_euclid(HALF_AN_HOUR));
    // The strip begins with the half hour of the start. Half an hour and a day in seconds have an exact f64.
    let since = f64::from(u32::try_from(into).unwrap_or(0)) + f64::from(seconds);
    (since / 3_600.0 * HOUR).min(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(completed: &[u32], failed: &[u32]) -> Outcomes {
        Outcomes {
            start_time: None,
            completed_seconds: completed.to_vec(),
            error_seconds: failed.to_vec(),
        }
    }

    #[test]
    fn each_execution_has_its_mark_where_it_ended() {
        let hourly: Vec<u32> = (1..=24).map(|hour| hour * 3_600).collect();
        let (failed, completed) = hourly.split_last().expect("there are some");
        let marks = Marks::of(&outcomes(completed, &[*failed]), 1.0);
        assert_eq!(marks.good.matches('M').count(), 23);
        assert!(marks.good.starts_with("M1.2 3h10.8M13.2 3h10.8"), "{}", marks.good);
        assert_eq!(marks.bad, "M277.2 3h10.8");
        assert_eq!(marks.last, 288.0, "and half an hour is left for what comes");
    }

    #[test]
    fn what_ends_within_minutes_stands_side_by_side_and_a_failure_is_seen() {
        let marks = Marks::of(&outcomes(&[3_600, 5_400], &[5_430]), 1.0);
        assert_eq!(marks.good, "M1.2 3h10.8M13.2 3h4.8");
        assert_eq!(marks.bad, "M16.1 3h2.0", "over what ended half a minute before");
        let minutes: Vec<u32> = (0..1_440).map(|minute| minute * 60).collect();
        let marks = Marks::of(&outcomes(&minutes, &[]), 1.0 / 60.0);
        assert_eq!(marks.good.matches("h0.6").count(), 1_440);
    }

    #[test]
    fn what_runs_is_seen_at_the_end_whatever_there_was_before() {
        assert_eq!(Marks::of(&outcomes(&[], &[]), 1.0).running(), "M283.2 3H294");
        let day = 24 * 3_600;
        assert_eq!(Marks::of(&outcomes(&[day - 300], &[]), 1.0).running(), "M288.2 3H294");
        assert_eq!(Marks::of(&outcomes(&[day + 1_700], &[]), 1.0).running(), "M289.0 3H294");
    }

    #[test]
    fn the_strip_moves_on_twice_an_hour() {
        let start = |seconds| Timestamp { seconds, nanos: 0 };
        let noon = 1_800_000_000;
        let before = place(Some(&start(noon)), 7_200);
        assert_eq!(place(Some(&start(noon + 1_799)), 7_200 - 1_799), before);
        assert_eq!(place(Some(&start(noon + 1_800)), 7_200 - 1_800), before - HOUR / 2.0);
    }
}
