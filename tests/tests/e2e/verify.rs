//! `muster-coordinator verify`: whole after work and after a kill, and what it says of damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use muster_proto::v1::VerifyRequest;
use muster_proto::v1::maintenance_service_client::MaintenanceServiceClient;
use muster_proto::v1::verify_response::Told;
use muster_tests::{Binary, LIMIT, Wanted, World, id_of, passwd_of, published};
use nix::sys::signal::Signal;
use serde_json::Value;
use tonic::Code;

fn verify(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Binary::Coordinator.command();
    command.arg("verify").arg("--data").arg(data).args(arguments);
    command.output().expect("it can be started")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// Runs an integration, and says where its records lie.
async fn land(world: &World) -> (String, PathBuf) {
    let client = world.client();
    let root = world.folder().join("source");
    passwd_of(&root, 50);
    let wanted = Wanted::new("things", "host").data_type("user");
    let wanted = wanted.with("root", root.to_str().expect("text"));
    let integration = client.create_soon(&wanted).await;
    let ran = client.run(&integration.name, &[]).await.expect("it is run");
    let execution = client.until_ended(&ran[0].name, LIMIT).await.name;
    let records = published(&world.coordinator.landing())[id_of(&execution)].data.clone();
    (execution, records)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_coordinator_keeps_is_verified_and_damage_is_named() {
    let mut world = World::start().await;
    let data = world.coordinator.data();
    let _runner = world.runner("one", &[]);
    let (execution, records) = land(&world).await;

    let address = world.coordinator.address().to_string();
    let serving = verify(&data, &["--listen", &address]);
    assert_eq!(serving.status.code(), Some(0), "{serving:?}");
    assert_eq!(text(&serving.stdout), "whole: all that is kept is what was told\n");
    let whole = fs::read(&records).expect("read");
    fs::write(&records, &whole[1..]).expect("written");
    let serving = verify(&data, &["--listen", &address]);
    assert_eq!(serving.status.code(), Some(3), "{serving:?}");
    let told = text(&serving.stdout);
    assert!(
        told.contains("damage: landing, organization=default/") && told.contains(id_of(&execution)),
        "{told}"
    );
    fs::write(&records, &whole).expect("written");
    let elsewhere = verify(&data, &["--listen", "127.0.0.1:1"]);
    assert_eq!(elsewhere.status.code(), Some(1), "{elsewhere:?}");
    let told = text(&elsewhere.stderr);
    assert!(
        told.contains("is in use by process") && told.contains("no coordinator answers at 127.0.0.1:1"),
        "{told}"
    );

    world.coordinator.kill_9();
    let stopped = verify(&data, &[]);
    assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
    assert_eq!(text(&stopped.stdout), "whole: all that is kept is what was told\n");

    fs::write(&records, &whole[1..]).expect("written");
    let damaged = verify(&data, &["--output", "json"]);
    assert_eq!(damaged.status.code(), Some(3), "{damaged:?}");
    let told: Value = serde_json::from_slice(&damaged.stdout).expect("JSON");
    assert_eq!(
        (&told["whole"], &told["findings"][0]["severity"]),
        (&false.into(), &"damage".into()),
        "{told}"
    );
    assert!(
        told["findings"][0]["place"]
            .as_str()
            .is_some_and(|place| place.contains(id_of(&execution))),
        "{told}"
    );
    fs::write(&records, &whole).expect("written");

    fs::write(data.join("store/engine/db"), "cut").expect("written");
    let cut = verify(&data, &[]);
    assert_eq!(cut.status.code(), Some(3), "{cut:?}");
    let told = text(&cut.stdout);
    assert!(
        told.contains("damage: ") && told.contains("muster-coordinator restore FILE"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_holds_up_nobody_who_stops_or_backs_up() {
    let mut world = World::start().await;
    let _runner = world.runner("one", &[]);
    let (_, records) = land(&world).await;
    // What a day would not be enough to read: no disk has so much, so it takes no room.
    let records = fs::OpenOptions::new().write(true).open(records).expect("opened");
    records.set_len(1 << 42).expect("a disk takes holes");
    let mut client = MaintenanceServiceClient::connect(world.coordinator.url())
        .await
        .expect("it serves");
    let mut told = client.verify(VerifyRequest {}).await.expect("it begins").into_inner();
    loop {
        let next = told
            .message()
            .await
            .expect("it goes on")
            .expect("it has not come to the landing");
        if let Some(Told::Progress(progress)) = next.told
            && progress.part == "landing"
        {
            break;
        }
    }

    let second = client.verify(VerifyRequest {}).await;
    let second = second.expect_err("one at a time reads the landing");
    assert_eq!(second.code(), Code::ResourceExhausted, "{second}");
    let mut command = Binary::Coordinator.command();
    command.arg("backup").arg("--data").arg(world.coordinator.data());
    command.args(["--listen", &world.coordinator.address().to_string()]);
    let backed_up = command.arg(world.folder().join("muster.backup")).output();
    let backed_up = backed_up.expect("it can be started");
    assert!(backed_up.status.success(), "{backed_up:?}");

    world.coordinator.process().signal(Signal::SIGTERM);
    let ended = loop {
        match told.message().await {
            Ok(next) => assert!(next.is_some(), "it ends as if all was looked at"),
            Err(ended) => break ended,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable, "{ended}");
    assert!(ended.message().contains("the coordinator is stopping"), "{ended}");
    let ended = world.coordinator.process().ended(LIMIT).await;
    assert!(ended.success(), "{ended}");
}
