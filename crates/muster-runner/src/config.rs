//! What an operator sets: a TOML file, environment variables and flags, judged together before anything starts.

mod connectors;
mod programs;
mod secret_commands;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use muster_connector::reach::Destination;
use muster_connector::secret::SecretCommand;
use muster_connectors::Registry;
use muster_connectors::exec::Launch;
use muster_core::words::{ConnectorName, DisplayName, OrganizationId, Pool, PoolName, Slots};
use muster_process::config::values::{duration_within, number_within};
use muster_process::config::{Found, OpenTable, defaults};
use muster_process::{ConfigError, config, nearest};
use muster_session::wire::{CONNECTORS_MAX, SLOTS_MAX};
use tonic::transport::Uri;

use crate::proxy::{Proxies, ProxySetting, proxy_from};

pub(crate) use self::connectors::runs_in;
pub use self::connectors::{Guard, Guards};

/// Where a coordinator on this machine takes runners: its gRPC listener.
pub const COORDINATOR_DEFAULT: &str = "http://127.0.0.1:7443";

/// The organization, and the pool, of whoever names none.
pub const NAME_DEFAULT: &str = "default";

/// How many executions a runner carries out at the same time when nobody says: collections mostly wait for their
/// source.
pub const SLOTS_DEFAULT: u32 = 4;

/// The connectors that are allowed when nobody says: the one that only looks at this very machine.
pub const CONNECTORS_DEFAULT: &str = "host";

/// The shortest time limit.
pub const TIME_LIMIT_MIN: Duration = Duration::from_secs(1);

/// The longest time limit: a day, the longest default interval of a data type.
pub const TIME_LIMIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest time to stop: what is dropped in the end needs some of it.
pub const STOP_WITHIN_MIN: Duration = Duration::from_secs(3);

/// The longest time to stop: the longest time limit, so that every collection may end.
pub const STOP_WITHIN_MAX: Duration = TIME_LIMIT_MAX;

/// What may be set; nothing has to be. The keys of the file are the names of these fields.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Settings {
    /// The coordinator's gRPC address: that of its gRPC listener, not of the web page.
    #[arg(
        long,
        env = "MUSTER_COORDINATOR",
        value_name = "URL",
        default_value = COORDINATOR_DEFAULT,
        value_parser = coordinator_from
    )]
    pub coordinator: Uri,
    /// The file with the certificates of the authorities, in PEM, one of which the coordinator's certificate comes from: beside those that the system
    /// trusts, for a coordinator that has a certificate of another authority than its own.
    #[arg(long, env = "MUSTER_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The proxy by which the coordinator is reached, such as `http://proxy.example:3128` or `http://name:password@proxy.example:3128`; `direct` for none.
    /// The default is what the variables HTTPS_PROXY and NO_PROXY say, also in small letters, to a coordinator at `https`. What connectors reach does not go
    /// through it.
    #[arg(long, env = "MUSTER_PROXY", hide_env_values = true, value_name = "URL", value_parser = proxy_from)]
    pub proxy: Option<ProxySetting>,
    /// The organization that this runner belongs to. The default is `default`; a runner of the pool `hosted` has none. One that has enrolled knows it by
    /// its certificate.
    #[arg(long, env = "MUSTER_ORGANIZATION", value_name = "NAME")]
    pub organization: Option<OrganizationId>,
    /// The pool that this runner serves. One that has enrolled knows it by its certificate.
    #[arg(long, env = "MUSTER_POOL", value_name = "NAME", default_value = NAME_DEFAULT)]
    pub pool: PoolName,
    /// What people call this runner. The default is the host's name.
    #[arg(long, env = "MUSTER_DISPLAY_NAME", value_name = "NAME")]
    pub display_name: Option<DisplayName>,
    /// The folder of this runner alone: its identity, and results that it could not report yet. The default is
    /// `$STATE_DIRECTORY` (which systemd sets), else `$XDG_STATE_HOME/muster-runner`, else
    /// `~/.local/state/muster-runner`.
    #[arg(long, env = "MUSTER_DATA_FOLDER", value_name = "FOLDER")]
    pub data_folder: Option<PathBuf>,
    /// How many executions this runner carries out at the same time, 1 to 1000.
    #[arg(
        long,
        env = "MUSTER_SLOTS",
        value_name = "COUNT",
        default_value_t = SLOTS_DEFAULT,
        value_parser = number_within(1..=SLOTS_MAX)
    )]
    pub slots: u32,
    /// The built-in connectors that this runner may run; the coordinator cannot add to them. A variable or a flag
    /// separates them by commas. Programs of `[exec.NAME]` are allowed by being there.
    #[arg(
        long,
        env = "MUSTER_CONNECTORS",
        value_name = "NAME",
        value_delimiter = ',',
        default_value = CONNECTORS_DEFAULT
    )]
    pub connectors: Vec<ConnectorName>,
    /// What no connector may reach, whatever its `[connector.NAME]` allows: hosts, `*.` and the end of names, addresses and networks, each with
    /// a port or without, such as `10.0.0.5`, `*.hr.example` or `192.0.2.0/24:22`. A variable or a flag separates them by commas.
    #[arg(long, env = "MUSTER_DENY", value_name = "DESTINATION", value_delimiter = ',')]
    pub deny: Vec<Destination>,
    /// How long one execution may take, 1 s to 24 h, such as `90s` or `2h`; one that takes longer fails with `timeout`.
    #[arg(
        long,
        env = "MUSTER_TIME_LIMIT",
        value_name = "DURATION",
        default_value = "30m",
        value_parser = duration_within(TIME_LIMIT_MIN..=TIME_LIMIT_MAX)
    )]
    pub time_limit: Duration,
    /// How long what still runs may go on once the runner was told to stop, and all of it must have ended, 3 s to 24 h.
    /// Give the service manager a longer time than this.
    #[arg(
        long,
        env = "MUSTER_STOP_WITHIN",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = duration_within(STOP_WITHIN_MIN..=STOP_WITHIN_MAX)
    )]
    pub stop_within: Duration,
}

