//! The real binary: killed, started again, and told to stop.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use muster_core::words::SessionId;
use serde_json::json;

use crate::coordinator::{Coordinator, INTEGRATION, LIMIT};
use crate::harness::work;

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(coordinator: &Coordinator, folder: &Path) -> Process {
    Process(command(coordinator, folder).spawn().expect("started"))
}

fn command(coordinator: &Coordinator, folder: &Path) -> Command {
    let mut command = binary();
    command
        .arg("--coordinator")
        .arg(format!("http://{}", coordinator.address));
    command.arg("--data-folder").arg(folder);
    command
}

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster-runner"));
    command.env_clear().stdin(Stdio::null());
    command
}

impl Process {
    async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.0.try_wait().expect("waited") {
                return status;
            }
            assert!(Instant::now() < until, "the process does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn terminate(&self) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .expect("there is a `kill`");
        assert!(sent.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_survives_kill_9_and_sigterm_ends_with_0() {
    let mut coordinator = Coordinator::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut killed = start(&coordinator, folder.path());
    let (mut session, hello) = coordinator.welcome(SessionId(1)).await;
    session.assign_to("host", "user", work(1), json!({})).await;
    let first = session.finished().await;
    killed.0.kill().expect("killed");
    killed.ended().await;
    drop(session);

    let mut again = start(&coordinator, folder.path());
    let (mut session, later) = coordinator.welcome(SessionId(2)).await;
    assert_eq!(later.runner_id, hello.runner_id);
    assert_eq!(session.finished().await, first);
    session.ack(work(1)).await;
    again.terminate();
    assert_eq!(session.closed().await, None);
    assert!(session.draining);
    drop(session);
    assert_eq!(again.ended().await.code(), Some(0));
    assert_eq!(
        std::fs::read_dir(folder.path().join("spool")).expect("listed").count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_names_its_execution_also_of_an_earlier_process_or_one_that_is_not_taken() {
    let mut coordinator = Coordinator::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut killed = start(&coordinator, folder.path());
    let (mut session, _) = coordinator.welcome(SessionId(1)).await;
    session.assign_to("host", "user", work(1), json!({})).await;
    session.finished().await;
    killed.0.kill().expect("killed");
    killed.ended().await;
    drop(session);

    let log = folder.path().join("log");
    let mut command = command(&coordinator, folder.path());
    command.stderr(std::fs::File::create(&log).expect("made"));
    let mut again = Process(command.spawn().expect("started"));
    let (mut session, _) = coordinator.welcome(SessionId(2)).await;
    session.finished().await;
    session.fence(work(1)).await;
    session.assign_to("host", "user", work(1), json!({})).await;
    // What comes after these has been heard after them.
    session.assign_to("host", "user", work(2), json!({})).await;
    session.finished().await;
    session.ack(work(2)).await;
    again.terminate();
    assert_eq!(session.closed().await, None);
    drop(session);
    assert_eq!(again.ended().await.code(), Some(0));
    let log = std::fs::read_to_string(log).expect("read");
    let lines = log.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<serde_json::Value> = lines.collect();
    let id = work(1).0.to_string();
    let about: Vec<_> = lines.iter().filter(|line| line.to_string().contains(&id)).collect();
    let messages: Vec<_> = about.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(messages, ["work is given up", "an assignment was not taken"], "{log}");
    for line in about {
        let execution = format!("{INTEGRATION}/executions/{id}");
        assert_eq!(line["execution"], execution.as_str(), "{line}");
        assert_eq!(line["attempt"], "1", "{line}");
    }
}

#[test]
fn a_wrong_configuration_is_told_and_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("runner.toml");
    std::fs::write(&file, "slots = 0\npool = \"HQ\"\n").expect("written");
    let output = binary()
        .arg("--config")
        .arg(&file)
        .arg("--data-folder")
        .arg(folder.path())
        .output()
        .expect("run");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(
        told.contains("`slots`: is `0`") && told.contains("`pool`: the name has"),
        "{told}"
    );
}
