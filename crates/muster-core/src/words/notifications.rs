//! Whom an integration's errors are told to, and when.

use std::fmt;
use std::time::Duration;

use smol_str::SmolStr;

use super::Percent;

/// The address of a mailbox. By which grammar it is read is the business of whoever takes it from a person; here it is one text that can break out of nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(SmolStr);

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an e-mail address is one text of at most 254 bytes such as `oncall@example.com`, without spaces, commas or brackets"
)]
pub struct EmailAddressError;

impl EmailAddress {
    /// The address of this text: of at most 254 bytes, as RFC 5321 4.5.3 bounds it.
    ///
    /// # Errors
    /// [`EmailAddressError`].
    pub fn new(text: &str) -> Result<Self, EmailAddressError> {
        let breaks_out = |c: char| c.is_control() || c.is_whitespace() || "<>(),;:[]\"\\".contains(c);
        let has_ends = text
            .rsplit_once('@')
            .is_some_and(|(mailbox, domain)| !mailbox.is_empty() && !domain.is_empty());
        if text.len() > 254 || text.contains(breaks_out) || !has_ends {
            return Err(EmailAddressError);
        }
        Ok(Self(SmolStr::new(text)))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Error notifications of an integration: an incident opens when its error rate reaches a threshold, and closes when it has come down again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notifications {
    /// Whether there are any. Off by default.
    pub enabled: bool,
    /// Who gets them by mail.
    pub recipients: Box<[EmailAddress]>,
    /// The error rate at which an incident opens.
    pub threshold: Percent,
    /// The error rate below which it closes: the distance to the threshold keeps a rate that swings from telling again and again. `None` means two
    /// thirds of the threshold.
    pub recovery: Option<Percent>,
    /// Over which time the rate is taken. At most [`Notifications::WINDOW_MAX`].
    pub window: Duration,
    /// How many executions must have finished in it, lest one failure out of one be an alarm.
    pub sample_min: u32,
    /// For how long the threshold must have been reached.
    pub hold: Duration,
    /// How often an open incident is told again; `None` for never.
    pub reminder: Option<Duration>,
}

/// Settings of notifications that fit nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationsError {
    /// Nobody to tell.
    #[error("notifications are on, but there is no recipient: name one")]
    NoRecipient,
    /// Too many to tell.
    #[error(
        "there are {count} recipients: at most {} are told, so use a mailing list",
        Notifications::RECIPIENTS_MAX
    )]
    TooManyRecipients {
        /// How many.
        count: usize,
    },
    /// One is named twice.
    #[error("the recipient {0} is named twice: name each once")]
    RecipientTwice(EmailAddress),
    /// It would close while it opens.
    #[error("the recovery of {recovery} lies above the threshold of {threshold}: choose at most the threshold")]
    RecoveryAboveThreshold {
        /// Where it would close.
        recovery: Percent,
        /// Where it opens.
        threshold: Percent,
    },
    /// A span out of bounds.
    #[error("the {what} of {} s is not allowed: it must be between {least} and {most}", .span.as_secs())]
    Span {
        /// Of what.
        what: &'static str,
        /// What was given.
        span: Duration,
        /// The least, in words.
        least: &'static str,
        /// The most, in words.
        most: &'static str,
    },
    /// No sample at all.
    #[error("a sample of at least {0} finished executions is not allowed: it must be between 1 and 10000")]
    Sample(u32),
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Notifications {
    /// The most recipients of one integration.
    pub const RECIPIENTS_MAX: usize = 20;

    /// The longest window, and the default: outcomes are kept for so long.
    pub const WINDOW_MAX: Duration = DAY;

    /// Judges whether the settings fit each other.
    ///
    /// # Errors
    /// [`NotificationsError`], the first in the order of the fields.
    pub fn judge(&self) -> Result<(), NotificationsError> {
        if self.enabled && self.recipients.is_empty() {
            return Err(NotificationsError::NoRecipient);
        }
        if self.recipients.len() > Self::RECIPIENTS_MAX {
            return Err(NotificationsError::TooManyRecipients {
                count: self.recipients.len(),
            });
        }
        for (place, recipient) in self.recipients.iter().enumerate() {
            if self.recipients[..place].contains(recipient) {
                return Err(NotificationsError::RecipientTwice(recipient.clone()));
            }
        }
        if let Some(recovery) = self.recovery.filter(|recovery| *recovery > self.threshold) {
            return Err(NotificationsError::RecoveryAboveThreshold {
                recovery,
                threshold: self.threshold,
            });
        }
        bounded("window", self.window, (MINUTE, "1 min"), (DAY, "24 h"))?;
        if !(1..=10_000).contains(&self.sample_min) {
            return Err(NotificationsError::Sample(self.sample_min));
        }
        bounded("hold", self.hold, (Duration::ZERO, "0 s"), (DAY, "24 h"))?;
        if let Some(reminder) = self.reminder {
            bounded("reminder", reminder, (MINUTE, "1 min"), (DAY * 30, "30 d"))?;
        }
        Ok(())
    }

    /// The error rate below which an incident closes.
    #[must_use]
    pub fn recovery(&self) -> Percent {
        self.recovery.unwrap_or_else(|| self.threshold.two_thirds())
    }
}

