//! Stamps and spans of time.

use std::time::Duration;

use muster_core::time::{Interval, Stamp};

use super::FieldFault;

pub(crate) fn timestamp(stamp: Stamp) -> prost_types::Timestamp {
    let millis = stamp.millis();
    prost_types::Timestamp {
        seconds: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000,
    }
}

/// A time as people and programs write it: `2026-11-25T08:00:00Z`.
pub(crate) fn text(stamp: Stamp) -> String {
    let millis = i64::try_from(stamp.millis()).ok();
    let time = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    time.map_or_else(
        || format!("{} ms after 1970", stamp.millis()),
        |time| format!("{time:.0}"),
    )
}

/// A time that a caller must give. What is before 1970 is 1970, and parts of a millisecond are cut.
pub(crate) fn stamp(field: &str, time: Option<prost_types::Timestamp>) -> Result<Stamp, FieldFault> {
    let time = time.ok_or_else(|| FieldFault::new(field, "is missing: give a time such as 2026-11-25T08:00:00Z"))?;
    let nanos = u64::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let nanos = nanos.ok_or_else(|| FieldFault::new(field, "is no time: its nanoseconds must be below a second"))?;
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    Ok(Stamp::from_millis(
        seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000),
    ))
}

/// A span to the millisecond.
pub(crate) fn span(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_millis()).unwrap_or(0) * 1_000_000,
    }
}

pub(super) fn duration(interval: Interval) -> prost_types::Duration {
    whole_seconds(interval.length())
}

/// A span without its parts of a second.
pub(super) fn whole_seconds(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    }
}

/// A span of milliseconds, forward or back.
pub(super) fn skew(millis: i64) -> prost_types::Duration {
    prost_types::Duration {
        seconds: millis / 1_000,
        nanos: i32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000,
    }
}

/// The interval of a duration, cut to whole seconds.
pub(super) fn interval(field: &str, duration: prost_types::Duration) -> Result<Interval, FieldFault> {
    // Not by the conversion of prost: it normalizes, which overflows for the most negative duration there is.
    let seconds = u64::try_from(duration.seconds).ok().filter(|_| duration.nanos >= 0);
    let seconds = seconds.ok_or_else(|| {
        FieldFault::new(
            field,
            "is negative: must be between 1 min (60 s) and 366 days (31622400 s)",
        )
    })?;
    Interval::new(Duration::from_secs(seconds)).map_err(|error| FieldFault::new(field, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_its_milliseconds() {
        let stamp = timestamp(Stamp::from_millis(1_700_000_000_123));
        assert_eq!((stamp.seconds, stamp.nanos), (1_700_000_000, 123_000_000));
    }

    #[test]
    fn a_skew_has_one_sign() {
        let back = skew(-1_500);
        assert_eq!((back.seconds, back.nanos), (-1, -500_000_000));
    }

    #[test]
    fn an_interval_has_bounds_and_whole_seconds() {
        let of = |seconds, nanos| interval("interval", prost_types::Duration { seconds, nanos });
        assert_eq!(
            of(90, 999_999_999).map(duration),
            Ok(prost_types::Duration { seconds: 90, nanos: 0 })
        );
        for (seconds, nanos) in [
            (0, 0),
            (59, 999_999_999),
            (-60, 0),
            (i64::MIN, i32::MIN),
            (i64::MAX, i32::MAX),
        ] {
            let fault = of(seconds, nanos).expect_err("out of bounds");
            assert!(fault.problem.contains("60 s"), "{fault}");
        }
    }
}
