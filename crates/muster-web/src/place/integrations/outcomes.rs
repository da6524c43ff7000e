//! How the executions of the last 24 hours ended, as a strip: one mark for each, from yesterday on the left to now on the right.

use std::fmt;

use maud::{Markup, html};
use muster_proto::v1::{CollectionSchedule, Integration, Outcomes};

use crate::words::counted;

/// A length in tenths of the strip's units, of which twelve are an hour: so one is half a minute, and what ends within the same cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tenths(u32);

const HALF_A_MINUTE: u32 = 30;
const HALF_AN_HOUR: u32 = 30 * 60;
const HOUR: u32 = 120;
/// 24 hours and as much of the next half as has begun: the strip moves on only twice an hour.
const WIDTH: u32 = 24 * HOUR + HOUR / 2;
/// What is between two marks.
const GAP: u32 = 12;
/// A mark is as wide as the time between two collections, but not wider than an hour, and never too narrow to be seen.
const MARK_MIN: u32 = 6;
const MARK_MAX: u32 = HOUR - GAP;
/// Failures are to be seen wherever they are, and so is what runs.
const FAILURE_MIN: u32 = 20;
const RUNNING_MIN: u32 = 50;

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}

/// The strip of a data type, with a mark of its own for what is collected now; nothing where it is not known how its executions ended.
pub(super) fn of_data_type(kind: &CollectionSchedule, is_running: bool) -> Markup {
    let seconds = kind.interval.as_ref().map_or(3_600, |interval| interval.seconds);
    let interval = u32::try_from(seconds).unwrap_or(u32::MAX) / HALF_A_MINUTE;
    html! {
        @if let Some(outcomes) = &kind.outcomes {
            (strip(outcomes, interval, is_running))
        }
    }
}

/// The strip of all data types together.
pub(super) fn of_all(integration: &Integration) -> Markup {
    let none = Outcomes::default();
    strip(integration.outcomes.as_ref().unwrap_or(&none), HOUR, false)
}

fn strip(outcomes: &Outcomes, interval: u32, is_running: bool) -> Markup {
    let (completed, failed) = (
        outcomes.completed_seconds.len() as u64,
        outcomes.error_seconds.len() as u64,
    );
    let said = match completed + failed {
        0 => "Nothing has ended in the last 24 h".to_owned(),
        all => format!("{} of the last 24 h, {failed} failed", counted(all, "execution")),
    };
    let marks = Marks::of(outcomes, interval);
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
    last: u32,
}

impl Marks {
    fn of(outcomes: &Outcomes, interval: u32) -> Self {
        // It begins with the half hour of the start.
        let start = outcomes.start_time.as_ref().map_or(0, |start| start.seconds);
        let into = u32::try_from(start.rem_euclid(i64::from(HALF_AN_HOUR))).unwrap_or(0);
        let place = |seconds: &u32| (seconds.saturating_add(into) / HALF_A_MINUTE).min(WIDTH);
        // Both are in their order, and may be thousands.
        let places = |seconds: &[u32], failed: bool| {
            let mut places: Vec<(u32, bool)> = Vec::new();
            for to in seconds.iter().map(place) {
                if places.last().is_none_or(|(last, _)| *last != to) {
                    places.push((to, failed));
                }
            }
            places
        };
        let mut all = places(&outcomes.completed_seconds, false);
        all.extend(places(&outcomes.error_seconds, true));
        all.sort_unstable();
        let widest = interval.saturating_sub(GAP).clamp(MARK_MIN, MARK_MAX);
        let mut marks = Self::default();
        for (to, failed) in all {
            // What ended soon after another one takes the room that is left.
            let room = to.saturating_sub(marks.last + GAP).max(MARK_MIN);
            let least = if failed { FAILURE_MIN } else { MARK_MIN };
            let width = widest.min(room).max(least).min(to.max(1));
            let path = if failed { &mut marks.bad } else { &mut marks.good };
            path.push_str(&format!("M{} 3h{}", Tenths(to.saturating_sub(width)), Tenths(width)));
            marks.last = to;
        }
        marks
    }

    /// The mark of what has not ended, at the end of the strip: as wide as there is room for, and to be seen in any case.
    fn running(&self) -> String {
        let from = (self.last + GAP).clamp(WIDTH - MARK_MAX, WIDTH - RUNNING_MIN);
        format!("M{} 3H{}", Tenths(from), Tenths(WIDTH))
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

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
        let marks = Marks::of(&outcomes(completed, &[*failed]), HOUR);
        assert_eq!(marks.good.matches('M').count(), 23);
        assert!(marks.good.starts_with("M1.2 3h10.8M13.2 3h10.8"), "{}", marks.good);
        assert_eq!(marks.bad, "M277.2 3h10.8");
        assert_eq!(marks.last, 24 * HOUR, "and half an hour is left for what comes");
    }

    #[test]
    fn what_ends_within_minutes_stands_side_by_side_and_a_failure_is_seen() {
        let marks = Marks::of(&outcomes(&[3_600, 5_400], &[5_430]), HOUR);
        assert_eq!(marks.good, "M1.2 3h10.8M13.2 3h4.8");
        assert_eq!(marks.bad, "M16.1 3h2", "over what ended half a minute before");
        let minutes: Vec<u32> = (0..1_440).map(|minute| minute * 60).collect();
        let marks = Marks::of(&outcomes(&minutes, &[]), HOUR / 60);
        assert_eq!(marks.good.matches('M').count(), 1_440);
    }

    #[test]
    fn thousands_that_end_at_once_are_as_much_as_one() {
        let marks = Marks::of(&outcomes(&[7_200; 16_000], &[7_210; 16_000]), HOUR);
        assert_eq!((marks.good.as_str(), marks.bad.as_str()), ("M13.2 3h10.8", "M22 3h2"));
    }

    #[test]
    fn what_runs_is_seen_at_the_end_whatever_there_was_before() {
        assert_eq!(Marks::of(&outcomes(&[], &[]), HOUR).running(), "M283.2 3H294");
        let day = 24 * 3_600;
        assert_eq!(Marks::of(&outcomes(&[day - 300], &[]), HOUR).running(), "M288.2 3H294");
        assert_eq!(Marks::of(&outcomes(&[day + 1_700], &[]), HOUR).running(), "M289 3H294");
    }

    #[test]
    fn the_strip_moves_on_twice_an_hour() {
        let noon = 1_800_000_000;
        let marks = |seconds: u32| {
            let outcomes = Outcomes {
                start_time: Some(Timestamp {
                    seconds: noon + i64::from(seconds),
                    nanos: 0,
                }),
                completed_seconds: vec![7_200 - seconds],
                error_seconds: Vec::new(),
            };
            Marks::of(&outcomes, HOUR).last
        };
        assert_eq!(marks(1_799), marks(0));
        assert_eq!(marks(1_800), marks(0) - HOUR / 2);
    }
}
