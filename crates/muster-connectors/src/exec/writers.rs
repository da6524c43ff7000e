//! Finds the processes that still write into a pipe whose program has exited: forks that have left its process group, as daemons do, but
//! have kept its standard output or standard error.
//!
//! One that has also closed these is not found. A service manager that keeps the runner in a cgroup of its own (as systemd does) ends it
//! with the runner.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal};

/// The bits of an open file's flags that say how it may be used, and their value for one that is only written to.
const ACCESS_MODE: u32 = 0o3;
const WRITE_ONLY: u32 = 0o1;

/// Kills all processes that have the pipe's other end, and says how many those were. Looks through `/proc`, which takes milliseconds.
pub(super) fn kill(pipe: BorrowedFd<'_>) -> usize {
    let Ok(stat) = rustix::fs::fstat(pipe) else { return 0 };
    let name = format!("pipe:[{}]", stat.st_ino);
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    let ids = processes
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| kill_if_writer(*id, &name).is_some()).count()
}

fn kill_if_writer(id: i32, pipe: &str) -> Option<()> {
    let process = Pid::from_raw(id)?;
    if process == rustix::process::getpid() {
        return None;
    }
    // Opened before the look: whatever the id is by then, the signal goes to the process that was looked at, or to none.
    let handle = rustix::process::pidfd_open(process, PidfdFlags::empty()).ok()?;
    let folder = Path::new("/proc").join(id.to_string());
    // Of other users nothing is shown, and they are none of ours.
    let writes = fs::read_dir(folder.join("fd"))
        .ok()?
        .filter_map(Result::ok)
        .any(|file| {
            let leads_there = fs::read_link(file.path()).is_ok_and(|target| target == Path::new(pipe));
            leads_there && is_written(&folder.join("fdinfo").join(file.file_name()))
        });
    writes.then(|| rustix::process::pidfd_send_signal(handle, Signal::KILL).ok())?
}

fn is_written(fdinfo: &Path) -> bool {
    let text = fs::read_to_string(fdinfo).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.is_some_and(|flags| u32::from_str_radix(flags.trim(), 8).is_ok_and(|flags| flags & ACCESS_MODE == WRITE_ONLY))
}
