//! What the coordinator is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use muster_core::roster::Limits;
use muster_process::config::values::{duration_within, number_within};
use muster_process::config::{self, Found};
use muster_shard::Retention;

pub use muster_process::config::values::duration;

use crate::server::CoordinatorError;

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

    fn judge(self, _: &mut Found<'_>) -> Option<Self> {
        Some(self)
    }
}

impl Settings {
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
            ..Limits::default()
        }
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
        assert_eq!(settings.limits().lease, Limits::default().lease);
        assert_eq!(settings.retention(), Retention::default());
        assert_eq!(settings.landing(), PathBuf::from("/data/landing"));
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
