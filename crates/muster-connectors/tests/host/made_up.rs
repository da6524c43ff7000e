//! What comes out of file trees that are made up.

use muster_connector::{Category, Connector, Network};
use muster_connectors::host::Host;
use serde_json::{Value, json};

use crate::collect::collect;
use crate::tree::{Tree, whole_machine};

#[tokio::test]
async fn a_machine_of_which_everything_is_known() {
    let tree = whole_machine();
    let device = collect("device", tree.root())
        .await
        .expect("a device")
        .records
        .remove(0);
    for (field, expected) in [
        ("/id", json!("0123456789abcdef0123456789abcdef")),
        ("/hostname", json!("plant-2")),
        ("/os/name", json!("Alpine Linux v3.20")),
        ("/memory_bytes", json!(2_097_152)),
        ("/boot_at", json!("2023-11-14T22:13:20Z")),
        ("/hardware/serial", json!("SN-1")),
        (
            "/disks",
            json!([{"name": "sda", "size_bytes": 1_048_576, "model": "Disk One", "serial": "D-1",
            "rotational": true, "removable": false}]),
        ),
        ("/interfaces/0/mac", json!("02:00:00:00:00:01")),
        ("/interfaces/0/addresses", Value::Null),
    ] {
        assert_eq!(device.pointer(field), Some(&expected), "{field}");
    }
    let software = collect("software", tree.root()).await.expect("packages");
    assert_eq!(software.records.len(), 2);
    assert_eq!(software.one("name", "musl")["manager"], "apk");
    let libc = software.one("name", "libc6");
    assert_eq!((&libc["source"], &libc["size_bytes"]), (&json!("glibc"), &json!(2048)));
    assert!(libc["installed_at"].is_string(), "{libc}");
}

#[tokio::test]
async fn users_have_groups_and_states_but_no_hashes() {
    let users = collect("user", whole_machine().root()).await.expect("users");
    let ana = users.one("name", "ana");
    let mut expected = json!({
        "name": "ana", "uid": 1000, "gid": 100, "primary_group": "users", "groups": ["wheel"], "full_name": "Ana Lima",
        "home": "/home/ana", "shell": "/bin/ash", "locked": false, "last_login_at": "2023-11-14T22:13:20Z",
    });
    if cfg!(not(target_arch = "x86_64")) {
        // The made-up file has the entries of x86-64.
        expected["last_login_at"] = ana["last_login_at"].clone();
    }
    assert_eq!(*ana, expected);
    assert_eq!(users.one("name", "root")["locked"], true);
    assert_eq!(users.warnings, [""; 0]);
}

#[tokio::test]
async fn no_hash_leaves_the_machine_wherever_it_stood() {
    let tree = Tree::new()
        .with(
            "etc/passwd",
            "old:$1$salt$passwdhash:5:5::/:/bin/sh\nbroken:$6$salt$brokenhash:no:5\n$6$salt$barehash\nana:x:6:6::/:\n",
        )
        .with(
            "etc/shadow",
            "ana:$6$salt$shadowhash:1::::::\n$6$salt$linehash\nold:!$6$salt$lockedhash:1:\n",
        );
    let users = collect("user", tree.root()).await.expect("users");
    assert_eq!(users.records.len(), 2);
    let told = format!("{users:?}");
    assert!(
        !told.contains("hash") && !told.contains("$6$") && !told.contains("$1$"),
        "{told}"
    );
    assert_eq!(users.one("name", "old")["locked"], false);
}

#[tokio::test]
async fn odd_lines_cost_only_themselves() {
    let mut passwd = b"root:x:0:0::/root:/bin/sh\ngarbage\n:x:1:1::/:\nfew:x:1\n\n# a comment\n+::::::\n".to_vec();
    passwd.extend(b"huge:x:2:2:");
    passwd.extend(vec![b'h'; 1024 * 1024]);
    passwd.extend(b":/:/bin/sh\nroot:x:9:9:again:/:/bin/sh\nb\xff:x:3:3:B\xc3:/:/bin/sh\nlast:x:4:4::/:");
    let users = collect("user", Tree::new().with("etc/passwd", passwd).root())
        .await
        .expect("users");
    let names: Vec<_> = users
        .records
        .iter()
        .map(|user| user["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["root", "b\u{fffd}", "last"]);
    assert_eq!(users.one("name", "root")["uid"], 0, "the first entry of a name holds");
    assert_eq!(
        users.one("name", "last")["locked"],
        Value::Null,
        "there is no shadow file"
    );
    assert_eq!(
        users.one("name", "last")["groups"],
        Value::Null,
        "there is no group file"
    );
    let odd = users
        .warnings
        .iter()
        .filter(|warning| warning.starts_with("5 lines of /etc/passwd"));
    assert_eq!(odd.count(), 1, "{:?}", users.warnings);
    assert!(
        users
            .warnings
            .iter()
            .any(|warning| warning.contains("/etc/shadow cannot be read")),
        "{:?}",
        users.warnings
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_null_and_told() {
    let tree = Tree::new().with("etc/hostname", "bare\n");
    let device = collect("device", tree.root()).await.expect("a device");
    let record = &device.records[0];
    assert_eq!(record["id"], "bare");
    for field in ["machine_id", "memory_bytes", "disks", "mounts", "interfaces", "boot_at"] {
        assert_eq!(record[field], Value::Null, "{field}");
    }
    assert!(
        device.warnings.iter().any(|warning| warning.contains("/proc/meminfo")),
        "{:?}",
        device.warnings
    );
}

#[tokio::test]
async fn half_a_list_is_a_failure() {
    let empty = Tree::new();
    assert_eq!(
        collect("software", empty.root())
            .await
            .expect_err("no database")
            .category,
        Category::Configuration
    );
    assert_eq!(
        collect("user", empty.root()).await.expect_err("no accounts").category,
        Category::Configuration
    );
    assert_eq!(
        collect("device", empty.root()).await.expect_err("no identity").category,
        Category::Configuration
    );
    let unreadable = Tree::new()
        .with("lib/apk/db/installed", "")
        .with("var/lib/dpkg/status/is-a-folder", "");
    let failure = collect("software", unreadable.root())
        .await
        .expect_err("dpkg cannot be read");
    assert_eq!(failure.category, Category::Permission);
    assert!(failure.message.contains("/var/lib/dpkg/status"), "{}", failure.message);
}

#[tokio::test]
async fn a_check_tells_a_wrong_root() {
    let host = Host::new();
    let tree = Tree::new();
    for (config, good) in [
        (json!({}), true),
        (json!({"root": "/"}), true),
        (json!({"root": whole_machine().root()}), false),
        (json!({"root": tree.root()}), false),
        (json!({"root": "relative"}), false),
        (json!({"root": "/", "depth": 1}), false),
    ] {
        let checked = host.check(&config, &Network::by_hand()).await;
        assert_eq!(checked.is_ok(), good, "{config}: {checked:?}");
        assert!(
            checked
                .err()
                .is_none_or(|failure| failure.category == Category::Configuration)
        );
    }
    let whole = whole_machine();
    assert_eq!(
        host.check(&json!({"root": whole.root()}), &Network::by_hand()).await,
        Ok(())
    );
}
