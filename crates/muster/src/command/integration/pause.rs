//! `muster integration pause` and `resume`.

use std::time::{Duration, SystemTime};

use jiff::civil;
use jiff::tz::TimeZone;
use muster_proto::v1::{ErrorReason, PauseIntegrationRequest, ResumeIntegrationRequest};
use prost_types::Timestamp;

use super::{Named, tell, typed};
use crate::command::Session;
use crate::configuration::parse_interval;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::text::clean;
use crate::output::time;

/// Let the schedule of an integration rest; what runs goes on, and `run` still runs it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster integration pause laptops --for 3h
  muster integration pause laptops --until 2026-12-01T08:00
  muster integration pause laptops --until 2026-12-01T08:00+01:00

A time without an offset is UTC. A pause takes the place of the one before.")]
pub struct Args {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    end: End,
}

/// When it ends.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct End {
    /// Until this time, at most 366 days ahead
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// For so long from now: 1s to 366d
    #[arg(long = "for", value_name = "LENGTH", value_parser = parse_interval)]
    length: Option<Duration>,
}

impl End {
    fn time(&self) -> Option<Timestamp> {
        let after = |length| SystemTime::now().checked_add(length).map(Timestamp::from);
        self.until.or_else(|| self.length.and_then(after))
    }
}

/// A time with an offset, or one of UTC without; a day is its first moment.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let wrong = || {
        format!("`{text}` is no time: it must be such as `2026-12-01`, `2026-12-01T08:00` or `2026-12-01T08:00+01:00`")
    };
    // A place, as in `2026-12-01T08:00[Europe/Berlin]`, would be lost without a word.
    let utc = |text: &str| TimeZone::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok();
    let time = text.parse().ok().or_else(|| utc(text).filter(|_| !text.contains('[')));
    let time: jiff::Timestamp = time.ok_or_else(wrong)?;
    Ok(Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    })
}

/// Lets it rest.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &args.named.integration).await?;
    let display_name = clean(&integration.display_name);
    let request = PauseIntegrationRequest {
        name: integration.name,
        // One that no clock has is the coordinator's to refuse.
        until: Some(args.end.time().unwrap_or(Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        })),
        ..Default::default()
    };
    let paused = client.integrations().pause_integration(request).await;
    let paused = paused
        .map_err(|status| {
            let error = client.error(format!("pause integration `{display_name}`"), &status);
            error.advise(ErrorReason::IntegrationDisabled, || {
                format!("muster integration enable {}", typed(&display_name))
            })
        })?
        .into_inner();
    let until = time::exact(paused.pause_end_time.as_ref());
    tell(
        output,
        &paused,
        &format!("integration `{display_name}` is paused until {until}"),
    )?;
    Ok(Exit::Success)
}

/// Lets it go on.
pub async fn resume(named: Named, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &named.integration).await?;
    let display_name = clean(&integration.display_name);
    let request = ResumeIntegrationRequest {
        name: integration.name,
        ..Default::default()
    };
    let resumed = client.integrations().resume_integration(request).await;
    let resumed = resumed
        .map_err(|status| {
            let error = client.error(format!("resume integration `{display_name}`"), &status);
            error.advise(ErrorReason::IntegrationDisabled, || {
                format!("muster integration enable {}", typed(&display_name))
            })
        })?
        .into_inner();
    tell(
        output,
        &resumed,
        &format!("integration `{display_name}` collects by its schedule"),
    )?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_an_offset_or_are_utc() {
        let read = |text| parse_time(text).map(|time| time.seconds);
        assert_eq!(read("2026-12-01T08:00"), Ok(1_796_112_000));
        assert_eq!(read("2026-12-01T08:00Z"), Ok(1_796_112_000));
        assert_eq!(read("2026-12-01T09:00+01:00"), Ok(1_796_112_000));
        assert_eq!(read("2026-12-01"), Ok(1_796_112_000 - 8 * 3_600));
        for text in ["", "tomorrow", "8:00", "2026-13-01", "2026-12-01T08:00[Europe/Berlin]"] {
            let error = read(text).expect_err(text);
            assert!(error.contains("2026-12-01T08:00"), "{error}");
        }
    }
}
