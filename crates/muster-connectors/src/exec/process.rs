//! A program that runs, with all that it forks: begun within its bounds, and ended as a whole.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use muster_connector::{Reason, ReasonKind};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal};
use tempfile::TempDir;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::program::Launch;
use super::writers;

/// How long a program that is told to stop (SIGTERM) has until it is killed. An executor drops a collection that does not stop within a
/// second, and then nothing is told of how it ended.
pub(super) const STOPS_WITHIN: Duration = Duration::from_millis(600);

/// How long a killed program may take to be gone. Only one that hangs in the kernel, as on a lost network disk, takes longer; it is left behind.
const DIES_WITHIN: Duration = Duration::from_millis(250);

/// How much of what a program prints may wait for the runner: with the usual 64 KiB a fast program and its reader would take turns for each.
const PIPE_BYTES: usize = 1024 * 1024;

/// The first file of a process that is neither standard input nor standard output nor standard error.
const FIRST_BEYOND_STANDARD: RawFd = 3;

/// A program and its forks. Dropping it kills them.
#[derive(Debug)]
pub(super) struct Process {
    // Before the child in the order in which they are dropped: the group is killed while its leader's id cannot be another's yet.
    group: Group,
    child: Child,
    exit: AsyncFd<OwnedFd>,
    /// Of this run alone. Removed when the program is gone.
    _folder: TempDir,
}

/// The ends of a program's pipes that are the runner's.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// The process group of a program: it and its forks, save those that have left it.
#[derive(Debug)]
struct Group {
    /// `None` once the leader was waited for: from then on the id may be another's.
    id: Option<Pid>,
}

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // It fails when nobody is left, and nothing else can go wrong with one's own children.
            let _ = rustix::process::kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Process {
    /// Starts a program, with `last` as its last argument, so that it can connect to these ports of TCP, `None` to all.
    pub(super) fn start(launch: &Launch, last: &str, ports: Option<Vec<u16>>) -> io::Result<(Self, Pipes)> {
        let folder = tempfile::Builder::new()
            .prefix("muster-run-")
            .tempdir_in(&launch.runs)
            .map_err(|error| {
                io::Error::other(format!(
                    "no folder for its run can be made in {}: {error}",
                    launch.runs.display()
                ))
            })?;
        let mut command = Command::new(&launch.program);
        command
            .args(&launch.arguments)
            .arg(OsString::from(last))
            .env_clear()
            // Where a program puts what it keeps for a while: the usual place is everybody's.
            .env("TMPDIR", folder.path())
            .envs(&launch.environment)
            .current_dir(launch.folder.as_deref().unwrap_or(folder.path()))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // All that Rust opens closes by itself when a program begins. What whoever started this process has left open in it does not.
        close_fds::set_fds_cloexec_threadsafe(FIRST_BEYOND_STANDARD, &[]);
        let runtime = Handle::current();
        let mut child = launch.cage.start(folder.path(), ports.as_deref(), || {
            let _inside = runtime.enter();
            command.spawn()
        })?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = Group { id };
        let lost = || io::Error::other("the program's process has no id");
        let id = id.ok_or_else(lost)?;
        let exit = rustix::process::pidfd_open(id, PidfdFlags::NONBLOCK)?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(lost());
        };
        bound(id, launch.memory_bytes_max, launch.processes_max)?;
        // As much as this user may have: less only costs speed.
        let _ = rustix::pipe::fcntl_setpipe_size(stdout.as_fd(), PIPE_BYTES);
        let process = Self {
            group,
            child,
            exit: watched(exit)?,
            _folder: folder,
        };
        Ok((process, Pipes { stdin, stdout, stderr }))
    }

    /// Ends when the program has exited; its forks may live. Safe to cancel.
    pub(super) async fn exited(&self) {
        // The kernel makes it readable then and never takes it back; an error would say that there is nothing to wait for.
        let _ = self.exit.readable().await;
    }

    /// Kills the forks of a program that has exited.
    pub(super) fn kill_forks(&self) {
        self.group.signal(Signal::KILL);
    }

    /// Asks the program and its forks to stop.
    pub(super) fn stop(&self) {
        self.group.signal(Signal::TERM);
        // A stopped program would not hear of it.
        self.group.signal(Signal::CONT);
    }

    /// Ends the program and its forks: SIGTERM, and SIGKILL after a while. `None` when it did not even die of that.
    pub(super) async fn end(&mut self) -> Option<ExitStatus> {
        self.stop();
        let _ = timeout(STOPS_WITHIN, self.exited()).await;
        self.reap().await
    }

    /// Kills what is left, and tells how the program has exited. `None` when it does not die.
    pub(super) async fn reap(&mut self) -> Option<ExitStatus> {
        self.group.signal(Signal::KILL);
        let died = timeout(DIES_WITHIN, self.exited()).await.is_ok();
        if !died {
            return None;
        }
        // Nobody can have taken the id so far, and no signal goes to it from here on.
        self.group.id = None;
        self.child.wait().await.ok()
    }

    /// Kills whoever has left the group and still writes into one of these pipes; says how many those were.
    pub(super) fn kill_writers(pipes: &[BorrowedFd<'_>]) -> usize {
        pipes.iter().map(|pipe| writers::kill(*pipe)).sum()
    }
}

