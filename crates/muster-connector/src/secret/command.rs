//! Secrets that a command of the runner's own prints: `exec:NAME`, such as a client of a vault.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::SECRET_BYTES_MAX;

/// A command that prints one secret. Only a runner's own configuration has such; whoever refers to one knows its name and nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretCommand {
    /// The program's file: an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment, and all of it.
    pub environment: BTreeMap<OsString, OsString>,
    /// How long it may take.
    pub within: Duration,
}

/// Ends a command, with what it has begun, if it has not ended by itself.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            // It fails when nobody is left.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl SecretCommand {
    /// What it prints. Its standard error goes to the runner's own, for its operator: there may be anything in it.
    ///
    /// # Errors
    /// What is wrong with it, never what it has printed.
    pub(super) async fn output(&self) -> Result<Vec<u8>, String> {
        let printed = timeout(self.within, self.run()).await;
        match printed {
            Ok(Ok(printed)) => printed,
            Ok(Err(error)) => Err(format!("cannot be run: {error}")),
            Err(_) => Err(format!("did not end within {:?}", self.within)),
        }
    }

    async fn run(&self) -> io::Result<Result<Vec<u8>, String>> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir("/");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut group = Group(id);
        let mut printed = Vec::new();
        if let Some(output) = child.stdout.take() {
            output.take(SECRET_BYTES_MAX + 1).read_to_end(&mut printed).await?;
        }
        if printed.len() as u64 > SECRET_BYTES_MAX {
            return Ok(Err(format!("prints more than {SECRET_BYTES_MAX} bytes")));
        }
        let status = child.wait().await?;
        // The id may be another's from here on.
        group.0 = None;
        Ok(if status.success() {
            Ok(printed)
        } else {
            Err(format!(
                "has failed ({status}): what it says stands in the runner's log"
            ))
        })
    }
}
