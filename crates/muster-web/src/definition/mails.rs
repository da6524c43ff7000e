//! Who is told of errors, and when: as inputs.

use muster_proto::v1::ErrorNotifications;
use prost_types::Duration;

use super::length;
use crate::form::{Faults, Field, Kind, Typed, span};

/// A field of mails: its input, what the API calls it, and how it is said.
pub(crate) struct Mail {
    /// The name of its input.
    pub(crate) name: &'static str,
    /// Its name in `ErrorNotifications`.
    pub(crate) of: &'static str,
    /// Its field.
    pub(crate) field: Field,
    /// Whether it is one that few need.
    pub(crate) is_rare: bool,
}

impl Mail {
    /// What the API calls it.
    pub(crate) fn path(&self) -> String {
        format!("{NOTIFICATIONS}.{}", self.of)
    }
}

const NOTIFICATIONS: &str = "integration.error_notifications";

/// The input of the switch of mails.
pub(crate) const MAIL: &str = "mail";

/// All fields of mails, in their order.
pub(crate) fn mails() -> Vec<Mail> {
    let number = |is_whole| Kind::Number { is_whole };
    let text = || Kind::Text {
        input: "text",
        length_max: Some(40),
        examples: Vec::new(),
    };
    let all = [
        (
            "mail",
            "enabled",
            "Error email notifications",
            "A mail when too much fails, again while that goes on, and when it is over.",
            "",
            Kind::Flag { default: false },
        ),
        (
            "recipients",
            "recipients",
            "Recipients",
            "Addresses, at most 20.",
            "ops@example.com",
            Kind::Lines { are_numbers: false },
        ),
        (
            "threshold",
            "threshold_percent",
            "Threshold (percent)",
            "The error rate at which people are told: Error / (Completed + Error).",
            "30",
            number(false),
        ),
        (
            "recovery",
            "recovery_percent",
            "Recovery (percent)",
            "The error rate below which it is over. Empty: two thirds of the threshold.",
            "",
            number(false),
        ),
        (
            "window",
            "window",
            "Window",
            "Over which time the rate is taken: 1m to 1d.",
            "1d",
            text(),
        ),
        (
            "sample",
            "sample_min",
            "Sample",
            "How many executions must have ended in it: with few a day a higher one spares a mail for a single failure.",
            "1",
            number(true),
        ),
        (
            "hold",
            "hold",
            "Hold",
            "For how long the threshold must have been reached: 0s to 1d.",
            "0s",
            text(),
        ),
        (
            "reminder",
            "reminder",
            "Reminder",
            "How often people are told again while it goes on: 1m to 30d; 0s: never.",
            "1d",
            text(),
        ),
    ];
    let all = all
        .into_iter()
        .enumerate()
        .map(|(at, (name, of, title, help, placeholder, kind))| Mail {
            name,
            of,
            field: Field::new(title, help, placeholder, kind),
            is_rare: at > 2,
        });
    all.collect()
}

/// What stands in their inputs.
pub(super) fn fill_mails(notifications: Option<&ErrorNotifications>, typed: &mut Typed) {
    let none = ErrorNotifications::default();
    let of = notifications.unwrap_or(&none);
    let percent = |percent: Option<f64>| percent.map(|percent| percent.to_string()).unwrap_or_default();
    let length = |length: &Option<Duration>| length.as_ref().map(span::text).unwrap_or_default();
    typed.set(MAIL, "set");
    if of.enabled {
        typed.add(MAIL, "true");
    }
    typed.set("recipients", of.recipients.join("\n"));
    typed.set("threshold", percent(of.threshold_percent));
    typed.set("recovery", percent(of.recovery_percent));
    typed.set("window", length(&of.window));
    typed.set(
        "sample",
        of.sample_min.map(|count| count.to_string()).unwrap_or_default(),
    );
    typed.set("hold", length(&of.hold));
    typed.set("reminder", length(&of.reminder));
}

/// What is asked of the API for what was typed.
pub(super) fn read_mails(typed: &Typed, faults: &mut Faults) -> ErrorNotifications {
    let path = |of: &str| format!("{NOTIFICATIONS}.{of}");
    ErrorNotifications {
        enabled: typed.has(MAIL, "true"),
        recipients: recipients(typed),
        threshold_percent: number(typed.get("threshold"), &path("threshold_percent"), faults),
        recovery_percent: number(typed.get("recovery"), &path("recovery_percent"), faults),
        window: length(typed.get("window"), &path("window"), faults),
        sample_min: number(typed.get("sample"), &path("sample_min"), faults),
        hold: length(typed.get("hold"), &path("hold"), faults),
        reminder: length(typed.get("reminder"), &path("reminder"), faults),
    }
}

/// The addresses that were typed, one a line or with commas between them.
pub(crate) fn recipients(typed: &Typed) -> Vec<String> {
    let parts = typed.get("recipients").split(['\n', ',', ';']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn number<N: std::str::FromStr>(text: &str, path: &str, faults: &mut Faults) -> Option<N> {
    let text = text.trim().trim_end_matches('%').trim_end();
    if text.is_empty() {
        return None;
    }
    let number = text.parse().ok();
    if number.is_none() {
        faults.add(path, "must be a number");
    }
    number
}
