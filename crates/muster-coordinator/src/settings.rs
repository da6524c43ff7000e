//! What the coordinator is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use lettre::message::Mailbox;
use muster_core::alert::Policy;
use muster_core::roster::Limits;
use muster_core::words::{EmailAddress, Notifications, Release, RetentionDays};
use muster_process::config::values::{duration_within, number_within};
use muster_process::config::{self, Found};
use muster_shard::Retention;

pub use muster_process::config::values::duration;

pub use crate::mail::server::{MailServer, SmtpTls};
use crate::server::CoordinatorError;
use crate::wire::notifications::email_address;

/// The port of the gRPC listener.
pub const PORT: u16 = 7443;

/// The port of the HTTP listener.
pub const HTTP_PORT: u16 = 7480;

/// The shortest lease: below it a moment of bad network costs work.
const LEASE_LEAST: Duration = Duration::from_secs(5);

/// The longest lease: above it the work of a lost runner waits too long.
const LEASE_MOST: Duration = Duration::from_secs(60 * 60);

/// The longest time to stop: whoever waits longer for a service to end has ended it by force long before.
const STOP_MOST: Duration = Duration::from_secs(60 * 60);

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most history: more than any disk of today has.
const HISTORY_MIB_MAX: u32 = 1 << 30;

/// The most room that can be asked for: the same.
const LOW_WATER_MIB_MAX: u32 = HISTORY_MIB_MAX;

