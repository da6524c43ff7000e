//! Times as people read them: relative to now, or exact in UTC, as the coordinator's own sentences are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

/// What stands where there is no time.
pub const NONE: &str = "-";

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Now, by this machine's clock.
pub fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// `4 min ago`, `in 12 min`, `now`; [`NONE`] for no time.
pub fn relative(time: Option<&Timestamp>, now: &Timestamp) -> String {
    let Some(time) = time else {
        return NONE.to_owned();
    };
    let past = rough(between(time, now));
    let future = rough(between(now, time));
    match (past, future) {
        (Some(past), _) => format!("{past} ago"),
        (None, Some(future)) => format!("in {future}"),
        (None, None) => "now".to_owned(),
    }
}

/// `2026-11-24 09:12:01 UTC`; [`NONE`] for no time, or one that no calendar has.
pub fn exact(time: Option<&Timestamp>) -> String {
    formatted(time, "%Y-%m-%d %H:%M:%S UTC")
}

/// `09:12:01`, in UTC; [`NONE`] for no time, or one that no calendar has.
pub fn clock(time: Option<&Timestamp>) -> String {
    formatted(time, "%H:%M:%S")
}

/// The time from one stamp to a later one; zero when it is not later.
pub fn between(from: &Timestamp, to: &Timestamp) -> Duration {
    since_epoch(to).saturating_sub(since_epoch(from))
}

/// A length of time with its two largest units: `250 ms`, `12 s`, `4 min 10 s`, `2 h 5 min`, `3 d 1 h`.
pub fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (large, small) = match seconds {
        0 => return format!("{} ms", length.as_millis()),
        1..MINUTE => return format!("{seconds} s"),
        MINUTE..HOUR => ((MINUTE, "min"), (1, "s")),
        HOUR..DAY => ((HOUR, "h"), (MINUTE, "min")),
        DAY.. => ((DAY, "d"), (HOUR, "h")),
    };
    let rest = seconds % large.0 / small.0;
    let large = format!("{} {}", seconds / large.0, large.1);
    if rest == 0 {
        large
    } else {
        format!("{large} {rest} {}", small.1)
    }
}

/// An interval on the wire as [`length`] shows it; a negative one, which the API never sends, as [`NONE`].
pub fn interval(interval: Option<&prost_types::Duration>) -> String {
    interval
        .and_then(|interval| Duration::try_from(*interval).ok())
        .map_or_else(|| NONE.to_owned(), length)
}

/// The largest unit alone; `None` for less than a second.
fn rough(length: Duration) -> Option<String> {
    let seconds = length.as_secs();
    match seconds {
        0 => None,
        1..MINUTE => Some(format!("{seconds} s")),
        MINUTE..HOUR => Some(format!("{} min", seconds / MINUTE)),
        // "36 h ago" says more than "1 d ago".
        HOUR..172_800 => Some(format!("{} h", seconds / HOUR)),
        172_800.. => Some(format!("{} d", seconds / DAY)),
    }
}

fn formatted(time: Option<&Timestamp>, format: &str) -> String {
    time.and_then(|time| jiff::Timestamp::new(time.seconds, time.nanos).ok())
        .map_or_else(|| NONE.to_owned(), |time| time.strftime(format).to_string())
}

/// Zero for a time before 1970, which no coordinator stamps.
fn since_epoch(time: &Timestamp) -> Duration {
    SystemTime::try_from(*time)
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    #[test]
    fn times_are_told_by_their_largest_unit() {
        let told = |seconds: i64| relative(Some(&at(1_000_000 + seconds)), &at(1_000_000));
        assert_eq!(told(0), "now");
        assert_eq!(told(-59), "59 s ago");
        assert_eq!(told(-250), "4 min ago");
        assert_eq!(told(12 * 60), "in 12 min");
        assert_eq!(told(-36 * 3_600), "36 h ago");
        assert_eq!(told(5 * 86_400), "in 5 d");
        assert_eq!(relative(None, &at(0)), "-");
    }

    #[test]
    fn lengths_have_two_units() {
        assert_eq!(length(Duration::from_millis(250)), "250 ms");
        assert_eq!(length(Duration::from_secs(59)), "59 s");
        assert_eq!(length(Duration::from_secs(250)), "4 min 10 s");
        assert_eq!(length(Duration::from_secs(3_600)), "1 h");
        assert_eq!(length(Duration::from_secs(7_500)), "2 h 5 min");
        assert_eq!(length(Duration::from_secs(90_000)), "1 d 1 h");
    }

    #[test]
    fn exact_times_are_utc() {
        assert_eq!(exact(Some(&at(1_795_511_521))), "2026-11-24 09:12:01 UTC");
        assert_eq!(clock(Some(&at(1_795_511_521))), "09:12:01");
        assert_eq!(exact(Some(&at(i64::MAX))), "-");
    }
}
