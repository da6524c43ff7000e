//! Value parsers that several settings share.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A duration as people write it: `90s`, `2m 30s`, `1h`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    // One that is negative is none.
    let parsed = parsed.and_then(|span| Duration::try_from(span).ok());
    parsed.ok_or_else(|| format!("`{text}` is no duration: write it like `90s`, `2m 30s` or `1h`"))
}

/// A judge of durations that must lie within these bounds, for `value_parser`.
pub fn duration_within(
    bounds: RangeInclusive<Duration>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| {
        let given = duration(text)?;
        if bounds.contains(&given) {
            return Ok(given);
        }
        let (least, most) = (written(*bounds.start()), written(*bounds.end()));
        Err(format!("is `{text}`: must be between {least} and {most}"))
    }
}

/// A judge of whole numbers that must lie within these bounds, for `value_parser`.
pub fn number_within<T>(bounds: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let given = text.parse().ok().filter(|given| bounds.contains(given));
        given.ok_or_else(|| {
            format!(
                "is `{text}`: must be a whole number from {} to {}",
                bounds.start(),
                bounds.end()
            )
        })
    }
}

/// A duration of whole seconds in its largest unit, as people are told it: `60s` is `1 min`.
#[must_use]
pub fn written(duration: Duration) -> String {
    match duration.as_secs() {
        0 => "0 s".to_owned(),
        hours if hours % 3_600 == 0 => format!("{} h", hours / 3_600),
        minutes if minutes % 60 == 0 => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_what_people_write() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m 30s"), Ok(Duration::from_secs(150)));
        for bad in ["", "90", "-1s", "soon"] {
            assert!(
                duration(bad).is_err_and(|error| error.contains("write it like")),
                "{bad}"
            );
        }
    }

    #[test]
    fn numbers_have_bounds() {
        let judge = number_within(1_u16..=8);
        assert_eq!(judge("8"), Ok(8));
        for bad in ["0", "9", "-1", "70000", "1.5", "four", "99999999999999999999"] {
            assert_eq!(
                judge(bad),
                Err(format!("is `{bad}`: must be a whole number from 1 to 8"))
            );
        }
    }

    #[test]
    fn bounds_are_told_in_units_that_people_use() {
        let judge = duration_within(Duration::from_secs(5)..=Duration::from_secs(3_600));
        assert!(judge("5s").is_ok() && judge("1h").is_ok());
        assert_eq!(judge("61m"), Err("is `61m`: must be between 5 s and 1 h".to_owned()));
        assert_eq!(written(Duration::from_secs(90)), "90 s");
        assert_eq!(written(Duration::from_secs(120)), "2 min");
    }
}
