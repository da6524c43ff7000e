//! Until when an integration rests, as people type it.

use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use prost_types::Timestamp;

use crate::form::span;

/// The end of a pause: of so long from now, or at a time, which is UTC where it has no offset.
pub(super) fn until(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(length) = span::parse(text) {
        let seconds = u64::try_from(length.seconds).ok()?;
        return Some(Timestamp::from(SystemTime::now() + Duration::from_secs(seconds)));
    }
    let at: jiff::Timestamp = text.parse().ok().or_else(|| in_utc(text))?;
    Some(Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    })
}

/// A time without an offset. One that has another than that of UTC, or names a place, would lose it here without a word.
fn in_utc(text: &str) -> Option<jiff::Timestamp> {
    let bare = text.trim_end_matches("UTC").trim_end_matches('Z').trim_end();
    if bare.contains('[') || bare.parse::<jiff::Timestamp>().is_ok() {
        return None;
    }
    TimeZone::UTC.to_timestamp(bare.parse::<DateTime>().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_for_so_long_or_until_a_time() {
        let at = until("2030-12-01 08:00").expect("a time");
        assert_eq!(at.seconds, 1_922_342_400);
        assert_eq!(until("2030-12-01T08:00:00Z"), Some(at));
        assert_eq!(until("2030-12-01 08:00 UTC"), Some(at));
        assert_eq!(until("2030-12-01T10:00+02:00"), Some(at));
        assert_eq!(until("2030-12-01 03:00:00-05:00"), Some(at));
        assert_eq!(until("2030-12-01").map(|day| day.seconds), Some(at.seconds - 8 * 3_600));
        let in_4h = until("4h").expect("a span").seconds - Timestamp::from(SystemTime::now()).seconds;
        assert!((14_399..=14_400).contains(&in_4h), "{in_4h}");
        for wrong in [
            "",
            "soon",
            "-4h",
            "2030-13-01",
            "99999999999999999999h",
            "2030-12-01T10:00+02:00 UTC",
            "2030-12-01T10:00[Europe/Berlin]",
        ] {
            assert_eq!(until(wrong), None, "{wrong}");
        }
    }
}
