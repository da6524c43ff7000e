//! The door of whoever starts a coordinator: what it finds in its folder and at its port. `clock.rs` has what it finds on its
//! clock.
//!
//! `configuration.rs` has all that can be wrong with a configuration, `refusals.rs` that a refused start touches nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_tests::{Binary, Coordinator, LIMIT, Process, ScriptedRunner, World};

use super::told::Told;
use super::unprivileged::unprivileged;

/// A store that a coordinator has made and left, and a folder for each row.
struct Stage {
    folder: PathBuf,
    /// The data folder of a coordinator that has stopped.
    left: PathBuf,
    /// The address of one that runs, and its data folder.
    running: (String, PathBuf),
}

impl Stage {
    /// A folder of this name with the left store in it.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.folder.join(name);
        let copied = Command::new("cp").arg("-a").arg(&self.left).arg(&to).status();
        assert!(copied.expect("there is a cp").success());
        to
    }

    /// The same, with other content in one of its files.
    fn changed(&self, name: &str, file: &str, content: &[u8]) -> PathBuf {
        let copy = self.copy(name);
        fs::write(copy.join(file), content).expect("written");
        copy
    }
}

/// How each row starts: its data folder, and the command.
type Start = fn(&Stage) -> (PathBuf, Command);

// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, Start)] = &[
    ("a port in use", |stage| at(stage.folder.join("port"), &stage.running.0)),
    ("a data folder that another coordinator has open", |stage| with(stage.running.1.clone())),
    ("a data folder with something else in it", |stage| with(somebody_elses(stage))),
    ("a data folder that is a file", |stage| with(a_file(stage, "file"))),
    ("a data folder below a file", |stage| with(a_file(stage, "parent").join("data"))),
    ("a data folder that is read-only", |stage| unprivileged_with(read_only(stage))),
    ("a store of a newer format", |stage| with(stage.changed("newer", "store/FORMAT", b"muster store, format 200\n"))),
    ("a store whose format is none", |stage| with(stage.changed("none", "store/FORMAT", b"\0\0\0"))),
    ("a store without its journal's head", |stage| with(stage.changed("headless", "store/head", b""))),
    ("a store without its engine's file", |stage| with(without(stage, "store/engine/db"))),
    ("a store whose engine's file is cut", |stage| with(stage.changed("cut", "store/engine/db", b"cut"))),
];

fn somebody_elses(stage: &Stage) -> PathBuf {
    let data = stage.folder.join("theirs");
    fs::create_dir_all(data.join("store")).expect("made");
    fs::write(data.join("store/thesis.txt"), "years of work").expect("written");
    data
}

fn a_file(stage: &Stage, name: &str) -> PathBuf {
    let file = stage.folder.join(name);
    fs::write(&file, "a file").expect("written");
    file
}

fn without(stage: &Stage, file: &str) -> PathBuf {
    let data = stage.copy("without");
    fs::remove_file(data.join(file)).expect("it was there");
    data
}

fn read_only(stage: &Stage) -> PathBuf {
    let data = stage.copy("read-only");
    let changed = Command::new("chmod").args(["-R", "a-w,a+rX"]).arg(&data).status();
    assert!(changed.expect("there is a chmod").success());
    data
}

/// What lies in a folder: each file with its length.
fn files(folder: &Path) -> Vec<String> {
    let listed = Command::new("find")
        .arg(folder)
        .args(["-type", "f", "-printf", "%p %s\n"])
        .output();
    let listed = String::from_utf8(listed.expect("there is a find").stdout).expect("text");
    let mut files: Vec<_> = listed.lines().map(ToOwned::to_owned).collect();
    files.sort();
    files
}

fn with(data: PathBuf) -> (PathBuf, Command) {
    at(data, "127.0.0.1:0")
}

fn unprivileged_with(data: PathBuf) -> (PathBuf, Command) {
    let (data, command) = with(data);
    (data, unprivileged(&command))
}

fn at(data: PathBuf, address: &str) -> (PathBuf, Command) {
    let mut command = Binary::Coordinator.command();
    command
        .arg("--data")
        .arg(&data)
        .args(["--listen", address, "--http-listen", "127.0.0.1:0", "--insecure"])
        .args(["--log-format", "text"]);
    (data, command)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_start_that_cannot_be_is_told_why_and_leaves_what_it_found() {
    let mut running = World::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut left = Coordinator::start(folder.path(), &[]).await;
    drop(
        ScriptedRunner::named("somebody", "default", 1)
            .check_in(&left.url())
            .await,
    );
    assert_eq!(left.terminate(LIMIT).await.code(), Some(0));
    let opened = Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status();
    assert!(opened.expect("there is a chmod").success());
    let stage = Stage {
        folder: folder.path().to_owned(),
        left: left.data(),
        running: (running.coordinator.address().to_string(), running.coordinator.data()),
    };
    let mut told = Told::default();
    told.replace(&stage.running.0, "127.0.0.1:7443");
    told.replace(running.folder().to_str().expect("text"), "/running");
    told.replace(folder.path().to_str().expect("text"), "/somewhere");
    let holder = running.coordinator.process().pid();
    told.replace(format!("process {holder}:"), "process <pid>:");
    let mut changed = Vec::new();
    for (row, start) in ROWS {
        let (data, command) = start(&stage);
        let before = files(&data);
        let log = folder.path().join(format!("{}.log", row.replace(' ', "-")));
        let mut process = Process::start(command, &log);
        let code = process.ended(LIMIT).await.code().expect("no signal has ended it");
        let said = process.log();
        assert!(!said.contains("panicked"), "`{row}`: {said}");
        told.add(row, &format!("{said}(ends with {code})"));
        if files(&data) != before {
            changed.push(*row);
        }
    }
    running.client().runners().await.expect("the one that runs goes on");
    assert!(
        !stage.folder.join("port").exists(),
        "one without a port has made a store"
    );
    // The engine puts its file in order before anybody could see that it is not all.
    let may_change = ["a store whose engine's file is cut"];
    assert_eq!(changed, may_change, "these have changed what they found");
    told.is_as_reviewed("starts");
}
