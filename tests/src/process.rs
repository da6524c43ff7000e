//! A process that does not outlive its test, with its log in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde_json::Value;

use crate::wait::eventually;

/// How many of the last lines of a log are printed when a test has failed.
const PRINTED_LINES: usize = 60;

/// The same command, with its variables, run by another that takes its words as its own last ones.
pub(crate) fn run_by(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// A process, and its log.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts a process; what it writes goes to `log`, which begins anew.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command, log: &Path) -> Self {
        let name = log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = File::create(log).expect("a log can be made");
        let again = file.try_clone().expect("a file has more than one handle");
        command.stdin(Stdio::null()).stdout(file).stderr(again);
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        Self {
            name,
            child,
            log: log.to_owned(),
            ended: None,
        }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has had in RAM at once, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// The memory that it has in RAM now, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(figure));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("Linux tells it in KiB");
        kib * 1024
    }

    /// All that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The first line of the log with this message, as JSON; `None` when there is none yet.
    #[must_use]
    pub fn logged(&self, message: &str) -> Option<Value> {
        let log = self.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["message"] == message)
    }

    /// Waits for a line with this message.
    ///
    /// # Panics
    /// When there is none within the limit, or the process ends before.
    pub async fn until_logged(&mut self, message: &str, limit: Duration) -> Value {
        let until = std::time::Instant::now() + limit;
        loop {
            // Looked at first: what it has logged before its end counts.
            let ended = self.try_wait();
            if let Some(line) = self.logged(message) {
                return line;
            }
            let name = &self.name;
            assert!(
                ended.is_none(),
                "{name} has ended ({ended:?}) and never logged `{message}`"
            );
            assert!(
                std::time::Instant::now() < until,
                "{name} has not logged `{message}` within {limit:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends a signal. One that has ended gets none.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&mut self, signal: Signal) {
        if self.try_wait().is_none() {
            kill(self.nix_pid(), signal).expect("a process of our own takes signals");
        }
    }

    /// Whether it stands still with all of its threads, as after `SIGSTOP`. That is told once for each stop.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        let only_stops = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        // One that has ended is no error here: it has not stopped.
        matches!(waitid(Id::Pid(self.nix_pid()), only_stops), Ok(WaitStatus::Stopped(..)))
    }

    fn nix_pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.pid()).expect("Linux numbers processes up to 4 million"))
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill_9(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.wait();
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Panics
    /// When it has not within `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended(limit).await
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        eventually(&what, limit, || {
            std::future::ready(self.try_wait().ok_or_else(|| "it runs".to_owned()))
        })
        .await
    }

    /// How it has ended; `None` while it runs.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended
    }

    /// The failpoint that it has died at; `None` when it has died otherwise, or runs.
    #[must_use]
    pub fn died_at(&mut self) -> Option<String> {
        self.try_wait()?;
        let log = self.log();
        let name = log.lines().next_back()?.strip_prefix(muster_failpoint::LAST_WORDS)?;
        Some(name.to_owned())
    }

    fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("a child can be waited for");
        self.ended = Some(status);
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.try_wait().is_none() {
            let _ = self.child.kill();
            self.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(PRINTED_LINES)..];
            eprintln!(
                "---- {} ({}), the last of {} lines\n{}",
                self.name,
                self.log.display(),
                lines.len(),
                last.join("\n")
            );
        }
    }
}
