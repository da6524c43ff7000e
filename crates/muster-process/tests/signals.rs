//! What signals do to a real process: the tests start this very test binary again as a child that stays until it is told to stop.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use muster_process::{Process, Tasks};

/// Set in the child: how it behaves.
const BEHAVIOUR: &str = "MUSTER_PROCESS_TEST_CHILD";
const LIMIT: Duration = Duration::from_secs(20);

#[test]
#[ignore = "the child of the other tests, which does nothing by itself"]
fn child() {
    let Ok(behaviour) = std::env::var(BEHAVIOUR) else {
        return;
    };
    let process = Process {
        stop_within: LIMIT * 10,
        ..Process::default()
    };
    let exit = muster_process::run(&process, |tasks: Tasks| async move {
        eprintln!("ready");
        tasks.token().cancelled().await;
        if behaviour == "stubborn" {
            std::future::pending::<()>().await;
        }
        Ok::<(), std::io::Error>(())
    });
    std::process::exit(exit.code().into());
}

/// A child, and the lines that it writes to stderr.
struct Started {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Started {
    fn new(behaviour: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(BEHAVIOUR, behaviour)
            .env_remove("MUSTER_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a child");
        let stderr = child.stderr.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || {
                for line in BufReader::new(stderr.take(1 << 20)).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            })
            .expect("a thread");
        let started = Self { child, lines };
        started.line_with("ready");
        started
    }

    /// Waits for a line that contains `text`.
    fn line_with(&self, text: &str) -> String {
        let mut last = String::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => last = line,
                Err(error) => panic!("no line with {text:?} ({error}); the last one: {last:?}"),
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status();
        assert!(sent.expect("sh").success());
    }

    /// The exit code, once stderr has closed: the child has ended then.
    fn exit_code(mut self) -> Option<i32> {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the child did not end"),
            }
        }
        self.child.wait().expect("ended").code()
    }
}

impl Drop for Started {
    /// A test that fails leaves no child behind.
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

#[test]
fn the_first_signal_stops_it_and_that_is_a_success() {
    for signal in ["TERM", "INT"] {
        let started = Started::new("obedient");
        started.signal(signal);
        let line = started.line_with("stopping");
        assert!(line.starts_with('{') && line.contains(signal), "JSON on a pipe: {line}");
        assert_eq!(started.exit_code(), Some(0), "{signal}");
    }
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let started = Started::new("stubborn");
    started.signal("TERM");
    started.line_with("stopping");
    started.signal("INT");
    assert_eq!(started.exit_code(), Some(130));
}