impl Default for Settings {
    /// What is set when nobody sets anything.
    fn default() -> Self {
        defaults()
    }
}

/// What a runner is started with.
#[derive(Clone)]
pub struct Config {
    /// The coordinator's gRPC address.
    pub coordinator: Uri,
    /// The authorities that the coordinator's certificate may come from beside those that the system trusts; `None` for none.
    pub ca_file: Option<PathBuf>,
    /// By which proxy it is reached.
    pub proxies: Proxies,
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
    /// The connectors of its own that it may run, and no others.
    pub connectors: Registry,
    /// The programs that are connectors too; each is asked what it is when the runner starts.
    pub programs: Vec<(ConnectorName, Launch)>,
    /// What each of them may reach, and how much it may collect.
    pub guards: Guards,
    /// The commands that print secrets, by their names.
    pub secret_commands: BTreeMap<String, SecretCommand>,
    /// How long one execution may take.
    pub time_limit: Duration,
    /// How long it has from the moment in which it is told to stop: also what [`muster_process::Process::stop_within`]
    /// should be.
    pub stop_within: Duration,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connectors: Vec<&ConnectorName> = self.connectors.iter().map(|one| &one.spec().name).collect();
        let programs: Vec<&ConnectorName> = self.programs.iter().map(|(name, _)| name).collect();
        f.debug_struct("Config")
            .field("coordinator", &self.coordinator)
            .field("ca_file", &self.ca_file)
            .field("proxies", &self.proxies)
            .field("organization", &self.organization)
            .field("pool", &self.pool)
            .field("display_name", &self.display_name)
            .field("data_folder", &self.data_folder)
            .field("slots", &self.slots)
            .field("connectors", &connectors)
            .field("programs", &programs)
            .field("time_limit", &self.time_limit)
            .field("stop_within", &self.stop_within)
            .finish()
    }
}

impl config::Settings for Settings {
    type Config = Config;

    fn tables() -> &'static [OpenTable] {
        &[programs::TABLE, connectors::TABLE, secret_commands::TABLE]
    }

    fn judge(self, found: &mut Found<'_>) -> Option<Config> {
        self.judge_with(Registry::builtin(), found)
    }
}

