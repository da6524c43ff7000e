//! What an operator sets: a TOML file, environment variables and flags, judged together before anything starts.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser};
use muster_connectors::Registry;
use muster_core::words::{ConnectorName, DisplayName, OrganizationId, Pool, PoolName, Slots};
use muster_process::ConfigError;
use muster_session::wire::{CONNECTORS_MAX, SLOTS_MAX};
use serde::Deserialize;
use tonic::transport::Uri;

/// Where a coordinator on this machine takes runners: its gRPC listener.
pub const COORDINATOR_DEFAULT: &str = "http://127.0.0.1:7443";

/// The organization, and the pool, of whoever names none.
pub const NAME_DEFAULT: &str = "default";

/// How many executions a runner carries out at the same time when nobody says: collections mostly wait for their
/// source.
pub const SLOTS_DEFAULT: u32 = 4;

/// The connectors that are allowed when nobody says: the one that only looks at this very machine.
pub const CONNECTORS_DEFAULT: [&str; 1] = ["host"];

/// How long an execution may take when nobody says.
pub const TIME_LIMIT_DEFAULT: Duration = Duration::from_secs(30 * 60);

/// The longest time limit: a day, the longest default interval of a data type.
pub const TIME_LIMIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a runner that was told to stop has when nobody says: what service managers and orchestrators wait for at
/// least.
pub const STOP_WITHIN_DEFAULT: Duration = Duration::from_secs(10);

/// The shortest time to stop: what is dropped in the end needs some of it.
pub const STOP_WITHIN_MIN: Duration = Duration::from_secs(3);

/// The shortest time limit.
pub const TIME_LIMIT_MIN: Duration = Duration::from_secs(1);

/// The longest time to stop: the longest time limit, so that every collection may end.
pub const STOP_WITHIN_MAX: Duration = TIME_LIMIT_MAX;

/// The command line of `muster-runner`.
#[derive(Debug, Parser)]
#[command(
    name = "muster-runner",
    version,
    about = "Checks in with a coordinator, claims executions and carries them out"
)]
pub struct CommandLine {
    /// The configuration file (TOML). Flags and environment variables go before what stands in it
    #[arg(long, env = "MUSTER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Everything that may also stand in the file.
    #[command(flatten)]
    pub settings: Settings,
}

/// What may be set; nothing has to be. The keys of the file are the names of these fields.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The coordinator's gRPC address [default: http://127.0.0.1:7443]
    #[arg(long, env = "MUSTER_COORDINATOR", value_name = "URL")]
    pub coordinator: Option<String>,
    /// The organization that this runner belongs to; not for the pool `hosted`, which has none [default: default]
    #[arg(long, env = "MUSTER_ORGANIZATION", value_name = "NAME")]
    pub organization: Option<String>,
    /// The pool that this runner serves [default: default]
    #[arg(long, env = "MUSTER_POOL", value_name = "NAME")]
    pub pool: Option<String>,
    /// What people call this runner [default: the host's name]
    #[arg(long, env = "MUSTER_DISPLAY_NAME", value_name = "NAME")]
    pub display_name: Option<String>,
    /// The folder of this runner alone: its identity, and results that it could not report yet
    /// [default: $STATE_DIRECTORY, or ~/.local/state/muster-runner]
    #[arg(long, env = "MUSTER_DATA_FOLDER", value_name = "FOLDER")]
    pub data_folder: Option<PathBuf>,
    /// How many executions this runner carries out at the same time, 1 to 1000 [default: 4]
    #[arg(long, env = "MUSTER_SLOTS", value_name = "COUNT")]
    pub slots: Option<u32>,
    /// The connectors that this runner may run; the coordinator cannot add to them [default: host]
    #[arg(long, env = "MUSTER_CONNECTORS", value_name = "NAME", value_delimiter = ',')]
    pub connectors: Option<Vec<String>>,
    /// How long one execution may take, such as `30m` [default: 30m]
    #[arg(long, env = "MUSTER_TIME_LIMIT", value_name = "DURATION")]
    pub time_limit: Option<String>,
    /// How long what still runs may go on once the runner was told to stop, and all of it must have ended, such as
    /// `10s` [default: 10s]
    #[arg(long, env = "MUSTER_STOP_WITHIN", value_name = "DURATION")]
    pub stop_within: Option<String>,
}

