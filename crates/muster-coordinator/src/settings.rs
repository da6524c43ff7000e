//! What the coordinator is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use lettre::message::Mailbox;
use muster_core::alert::Policy;
use muster_core::roster::Limits;
use muster_core::words::{EmailAddress, Notifications, Release, RetentionDays, Version};
use muster_identity::seal::KeySource;
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
    /// Where to listen for gRPC: `0.0.0.0:7443` is every address of this machine, and then `public_names` says by which names it is reached. With
    /// `insecure` a loopback address.
    #[arg(
        long,
        env = "MUSTER_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value_t = SocketAddr::from(([127, 0, 0, 1], PORT)),
        value_parser = address
    )]
    pub listen: SocketAddr,

    /// Where to listen for HTTP: the web page, `/metrics`, `/healthz` and `/readyz`. On a loopback address without TLS, for this machine and for a proxy that
    /// adds it; on others with TLS, by the same certificate as `listen`, and `/metrics` asks for the token of one of the staff.
    #[arg(
        long,
        env = "MUSTER_HTTP_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value_t = SocketAddr::from(([127, 0, 0, 1], HTTP_PORT)),
        value_parser = address
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

    /// The names and addresses by which runners and people reach the gRPC listener, for the certificate that the coordinator makes for itself:
    /// `muster.example.com`. A variable or a flag separates them by commas. `localhost`, and the address of `listen`, are always among them.
    #[arg(
        long,
        env = "MUSTER_PUBLIC_NAMES",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = public_name
    )]
    pub public_names: Vec<String>,

    /// The file with the certificate of the gRPC listener and those that lead to its authority, in PEM. It is read again when it changes. Without one the
    /// coordinator makes a certificate for itself, which runners know by the fingerprint in their enrollment token.
    #[arg(long, env = "MUSTER_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,

    /// The file with the key of `tls_certificate`, in PEM, readable by its owner alone. It is read again when it changes.
    #[arg(long, env = "MUSTER_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Where the key comes from with which the keys of the certificate authorities are encrypted in the store: `file:PATH` (made when it is not there;
    /// readable by its owner alone), `env:NAME`, or `exec:PROGRAM`, which prints it; 64 hexadecimal digits. The default is the file `DATA.ca-key` beside
    /// the data folder. Back it up, and not beside the store: without it nobody can be certified, and whoever has both can make runners.
    #[arg(long, env = "MUSTER_CA_KEY_ENCRYPTION", value_name = "WHERE")]
    pub ca_key_encryption: Option<KeySource>,

    /// How long the certificates of runners are good, 10 s to 720 h. A runner renews its own at half of that.
    #[arg(
        long,
        env = "MUSTER_CERTIFICATE_LIFE",
        value_name = "DURATION",
        default_value = "24h",
        value_parser = duration_within(Duration::from_secs(10)..=MONTH)
    )]
    pub certificate_life: Duration,

    /// How long after the end of its certificate a runner may still renew it, 0 s to 8760 h. After that it must enroll anew.
    #[arg(
        long,
        env = "MUSTER_RENEWAL_GRACE",
        value_name = "DURATION",
        default_value = "336h",
        value_parser = duration_within(Duration::ZERO..=Duration::from_secs(365 * 24 * 60 * 60))
    )]
    pub renewal_grace: Duration,

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

    /// For how many days finished executions and their logs are kept, 1 to 65535: of an organization that is created from now on.
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

    /// The least version of which a runner must be to get work, such as `1.4.0`. One of an older version checks in, is told so and gets none; one whose
    /// version cannot be read gets some. The default is that any version will do.
    #[arg(long, env = "MUSTER_RUNNER_VERSION_MIN", value_name = "VERSION")]
    pub runner_version_min: Option<Version>,

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
        self.judge_tls(found);
        self.judge_listen(found);
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

    /// The addresses, by their keys, at which others reach it without being asked who they are.
    pub(crate) fn reached_unasked(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> + use<> {
        let insecure = self.insecure;
        let listened = [("listen", self.listen), ("http_listen", self.http_listen)];
        listened
            .into_iter()
            .filter(move |(_, address)| insecure && !address.ip().is_loopback())
    }

    /// Whoever is not asked who they are must not come from elsewhere; and whoever comes from elsewhere must find the right name.
    fn judge_listen(&self, found: &mut Found<'_>) {
        let ip = self.listen.ip();
        for (key, address) in self.reached_unasked() {
            found.fault(key, CoordinatorError::NotLoopback(address));
        }
        let is_named = !self.public_names.is_empty() || self.tls_certificate.is_some();
        if ip.is_unspecified() && !self.insecure && !is_named {
            found.fault(
                "public_names",
                format_args!(
                    "are none, and `listen` is `{}`, every address of this machine: say by which names it is reached, or give `tls_certificate`",
                    self.listen
                ),
            );
        }
    }

    fn judge_tls(&self, found: &mut Found<'_>) {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(_), None) => found.fault("tls_certificate", "has no key: set `tls_key`, too"),
            (None, Some(_)) => found.fault("tls_key", "is no certificate's key: set `tls_certificate`, too"),
            (Some(_), Some(_)) if self.insecure => {
                found.fault("tls_certificate", "is for TLS, and `insecure` says that there is none: remove one of the two");
            }
            (Some(_), Some(_)) if !self.public_names.is_empty() => found.fault(
                "public_names",
                "are for the certificate that the coordinator makes for itself, and `tls_certificate` is another one: remove one of the two",
            ),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// By what names the coordinator certifies itself.
    pub(crate) fn certified_names(&self) -> Vec<String> {
        let mut names = self.public_names.clone();
        names.push("localhost".to_owned());
        if !self.listen.ip().is_unspecified() {
            names.push(self.listen.ip().to_string());
        }
        names.sort();
        names.dedup();
        names
    }

    /// By which name or address browsers reach it.
    pub(crate) fn public_host(&self) -> Option<String> {
        let url = self.public_url.as_deref()?.parse::<http::Uri>().ok()?;
        url.host().map(str::to_owned)
    }

    /// Where the key comes from with which the authorities' keys are encrypted.
    pub(crate) fn key_source(&self) -> KeySource {
        self.ca_key_encryption.clone().unwrap_or_else(|| {
            let mut name = self.data.file_name().unwrap_or("muster-data".as_ref()).to_owned();
            name.push(".ca-key");
            KeySource::File(self.data.with_file_name(name))
        })
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
            runner_version_min: self.runner_version_min,
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

/// A name or an address in a certificate.
fn public_name(text: &str) -> Result<String, String> {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    let is_name = muster_identity::pki_types::DnsName::try_from(text).is_ok();
    match is_address || is_name {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{text}` is no name of a machine, and no address: write it like `muster.example.com` or `192.0.2.1`, without a port"
        )),
    }
}

/// An address to listen on.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address with a port: write it like `127.0.0.1:{PORT}` or `[::1]:{PORT}`"))
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
    fn where_nobody_is_asked_others_cannot_reach() {
        for bad in ["127.0.0.1", "localhost:7443", "127.0.0.1:70000"] {
            assert!(
                address(bad).is_err_and(|problem| problem.contains("is no address with a port")),
                "{bad}"
            );
        }
        let unasked = |insecure: bool, http: &str| {
            let settings = Settings {
                insecure,
                http_listen: address(http).expect("an address"),
                ..Settings::in_folder("/data".into())
            };
            settings.reached_unasked().count()
        };
        for own in ["127.0.0.1:7480", "[::1]:0", "127.9.9.9:1"] {
            assert_eq!(unasked(true, own), 0, "{own}");
        }
        for reached in ["0.0.0.0:7480", "[::]:7480", "192.0.2.1:7480"] {
            assert_eq!(unasked(true, reached), 1, "{reached}");
            assert_eq!(unasked(false, reached), 0, "{reached}");
        }
    }
}
