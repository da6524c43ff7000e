//! The door of whoever starts a runner: its settings, its folder, its programs, and whom it finds at the coordinator's address.
//!
//! `configuration.rs` has all that can be wrong with a configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use muster_tests::{Binary, LIMIT, Process, World, eventually, free_address};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::told::Told;
use super::unprivileged::unprivileged;

/// Where the rows' files are, and who else is there.
struct Stage {
    folder: PathBuf,
    /// A coordinator that runs.
    coordinator: String,
    /// The data folder of a runner that runs.
    taken: PathBuf,
    /// The data folder of a runner that has stopped.
    left: PathBuf,
}

impl Stage {
    /// A new folder of this name.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(name);
        fs::create_dir(&folder).expect("made");
        folder
    }

    /// What a runner has left, in a folder of this name.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.folder.join(name);
        let copied = Command::new("cp").arg("-a").arg(&self.left).arg(&to).status();
        assert!(copied.expect("there is a cp").success());
        to
    }

    /// A runner with this data folder.
    fn runner(&self, data: &Path) -> Command {
        let mut command = Binary::Runner.command();
        command.args(["--display-name", "my-runner", "--log-format", "text"]);
        command.env("MUSTER_COORDINATOR", &self.coordinator);
        command.arg("--data-folder").arg(data);
        command
    }

    /// A runner with these further arguments.
    fn with(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.runner(&self.folder.join(name));
        command.args(arguments);
        command
    }

    /// A runner with this in its file.
    fn configured(&self, name: &str, text: &str) -> Command {
        let file = self.folder(name).join("runner.toml");
        fs::write(&file, text).expect("written");
        let mut command = self.runner(&self.folder.join(name).join("data"));
        command.arg("--config").arg(file);
        command
    }

    /// A file with this content and mode.
    fn file(&self, name: &str, content: &str, mode: u32) -> String {
        let path = self.folder.join(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        path.to_str().expect("text").to_owned()
    }

    /// A runner whose program this is.
    fn program(&self, name: &str, program: &str) -> Command {
        self.configured(name, &format!("connectors = []\n[exec.crm]\nprogram = {program:?}\n"))
    }
}

type Start = fn(&Stage) -> Command;

/// Those that end by themselves.
// A row is a line, however long.
#[rustfmt::skip]
const ROWS: &[(&str, Start)] = &[
    ("an unknown key in its file", |stage| stage.configured("key", "slotz = 4\n")),
    ("an empty coordinator's address", |stage| stage.with("address", &["--coordinator", ""])),
    ("a coordinator's address without a port", |stage| stage.with("port", &["--coordinator", "http://coordinator.example"])),
    ("slots of 0", |stage| stage.with("zero", &["--slots", "0"])),
    ("slots of 2³²", |stage| stage.with("many", &["--slots", "4294967296"])),
    ("a data folder that is a file", |stage| stage.runner(Path::new(&stage.file("file", "", 0o600)))),
    ("a data folder that is read-only", |stage| unprivileged(&stage.runner(&owned(stage.copy("read-only"), 0o555)))),
    ("a data folder of somebody else", |stage| unprivileged(&stage.runner(&owned(stage.copy("theirs"), 0o700)))),
    ("a data folder that another runner has open", |stage| stage.runner(&stage.taken)),
    ("a data folder whose runner-id is none", |stage| stage.runner(&changed(stage.copy("id"), "runner-id", b"\0\0\0"))),
    ("a data folder whose spool is a file", |stage| stage.runner(&spool_is_a_file(stage))),
    ("a program that is not there", |stage| stage.program("nowhere", "/opt/connectors/crm.py")),
    ("a program that is not executable", |stage| stage.program("plain", &stage.file("plain.py", "#!/bin/sh\n", 0o644))),
    ("a program that everybody may write", |stage| stage.program("open", &stage.file("open.sh", "#!/bin/sh\n", 0o777))),
    ("a program that is a folder", |stage| stage.program("folder", "/tmp")),
    ("a program that does not say what it is", |stage| stage.program("mute", &stage.file("mute.sh", "#!/bin/sh\necho 'no module named crm' >&2\nexit 1\n", 0o755))),
    ("a program without an interpreter", |stage| stage.program("no-interpreter", &stage.file("no.sh", "#!/opt/none/python3\n", 0o755))),
];

fn owned(folder: PathBuf, mode: u32) -> PathBuf {
    fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("it is ours");
    folder
}

fn changed(folder: PathBuf, file: &str, content: &[u8]) -> PathBuf {
    fs::write(folder.join(file), content).expect("written");
    folder
}

fn spool_is_a_file(stage: &Stage) -> PathBuf {
    let folder = stage.folder("spool");
    fs::write(folder.join("spool"), "").expect("written");
    folder
}