impl Settings {
    /// The configuration that these settings are, where `known` are the connectors that there are.
    ///
    /// # Errors
    /// [`ConfigError`] names everything that is wrong with them.
    pub fn into_config(self, known: Registry) -> Result<Config, ConfigError> {
        let mut found = Found::default();
        let config = self.judge_with(known, &mut found);
        found.end(config)
    }

    fn judge_with(self, known: Registry, found: &mut Found<'_>) -> Option<Config> {
        let programs = programs::judge(&known, found);
        let named: Vec<ConnectorName> = self.connectors.iter().chain(&programs.names).cloned().collect();
        let guards = Guards::judge(self.deny, &named, found);
        let secret_commands = secret_commands::judge(found);
        let connectors = allowed(&self.connectors, known, &programs.good, found);
        let hosted = self.pool.as_str() == Pool::HOSTED;
        let organization = match self.organization {
            Some(name) if hosted => {
                found.fault(
                    "organization",
                    format_args!(
                        "is `{name}`, but the pool `hosted` belongs to no organization: leave it out, or name another pool"
                    ),
                );
                None
            }
            None if hosted => Some(None),
            Some(name) => Some(Some(name)),
            None => Some(OrganizationId::new(NAME_DEFAULT).ok()),
        };
        let proxies = Proxies::of_process(self.proxy);
        if let Err(problem) = proxies.to(&self.coordinator) {
            found.fault("proxy", problem);
        }
        let data_folder = self.data_folder.or_else(default_data_folder);
        if data_folder.is_none() {
            found.fault(
                "data_folder",
                "is missing, and there is no home folder to put one in: name a folder",
            );
        }
        Some(Config {
            coordinator: self.coordinator,
            ca_file: self.ca_file,
            proxies,
            organization: organization?,
            pool: self.pool,
            display_name: self.display_name.unwrap_or_else(host_display_name),
            data_folder: data_folder?,
            slots: Slots(self.slots),
            connectors: connectors?,
            programs: programs.good,
            guards,
            secret_commands,
            time_limit: self.time_limit,
            stop_within: self.stop_within,
        })
    }
}

pub(crate) fn coordinator_from(text: &str) -> Result<Uri, String> {
    const EXPECTED: &str =
        "write it as `https://host:port`, with the port of the coordinator's gRPC listener (7443 unless changed)";
    let uri = Uri::from_str(text).map_err(|error| format!("is `{text}`, which is no address ({error}): {EXPECTED}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
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

/// The connectors of `known` that are allowed.
fn allowed(
    names: &[ConnectorName],
    known: Registry,
    programs: &[(ConnectorName, Launch)],
    found: &mut Found<'_>,
) -> Option<Registry> {
    const KEY: &str = "connectors";
    let all = names.len() + programs.len();
    if all > CONNECTORS_MAX {
        let problem =
            format_args!("there are {all} connectors, programs included: at most {CONNECTORS_MAX} are allowed");
        found.fault(KEY, problem);
        return None;
    }
    if all == 0 && !found.has_faults() {
        found.fault(
            KEY,
            "names none, and there is no `[exec.NAME]`: a runner without any connector has nothing to do",
        );
        return None;
    }
    let offered: Vec<ConnectorName> = known.iter().map(|one| one.spec().name.clone()).collect();
    let unknown = match known.only(names) {
        Ok(connectors) => return Some(connectors),
        Err(unknown) => unknown,
    };
    if programs.iter().any(|(name, _)| *name == unknown) {
        let problem = format_args!(
            "`{unknown}` is the program of `[exec.{unknown}]`, which is allowed by being there: leave it out"
        );
        found.fault(KEY, problem);
        return None;
    }
    let meant = nearest(unknown.as_str(), offered.iter().map(ConnectorName::as_str));
    let meant = meant.map(|meant| format!("is `{meant}` meant? ")).unwrap_or_default();
    let offered: Vec<String> = offered.iter().map(|name| format!("`{name}`")).collect();
    let problem = format_args!(
        "there is no connector `{unknown}`: {meant}there are {}",
        offered.join(", ")
    );
    found.fault(KEY, problem);
    None
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

/// The data folder of whoever names none: where a service manager or the user keeps state. A folder relative to where
/// the runner happens to be started would give it a new identity each time. `None`: this user has no home folder.
#[must_use]
pub fn default_data_folder() -> Option<PathBuf> {
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
