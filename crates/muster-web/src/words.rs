//! How times, counts and states are said.

use std::time::{Duration, SystemTime};

use jiff::Timestamp as Instant;
use maud::{Markup, PreEscaped, html};
use muster_proto::v1::{ConfigurationStatus, ErrorCategory, Execution, ExecutionStatus, Role};
use prost_types::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Now.
pub(crate) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// The time from one stamp to a later one; zero when it is not later.
pub(crate) fn between(from: &Timestamp, to: &Timestamp) -> Duration {
    let at = |time: &Timestamp| {
        Duration::new(
            u64::try_from(time.seconds).unwrap_or(0),
            u32::try_from(time.nanos).unwrap_or(0),
        )
    };
    at(to).saturating_sub(at(from))
}

/// A time in words, relative to now: `4 min ago`, `in 2 h`; exactly where it is pointed at.
pub(crate) fn relative(time: &Timestamp, now: &Timestamp) -> Markup {
    let (past, future) = (between(time, now).as_secs(), between(now, time).as_secs());
    let words = match (past, future) {
        (0, 0) | (1..MINUTE, _) => "just now".to_owned(),
        (MINUTE.., _) => format!("{} ago", rough(past)),
        (0, 1..MINUTE) => "in a moment".to_owned(),
        (0, MINUTE..) => format!("in {}", rough(nearly(future))),
    };
    html! { time datetime=(iso(time)) title=(exact(time)) { (words) } }
}

/// A time by the clock: `14:03:12`, with its day when that is not today. The script shows it in the browser's own time zone, where today may be another day.
pub(crate) fn clock(time: &Timestamp, now: &Timestamp) -> Markup {
    let is_today = date(time) == date(now);
    let form = if is_today { "%H:%M:%S" } else { "%-d %b %H:%M" };
    html! { time datetime=(iso(time)) title=(exact(time)) data-form="when" { (formatted(time, form)) } }
}

/// The same without the day, to the second: for what stands beside others of the same hour.
pub(crate) fn second(time: &Timestamp) -> Markup {
    html! { time datetime=(iso(time)) title=(exact(time)) data-form="clock" { (formatted(time, "%H:%M:%S")) } }
}

fn date(time: &Timestamp) -> String {
    formatted(time, "%Y-%m-%d")
}

/// `29 Nov 2026 14:03:12 UTC`.
pub(crate) fn exact(time: &Timestamp) -> String {
    formatted(time, "%-d %b %Y %H:%M:%S UTC")
}

