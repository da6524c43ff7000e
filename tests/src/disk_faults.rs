//! A disk that fails or stalls: strace makes the calls of a process end as if it did.

use std::process::{Command, Stdio};

use crate::process::run_by;

/// Faults that strace puts into what a process does to its store's log.
#[derive(Debug, Clone)]
pub struct DiskFaults {
    /// As strace takes them: `fdatasync:error=EIO:when=20+`.
    injections: Vec<String>,
}

impl DiskFaults {
    /// These; `None` where there is no strace, or it may not look at other processes.
    #[must_use]
    pub fn new(injections: &[&str]) -> Option<Self> {
        let mut tried = Command::new("strace");
        tried.args(["-qq", "-e", "trace=none", "true"]);
        let tried = tried.stdin(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        tried.success().then(|| Self {
            injections: injections.iter().map(ToString::to_string).collect(),
        })
    }

    /// The same command with these faults in what it does to the file `log`.
    #[must_use]
    pub fn command(&self, inner: &Command, log: &std::path::Path) -> Command {
        let mut command = Command::new("strace");
        // As a grandchild, so that the process is the command's own.
        command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-P"]).arg(log);
        let calls: Vec<&str> = self
            .injections
            .iter()
            .filter_map(|injection| injection.split(':').next())
            .collect();
        command.arg("-e").arg(format!("trace={}", calls.join(",")));
        for injection in &self.injections {
            command.arg("-e").arg(format!("inject={injection}"));
        }
        run_by(command, inner)
    }
}
