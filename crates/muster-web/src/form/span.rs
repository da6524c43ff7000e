//! Spans of time as people write them: `90s`, `15m`, `1h30m`, `7d`.

use jiff::{SignedDuration, Span, SpanRelativeTo, SpanRound, Unit};
use prost_types::Duration;

/// A span in whole seconds of what was typed.
///
/// # Errors
/// What it should look like.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || "must be such as `90s`, `15m`, `1h30m` or `7d`".to_owned();
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    Ok(Duration {
        seconds: length.as_secs(),
        nanos: 0,
    })
}

/// The same the other way round: `1h 30m`.
pub(crate) fn text(length: &Duration) -> String {
    let span = Span::try_from(SignedDuration::from_secs(length.seconds));
    let largest = SpanRound::new().largest(Unit::Day).days_are_24_hours();
    let span = span.and_then(|span| span.round(largest));
    span.map_or_else(|_| format!("{}s", length.seconds), |span| format!("{span:#}"))
}
