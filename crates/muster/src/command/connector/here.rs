//! Which connector is run here: one that is built in, a program, or one of a runner's configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use muster_connector::secret::Places;
use muster_connector::{Connector, ConnectorName, Limits, Network, remedy};
use muster_connectors::Registry;
use muster_connectors::exec::{Confine, Exec, Launch, Program, held};
use muster_process::{config, nearest};
use muster_runner::config::{Guard, default_data_folder};
use muster_runner::sealing::Sealing;
use muster_runner::{Config, Settings, secrets};

use crate::error::{Error, Kind};
use crate::output::note;
use crate::output::text::clean;

/// What a program's connector is called when nobody says, and its file's name is none.
const PROGRAM_NAME: &str = "program";

/// Which connector it is.
#[derive(Debug, clap::Args)]
pub struct Here {
    /// The connector's name, or the path of a program that is one, with a `/` in it; beside --exec, what to call it
    #[arg(value_name = "CONNECTOR", required_unless_present = "exec")]
    connector: Option<String>,
    /// Run this program as the connector: see docs/exec.md
    #[arg(
        long,
        value_name = "PROGRAM",
        conflicts_with = "runner_config",
        help_heading = "Own programs"
    )]
    exec: Option<PathBuf>,
    /// Give the program an argument; may be given again
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Own programs")]
    argument: Vec<String>,
    /// Give the program a variable, or the one that is set here; it gets no others
    #[arg(long, value_name = "NAME[=VALUE]", help_heading = "Own programs")]
    env: Vec<Variable>,
    /// Confine the program to what it is given: as far as this machine can, or not without that, or not at all
    #[arg(
        long,
        value_name = "available|required|none",
        default_value = "available",
        value_parser = confine,
        help_heading = "Own programs"
    )]
    confine: Confine,
    /// Let the program read and run what lies there, besides the system's own files, itself and this folder; may be given again
    #[arg(long, value_name = "PATH", help_heading = "Own programs")]
    read_path: Vec<PathBuf>,
    /// Let the program write there, besides the folder of its run; may be given again
    #[arg(long, value_name = "PATH", help_heading = "Own programs")]
    write_path: Vec<PathBuf>,
    /// Take the connector from the configuration file of a runner
    #[arg(long, value_name = "FILE", help_heading = "Own programs")]
    runner_config: Option<PathBuf>,
}

/// A variable of a program's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    name: String,
    /// `None`: as it is set here.
    value: Option<String>,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("it must be `NAME=VALUE`, or `NAME` for one that is set here".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            value,
        })
    }
}

impl Here {
    /// The name, where nothing but a name was given; `None` where flags say what runs.
    pub fn built_in_name(&self) -> Option<&str> {
        if self.exec.is_some() || self.runner_config.is_some() {
            return None;
        }
        self.connector.as_deref().filter(|given| !given.contains('/'))
    }

