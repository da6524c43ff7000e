//! The ends of the last 24 hours: what the error rate is taken of.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::planted;
use crate::time::Stamp;
use crate::words::percent::write_hundredths;

/// How executions ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many failed for good. Those that were canceled count nowhere.
    pub failed: u32,
    /// How many ended, in whichever way.
    pub finished: u32,
}

impl fmt::Display for Tally {
    /// The arithmetic: "7 of 20 failed = 35 %".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, finished } = self;
        let Some(hundredths) = self.hundredths() else {
            return f.write_str("none has finished");
        };
        write!(f, "{failed} of {finished} failed = ")?;
        write_hundredths(f, hundredths)
    }
}

impl Tally {
    /// The error rate in hundredths of a percent, cut; `None` when nothing has finished.
    #[must_use]
    pub fn hundredths(self) -> Option<u32> {
        let share = (u64::from(self.failed) * 10_000).checked_div(u64::from(self.finished))?;
        u32::try_from(share).ok()
    }
}

/// How one execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Stamp,
    /// Whether it failed for good.
    pub failed: bool,
    /// Of which data type it was: its place among those that the integration collects. `None` for one that is not collected any more, and where that
    /// place is not below [`Window::PLACES`].
    pub place: Option<usize>,
}

/// The ends of the last 24 hours, oldest first: exact to the millisecond.
///
/// An end that is 24 hours old does not count any more. What has slid out is forgotten with the next end; until then it is only not counted.
#[derive(Clone, Default)]
pub struct Window {
    base: Stamp,
    ends: VecDeque<Packed>,
    failed: u32,
}

/// An end in 4 bytes, since a million integrations have 50 of them: from the lowest bit on whether it failed, the place of its data type in 4 bits, and
/// the milliseconds after the window's base.
#[derive(Clone, Copy)]
struct Packed(u32);

/// So far after the base there is room for an end: 37 hours.
const REACH: Duration = Duration::from_millis(1 << 27);

impl Packed {
    /// `ahead` are fewer milliseconds than [`REACH`] has.
    fn new(ahead: u32, failed: bool, place: Option<usize>) -> Self {
        let place = place.and_then(|place| u32::try_from(place).ok());
        let nowhere = 0xf;
        Self(ahead << 5 | place.unwrap_or(nowhere).min(nowhere) << 1 | u32::from(failed))
    }

    fn ahead(self) -> u32 {
        self.0 >> 5
    }

    fn failed(self) -> u32 {
        self.0 & 1
    }

    fn place(self) -> Option<usize> {
        let place = (self.0 >> 1 & 0xf) as usize;
        (place < Window::PLACES).then_some(place)
    }
}

impl Window {
    /// How far back it goes.
    pub const LENGTH: Duration = Duration::from_secs(24 * 60 * 60);

    /// The most ends that it holds, the newest ones: eleven data types that are collected every minute have fewer. Only somebody who runs an
    /// integration by hand thousands of times a day has more, and whoever does cannot make it grow without end.
    pub const ENDS_MAX: usize = 16_384;

    /// Of so many data types it knows which ended; an integration has seldom more than three.
    pub const PLACES: usize = 15;

    /// Takes in an end, which is not older than any other.
    pub fn push(&mut self, end: End) {
        let End { at, failed, place } = end;
        let at = self.newest().map_or(at, |newest| newest.max(at));
        self.forget(at);
        if self.ends.is_empty() {
            self.base = at;
        }
        if at.since(self.base) >= REACH {
            self.rebase();
        }
        // Less than `REACH`.
        let ahead = u32::try_from(at.since(self.base).as_millis()).unwrap_or(u32::MAX >> 5);
        self.ends.push_back(Packed::new(ahead, failed, place));
        self.failed += u32::from(failed);
    }

    /// How the executions ended that finished within `span` before `now`. A span of more than [`Window::LENGTH`] sees no more than that.
    #[must_use]
    pub fn tally(&self, now: Stamp, span: Duration) -> Tally {
        let span = span.min(Self::LENGTH);
        let out = self.ends.partition_point(|end| has_slid_out(self.at(*end), span, now));
        let failed_out: u32 = self.ends.range(..out).map(|end| end.failed()).sum();
        Tally {
            failed: self.failed - failed_out,
            // There are at most `ENDS_MAX`.
            finished: u32::try_from(self.ends.len() - out).unwrap_or(u32::MAX),
        }
    }

    /// The ends, oldest first.
    pub fn ends(&self) -> impl DoubleEndedIterator<Item = End> + ExactSizeIterator {
        self.ends.iter().map(|end| End {
            at: self.at(*end),
            failed: end.failed() == 1,
            place: end.place(),
        })
    }

    /// Gives each data type another place, since others are collected now.
    pub(crate) fn replace(&mut self, now: impl Fn(usize) -> Option<usize>) {
        for end in &mut self.ends {
            *end = Packed::new(end.ahead(), end.failed() == 1, end.place().and_then(&now));
        }
    }

    /// When the newest execution ended.
    #[must_use]
    pub fn newest(&self) -> Option<Stamp> {
        self.ends.back().map(|end| self.at(*end))
    }

