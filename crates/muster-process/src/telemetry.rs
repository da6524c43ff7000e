//! Log lines of the process: to stderr, as text for people or as JSON for machines.

mod json;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write, stderr};
use std::panic;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::JsonFields;

use self::json::Json;
use crate::ConfigError;
use crate::nearest;

/// The environment variable that holds the filter: `info`, or `info,muster_runner=debug`.
pub const FILTER_VARIABLE: &str = "MUSTER_LOG";

/// The environment variable that holds the format.
pub const FORMAT_VARIABLE: &str = "MUSTER_LOG_FORMAT";

/// The filter where nobody gives one.
pub const FILTER_DEFAULT: &str = "info";

/// What is to be taken out of each line.
static REDACT: OnceLock<fn(&str) -> Cow<'_, str>> = OnceLock::new();

/// The levels of a filter.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One line of text each, with colours on a terminal unless `NO_COLOR` is set.
    Text,
    /// One JSON object in a line each.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Log")]
// Each struct is a group by its name, and a binary's own may have this one.
#[group(skip)]
pub struct Settings {
    /// Which lines are logged: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or levels of parts of the program such as
    /// `info,muster_runner=debug`.
    #[arg(id = "log", long = "log", env = FILTER_VARIABLE, value_name = "FILTER", default_value = FILTER_DEFAULT, value_parser = filter)]
    pub filter: String,
    /// How lines are written to standard error. `auto` is text on a terminal and JSON otherwise. Every line of an execution has its name in the
    /// field `execution`.
    #[arg(
        id = "log_format",
        long = "log-format",
        env = FORMAT_VARIABLE,
        value_name = "FORMAT",
        default_value = "auto"
    )]
    pub format: Format,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            filter: FILTER_DEFAULT.to_owned(),
            format: Format::Auto,
        }
    }
}

/// Judges a filter. A word that is neither a level nor a part with its level is a misspelt level more often than a part, and would silence
/// everything, so it is refused.
fn filter(text: &str) -> Result<String, String> {
    const EXPECTED: &str = "write a level such as `info`, or `info,muster_runner=debug`";
    let bare = text.split(',').map(str::trim).filter(|part| !part.contains(['=', '[']));
    for word in bare {
        if !LEVELS.contains(&word.to_lowercase().as_str()) {
            let meant = nearest(word, LEVELS)
                .map(|meant| format!(": is `{meant}` meant?"))
                .unwrap_or_default();
            return Err(format!("`{word}` is no level{meant}; {EXPECTED}"));
        }
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("`{text}` is not understood ({error}): {EXPECTED}")),
    }
}

/// Sets up the process's log, and has panics told in it. To be called once, before anything that may log; where a log has been set up
/// before, as in a test, that one stays.
///
/// # Errors
/// [`ConfigError`] when the filter cannot be understood.
pub fn init(settings: &Settings) -> Result<(), ConfigError> {
    let judged = filter(&settings.filter).map_err(|problem| ConfigError::of("log", problem))?;
    let filter = EnvFilter::new(judged);
    let terminal = stderr().is_terminal();
    let builder: SubscriberBuilder<_, _, EnvFilter, _> =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Lines);
    let installed = if settings.format.is_json(terminal) {
        let json = builder.fmt_fields(JsonFields::new()).event_format(Json);
        tracing::subscriber::set_global_default(json.finish())
    } else {
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        tracing::subscriber::set_global_default(builder.with_ansi(colours).finish())
    };
    if installed.is_ok() {
        log_panics();
    }
    Ok(())
}

/// Has each line that is logged from now on passed through `redact`, which takes out of it what nobody may read. The first call counts.
pub fn redact_by(redact: fn(&str) -> Cow<'_, str>) {
    // A second one in the same process, as in a test, has the same.
    let _ = REDACT.set(redact);
}

/// Standard error, a line each time it is written to.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match (REDACT.get(), std::str::from_utf8(line)) {
            (Some(redact), Ok(text)) => stderr().write_all(redact(text).as_bytes())?,
            (None, _) | (_, Err(_)) => stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

impl Format {
    fn is_json(self, terminal: bool) -> bool {
        match self {
            Self::Auto => !terminal,
            Self::Text => false,
            Self::Json => true,
        }
    }
}

/// Lets a panic be a log line like any other, with its place, so that whoever collects the log has it.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(tracing::field::display);
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace));
        tracing::error!(
            panic = message,
            place,
            backtrace,
            "a panic: report this fault, with the log around it"
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_not_understood_is_named() {
        let settings = Settings {
            filter: "info,muster=loud".to_owned(),
            ..Settings::default()
        };
        let error = init(&settings).expect_err("no level");
        assert!(error.to_string().contains("`info,muster=loud`"), "{error}");
    }

    #[test]
    fn a_level_that_is_misspelt_does_not_silence_everything() {
        assert_eq!(
            filter("deubg"),
            Err(
                "`deubg` is no level: is `debug` meant?; write a level such as `info`, or `info,muster_runner=debug`"
                    .to_owned()
            )
        );
        for good in [
            "info",
            "WARN",
            "off",
            "info,muster_runner=debug",
            "muster_runner=trace",
            "warn,[execution]=debug",
        ] {
            assert!(filter(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_terminal_gets_text_and_a_pipe_gets_json() {
        assert!(!Format::Auto.is_json(true));
        assert!(Format::Auto.is_json(false));
        assert!(Format::Json.is_json(true));
        assert!(!Format::Text.is_json(false));
    }
}