/// What the coordinator is told when it starts.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Settings {
    /// Where to listen for gRPC. A loopback address: this version has no authentication yet.
    #[arg(
        long,
        env = "MUSTER_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value_t = SocketAddr::from(([127, 0, 0, 1], PORT)),
        value_parser = loopback
    )]
    pub listen: SocketAddr,

    /// Where to listen for HTTP: `/metrics`, `/healthz` and `/readyz`. A loopback address, as `listen`.
    #[arg(
        long,
        env = "MUSTER_HTTP_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value_t = SocketAddr::from(([127, 0, 0, 1], HTTP_PORT)),
        value_parser = loopback
    )]
    pub http_listen: SocketAddr,

    /// Whether to serve without TLS and without asking who calls: for trying things out on one machine. Whoever reaches the port may do anything, so
    /// only loopback addresses are taken.
    #[arg(
        long,
        env = "MUSTER_INSECURE",
        value_name = "BOOLEAN",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set
    )]
    pub insecure: bool,

    /// The file with the token of an admin of the service's staff, as `muster-coordinator token` prints one. It is taken in at the start, if it is not known:
    /// for a first start without anybody who looks, and for the day when all other tokens are lost. Without it a coordinator that has no such token makes one.
    #[arg(long, env = "MUSTER_BOOTSTRAP_TOKEN_FILE", value_name = "FILE")]
    pub bootstrap_token_file: Option<PathBuf>,

    /// The folder of the store and, unless `landing` says otherwise, of the landing. It is made if it is not there.
    #[arg(long, env = "MUSTER_DATA", value_name = "FOLDER", default_value = "muster-data")]
    pub data: PathBuf,

    /// The folder in which collected records land. The default is `landing` in the data folder.
    #[arg(long, env = "MUSTER_LANDING", value_name = "FOLDER")]
    pub landing: Option<PathBuf>,

    /// How long a runner that is not heard keeps what it holds, 5 s to 1 h.
    #[arg(
        long,
        env = "MUSTER_LEASE",
        value_name = "DURATION",
        default_value = "60s",
        value_parser = duration_within(LEASE_LEAST..=LEASE_MOST)
    )]
    pub lease: Duration,

    /// For how many days finished executions and their logs are kept, 1 to 65535.
    #[arg(
        long,
        env = "MUSTER_RETENTION_DAYS",
        value_name = "DAYS",
        default_value_t = 30,
        value_parser = number_within(1..=u16::MAX)
    )]
    pub retention_days: u16,

    /// How large history may become, in MiB, 64 to 1073741824; beyond it the oldest executions go.
    #[arg(
        long,
        env = "MUSTER_HISTORY_MIB",
        value_name = "MIB",
        default_value_t = 16 * 1024,
        value_parser = number_within(64..=HISTORY_MIB_MAX)
    )]
    pub history_mib: u32,

    /// Whether the machine's clock is right although it is more than a year ahead of all that the store has recorded: for one start, after a rest
    /// that was that long. A clock that is wrong makes everything due and ends every retention.
    #[arg(
        long,
        env = "MUSTER_TRUST_CLOCK",
        value_name = "BOOLEAN",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set
    )]
    pub trust_clock: bool,

    /// How much room the disks of the data folder and of the landing must have, in MiB, 0 to 1073741824. With less no new work is taken, and what runs
    /// goes on; with a tenth more than this it is taken again.
    #[arg(
        long,
        env = "MUSTER_LOW_WATER_MIB",
        value_name = "MIB",
        default_value_t = 512,
        value_parser = number_within(0..=LOW_WATER_MIB_MAX)
    )]
    pub low_water_mib: u32,

    /// The mail server by which incidents are told: `mail.example.com:587`. Without one nobody gets a mail, and what is to be told becomes a dead letter
    /// after 24 hours.
    #[arg(long, env = "MUSTER_SMTP", value_name = "HOST:PORT")]
    pub smtp: Option<MailServer>,

    /// How the way to the mail server is protected. `starttls`: by TLS after a greeting, mostly at port 587; a server that does not offer it gets no mail.
    /// `tls`: by TLS from the first byte, mostly at port 465. `none`: not at all, for a mail server on this machine. `unprotected`: not at all, although
    /// it is another machine: whoever is on the way reads the mails and the password.
    #[arg(long, env = "MUSTER_SMTP_TLS", value_name = "WAY", default_value = "starttls")]
    pub smtp_tls: SmtpTls,

    /// The file with the certificates of the authorities, in PEM, one of which the mail server's certificate must come from. The default are those that
    /// browsers trust; a mail server with a certificate of the house's own needs this.
    #[arg(long, env = "MUSTER_SMTP_CA", value_name = "FILE")]
    pub smtp_ca: Option<PathBuf>,

    /// The name to log in to the mail server with. Without one nobody logs in.
    #[arg(long, env = "MUSTER_SMTP_USER", value_name = "NAME")]
    pub smtp_user: Option<String>,

    /// The file with the password of `smtp_user`. It is read anew for each mail, so that it can be changed without a restart.
    #[arg(long, env = "MUSTER_SMTP_PASSWORD_FILE", value_name = "FILE")]
    pub smtp_password_file: Option<PathBuf>,

    /// From whom the mails come: `muster@example.com` or `Muster <muster@example.com>`.
    #[arg(long, env = "MUSTER_MAIL_FROM", value_name = "ADDRESS", value_parser = mailbox)]
    pub mail_from: Option<Mailbox>,

    /// Where people reach this coordinator in a browser, for the links in mails: `https://muster.example.com`. Without it mails have none.
    #[arg(long, env = "MUSTER_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,

    /// Who is told by mail that a pool has lost its last runner, that it has one again, and that a runner is outdated: mail addresses. A variable or a flag
    /// separates them by commas. Without any, `muster alerts` shows it, and nobody gets a mail.
    #[arg(
        long,
        env = "MUSTER_OPERATORS",
        value_name = "ADDRESS",
        value_delimiter = ',',
        value_parser = email_address
    )]
    pub operators: Vec<EmailAddress>,

    /// How often the operators are told again of a pool that is still offline, 1 min to 720 h; `0s` for never.
    #[arg(
        long,
        env = "MUSTER_OPERATORS_REMINDER",
        value_name = "DURATION",
        default_value = "24h",
        value_parser = reminder
    )]
    pub operators_reminder: Duration,

    /// How long a pool that enabled integrations rely on may be without runners before that is told, 1 s to 24 h. It begins when the lease of its last
    /// runner is over, and anew when the coordinator starts.
    #[arg(
        long,
        env = "MUSTER_POOL_OFFLINE_AFTER",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = duration_within(Duration::from_secs(1)..=DAY)
    )]
    pub pool_offline_after: Duration,

    /// How long a runner may be of an older release than the coordinator before that is told, 1 s to 720 h: the time that there is to update the runners
    /// after the coordinator. Releases differ in the first or the second number of the version.
    #[arg(
        long,
        env = "MUSTER_RUNNER_OUTDATED_AFTER",
        value_name = "DURATION",
        default_value = "24h",
        value_parser = duration_within(Duration::from_secs(1)..=MONTH)
    )]
    pub runner_outdated_after: Duration,

    /// How long work may take to end at a shutdown, 1 s to 1 h. Give the service manager a longer time than this.
    #[arg(
        long,
        env = "MUSTER_STOP_WITHIN",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = duration_within(Duration::from_secs(1)..=STOP_MOST)
    )]
    pub stop_within: Duration,
}

impl Default for Settings {
    /// What is set when nobody sets anything.
    fn default() -> Self {
        config::defaults()
    }
}

impl config::Settings for Settings {
    type Config = Self;

    fn judge(self, found: &mut Found<'_>) -> Option<Self> {
        self.judge_mail(found);
        self.judge_operators(found);
        Some(self)
    }
}

