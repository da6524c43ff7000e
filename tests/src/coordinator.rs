//! The real coordinator.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crate::binaries::Binary;
use crate::client::Client;
use crate::disk::SmallDisk;
use crate::process::Process;
use crate::wait::LIMIT;

/// What a coordinator logs when it serves.
const READY: &str = "the coordinator is ready";

/// Ports that the system gives to nobody by itself (its own range begins at 32,768), so that one stays free while its coordinator is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A coordinator process with a folder. Killed when it is dropped.
#[derive(Debug)]
pub struct Coordinator {
    folder: PathBuf,
    address: SocketAddr,
    arguments: Vec<String>,
    /// Where it keeps all, if that is not the disk of the folder.
    disk: Option<SmallDisk>,
    process: Process,
    starts: u32,
}

impl Coordinator {
    /// Starts one that keeps all in `folder`, with further arguments, and waits until it serves.
    ///
    /// # Panics
    /// When it does not within the limit.
    pub async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_on(None, folder, arguments).await
    }

    /// The same, with what it keeps on this disk, whose place is its folder of data.
    ///
    /// # Panics
    /// When it does not within the limit.
    pub async fn start_on(disk: Option<SmallDisk>, folder: &Path, arguments: &[&str]) -> Self {
        let address = free_address();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let process = launch(disk.as_ref(), folder, address, &arguments, 1);
        let mut coordinator = Self {
            folder: folder.to_owned(),
            address,
            arguments,
            disk,
            process,
            starts: 1,
        };
        coordinator.ready().await;
        coordinator
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

    /// The folder of its store.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        match &self.disk {
            None => self.folder.join("data"),
            Some(disk) => disk.from_outside(),
        }
    }

    /// The disk that it was started on.
    ///
    /// # Panics
    /// When it was started on none of its own.
    #[must_use]
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("it was started on a disk of its own")
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
        self.starts += 1;
        let disk = self.disk.as_ref();
        self.process = launch(disk, &self.folder, self.address, &self.arguments, self.starts);
    }

    /// A command that would start another coordinator at `address` with its files in `data`.
    #[must_use]
    pub fn command(data: &Path, address: SocketAddr) -> Command {
        let mut command = Binary::Coordinator.command();
        command.arg("--data").arg(data);
        command.arg("--listen").arg(address.to_string());
        command
    }
}

fn launch(disk: Option<&SmallDisk>, folder: &Path, address: SocketAddr, arguments: &[String], start: u32) -> Process {
    let mut command = Coordinator::command(&folder.join("data"), address);
    command.args(arguments);
    if let Some(disk) = disk {
        command = disk.command(&command);
    }
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
