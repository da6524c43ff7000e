//! What the coordinator is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use muster_core::roster::Limits;
use muster_shard::Retention;

/// The port of the gRPC listener.
pub const PORT: u16 = 7443;

/// The shortest lease: below it a moment of bad network costs work.
const LEASE_LEAST: Duration = Duration::from_secs(5);

/// The longest lease: above it the work of a lost runner waits too long.
const LEASE_MOST: Duration = Duration::from_secs(60 * 60);

/// What the coordinator is told when it starts.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Where to listen for gRPC. A loopback address: this version has no authentication yet.
    #[arg(long, env = "MUSTER_LISTEN", value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], PORT)))]
    pub listen: SocketAddr,

    /// The folder of the store and, unless `--landing` says otherwise, of the landing. It is made if it is not there.
    #[arg(long, env = "MUSTER_DATA", value_name = "FOLDER", default_value = "muster-data")]
    pub data: PathBuf,

    /// The folder in which collected records land. The default is `landing` in the data folder.
    #[arg(long, env = "MUSTER_LANDING", value_name = "FOLDER")]
    pub landing: Option<PathBuf>,

    /// How long a runner that is not heard keeps what it holds: 5 s to 1 h.
    #[arg(long, env = "MUSTER_LEASE", value_name = "DURATION", default_value = "60s", value_parser = lease)]
    pub lease: Duration,

    /// For how many days finished executions and their logs are kept.
    #[arg(long, env = "MUSTER_RETENTION_DAYS", value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    pub retention_days: u16,

    /// How large history may become, in MiB; beyond it the oldest executions go.
    #[arg(long, env = "MUSTER_HISTORY_MIB", value_name = "MIB", default_value_t = 16 * 1024, value_parser = clap::value_parser!(u32).range(64..))]
    pub history_mib: u32,

    /// How long work may take to end at a shutdown.
    #[arg(long, env = "MUSTER_STOP_WITHIN", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub stop_within: Duration,
}

impl Settings {
    /// The settings of a coordinator whose files lie in `data`, all else as by default.
    #[must_use]
    pub fn in_folder(data: PathBuf) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], PORT)),
            data,
            landing: None,
            lease: Limits::default().lease,
            retention_days: 30,
            history_mib: 16 * 1024,
            stop_within: Duration::from_secs(10),
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

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            lease: self.lease,
            ..Limits::default()
        }
    }
}

/// A duration as people write it: `90s`, `2m 30s`, `1h`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string());
    let parsed = parsed.and_then(|span| Duration::try_from(span).map_err(|_| "it is negative".to_owned()));
    parsed.map_err(|problem| format!("`{text}` is no duration ({problem}): write it like `90s`, `2m 30s` or `1h`"))
}

fn lease(text: &str) -> Result<Duration, String> {
    let lease = duration(text)?;
    if lease < LEASE_LEAST || lease > LEASE_MOST {
        return Err(format!(
            "a lease of `{text}` is not allowed: it must be between 5 s and 1 h"
        ));
    }
    Ok(lease)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_what_people_write() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m 30s"), Ok(Duration::from_secs(150)));
        for bad in ["", "90", "-1s", "soon"] {
            assert!(
                duration(bad).is_err_and(|error| error.contains("write it like")),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_lease_has_bounds() {
        assert!(lease("5s").is_ok() && lease("1h").is_ok());
        assert!(lease("4s").is_err() && lease("61m").is_err());
    }
}