/// `2026-11-29T14:03:12.004Z`: as precise as it is known.
pub(crate) fn precise(time: &Timestamp) -> String {
    formatted(time, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

/// `2026-11-29T14:03:12Z`.
pub(crate) fn iso(time: &Timestamp) -> String {
    formatted(time, "%Y-%m-%dT%H:%M:%SZ")
}

fn formatted(time: &Timestamp, form: &str) -> String {
    match Instant::new(time.seconds, time.nanos) {
        Ok(instant) => instant.strftime(form).to_string(),
        // No calendar has it, and the API never sends it.
        Err(_) => "-".to_owned(),
    }
}

/// What is nearly a whole hour or day ahead is said as that: what was just given 90 days does not end in 89.
fn nearly(seconds: u64) -> u64 {
    seconds
        + match seconds {
            0..HOUR => 1,
            HOUR..DAY => MINUTE,
            DAY.. => HOUR,
        }
}

fn rough(seconds: u64) -> String {
    match seconds {
        0..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => format!("{} h", seconds / HOUR),
        DAY.. => format!("{} d", seconds / DAY),
    }
}

/// A length of time: `250 ms`, `1.9 s`, `12 s`, `4 min 10 s`, `2 h 5 min`, `3 d`.
pub(crate) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 => format!("{} ms", length.as_millis()),
        1..10 => format!("{}.{} s", seconds, length.subsec_millis() / 100),
        10..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR if seconds.is_multiple_of(MINUTE) => format!("{} min", seconds / MINUTE),
        MINUTE..HOUR => format!("{} min {} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY if seconds % HOUR < MINUTE => format!("{} h", seconds / HOUR),
        HOUR..DAY => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        DAY.. => format!("{} d", seconds / DAY),
    }
}

/// A message of the API as a sentence of a page: those begin in lower case, end without a full stop, and quote names and values by backquotes.
pub(crate) fn prose(message: &str) -> Markup {
    let message = clean(message);
    let mut letters = message.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let mut text: String = first.chain(letters).collect();
    if !text.is_empty() && !text.ends_with(['.', '!', '?', '…']) {
        text.push('.');
    }
    // A quote that does not end is none.
    let quotes = text.matches('`').count() / 2 * 2;
    html! {
        @for (at, part) in text.splitn(quotes + 1, '`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// What a source or a program has said, without what would do something to the page around it: control characters, and marks that change the direction of text,
/// are shown as what they are, something odd.
pub(crate) fn clean(said: &str) -> String {
    let is_odd = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
    };
    said.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

/// A number with its thousands apart: `1,204`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `2 records`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {one}{s}", number(count))
}

/// A share in percent with at most two decimals, cut as everywhere: what is below a threshold never looks as if it had reached it.
pub(crate) fn percent(part: u64, of: u64) -> String {
    let hundredths = part.saturating_mul(10_000).checked_div(of).unwrap_or(0);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a configuration status is called, and the class of what shows it.
pub(crate) fn configuration_status(status: ConfigurationStatus) -> (&'static str, &'static str) {
    match status {
        ConfigurationStatus::Active => ("Active", "active"),
        ConfigurationStatus::Error => ("Error", "error"),
        ConfigurationStatus::Disabled | ConfigurationStatus::Unspecified => ("Disabled", "disabled"),
    }
}

/// A configuration status by icon, colour and word.
pub(crate) fn status(of: ConfigurationStatus) -> Markup {
    let (word, class) = configuration_status(of);
    html! { span class={ "status " (class) } { (icon(class)) (word) } }
}

/// What an execution status is called, and the class of what shows it.
pub(crate) fn execution_status(status: ExecutionStatus) -> (&'static str, &'static str) {
    match status {
        ExecutionStatus::Unspecified => ("Unknown", "waiting"),
        ExecutionStatus::Created => ("Created", "waiting"),
        ExecutionStatus::Pending => ("Pending", "waiting"),
        ExecutionStatus::Executing => ("Executing", "running"),
        ExecutionStatus::Completed => ("Completed", "completed"),
        ExecutionStatus::Error => ("Error", "error"),
    }
}

/// How an execution stands, by mark, colour and word.
pub(crate) fn state(execution: &Execution) -> Markup {
    let is_canceled = execution
        .failure
        .as_ref()
        .is_some_and(|failure| failure.category() == ErrorCategory::Canceled);
    let (word, class) = match execution.status() {
        ExecutionStatus::Error if is_canceled => ("Canceled", "canceled"),
        status => execution_status(status),
    };
    let class = if execution.warning.is_some() { "warned" } else { class };
    html! { span class={ "state " (class) } { i {} (word) } }
}

/// What a category of failures is called.
pub(crate) fn category(category: ErrorCategory) -> &'static str {
    match category {
        ErrorCategory::Unspecified => "Failure",
        ErrorCategory::Permission => "Permission",
        ErrorCategory::Configuration => "Configuration",
        ErrorCategory::Communication => "Communication",
        ErrorCategory::Connector => "Connector",
        ErrorCategory::Timeout => "Timeout",
        ErrorCategory::RunnerLost => "Runner lost",
        ErrorCategory::Landing => "Landing",
        ErrorCategory::Canceled => "Canceled",
    }
}

/// What a role is called.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Unspecified => "nobody",
        Role::Viewer => "Viewer",
        Role::Operator => "Operator",
        Role::Admin => "Admin",
    }
}

/// An icon of our own, which says nothing that is not said beside it.
pub(crate) fn icon(name: &str) -> Markup {
    let path = match name {
        "active" => r#"<circle cx="8" cy="8" r="6.5"/><path d="M5.2 8.3l2 2 3.6-4.2"/>"#,
        "error" => r#"<circle cx="8" cy="8" r="6.5"/><path d="M8 4.6v4M8 11.2v.1"/>"#,
        "disabled" => r#"<circle cx="8" cy="8" r="6.5"/><path d="M5.2 8h5.6"/>"#,
        "cross" => r#"<path d="M4 4l8 8M12 4l-8 8"/>"#,
        _ => "",
    };
    debug_assert!(!path.is_empty(), "there is no icon `{name}`");
    html! { svg class={ "icon " (name) } viewBox="0 0 16 16" aria-hidden="true" { (PreEscaped(path)) } }
}

/// Two letters in a colour, by which something is known again at a glance.
pub(crate) fn monogram(name: &str) -> Markup {
    let mut words = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let first = words.next().unwrap_or("?");
    let letters: String = match words.next() {
        Some(second) => first.chars().take(1).chain(second.chars().take(1)).collect(),
        None => first.chars().take(2).collect(),
    };
    let hue = name
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
        % 8;
    html! { span class={ "monogram hue-" (hue) } aria-hidden="true" { (letters) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    fn words(time: i64, now: i64) -> String {
        let text = relative(&at(time), &at(now)).0;
        let (_, words) = text.trim_end_matches("</time>").rsplit_once('>').expect("an element");
        words.to_owned()
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(words(1_000, 1_000), "just now");
        assert_eq!(words(1_000, 1_059), "just now");
        assert_eq!(words(1_000, 1_060), "1 min ago");
        assert_eq!(words(0, 2 * 3_600 + 59), "2 h ago");
        assert_eq!(words(1_030, 1_000), "in a moment");
        assert_eq!(words(90_000, 0), "in 1 d");
        let ahead = [119, 3_599, 86_370, 90 * 86_400 - 2, 90 * 86_400 - 3_700].map(|ahead| words(ahead, 0));
        assert_eq!(ahead, ["in 2 min", "in 1 h", "in 1 d", "in 90 d", "in 89 d"]);
        assert_eq!(exact(&at(1_795_990_992)), "29 Nov 2026 22:23:12 UTC");
        assert_eq!(exact(&at(i64::MAX)), "-");
    }

    #[test]
    fn a_message_becomes_a_sentence_with_its_names_set_apart() {
        assert_eq!(
            prose("grant `a<b` and `c`").0,
            "Grant <code>a&lt;b</code> and <code>c</code>."
        );
        assert_eq!(prose("it ends `here").0, "It ends `here.");
        assert_eq!(prose("").0, "");
    }

    #[test]
    fn what_is_said_does_nothing_to_the_page() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m\tü"), "\u{fffd}[31mred\u{fffd}[0m\tü");
        assert_eq!(clean("a\u{202e}b\u{2066}c"), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn lengths_and_numbers_are_short() {
        let shares = [(0, 0), (0, 4), (2, 3), (2_996, 10_000), (1, 8), (5, 5)].map(|(part, of)| percent(part, of));
        assert_eq!(shares, ["0", "0", "66.66", "29.96", "12.5", "100"]);
        for (millis, said) in [
            (0, "0 ms"),
            (250, "250 ms"),
            (1_940, "1.9 s"),
            (12_999, "12 s"),
            (64_000, "1 min 4 s"),
            (7_500_000, "2 h 5 min"),
            (7_200_000, "2 h"),
            (200_000_000, "2 d"),
        ] {
            assert_eq!(length(Duration::from_millis(millis)), said);
        }
        for (value, said) in [
            (0, "0"),
            (999, "999"),
            (1_204, "1,204"),
            (58_112, "58,112"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(number(value), said);
        }
    }
}