/// Who is at the coordinator's address.
#[derive(Debug, Clone, Copy)]
enum There {
    Nobody,
    /// One who answers this to whatever is said.
    Answering(&'static str),
    /// One who takes the connection and says nothing.
    Mute,
    /// A gRPC server of something else.
    OtherGrpc,
}

/// Those that go on, since what is wrong may pass: what the log says first.
const GOING_ON: &[(&str, There)] = &[
    ("nobody at the coordinator's address", There::Nobody),
    (
        "a web server at the coordinator's address",
        There::Answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    ),
    (
        "a mail server at the coordinator's address",
        There::Answering("220 mail.example ESMTP\r\n"),
    ),
    ("a server that says nothing at the coordinator's address", There::Mute),
    (
        "another service's gRPC server at the coordinator's address",
        There::OtherGrpc,
    ),
];

/// What such a server does, until it is dropped.
async fn there(there: There) -> (String, tokio::task::JoinSet<()>) {
    let mut serving = tokio::task::JoinSet::new();
    if let There::Nobody = there {
        return (free_address().to_string(), serving);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one").to_string();
    serving.spawn(async move {
        if let There::OtherGrpc = there {
            let (_, health) = tonic_health::server::health_reporter();
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            let served = tonic::transport::Server::builder().add_service(health);
            served.serve_with_incoming(incoming).await.expect("it serves");
            return;
        }
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if let There::Answering(text) = there {
                let mut some = [0; 16];
                let _ = stream.read(&mut some).await;
                let _ = stream.write_all(text.as_bytes()).await;
            } else {
                open.push(stream);
            }
        }
    });
    (address, serving)
}

/// The first line that says that something is wrong, once it is there.
async fn complaint(process: &mut Process, limit: Duration) -> String {
    eventually("a complaint", limit, || {
        let log = process.log();
        let found = log
            .lines()
            .find(|line| line.contains(" WARN ") || line.contains("ERROR "));
        std::future::ready(found.map(str::to_owned).ok_or(log))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_start_of_a_runner_that_cannot_be_is_told_why_and_one_that_may_pass_goes_on() {
    let world = World::start().await;
    let mut left = world.runner("left", &[]);
    let _taken = world.runner("taken", &[]);
    world.client().until_online("left").await;
    world.client().until_online("taken").await;
    assert_eq!(left.terminate(LIMIT).await.code(), Some(0));
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let stage = Stage {
        folder: folder.path().to_owned(),
        coordinator: world.coordinator.url(),
        taken: world.folder().join("taken"),
        left: world.folder().join("left"),
    };
    let mut told = Told::default();
    told.replace(folder.path().to_str().expect("text"), "/somewhere");
    told.replace(world.folder().to_str().expect("text"), "/running");
    told.replace(world.coordinator.address().to_string(), "127.0.0.1:7443");
    for (row, start) in ROWS {
        let log = folder.path().join(format!("{}.log", row.replace([' ', '\''], "-")));
        let mut process = Process::start(start(&stage), &log);
        let code = process.ended(LIMIT).await.code().expect("no signal has ended it");
        let said = process.log();
        assert!(!said.contains("panicked"), "`{row}`: {said}");
        told.add(row, &format!("{said}(ends with {code})"));
    }

    let (mut going_on, mut servers) = (Vec::new(), Vec::new());
    for (number, (row, who)) in GOING_ON.iter().enumerate() {
        let (address, serving) = there(*who).await;
        told.replace(&address, "127.0.0.1:7443");
        let url = format!("http://{address}");
        let command = stage.with(&format!("going-on-{number}"), &["--coordinator", &url]);
        going_on.push((
            *row,
            Process::start(command, &folder.path().join(format!("going-on-{number}.log"))),
        ));
        servers.push(serving);
    }
    let newer = changed(
        stage.copy("newer"),
        "spool/01936b1e-0000-7000-8000-000000000001.1.report",
        b"MRS9 of the future",
    );
    let newer = stage.runner(&newer);
    going_on.push((
        "a spool with a result of a newer format",
        Process::start(newer, &folder.path().join("newer.log")),
    ));
    for (row, mut process) in going_on {
        let line = complaint(&mut process, 2 * LIMIT).await;
        // Whether what is no answer is first noticed by reading or by writing is chance.
        let is_same = !line.contains("as a coordinator");
        let line = if is_same {
            &line
        } else {
            line.split(" why=").next().unwrap_or_default()
        };
        told.add(row, &format!("{line}\n(goes on)"));
        assert!(process.try_wait().is_none(), "`{row}` has ended it: {}", process.log());
        assert_eq!(process.terminate(LIMIT).await.code(), Some(0), "{row}");
        assert!(!process.log().contains("panicked"), "`{row}`: {}", process.log());
    }
    let kept = stage
        .folder
        .join("newer/spool/01936b1e-0000-7000-8000-000000000001.1.report");
    assert_eq!(fs::read(kept).expect("it is where it was"), b"MRS9 of the future");
    told.is_as_reviewed("runner_starts");
}
