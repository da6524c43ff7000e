//! The settings of an integration's error notifications, as people give them and answers tell them.

use std::time::Duration;

use muster_core::words::{EmailAddress, Notifications, NotificationsError, Percent};
use muster_proto::v1;

use super::FieldFault;
use super::shown::shown;
use super::time::whole_seconds;

/// The field of an integration that they stand in.
const FIELD: &str = "integration.error_notifications";

/// What a person means; what is not given is as by default.
///
/// # Errors
/// All fields that are out of bounds, or else that which does not fit the others.
pub(crate) fn notifications(asked: Option<&v1::ErrorNotifications>) -> Result<Notifications, Vec<FieldFault>> {
    let Some(asked) = asked else {
        return Ok(Notifications::default());
    };
    let default = Notifications::default();
    let mut faults = Vec::new();
    let mut kept_percent = |field: &str, given: Option<f64>| match given.map(percent).transpose() {
        Ok(percent) => percent,
        Err(problem) => {
            faults.push(at(field, problem));
            None
        }
    };
    let threshold = kept_percent("threshold_percent", asked.threshold_percent);
    let recovery = kept_percent("recovery_percent", asked.recovery_percent);
    let mut kept_span = |field: &str, given: Option<&prost_types::Duration>| match given.map(span).transpose() {
        Ok(span) => span,
        Err(problem) => {
            faults.push(at(field, problem));
            None
        }
    };
    let window = kept_span("window", asked.window.as_ref());
    let hold = kept_span("hold", asked.hold.as_ref());
    let reminder = kept_span("reminder", asked.reminder.as_ref());
    let mut recipients = Vec::new();
    for (place, text) in asked.recipients.iter().enumerate().take(Notifications::RECIPIENTS_MAX) {
        match email_address(text) {
            Ok(address) => recipients.push(address),
            Err(problem) => faults.push(at(&format!("recipients[{place}]"), problem)),
        }
    }
    if asked.recipients.len() > Notifications::RECIPIENTS_MAX {
        let count = asked.recipients.len();
        faults.push(at("recipients", NotificationsError::TooManyRecipients { count }));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let settings = Notifications {
        enabled: asked.enabled,
        recipients: recipients.into(),
        threshold: threshold.unwrap_or(default.threshold),
        recovery,
        window: window.unwrap_or(default.window),
        sample_min: asked.sample_min.unwrap_or(default.sample_min),
        hold: hold.unwrap_or(default.hold),
        reminder: match reminder {
            None => default.reminder,
            Some(never) if never.is_zero() => None,
            Some(reminder) => Some(reminder),
        },
    };
    match settings.judge() {
        Ok(()) => Ok(settings),
        Err(error) => Err(vec![at(field_of(&error), error)]),
    }
}

/// As an answer tells them: whole, so that nobody has to know the defaults.
pub(crate) fn told(settings: &Notifications) -> v1::ErrorNotifications {
    let Notifications {
        enabled,
        recipients,
        threshold,
        recovery,
        window,
        sample_min,
        hold,
        reminder,
    } = settings;
    v1::ErrorNotifications {
        enabled: *enabled,
        recipients: recipients.iter().map(EmailAddress::to_string).collect(),
        threshold_percent: Some(in_percent(*threshold)),
        recovery_percent: recovery.map(in_percent),
        window: Some(whole_seconds(*window)),
        sample_min: Some(*sample_min),
        hold: Some(whole_seconds(*hold)),
        reminder: Some(whole_seconds(reminder.unwrap_or_default())),
    }
}

/// The address of a mailbox, by RFC 5321: without a display name, and with a domain that has a name.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn email_address(text: &str) -> Result<EmailAddress, String> {
    let shown = shown(text, 100);
    let options = email_address::Options::default()
        .without_display_text()
        .without_domain_literal()
        .with_required_tld();
    let parsed = email_address::EmailAddress::parse_with_options(text, options);
    let parsed = parsed.map_err(|error| {
        format!("`{shown}` is not the address of a mailbox ({error}): write it like `oncall@example.com`")
    })?;
    EmailAddress::new(parsed.as_str()).map_err(|error| format!("`{shown}` is not allowed: {error}"))
}

/// It in percent, for an answer.
pub(crate) fn in_percent(percent: Percent) -> f64 {
    f64::from(percent.hundredths()) / 100.0
}

