//! A backup that is cut off: what it leaves beside its file, and for how long.

use std::fs;
use std::path::Path;

use muster_tests::{Binary, LIMIT, Process, World, eventually};
use nix::sys::signal::Signal;

/// What lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("listed").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_cut_off_leaves_nothing_for_longer_than_the_next_one() {
    let mut world = World::start().await;
    let folder = world.folder().join("backups");
    fs::create_dir(&folder).expect("made");
    let (data, address) = (world.coordinator.data(), world.coordinator.address().to_string());
    let logs = world.folder().to_owned();
    let begin = |name: &str| {
        let mut command = Binary::Coordinator.command();
        command
            .arg("backup")
            .arg("--data")
            .arg(&data)
            .args(["--listen", &address]);
        command.arg(folder.join("muster.backup"));
        Process::start(command, &logs.join(format!("{name}.log")))
    };
    let until_begun = async |drafts: usize| {
        eventually("a draft", LIMIT, async || match names(&folder) {
            names if names.len() == drafts => Ok(()),
            names => Err(format!("{names:?}")),
        })
        .await;
    };

    // What it waits for does not come.
    world.coordinator.process().signal(Signal::SIGSTOP);
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut interrupted = begin(signal.as_str());
        until_begun(1).await;
        interrupted.signal(signal);
        let ended = interrupted.ended(LIMIT).await;
        assert_eq!(ended.code(), Some(code), "{}", interrupted.log());
        assert_eq!(names(&folder), [""; 0], "{signal} leaves something");
    }
    let mut killed = begin("killed");
    until_begun(1).await;
    killed.kill_9();
    let left = names(&folder);
    assert_eq!(left.len(), 1, "{left:?}");
    // The next one takes away what that has left, and nothing of one that goes on.
    let mut waiting = begin("waiting");
    eventually("its own draft alone", LIMIT, async || match names(&folder) {
        names if names.len() == 1 && names != left => Ok(()),
        names => Err(format!("{names:?}")),
    })
    .await;
    let mut second = begin("second");
    until_begun(2).await;
    second.signal(Signal::SIGTERM);
    second.ended(LIMIT).await;
    world.coordinator.process().signal(Signal::SIGCONT);
    let ended = waiting.ended(LIMIT).await;
    assert!(ended.success(), "{}", waiting.log());
    assert_eq!(names(&folder), ["muster.backup"]);
}
