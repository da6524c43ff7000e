//! A real browser that does what a person would: Debian's Chromium, driven by Playwright, in Python.
//!
//! A flow is a program in `tests/browser`. What it needs to be done outside of the browser it asks for by a line, `? what`, and goes on when that is done:
//! so the test that has started it breaks sources, stops coordinators, and looks at what the browser has brought about.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::foreign::{Python, answers, missing, repository};

/// How long a flow may take until it asks for something or ends.
const STEP_WITHIN: Duration = Duration::from_secs(120);

/// A browser.
#[derive(Debug)]
pub struct Browser {
    python: Python,
}

/// A flow that goes on.
#[derive(Debug)]
pub struct Flow {
    name: String,
    child: Child,
    answers: ChildStdin,
    lines: Mutex<Receiver<String>>,
}

impl Browser {
    /// A browser; `None` when this machine has none.
    ///
    /// # Panics
    /// On CI when there is none.
    #[must_use]
    pub fn new() -> Option<Self> {
        if !answers(Command::new("chromium").args(["--no-sandbox", "--version"])) {
            missing("Chromium", "apt-get install chromium");
            return None;
        }
        let python = Python::with(&folder().join("requirements.txt"))?;
        Some(Self { python })
    }

    /// Starts a flow of `tests/browser` with these arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn flow(&self, name: &str, arguments: &[&str]) -> Flow {
        let mut command = self.python.command_of(&folder().join(name));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python runs: it has made its packages");
        let said = child.stdout.take().expect("it was asked for");
        let (sender, lines) = channel();
        let reading = std::thread::Builder::new().name(format!("what {name} says"));
        let read = move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                println!("{line}");
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        // It ends with the flow.
        drop(reading.spawn(read).expect("a thread can be started"));
        Flow {
            name: name.to_owned(),
            answers: child.stdin.take().expect("it was asked for"),
            child,
            lines: Mutex::new(lines),
        }
    }
}

impl Flow {
    /// Waits until the flow asks for this.
    ///
    /// # Panics
    /// When it ends before, or asks for something else.
    pub async fn asks(&mut self, what: &str) {
        let asked = tokio::task::block_in_place(|| self.next());
        let name = &self.name;
        assert_eq!(asked.as_deref(), Some(what), "{name} should have asked for this");
    }

    /// Waits until the flow asks for something, whatever it is; `None` when it has ended.
    pub async fn asks_for(&mut self) -> Option<String> {
        tokio::task::block_in_place(|| self.next())
    }

    /// Says that it is done.
    ///
    /// # Panics
    /// When the flow has ended.
    pub fn done(&mut self) {
        self.answer("done");
    }

    /// Answers what was asked for.
    ///
    /// # Panics
    /// When the flow has ended.
    pub fn answer(&mut self, with: &str) {
        writeln!(self.answers, "{with}").expect("it waits for an answer");
    }

    /// Waits until it has ended well.
    ///
    /// # Panics
    /// When it has not.
    pub async fn ends(mut self) {
        let asked = tokio::task::block_in_place(|| self.next());
        assert_eq!(asked, None, "{} asks for more than it was to", self.name);
        let status = self.child.wait().expect("it was started");
        assert!(status.success(), "{} has failed: {status}; see above", self.name);
    }

    /// What it asks for next; `None` when it has ended.
    fn next(&mut self) -> Option<String> {
        let lines = self.lines.get_mut().expect("nobody else has it");
        loop {
            match lines.recv_timeout(STEP_WITHIN) {
                Ok(line) => {
                    if let Some(asked) = line.strip_prefix("? ") {
                        return Some(asked.to_owned());
                    }
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    panic!("{} has said nothing for {STEP_WITHIN:?}", self.name)
                }
            }
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // Nothing is lost with it when it has ended.
        let _ = self.child.kill();
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(repository()).join("tests/browser")
}