#[expect(
    deprecated,
    reason = "what follows it is unsafe, because of types whose descriptor changes or closes meanwhile; that of an `OwnedFd` does not"
)]
fn watched(exit: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(exit, Interest::READABLE)
}

/// Bounds what a process, and each of its forks, may have. It has just begun, and waits for its request: what it allocates later is what counts.
fn bound(id: Pid, memory_bytes_max: u64, processes_max: u64) -> io::Result<()> {
    let limit = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    // Of memory that is its own alone and that it may write: address space that is only reserved, as by the runtimes of Go and Java, is free.
    set(id, Resource::Data, limit(memory_bytes_max))?;
    // The kernel counts those of the user, whoever has begun them, so this is on top of what there is. Of root it counts none.
    set(
        id,
        Resource::Nproc,
        limit(tasks_of_this_user().saturating_add(processes_max)),
    )?;
    // A picture of its memory would have the source's credentials in it.
    set(id, Resource::Core, limit(0))
}

/// How many processes and threads this process's user has now; as far as `/proc` shows them.
fn tasks_of_this_user() -> u64 {
    let user = rustix::process::getuid().as_raw();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let threads = processes.filter_map(|entry| {
        let folder = entry.path();
        let is_process = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        let is_own = is_process && entry.metadata().is_ok_and(|metadata| metadata.uid() == user);
        // Each thread is a folder in it, and so a link to it beside its own two.
        is_own.then(|| std::fs::metadata(folder.join("task")).map_or(1, |tasks| tasks.nlink().saturating_sub(2)))
    });
    threads.sum()
}

fn set(id: Pid, resource: Resource, limit: Rlimit) -> io::Result<()> {
    match rustix::process::prlimit(Some(id), resource, limit) {
        // Gone already: how it exited says more.
        Ok(_) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// How a program ended that was not well; `None` when it was.
pub(super) fn crash(status: ExitStatus) -> Option<Reason> {
    match (status.code(), status.signal()) {
        (Some(0), _) | (None, None) => None,
        (Some(code), _) => Some(Reason::new(ReasonKind::Exited, code.to_string())),
        (None, Some(_)) => Some(Reason::new(ReasonKind::Killed, signal(status))),
    }
}

/// Which signal it was killed by: `9 (SIGKILL)`. The standard library knows the signals' names.
fn signal(status: ExitStatus) -> String {
    let told = status.to_string();
    told.strip_prefix("signal: ").unwrap_or(&told).to_owned()
}

/// How a program ended, in words: `exited with the code 3`.
pub(super) fn in_words(status: ExitStatus) -> String {
    if status.signal().is_some() {
        return format!("was killed by the signal {}", signal(status));
    }
    match status.code() {
        Some(0) => "exited well".to_owned(),
        Some(code) => format!("exited with the code {code}"),
        None => "ended".to_owned(),
    }
}
