//! A test in a process of its own, so that one that hangs or is aborted is a finding and no more.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FOLDER: &str = "MUSTER_STORE_TEST_FOLDER";

/// The test of this name, ignored by others, to work on `folder` in a process of its own.
pub(crate) fn command(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder);
    command
}

/// What such a test works on; `None` when it was not started by another.
pub(crate) fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// The line of such a test that begins with `served` or `refused`, or how it ended without one.
pub(crate) fn outcome(test: &str, folder: &Path, limit: Duration) -> String {
    let mut child = command(test, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            return "hangs".to_owned();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("served") || line.starts_with("refused"));
    match line {
        Some(line) if status.success() => line.to_owned(),
        Some(_) | None => format!("{status}: {text}"),
    }
}

/// A number that whoever runs the tests has set.
pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
