//! Processes: they say what they have found line by line, as JSON, and end when their owner drops them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Outcome;

/// What makes this binary play another role: it is followed by the role and its settings.
pub(crate) const ROLE_FLAG: &str = "--role";

/// Starts a program with as many files as it may have: thousands of connections are thousands of files.
const WITH_ALL_FILES: &str = r#"ulimit -n "$(ulimit -H -n)"; exec "$0" "$@""#;

/// How long a process may take to end once it is told to.
const END_WITHIN: Duration = Duration::from_secs(180);

/// A process.
pub(crate) struct Child {
    name: String,
    process: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts a program.
    pub(crate) fn start<A: AsRef<OsStr>>(program: &OsStr, arguments: &[A]) -> Outcome<Self> {
        let name = program.to_string_lossy().into_owned();
        let mut process = Command::new("sh")
            .args([OsStr::new("-c"), OsStr::new(WITH_ALL_FILES), program])
            .args(arguments)
            .env("MUSTER_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start `{name}`: {error}"))?;
        let stdout = process.stdout.take().ok_or("the process has no standard output")?;
        let lines = BufReader::new(stdout).lines();
        Ok(Self { name, process, lines })
    }

    /// Starts this binary in another role.
    pub(crate) fn play(role: &str, settings: &impl Serialize) -> Outcome<Self> {
        let program = std::env::current_exe()?;
        let settings = serde_json::to_string(settings)?;
        let mut child = Self::start(program.as_os_str(), &[ROLE_FLAG, role, &settings])?;
        role.clone_into(&mut child.name);
        Ok(child)
    }

    /// Waits for the next thing that it says.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Outcome<T> {
        match self.lines.next() {
            Some(line) => Ok(serde_json::from_str(&line?)?),
            None => Err(format!("`{}` has ended before it was done", self.name).into()),
        }
    }

    /// How it has ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Tells it to stop (SIGTERM), and waits until it has; returns how long that took.
    pub(crate) fn stop(mut self) -> Outcome<Duration> {
        let start = Instant::now();
        kill(self.pid()?, Signal::SIGTERM)?;
        while start.elapsed() < END_WITHIN {
            if let Some(status) = self.ended()? {
                return if status.success() {
                    Ok(start.elapsed())
                } else {
                    Err(format!("`{}` has ended with {status}", self.name).into())
                };
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(format!("`{}` has not ended within {END_WITHIN:?}", self.name).into())
    }

    /// The memory of it that is in RAM, in bytes.
    pub(crate) fn resident_bytes(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(1_024
            * kib
                .ok_or("the system does not say how much memory a process has")?
                .parse::<u64>()?)
    }

    fn pid(&self) -> Outcome<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.process.id())?))
    }
}

/// `kill -9`, unless it has ended by itself.
impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a process in a role says to its owner.
pub(crate) fn say(what: &impl Serialize) -> Outcome<()> {
    println!("{}", serde_json::to_string(what)?);
    Ok(())
}
