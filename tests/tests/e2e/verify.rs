//! `muster-coordinator verify`: whole after work and after a kill, and what it says of damage.

use std::fs;
use std::path::Path;
use std::process::Output;

use muster_tests::{Binary, LIMIT, Wanted, World, id_of, passwd_of, published};
use serde_json::Value;

fn verify(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Binary::Coordinator.command();
    command.arg("verify").arg("--data").arg(data).args(arguments);
    command.output().expect("it can be started")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_coordinator_keeps_is_verified_and_damage_is_named() {
    let mut world = World::start().await;
    let client = world.client();
    let data = world.coordinator.data();
    passwd_of(&world.folder().join("source"), 50);
    let _runner = world.runner("one", &[]);
    client.until_online("one").await;
    let root = world.folder().join("source");
    let wanted = Wanted::new("things", "host").data_type("user");
    let wanted = wanted.with("root", root.to_str().expect("text"));
    let integration = client.create_soon(&wanted).await;
    let ran = client.run(&integration.name, &[]).await.expect("it is run");
    let execution = client.until_ended(&ran[0].name, LIMIT).await.name;

    let address = world.coordinator.address().to_string();
    let serving = verify(&data, &["--listen", &address]);
    assert_eq!(serving.status.code(), Some(0), "{serving:?}");
    assert_eq!(text(&serving.stdout), "whole: all that is kept is what was told\n");
    let records = published(&world.coordinator.landing())[id_of(&execution)].data.clone();
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