fn bounded(
    what: &'static str,
    span: Duration,
    (least, least_said): (Duration, &'static str),
    (most, most_said): (Duration, &'static str),
) -> Result<(), NotificationsError> {
    if (least..=most).contains(&span) {
        return Ok(());
    }
    Err(NotificationsError::Span {
        what,
        span,
        least: least_said,
        most: most_said,
    })
}

impl Default for Notifications {
    /// Off; 30 % within 24 h, of one finished execution or more, at once; again once a day.
    fn default() -> Self {
        Self {
            enabled: false,
            recipients: Box::default(),
            threshold: Percent::THIRTY,
            recovery: None,
            window: Self::WINDOW_MAX,
            sample_min: 1,
            hold: Duration::ZERO,
            reminder: Some(DAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::new(text).expect("an address")
    }

    #[test]
    fn addresses_are_checked() {
        for good in ["a@b.example", "first.last+tag@sub.example.com", "büro@example.com"] {
            assert!(EmailAddress::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b",
            "a b@example.com",
            "A <a@b.example>",
            "a@b.example\r\nBcc: x@y.example",
            "a@b.example,c@d.example",
            "a@[127.0.0.1]",
            &format!("{}@example.com", "x".repeat(255)),
        ] {
            assert!(EmailAddress::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn settings_that_do_not_fit_are_refused() {
        let good = Notifications {
            enabled: true,
            recipients: [address("a@b.example")].into(),
            ..Notifications::default()
        };
        assert_eq!(good.judge(), Ok(()));
        assert_eq!(good.recovery().hundredths(), 2_000);
        let twice = vec![address("a@b.example"), address("a@b.example")];
        let many: Vec<_> = (0..21).map(|n| address(&format!("a{n}@b.example"))).collect();
        let bad = [
            Notifications {
                recipients: Box::default(),
                ..good.clone()
            },
            Notifications {
                recipients: twice.into(),
                ..good.clone()
            },
            Notifications {
                recipients: many.into(),
                ..good.clone()
            },
            Notifications {
                recovery: Some(Percent::from_hundredths(3_001).expect("a share")),
                ..good.clone()
            },
            Notifications {
                window: Duration::ZERO,
                ..good.clone()
            },
            Notifications {
                window: DAY + MINUTE,
                ..good.clone()
            },
            Notifications {
                sample_min: 0,
                ..good.clone()
            },
            Notifications {
                hold: DAY + MINUTE,
                ..good.clone()
            },
            Notifications {
                reminder: Some(Duration::ZERO),
                ..good.clone()
            },
        ];
        for settings in bad {
            assert!(settings.judge().is_err(), "{settings:?}");
        }
    }
}
