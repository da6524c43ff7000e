//! The real runner.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::binaries::Binary;
use crate::far::FarNetwork;
use crate::process::Process;

/// A runner process with a folder of its own. Killed when it is dropped.
#[derive(Debug)]
pub struct Runner {
    name: String,
    folder: PathBuf,
    arguments: Vec<String>,
    process: Process,
    starts: u32,
}

impl Runner {
    /// Starts a runner with this display name for the coordinator at `url`; its files and logs lie in `folder`, which others may share.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(folder: &Path, url: &str, name: &str, arguments: &[&str]) -> Self {
        let mut all = vec!["--coordinator".to_owned(), url.to_owned()];
        all.extend(arguments.iter().map(ToString::to_string));
        let process = launch(folder, name, &all, (1, None));
        Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            arguments: all,
            process,
            starts: 1,
        }
    }

    /// The same, in a network of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_far(network: &FarNetwork, folder: &Path, url: &str, name: &str) -> Self {
        let all = vec!["--coordinator".to_owned(), url.to_owned()];
        let command = network.command(&command(folder, name, &all, None));
        Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            arguments: all,
            process: Process::start(command, &folder.join(format!("{name}-1.log"))),
            starts: 1,
        }
    }

    /// Its display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many results lie on its disk, since they are not known to be acknowledged.
    #[must_use]
    pub fn spooled(&self) -> usize {
        let spool = self.folder.join(&self.name).join("spool");
        std::fs::read_dir(spool).map_or(0, Iterator::count)
    }

    /// `kill -9`, also of one that is paused.
    pub fn kill_9(&mut self) {
        self.process.kill_9();
    }

    /// Starts it again, as the same runner.
    pub fn restart(&mut self) {
        self.restart_with(None);
    }

    /// The same, and it dies at this failpoint: `NAME:ORDINAL:MILLISECONDS`.
    pub fn restart_to_crash(&mut self, failpoint: &str) {
        self.restart_with(Some(failpoint));
    }

    fn restart_with(&mut self, failpoint: Option<&str>) {
        self.starts += 1;
        self.process = launch(&self.folder, &self.name, &self.arguments, (self.starts, failpoint));
    }

    /// Stops it where it stands (`SIGSTOP`): it keeps its connections and says nothing.
    pub fn pause(&mut self) {
        self.process.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.process.signal(Signal::SIGCONT);
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Panics
    /// When it has not within `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.process.terminate(limit).await
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn launch(folder: &Path, name: &str, arguments: &[String], (start, failpoint): (u32, Option<&str>)) -> Process {
    let command = command(folder, name, arguments, failpoint);
    Process::start(command, &folder.join(format!("{name}-{start}.log")))
}

fn command(folder: &Path, name: &str, arguments: &[String], failpoint: Option<&str>) -> Command {
    let mut command = Binary::Runner.command();
    command.args(["--display-name", name]);
    command.arg("--data-folder").arg(folder.join(name));
    command.args(arguments);
    command.envs(failpoint.map(|at| (muster_failpoint::VARIABLE, at)));
    command
}