/// What a runner is started with.
#[derive(Clone)]
pub struct Config {
    /// The coordinator's gRPC address.
    pub coordinator: Uri,
    /// Whose runner it is; `None` in the service's own pool, `hosted`.
    pub organization: Option<OrganizationId>,
    /// Which integrations it serves.
    pub pool: PoolName,
    /// What people call it.
    pub display_name: DisplayName,
    /// The folder of this runner alone.
    pub data_folder: PathBuf,
    /// How many executions it carries out at the same time.
    pub slots: Slots,
    /// The connectors that it may run, and no others.
    pub connectors: Registry,
    /// How long one execution may take.
    pub time_limit: Duration,
    /// How long it has from the moment in which it is told to stop: also what [`muster_process::Process::stop_within`]
    /// should be.
    pub stop_within: Duration,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connectors: Vec<&ConnectorName> = self.connectors.iter().map(|one| &one.spec().name).collect();
        f.debug_struct("Config")
            .field("coordinator", &self.coordinator)
            .field("organization", &self.organization)
            .field("pool", &self.pool)
            .field("display_name", &self.display_name)
            .field("data_folder", &self.data_folder)
            .field("slots", &self.slots)
            .field("connectors", &connectors)
            .field("time_limit", &self.time_limit)
            .field("stop_within", &self.stop_within)
            .finish()
    }
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which setting, as the file names it.
    pub setting: &'static str,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.setting, self.problem)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read or understood.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// Some settings are wrong.
    #[error("the configuration is wrong: {}", list(.faults))]
    Wrong {
        /// All that is wrong; never empty.
        faults: Vec<Fault>,
    },
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

impl CommandLine {
    /// The configuration that the file, the environment and the flags make together.
    ///
    /// # Errors
    /// [`SettingsError`]: the file cannot be read, or some settings are wrong; all of them are named.
    pub fn resolve(self) -> Result<Config, SettingsError> {
        let file = self
            .config
            .as_deref()
            .map(muster_process::load::<Settings>)
            .transpose()?;
        self.settings.or(file.unwrap_or_default()).judge(Registry::builtin())
    }
}

impl Settings {
    /// These settings, and those of `other` where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            coordinator: self.coordinator.or(other.coordinator),
            organization: self.organization.or(other.organization),
            pool: self.pool.or(other.pool),
            display_name: self.display_name.or(other.display_name),
            data_folder: self.data_folder.or(other.data_folder),
            slots: self.slots.or(other.slots),
            connectors: self.connectors.or(other.connectors),
            time_limit: self.time_limit.or(other.time_limit),
            stop_within: self.stop_within.or(other.stop_within),
        }
    }

    /// The configuration that these settings are, with defaults for what they do not say; `known` are the connectors
    /// that there are.
    ///
    /// # Errors
    /// [`SettingsError::Wrong`] names everything that is wrong with them.
    pub fn judge(self, known: Registry) -> Result<Config, SettingsError> {
        let mut faults = Faults::default();
        let pool = faults.name("pool", self.pool.as_deref().unwrap_or(NAME_DEFAULT));
        let hosted = self.pool.as_deref() == Some(Pool::HOSTED);
        let organization = match self.organization.as_deref() {
            Some(name) if hosted => faults.say(
                "organization",
                format_args!(
                    "is `{name}`, but the pool `hosted` belongs to no organization: leave it out, or name another pool"
                ),
            ),
            None if hosted => Some(None),
            name => faults.name("organization", name.unwrap_or(NAME_DEFAULT)).map(Some),
        };
        let coordinator = self.coordinator.as_deref().unwrap_or(COORDINATOR_DEFAULT);
        let coordinator = faults.take("coordinator", coordinator_from(coordinator));
        let display_name = match self.display_name.as_deref() {
            Some(name) => faults.name("display_name", name),
            None => Some(host_display_name()),
        };
        let data_folder = match self.data_folder.or_else(default_data_folder) {
            Some(folder) => Some(folder),
            None => faults.say(
                "data_folder",
                "is missing, and there is no home folder to put one in: name a folder",
            ),
        };
        let slots = match self.slots.unwrap_or(SLOTS_DEFAULT) {
            slots @ 1..=SLOTS_MAX => Some(Slots(slots)),
            slots => faults.say("slots", format_args!("is {slots}: must be 1 to {SLOTS_MAX}")),
        };
        let connectors = faults.take("connectors", allowed(self.connectors, known));
        let time_limit = self.time_limit.as_deref();
        let time_limit = faults.duration(
            "time_limit",
            time_limit,
            TIME_LIMIT_DEFAULT,
            TIME_LIMIT_MIN..=TIME_LIMIT_MAX,
        );
        let stop_within = self.stop_within.as_deref();
        let stop_within = faults.duration(
            "stop_within",
            stop_within,
            STOP_WITHIN_DEFAULT,
            STOP_WITHIN_MIN..=STOP_WITHIN_MAX,
        );
        let config = || {
            Some(Config {
                coordinator: coordinator?,
                organization: organization?,
                pool: pool?,
                display_name: display_name?,
                data_folder: data_folder?,
                slots: slots?,
                connectors: connectors?,
                time_limit: time_limit?,
                stop_within: stop_within?,
            })
        };
        config().ok_or(SettingsError::Wrong { faults: faults.0 })
    }
}