impl Settings {
    fn judge_mail(&self, found: &mut Found<'_>) {
        let Some(server) = &self.smtp else {
            let needless = [
                ("smtp_ca", self.smtp_ca.is_some()),
                ("smtp_user", self.smtp_user.is_some()),
                ("smtp_password_file", self.smtp_password_file.is_some()),
            ];
            for (key, _) in needless.iter().filter(|(_, given)| *given) {
                found.fault(key, "is for a mail server, and none is set: set `smtp`, too");
            }
            return;
        };
        if self.mail_from.is_none() {
            found.fault("smtp", "sends mails, and nobody says from whom: set `mail_from`, too");
        }
        match (&self.smtp_user, &self.smtp_password_file) {
            (Some(_), None) => found.fault("smtp_user", "has no password: set `smtp_password_file`, too"),
            (None, Some(_)) => found.fault("smtp_password_file", "is nobody's password: set `smtp_user`, too"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if self.smtp_tls == SmtpTls::None && !server.is_loopback() {
            found.fault(
                "smtp_tls",
                format_args!(
                    "is `none`, and `{}` is another machine, so that whoever is on the way reads the mails and the password: use `starttls` or \
                     `tls`, or `unprotected` if that is meant",
                    server.host
                ),
            );
        }
        if self.smtp_ca.is_some() && !self.smtp_tls.is_protected() {
            found.fault(
                "smtp_ca",
                "is for TLS, and `smtp_tls` says that there is none: remove one of the two",
            );
        }
    }

    /// By the rules for an integration's recipients.
    fn judge_operators(&self, found: &mut Found<'_>) {
        let told = Notifications {
            recipients: self.operators.clone().into(),
            ..Notifications::default()
        };
        if let Err(fault) = told.judge() {
            found.fault("operators", fault);
        }
    }

    /// The settings of a coordinator whose files lie in `data`, all else as by default.
    #[must_use]
    pub fn in_folder(data: PathBuf) -> Self {
        Self {
            data,
            ..Self::default()
        }
    }

    pub(crate) fn landing(&self) -> PathBuf {
        self.landing.clone().unwrap_or_else(|| self.data.join("landing"))
    }

    /// For how long the history of the first organization is kept, and of those that are created without a word about it.
    pub(crate) fn retention_days(&self) -> RetentionDays {
        RetentionDays::new(self.retention_days.into()).unwrap_or_default()
    }

    pub(crate) fn retention(&self) -> Retention {
        let age = Duration::from_secs(u64::from(self.retention_days) * 24 * 60 * 60);
        Retention {
            age,
            bytes: u64::from(self.history_mib) << 20,
        }
    }

    /// The least room, in bytes.
    pub(crate) fn low_water(&self) -> u64 {
        u64::from(self.low_water_mib) << 20
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            lease: self.lease,
            pool_offline: self.pool_offline_after,
            ..Limits::default()
        }
    }

    /// What is told of pools and runners, and to whom.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            recipients: self.operators.clone(),
            reminder: (!self.operators_reminder.is_zero()).then_some(self.operators_reminder),
            // Of a coordinator whose version nobody understands no runner is too old.
            release: Release::of(env!("CARGO_PKG_VERSION")).unwrap_or_default(),
            outdated_after: self.runner_outdated_after,
        }
    }
}

/// How often somebody is told again.
fn reminder(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        never if never.is_zero() => Ok(never),
        _ => duration_within(MINUTE..=MONTH)(text),
    }
}

/// Who sends.
fn mailbox(text: &str) -> Result<Mailbox, String> {
    let parsed = text.parse();
    parsed.map_err(|_| {
        format!("`{text}` is no sender of mails: write it like `muster@example.com` or `Muster <muster@example.com>`")
    })
}

/// The beginning of links.
fn public_url(text: &str) -> Result<String, String> {
    let parsed = text.parse::<http::Uri>().ok().filter(|uri| {
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        scheme && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none() && !text.contains('@')
    });
    match parsed {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err(format!(
            "`{text}` is no place for a browser: write it like `https://muster.example.com`"
        )),
    }
}

/// An address to listen on. Whoever could reach another than loopback could do everything.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| {
        format!("`{text}` is no address with a port: write it like `127.0.0.1:{PORT}` or `[::1]:{PORT}`")
    })?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(CoordinatorError::NotLoopback(address).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_parts() {
        let settings = Settings::in_folder("/data".into());
        assert_eq!(settings.limits(), Limits::default());
        let release = settings.policy().release;
        assert_eq!(
            settings.policy(),
            Policy {
                release,
                ..Policy::default()
            }
        );
        assert_ne!(release, Release::default(), "the coordinator knows its own");
        assert_eq!(settings.retention(), Retention::default());
        assert_eq!(settings.landing(), PathBuf::from("/data/landing"));
    }

    #[test]
    fn links_begin_with_a_place_for_a_browser() {
        for (good, kept) in [
            ("https://muster.example.com/", "https://muster.example.com"),
            ("http://10.0.0.1:7480", "http://10.0.0.1:7480"),
            ("https://example.com/muster", "https://example.com/muster"),
        ] {
            assert_eq!(public_url(good), Ok(kept.to_owned()));
        }
        for bad in [
            "",
            "muster.example.com",
            "ftp://example.com",
            "https://",
            "https://me:pw@example.com",
            "javascript:alert(1)",
        ] {
            assert!(
                public_url(bad).is_err_and(|problem| problem.contains("write it like")),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_address_is_one_that_others_cannot_reach() {
        for good in ["127.0.0.1:7443", "[::1]:0", "127.9.9.9:1"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for (bad, part) in [
            ("0.0.0.0:7443", "listens on loopback only"),
            ("[::]:7443", "listens on loopback only"),
            ("127.0.0.1", "is no address with a port"),
            ("localhost:7443", "is no address with a port"),
            ("127.0.0.1:70000", "is no address with a port"),
        ] {
            assert!(loopback(bad).is_err_and(|problem| problem.contains(part)), "{bad}");
        }
    }
}