fn percent(given: f64) -> Result<Percent, String> {
    let hundredths = (given * 100.0).round();
    let is_exact = (hundredths / 100.0 - given).abs() < 1e-9;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is too large or below zero becomes the bound, and what is no number becomes 0, and these are refused"
    )]
    let percent = Percent::from_hundredths(hundredths as u32).ok().filter(|_| is_exact);
    percent.ok_or_else(|| format!("is {given}: {}", muster_core::words::PercentError))
}

fn span(given: &prost_types::Duration) -> Result<Duration, String> {
    // What is below a second is of no use here, and cut.
    match u64::try_from(given.seconds) {
        Ok(seconds) if given.nanos >= 0 => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("is below zero: give how long".to_owned()),
    }
}

fn at(field: &str, problem: impl std::fmt::Display) -> FieldFault {
    FieldFault::new(format!("{FIELD}.{field}"), problem)
}

fn field_of(error: &NotificationsError) -> &'static str {
    match error {
        NotificationsError::NoRecipient
        | NotificationsError::TooManyRecipients { .. }
        | NotificationsError::RecipientTwice(_) => "recipients",
        NotificationsError::RecoveryAboveThreshold { .. } => "recovery_percent",
        NotificationsError::Span { what, .. } => what,
        NotificationsError::Sample(_) => "sample_min",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(recipients: &[&str]) -> v1::ErrorNotifications {
        v1::ErrorNotifications {
            enabled: true,
            recipients: recipients.iter().map(|&text| text.to_owned()).collect(),
            ..v1::ErrorNotifications::default()
        }
    }

    #[test]
    fn what_is_not_said_is_as_by_default() {
        assert_eq!(notifications(None), Ok(Notifications::default()));
        let settings = notifications(Some(&asked(&["a@b.example"]))).expect("in order");
        assert_eq!(settings.threshold, Percent::THIRTY);
        assert_eq!(settings.window, Notifications::WINDOW_MAX);
        assert_eq!(notifications(Some(&told(&settings))), Ok(settings));
    }

    #[test]
    fn a_reminder_of_no_time_is_none() {
        let never = v1::ErrorNotifications {
            reminder: Some(whole_seconds(Duration::ZERO)),
            ..asked(&["a@b.example"])
        };
        let settings = notifications(Some(&never)).expect("in order");
        assert_eq!(settings.reminder, None);
        assert_eq!(notifications(Some(&told(&settings))), Ok(settings));
    }

    #[test]
    fn addresses_are_read_by_their_grammar() {
        for good in ["a@b.example", "first.last+tag@sub.example.com", "büro@example.com"] {
            assert!(email_address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.example",
            "a b@example.com",
            "A <a@b.example>",
            "a@b.example\r\nBcc: x@y.example",
            "a@b.example,c@d.example",
            "a@[127.0.0.1]",
            "a..b@example.com",
            "a@-b.example",
            &format!("{}@example.com", "x".repeat(65)),
        ] {
            assert!(email_address(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_fault_has_its_place() {
        let bad = v1::ErrorNotifications {
            threshold_percent: Some(0.0),
            recovery_percent: Some(f64::NAN),
            window: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
            ..asked(&["a", "b@c.example"])
        };
        let faults = notifications(Some(&bad)).expect_err("there are four");
        let places: Vec<_> = faults.iter().map(|fault| fault.field.as_ref()).collect();
        assert_eq!(
            places,
            ["threshold_percent", "recovery_percent", "window", "recipients[0]"]
                .map(|field| format!("{FIELD}.{field}"))
        );
        let alone = |settings| notifications(Some(&settings)).expect_err("it does not fit")[0].to_string();
        assert_eq!(
            alone(asked(&[])),
            "integration.error_notifications.recipients: notifications are on, but there is no recipient: name one"
        );
        for percent in [-1.0, 29.999, 100.01, f64::INFINITY] {
            let settings = v1::ErrorNotifications {
                threshold_percent: Some(percent),
                ..asked(&["a@b.example"])
            };
            assert!(alone(settings).contains("a share must be"), "{percent}");
        }
        let settings = v1::ErrorNotifications {
            window: Some(whole_seconds(Duration::ZERO)),
            ..asked(&["a@b.example"])
        };
        assert_eq!(
            alone(settings),
            "integration.error_notifications.window: the window of 0 s is not allowed: it must be between 1 min and 24 h"
        );
    }
}