/// What is wrong so far. Whatever returns `None` here has said why.
#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn say<T>(&mut self, setting: &'static str, problem: impl fmt::Display) -> Option<T> {
        self.0.push(Fault {
            setting,
            problem: problem.to_string(),
        });
        None
    }

    fn take<T>(&mut self, setting: &'static str, value: Result<T, String>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(problem) => self.say(setting, problem),
        }
    }

    fn name<T: FromStr<Err: fmt::Display>>(&mut self, setting: &'static str, text: &str) -> Option<T> {
        self.take(setting, text.parse().map_err(|error: T::Err| error.to_string()))
    }

    fn duration(
        &mut self,
        setting: &'static str,
        text: Option<&str>,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let Some(text) = text else {
            return Some(default);
        };
        let span: Option<Duration> = text
            .parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|span| span.try_into().ok());
        match span {
            Some(span) if bounds.contains(&span) => Some(span),
            Some(_) => self.say(
                setting,
                format_args!(
                    "is {text}: must be between {} s and {} h",
                    bounds.start().as_secs(),
                    bounds.end().as_secs() / 3_600
                ),
            ),
            None => self.say(
                setting,
                format_args!("is `{text}`: write a time such as `90s`, `30m` or `2h`"),
            ),
        }
    }
}

fn coordinator_from(text: &str) -> Result<Uri, String> {
    const EXPECTED: &str =
        "write it as `http://host:port`, with the port of the coordinator's gRPC listener (7443 unless changed)";
    let uri = Uri::from_str(text).map_err(|error| format!("is `{text}`, which is no address ({error}): {EXPECTED}"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err("TLS is not there yet: use `http://`, within a network or tunnel that you trust".to_owned());
        }
        Some(_) | None => return Err(format!("is `{text}`: {EXPECTED}")),
    }
    if uri.port().is_none() {
        return Err(format!("is `{text}`, without a port: {EXPECTED}"));
    }
    if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
        return Err(format!("is `{text}`, with a path: {EXPECTED}"));
    }
    Ok(uri)
}

fn allowed(names: Option<Vec<String>>, known: Registry) -> Result<Registry, String> {
    let names = names.unwrap_or_else(|| CONNECTORS_DEFAULT.map(str::to_owned).to_vec());
    if names.is_empty() || names.len() > CONNECTORS_MAX {
        return Err(format!("are {}: must be 1 to {CONNECTORS_MAX}", names.len()));
    }
    let names: Result<Vec<ConnectorName>, String> = names
        .iter()
        .map(|name| ConnectorName::new(name).map_err(|error| format!("`{name}`: {error}")))
        .collect();
    let offered: Vec<String> = known.iter().map(|one| format!("`{}`", one.spec().name)).collect();
    known
        .only(&names?)
        .map_err(|unknown| format!("there is no connector `{unknown}`: there are {}", offered.join(", ")))
}

/// The host's name as the kernel has it; empty when it cannot be read.
pub(crate) fn hostname() -> String {
    let name = nix::sys::utsname::uname().ok();
    name.and_then(|name| name.nodename().to_str().map(str::to_owned))
        .unwrap_or_default()
}

fn host_display_name() -> DisplayName {
    DisplayName::new(&hostname())
        .unwrap_or_else(|_| DisplayName::new("unnamed runner").expect("letters and one blank make a display name"))
}

/// Where a service manager or the user keeps state. A folder relative to where the runner happens to be started would
/// give it a new identity each time.
fn default_data_folder() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let absolute = |path: &PathBuf| Path::is_absolute(path);
    variable("STATE_DIRECTORY").filter(absolute).or_else(|| {
        let state = variable("XDG_STATE_HOME").filter(absolute);
        let state = state.or_else(|| variable("HOME").filter(absolute).map(|home| home.join(".local/state")));
        state.map(|state| state.join("muster-runner"))
    })
}

#[cfg(test)]
mod tests;
