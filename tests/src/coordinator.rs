//! The real coordinator.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::binaries::Binary;
use crate::client::Client;
use crate::disk::SmallDisk;
use crate::disk_faults::DiskFaults;
use crate::process::Process;
use crate::wait::LIMIT;

/// What a coordinator logs when it serves.
const READY: &str = "the coordinator is ready";

/// Ports that the system gives to nobody by itself (its own range begins at 32,768), so that one stays free while its coordinator is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// On what a coordinator keeps its files.
#[derive(Debug)]
pub enum Ground {
    /// The folder that it was given.
    Folder,
    /// A disk of its own, whose place is the folder of its data.
    Disk(SmallDisk),
    /// The folder, on a disk that fails.
    Failing(DiskFaults),
}

/// A coordinator process with a folder. Killed when it is dropped.
#[derive(Debug)]
pub struct Coordinator {
    folder: PathBuf,
    address: SocketAddr,
    arguments: Vec<String>,
    ground: Ground,
    process: Process,
    starts: u32,
}

impl Coordinator {
    /// Starts one that keeps all in `folder`, with further arguments, and waits until it serves.
    ///
    /// # Panics
    /// When it does not within the limit.
    pub async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_on(Ground::Folder, folder, arguments).await
    }

    /// The same, on this ground.
    ///
    /// # Panics
    /// When it does not within the limit.
    pub async fn start_on(ground: Ground, folder: &Path, arguments: &[&str]) -> Self {
        let mut coordinator = Self::launched(ground, folder, arguments, None);
        coordinator.ready().await;
        coordinator
    }

    /// Starts one that dies at this failpoint, `NAME:ORDINAL:MILLISECONDS`, and waits for nothing.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_to_crash(folder: &Path, arguments: &[&str], failpoint: &str) -> Self {
        Self::launched(Ground::Folder, folder, arguments, Some(failpoint))
    }

    fn launched(ground: Ground, folder: &Path, arguments: &[&str], failpoint: Option<&str>) -> Self {
        let address = free_address();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let process = launch(&ground, folder, address, &arguments, (1, failpoint));
        Self {
            folder: folder.to_owned(),
            address,
            arguments,
            ground,
            process,
            starts: 1,
        }
    }

    /// Whether it has said that it serves.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.process.logged(READY).is_some()
    }

    async fn ready(&mut self) {
        self.process.until_logged(READY, LIMIT).await;
    }

    /// Where it listens, for runners and clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for HTTP. Another place after each start, where the arguments name none.
    ///
    /// # Panics
    /// When it has not said that it serves.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        let line = self.process.logged(READY).expect("it serves");
        let address = line["http"].as_str().and_then(|address| address.parse().ok());
        address.expect("the line says where")
    }

    /// The folder of its store.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        match &self.ground {
            Ground::Disk(disk) => disk.from_outside(),
            Ground::Folder | Ground::Failing(_) => self.folder.join("data"),
        }
    }

    /// The disk that it was started on.
    ///
    /// # Panics
    /// When it was started on none of its own.
    #[must_use]
    pub fn disk(&self) -> &SmallDisk {
        match &self.ground {
            Ground::Disk(disk) => disk,
            Ground::Folder | Ground::Failing(_) => panic!("it was started on no disk of its own"),
        }
    }

    /// Mends its disk, for the next start.
    pub fn mend(&mut self) {
        self.ground = Ground::Folder;
    }

    /// The folder in which records land.
    #[must_use]
    pub fn landing(&self) -> PathBuf {
        self.data().join("landing")
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// A client of it. It goes on over restarts.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::of(&self.url())
    }

    /// `kill -9`.
    pub fn kill_9(&mut self) {
        self.process.kill_9();
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Panics
    /// When it has not within `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.process.terminate(limit).await
    }

    /// Starts it again, at the same address and in the same folder, and waits until it serves.
    ///
    /// # Panics
    /// When it still runs, or does not serve within the limit.
    pub async fn restart(&mut self) {
        self.relaunch();
        self.ready().await;
    }

    /// Starts it again, at the same address and in the same folder, without waiting for anything.
    pub fn relaunch(&mut self) {
        self.relaunch_with(None);
    }

    /// The same, and it dies at this failpoint: `NAME:ORDINAL:MILLISECONDS`.
    pub fn relaunch_to_crash(&mut self, failpoint: &str) {
        self.relaunch_with(Some(failpoint));
    }

    fn relaunch_with(&mut self, failpoint: Option<&str>) {
        self.starts += 1;
        let start = (self.starts, failpoint);
        self.process = launch(&self.ground, &self.folder, self.address, &self.arguments, start);
    }

    /// A command that would start another coordinator at `address` with its files in `data`.
    #[must_use]
    pub fn command(data: &Path, address: SocketAddr) -> Command {
        let mut command = Self::bare_command(data, address);
        command.args(HTTP_ANYWHERE);
        command
    }

    fn bare_command(data: &Path, address: SocketAddr) -> Command {
        let mut command = Binary::Coordinator.command();
        command.arg("--data").arg(data);
        command.arg("--listen").arg(address.to_string());
        command.arg("--insecure");
        command
    }
}

const HTTP_ANYWHERE: [&str; 2] = ["--http-listen", "127.0.0.1:0"];

fn launch(
    ground: &Ground,
    folder: &Path,
    address: SocketAddr,
    arguments: &[String],
    (start, failpoint): (u32, Option<&str>),
) -> Process {
    let data = folder.join("data");
    let mut command = Coordinator::bare_command(&data, address);
    if !arguments.iter().any(|argument| argument == HTTP_ANYWHERE[0]) {
        command.args(HTTP_ANYWHERE);
    }
    command.args(arguments);
    command.envs(failpoint.map(|at| (muster_failpoint::VARIABLE, at)));
    let command = match ground {
        Ground::Folder => command,
        Ground::Disk(disk) => disk.command(&command),
        Ground::Failing(faults) => faults.command(&command, &data.join("store/engine/db")),
    };
    Process::start(command, &folder.join(format!("coordinator-{start}.log")))
}

/// A loopback address at which nobody listens.
///
/// # Panics
/// When none is found.
#[must_use]
pub fn free_address() -> SocketAddr {
    let mut chance = fastrand::Rng::new();
    let addresses = std::iter::repeat_with(|| SocketAddr::from(([127, 0, 0, 1], chance.u16(PORTS))));
    addresses
        .take(100)
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("one of a hundred ports is free")
}
