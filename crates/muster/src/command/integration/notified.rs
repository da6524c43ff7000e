//! Whom an integration's errors are told to.

use std::time::Duration;

use muster_process::config::values::duration;
use muster_proto::v1::ErrorNotifications;

/// Whom errors are told to by mail, and when.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Error notifications")]
pub struct Notified {
    /// Tell errors to this mailbox; once for each
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_notify")]
    notify: Vec<String>,
    /// Tell errors to nobody; who was to be told is kept
    #[arg(long)]
    no_notify: bool,
    /// The error rate at which they are told [default: 30]
    #[arg(long, value_name = "PERCENT")]
    threshold: Option<f64>,
    /// The error rate below which all is well again [default: two thirds of the threshold]
    #[arg(long, value_name = "PERCENT")]
    recovery: Option<f64>,
    /// Over which time the error rate is taken, 1m to 24h [default: 24h]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    window: Option<Duration>,
    /// How many executions must have ended in it [default: 1]
    #[arg(long, value_name = "N")]
    sample_min: Option<u32>,
    /// For how long the threshold must have been reached [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    hold: Option<Duration>,
    /// How often they are told again while it stays so; 0s: never [default: 24h]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    reminder: Option<Duration>,
}

impl Notified {
    /// Changes the settings as the flags say; whether there was one.
    pub fn change(&self, settings: &mut Option<ErrorNotifications>) -> bool {
        let Self {
            notify,
            no_notify,
            threshold,
            recovery,
            window,
            sample_min,
            hold,
            reminder,
        } = self;
        let before = settings.clone();
        let mut after = before.clone().unwrap_or_default();
        if !notify.is_empty() {
            after.enabled = true;
            after.recipients.clone_from(notify);
        }
        after.enabled &= !no_notify;
        after.threshold_percent = threshold.or(after.threshold_percent);
        after.recovery_percent = recovery.or(after.recovery_percent);
        after.sample_min = sample_min.or(after.sample_min);
        // The parser takes no more than the wire's durations hold.
        let wire = |span: &Option<Duration>| span.and_then(|span| prost_types::Duration::try_from(span).ok());
        after.window = wire(window).or(after.window);
        after.hold = wire(hold).or(after.hold);
        after.reminder = wire(reminder).or(after.reminder);
        let is_given = *no_notify || before.unwrap_or_default() != after;
        if is_given {
            *settings = Some(after);
        }
        is_given
    }
}