    /// Whether any of them failed.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        self.failed > 0
    }

    fn at(&self, end: Packed) -> Stamp {
        self.base.after(Duration::from_millis(u64::from(end.ahead())))
    }

    fn forget(&mut self, now: Stamp) {
        while let Some(end) = self.ends.front().copied()
            && (has_slid_out(self.at(end), Self::LENGTH, now)
                || self.ends.len() >= Self::ENDS_MAX
                || (self.ends.len() >= 4 && planted!("window-forgets")))
        {
            self.ends.pop_front();
            self.failed -= end.failed();
        }
    }

    /// Counts from the oldest end on, which is less than a day before the newest.
    fn rebase(&mut self) {
        let Some(first) = self.ends.front().copied() else {
            return;
        };
        self.base = self.at(first);
        for end in &mut self.ends {
            *end = Packed::new(end.ahead() - first.ahead(), end.failed() == 1, end.place());
        }
    }
}

impl FromIterator<End> for Window {
    /// Of ends that are given oldest first.
    fn from_iter<T: IntoIterator<Item = End>>(ends: T) -> Self {
        let mut window = Self::default();
        for end in ends {
            window.push(end);
        }
        window
    }
}

/// When an end slides out of a window of this length.
pub(crate) fn slides_out(at: Stamp, span: Duration) -> Stamp {
    at.after(span)
}

fn has_slid_out(at: Stamp, span: Duration, now: Stamp) -> bool {
    slides_out(at, span) <= now && !(slides_out(at, span) == now && planted!("window-edge-counts"))
}

/// From which base it counts is nobody's business.
impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.ends().eq(other.ends())
    }
}

impl Eq for Window {}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ends()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end(at: u64, failed: bool) -> End {
        End {
            at: Stamp::from_millis(at),
            failed,
            place: None,
        }
    }

    fn recount(history: &[(u64, bool)], now: u64, span: Duration) -> Tally {
        let span = u64::try_from(span.as_millis()).expect("it is short");
        let within = history.iter().filter(|(at, _)| *at <= now && now - at < span);
        Tally {
            failed: u32::try_from(within.clone().filter(|(_, failed)| *failed).count()).expect("few"),
            finished: u32::try_from(within.count()).expect("few"),
        }
    }

    #[test]
    fn an_end_counts_for_a_day_less_a_millisecond() {
        let window: Window = [end(1_000, true)].into_iter().collect();
        let at = |millis| window.tally(Stamp::from_millis(millis), Window::LENGTH);
        assert_eq!(at(86_400_999).to_string(), "1 of 1 failed = 100 %");
        assert_eq!(at(86_401_000).to_string(), "none has finished");
    }

    #[test]
    fn it_is_bounded_and_keeps_the_newest() {
        let ends = (0..20_000_u64).map(|n| end(n, n < 5_000));
        let window: Window = ends.collect();
        assert_eq!(window.ends().len(), Window::ENDS_MAX);
        let tally = window.tally(Stamp::from_millis(20_000), Window::LENGTH);
        assert_eq!((tally.finished, tally.failed), (16_384, 1_384));
    }

    #[test]
    fn each_end_keeps_its_data_type_while_others_come_and_go() {
        let places = [Some(0), Some(14), Some(15), None, Some(usize::MAX)];
        let ends = places.map(|place| End { place, ..end(7, true) });
        let mut window: Window = ends.into_iter().collect();
        let told = |window: &Window| window.ends().map(|end| end.place).collect::<Vec<_>>();
        assert_eq!(told(&window), [Some(0), Some(14), None, None, None]);
        window.replace(|place| if place == 0 { Some(3) } else { None });
        assert_eq!(told(&window), [Some(3), None, None, None, None]);
        assert_eq!(window.tally(Stamp::from_millis(7), Window::LENGTH).failed, 5);
    }

    #[test]
    fn the_arithmetic_can_be_shown() {
        let tally = Tally {
            failed: 7,
            finished: 20,
        };
        assert_eq!(tally.to_string(), "7 of 20 failed = 35 %");
        for (failed, finished, share) in [
            (1, 3, "33.33"),
            (1, 8, "12.5"),
            (1, 50, "2"),
            (1, 1_100, "0.09"),
            (0, 4, "0"),
        ] {
            let said = Tally { failed, finished }.to_string();
            assert_eq!(said, format!("{failed} of {finished} failed = {share} %"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn it_equals_a_recount_of_everything(
            start in prop_oneof![Just(0_u64), 1_700_000_000_000_u64..1_800_000_000_000],
            // Short steps, steps about a day, and the clock put forward by weeks.
            steps in prop::collection::vec(
                (prop_oneof![
                    6 => 0_u64..5_000_000, 2 => 86_390_000_u64..86_410_000, 1 => 0_u64..5_000_000_000, 2 => Just(0_u64)
                ], any::<bool>(), any::<bool>(), prop::option::of(0..Window::PLACES)),
                1..60,
            ),
            look in 0_u64..100_000_000,
            span in prop_oneof![Just(Window::LENGTH), (60_u64..86_400).prop_map(Duration::from_secs)],
        ) {
            let mut window = Window::default();
            let mut history = Vec::new();
            let mut now = start;
            for (step, failed, restarted, place) in steps {
                now += step;
                window.push(End { place, ..end(now, failed) });
                history.push((now, failed));
                prop_assert_eq!(window.ends().last(), Some(End { place, ..end(now, failed) }));
                if restarted {
                    window = window.ends().collect();
                }
                for later in [now, now + look] {
                    prop_assert_eq!(window.tally(Stamp::from_millis(later), span), recount(&history, later, span));
                }
                prop_assert!(window.newest() == Some(Stamp::from_millis(now)));
            }
        }
    }
}
