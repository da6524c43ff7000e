//! Runs the binary.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longer than any command of these tests takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How a command has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().expect("no signal has ended it"),
            stdout: String::from_utf8(output.stdout.clone()).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr.clone()).expect("UTF-8"),
        }
    }

    /// Ends with 0, and tells nothing but this.
    pub fn tells(&self, stdout: &str) {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (0, stdout, ""));
    }

    /// Fails with this on standard error, and nothing on standard output.
    pub fn fails(&self, stderr: &str) {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (1, "", stderr));
    }

    /// The document that it has printed.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        serde_json::from_str(&self.stdout).expect("one JSON document")
    }
}

/// The binary with these arguments, and with no settings of whoever runs the tests.
pub fn command(server: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command
        .env_clear()
        .env("MUSTER_SERVER", server)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The binary in this folder, which is its home too; no coordinator is named.
pub fn command_in(folder: &Path, args: &[&str]) -> Command {
    let mut command = command("", args);
    command
        .env_remove("MUSTER_SERVER")
        .env("HOME", folder)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(folder);
    command
}

/// Runs it there to its end.
pub async fn run_in(folder: &Path, args: &[&str]) -> Ran {
    finish(command_in(folder, args).spawn().expect("the binary starts")).await
}

/// Runs it to its end.
pub async fn run(server: &str, args: &[&str]) -> Ran {
    finish(command(server, args).spawn().expect("the binary starts")).await
}

/// Runs it with this on its standard input.
pub async fn run_with_input(server: &str, args: &[&str], input: &str) -> Ran {
    let mut child = command(server, args)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).await.expect("it reads");
    drop(stdin);
    finish(child).await
}

/// Waits for its end.
pub async fn finish(child: Child) -> Ran {
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    Ran::of(&output.expect("it ends in time").expect("it can be waited for"))
}
