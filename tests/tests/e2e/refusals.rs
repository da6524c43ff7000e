//! Starts that the coordinator refuses: each says what is wrong and what to do, and none touches what belongs to somebody else.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use muster_tests::{Binary, Coordinator, LIMIT, Process, World};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// It may go well when the cause has passed.
const FAILED: i32 = 1;

/// It will not, until a person changes something.
const MISCONFIGURED: i32 = 78;

/// What a coordinator that must not start says.
async fn refused(folder: &Path, data: &Path, address: SocketAddr, code: i32) -> String {
    let mut process = Process::start(Coordinator::command(data, address), &folder.join("refused.log"));
    let status = process.ended(LIMIT).await;
    let log = process.log();
    assert_eq!(status.code(), Some(code), "{log}");
    log
}

#[tokio::test]
async fn an_address_that_others_can_reach_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7443"] {
        let data = folder.path().join("data");
        let log = refused(
            folder.path(),
            &data,
            address.parse().expect("an address"),
            MISCONFIGURED,
        )
        .await;
        let sentence = format!(
            "nobody is asked there who they are, so the coordinator listens on loopback only, and `{address}` is not: \
             use 127.0.0.1 or [::1]"
        );
        assert!(log.contains(&sentence), "{log}");
        assert!(!data.exists(), "it has made files before it looked at the address");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let world = World::start().await;
    let address = world.coordinator.address();
    let log = refused(world.folder(), &world.folder().join("other"), address, FAILED).await;
    assert!(log.contains(&format!("cannot listen on {address}")), "{log}");
    assert!(log.contains("--listen"), "{log}");
    // So is that of HTTP, and nothing of its data is touched either.
    let (folder, http) = (world.folder().join("third"), world.coordinator.http_address());
    let mut command = Binary::Coordinator.command();
    command.arg("--data").arg(&folder);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--http-listen",
        &http.to_string(),
        "--insecure",
    ]);
    let mut process = Process::start(command, &world.folder().join("third.log"));
    let status = process.ended(LIMIT).await;
    let log = process.log();
    assert_eq!(status.code(), Some(FAILED), "{log}");
    assert!(log.contains(&format!("cannot listen on {http}")), "{log}");
    assert!(log.contains("--http-listen"), "{log}");
    assert!(!folder.exists(), "it has made files before it had its port");
}

#[tokio::test]
async fn a_data_folder_that_another_coordinator_has_is_refused() {
    let mut world = World::start().await;
    let holder = world.coordinator.process().pid();
    let log = refused(world.folder(), &world.coordinator.data(), ANY_PORT, FAILED).await;
    assert!(
        log.contains("is in use by") && log.contains(&holder.to_string()),
        "{log}"
    );
    // The one that has it goes on.
    world.client().runners().await.expect("it answers");
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("data/store");
    fs::create_dir_all(&store).expect("made");
    fs::write(store.join("thesis.txt"), "years of work").expect("written");
    let log = refused(folder.path(), &folder.path().join("data"), ANY_PORT, MISCONFIGURED).await;
    assert!(log.contains("is not empty and holds no store"), "{log}");
    let left: Vec<_> = fs::read_dir(&store).expect("listed").collect();
    assert_eq!(left.len(), 1);
    assert_eq!(fs::read(store.join("thesis.txt")).expect("read"), b"years of work");
}