    /// The words that name the same connector in another command: `host`, `--exec ./connector.py`.
    pub fn typed(&self) -> String {
        let quoted = |path: &Path| clean(&path.display().to_string());
        let name = self.connector.iter().map(|name| clean(name));
        let exec = self.exec.iter().map(|path| format!("--exec {}", quoted(path)));
        let arguments = self.argument.iter().map(|text| format!("--argument {}", clean(text)));
        let config = self
            .runner_config
            .iter()
            .map(|path| format!("--runner-config {}", quoted(path)));
        name.chain(exec)
            .chain(arguments)
            .chain(config)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The same for `spec`, which asks a coordinator about a mere name unless it is told not to.
    pub fn typed_here(&self) -> String {
        match self.built_in_name() {
            Some(_) => format!("{} --here", self.typed()),
            None => self.typed(),
        }
    }

    /// The connector itself. A program is started, to ask what it is.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name; [`Error::Connector`] for a program that is no connector.
    pub async fn open(&self) -> Result<Arc<dyn Connector>, Error> {
        if let Some(program) = &self.exec {
            let name = match &self.connector {
                Some(name) => ConnectorName::new(name).map_err(|error| unusable(error.to_string()))?,
                None => named_after(program),
            };
            return self.start(name, program).await;
        }
        let given = self.connector.as_deref().unwrap_or_default();
        if given.contains('/') && self.runner_config.is_none() {
            let program = Path::new(given);
            return self.start(named_after(program), program).await;
        }
        let built_in = Registry::builtin();
        let Some(file) = &self.runner_config else {
            let found = ConnectorName::new(given).ok().and_then(|name| built_in.get(&name));
            return found.ok_or_else(|| Error::Unknown {
                kind: Kind::Connector,
                given: clean(given),
                place: "that is built in here".to_owned(),
                nearest: nearest(given, built_in.iter().map(|one| one.spec().name.as_str())).map(str::to_owned),
                next: "muster connector list --here".to_owned(),
            });
        };
        let runner = runner_of(file)?;
        let name = ConnectorName::new(given).ok();
        if let Some((name, launch)) = runner.programs.iter().find(|(one, _)| Some(one) == name.as_ref()) {
            return ask(name.clone(), launch.clone()).await;
        }
        let allowed = runner.connectors.iter().map(|one| &one.spec().name);
        let names = allowed.chain(runner.programs.iter().map(|(name, _)| name));
        let found = name.and_then(|name| runner.connectors.get(&name));
        found.ok_or_else(|| Error::Unknown {
            kind: Kind::Connector,
            given: clean(given),
            place: format!("that a runner with {} may run", file.display()),
            nearest: nearest(given, names.map(ConnectorName::as_str)).map(clean),
            next: "add it to the file as [exec.NAME], or name one that is there".to_owned(),
        })
    }

    /// Where references to secrets lead: to the places of the runner whose file was named, or else of one on this machine that has no file.
    ///
    /// # Errors
    /// [`Error::RunnerFile`]; [`Error::Connector`] for a sealing key that cannot be used.
    pub fn secret_places(&self) -> Result<Places, Error> {
        let (folder, commands) = match &self.runner_config {
            Some(file) => {
                let runner = runner_of(file)?;
                (Some(runner.data_folder), runner.secret_commands)
            }
            None => (default_data_folder(), BTreeMap::new()),
        };
        let sealing = folder.as_deref().map(Sealing::find).transpose();
        let sealing = sealing.map_err(|error| Error::Connector {
            reason: error.to_string(),
            next: "mend it, or name another runner with --runner-config FILE".to_owned(),
        })?;
        Ok(secrets::places(folder.as_deref(), commands, sealing.flatten()))
    }

    /// What the connector may do: what the runner whose file was named lets it, or else whatever it likes, since the person here says so.
    ///
    /// # Errors
    /// [`Error::RunnerFile`].
    pub fn guard(&self, connector: &ConnectorName) -> Result<Guard, Error> {
        match &self.runner_config {
            Some(file) => Ok(runner_of(file)?.guards.of(connector)),
            None => Ok(Guard {
                network: Network::by_hand(),
                limits: Limits::default(),
            }),
        }
    }

    /// The program that the flags describe.
    async fn start(&self, name: ConnectorName, program: &Path) -> Result<Arc<dyn Connector>, Error> {
        // Of a runner the path must be absolute; here it is as in a shell.
        let path = std::path::absolute(program).map_err(|error| unusable(error.to_string()))?;
        let (passed, given): (Vec<&Variable>, Vec<&Variable>) = self.env.iter().partition(|one| one.value.is_none());
        let described = Program {
            arguments: self.argument.clone(),
            environment: given
                .into_iter()
                .map(|one| (one.name.clone(), one.value.clone().unwrap_or_default()))
                .collect(),
            pass_environment: passed.into_iter().map(|one| one.name.clone()).collect(),
            folder: std::env::current_dir().ok(),
            confine: self.confine,
            read_paths: absolute(&self.read_path)?,
            write_paths: absolute(&self.write_path)?,
            ..Program::at(path)
        };
        start(name, &described).await
    }
}

/// Of a runner these paths must be absolute; here they are as in a shell.
fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let absolute = paths.iter().map(std::path::absolute);
    let absolute: Result<Vec<PathBuf>, _> = absolute.collect();
    absolute.map_err(|error| unusable(error.to_string()))
}

fn confine(text: &str) -> Result<Confine, String> {
    let known = [Confine::Available, Confine::Required, Confine::None];
    let found = known.into_iter().find(|one| one.as_str() == text);
    found.ok_or_else(|| "write `available`, `required` or `none`".to_owned())
}

async fn start(name: ConnectorName, program: &Program) -> Result<Arc<dyn Connector>, Error> {
    let launch = program.judge().map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        unusable(faults.join("; "))
    })?;
    ask(name, launch).await
}

/// Starts the program once, to ask what it is.
async fn ask(name: ConnectorName, launch: Launch) -> Result<Arc<dyn Connector>, Error> {
    if launch.is_confined() && !held().is_whole() {
        note(format!(
            "note: this machine's kernel cannot hold all that programs are confined to; it lacks {}",
            held()
        ));
    }
    let started = Exec::start(name, launch).await;
    let started = started.map_err(|error| Error::Connector {
        reason: clean(&error.failure.message),
        next: clean(&remedy::alone(&error.failure)),
    })?;
    Ok(Arc::new(started))
}

fn unusable(reason: String) -> Error {
    Error::Connector {
        reason,
        next: "see what a program must do: docs/exec.md; begin one:  muster connector init NAME".to_owned(),
    }
}

/// A name from the program's file: `./crm.py` is `crm`.
fn named_after(program: &Path) -> ConnectorName {
    let stem = program.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    stem.and_then(|stem| ConnectorName::new(&stem).ok())
        .unwrap_or_else(|| ConnectorName::new(PROGRAM_NAME).expect("small letters make a name"))
}

/// What a runner with this file would be told, all faults of the file included.
fn runner_of(file: &Path) -> Result<Config, Error> {
    config::of_file::<Settings>(file).map_err(Error::RunnerFile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_called_after_its_file() {
        assert_eq!(named_after(Path::new("./crm.py")).as_str(), "crm");
        assert_eq!(named_after(Path::new("/opt/CRM")).as_str(), "crm");
        assert_eq!(named_after(Path::new("./ä b")).as_str(), PROGRAM_NAME);
    }

    #[test]
    fn a_variable_has_a_value_or_the_one_that_is_set_here() {
        let variable = |text: &str| text.parse::<Variable>().map(|one| (one.name, one.value));
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), Some("b=c".to_owned()))));
        assert_eq!(variable("PATH"), Ok(("PATH".to_owned(), None)));
        assert!(variable("=x").is_err());
    }
}
