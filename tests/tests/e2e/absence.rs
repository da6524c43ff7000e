//! What is not there, as `ARCHITECTURE.md` says: checked where a script can.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The packages that each package of the workspace uses when it is built and run, not when it is tested.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let output = command
        .current_dir(root())
        .output()
        .expect("cargo is there: it runs the tests");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let packages = packages.iter().map(|package| {
        let used = package["dependencies"].as_array().expect("a list").iter();
        // Of no kind: neither for the tests nor for the build.
        let used = used.filter(|dependency| dependency["kind"].is_null());
        (
            text(&package["name"]),
            used.map(|dependency| text(&dependency["name"])).collect(),
        )
    });
    packages.collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The crates that use one of these.
fn users<'a>(all: &'a BTreeMap<String, BTreeSet<String>>, used: &[&str]) -> Vec<&'a str> {
    let users = all
        .iter()
        .filter(|(_, uses)| used.iter().any(|one| uses.contains(*one)));
    users.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn the_core_is_pure() {
    let all = dependencies();
    let allowed: BTreeSet<String> = ["fastrand", "jiff", "litemap", "smol_str", "thiserror", "uuid"]
        .map(str::to_owned)
        .into();
    let more: Vec<&String> = all["muster-core"].difference(&allowed).collect();
    assert!(
        more.is_empty(),
        "muster-core also uses {more:?}: is it free of I/O, clocks, tasks and serde?"
    );
    // What it may use has a clock and randomness of its own; that must not be called, nor built in.
    let manifest = fs::read_to_string(root().join("crates/muster-core/Cargo.toml")).expect("there");
    assert!(
        !manifest.contains("features = "),
        "muster-core switches a feature on: {manifest}"
    );
    forbid(
        "crates/muster-core/src",
        &[
            "Instant::now",
            "SystemTime",
            "Timestamp::now",
            "Zoned::now",
            "std::fs",
            "std::io",
            "std::net",
            "std::env",
            "std::thread",
            "std::process",
            "fastrand::Rng::new",
            "HashMap",
            "HashSet",
            "println!",
            "f64",
        ],
    );
}

#[test]
fn engines_and_connections_stay_where_they_belong() {
    let all = dependencies();
    assert_eq!(users(&all, &["sled"]), ["muster-store"]);
    // The generated code needs tonic's types; the session must do without, and does not know a socket.
    assert_eq!(
        users(&all, &["tonic"]),
        [
            "muster",
            "muster-coordinator",
            "muster-proto",
            "muster-runner",
            "muster-tests",
            "muster-web"
        ]
    );
    let session = &all["muster-session"];
    for absent in [
        "tokio",
        "tonic",
        "hyper",
        "muster-store",
        "muster-shard",
        "muster-connector",
    ] {
        assert!(!session.contains(absent), "muster-session uses {absent}");
    }
    assert_eq!(
        users(&all, &["muster-store"]),
        ["muster-coordinator", "muster-shard", "muster-sim"]
    );
    let proto_users = [
        "muster",
        "muster-coordinator",
        "muster-runner",
        "muster-session",
        "muster-sim",
        "muster-tests",
        "muster-web",
    ];
    assert_eq!(users(&all, &["muster-proto"]), proto_users);
    // The page is a client of the API, and so has no rules and no data of its own.
    let page: Vec<&String> = all["muster-web"]
        .iter()
        .filter(|used| used.starts_with("muster-"))
        .collect();
    assert_eq!(page, ["muster-proto"]);
    for connector in ["muster-connector", "muster-connectors"] {
        let uses: Vec<&String> = all[connector]
            .iter()
            .filter(|used| used.starts_with("muster-"))
            .collect();
        let allowed = |used: &&String| ["muster-core", "muster-connector"].contains(&used.as_str());
        assert!(
            uses.iter().all(allowed),
            "{connector} uses {uses:?}: connectors know no coordinator"
        );
    }
}

/// Connectors reach the network by what they are given, which judges where they go (`muster_connector::Network`).
#[test]
fn no_connector_opens_a_connection_by_itself() {
    let ways = [
        "TcpStream::connect",
        "TcpSocket",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "lookup_host",
        "to_socket_addrs",
        "std::net::TcpStream",
        "socket2",
        "nix::sys::socket::connect",
        "rustix::net",
    ];
    forbid("crates/muster-connectors/src", &ways);
    let connector = root().join("crates/muster-connector/src");
    for file in sources(&connector) {
        if file != connector.join("network.rs") {
            forbid_in(&file, &ways);
        }
    }
}

#[test]
fn the_coordinator_opens_nothing_that_is_sealed() {
    let all = dependencies();
    assert_eq!(users(&all, &["muster-seal"]), ["muster", "muster-runner"]);
    assert_eq!(users(&all, &["age"]), ["muster-seal"]);
}

/// Whoever answers a caller asks for what one organization has (`State::of`). What serves all of them alike, and may see everything, is this.
#[test]
fn nobody_else_looks_beyond_an_organization() {
    let all = root().join("crates/muster-coordinator/src");
    let beyond: BTreeSet<String> = sources(&all)
        .into_iter()
        .filter(|file| {
            let source = fs::read_to_string(file).expect("a source is text");
            source.contains(".everywhere()")
        })
        .map(|file| file.strip_prefix(&all).expect("below").display().to_string())
        .collect();
    let known = [
        // Whose certificates are trusted, before anybody is known.
        "identity.rs",
        "identity/authorities.rs",
        // Machinery behind the services.
        "command/verify.rs",
        "metrics/ledger.rs",
        "named.rs",
        "notifier.rs",
        "publisher.rs",
        // A runner's claim names its execution, and only the runner that holds it has that claim.
        "service/log_keeper.rs",
        "service/upload.rs",
        // Waits for the end of one that its caller was shown.
        "service/log_lines.rs",
        // The service's own staff.
        "service/maintenance.rs",
        "service/organizations.rs",
        // A copy with a single integration in it.
        "service/integrations/preview.rs",
    ];
    assert_eq!(beyond, known.map(str::to_owned).into());
}

#[test]
fn nothing_runs_or_waits_without_an_owner_or_a_bound() {
    for entry in fs::read_dir(root().join("crates")).expect("there") {
        let folder = entry.expect("listed").path().join("src");
        forbid_in(
            &folder,
            &[
                "tokio::spawn(",
                "task::spawn(",
                "thread::spawn(",
                "unbounded",
                "std::sync::mpsc::channel",
            ],
        );
    }
}

/// They are compiled in with `debug_assertions` alone; that crate's own tests, run in release, show that there are none then.
#[test]
fn a_release_has_no_failpoints() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there");
    assert!(
        !manifest.contains("debug-assertions"),
        "a profile switches debug assertions, and with them failpoints"
    );
}

#[test]
fn ring_is_the_one_crypto_provider() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("there");
    for banned in ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls"] {
        assert!(
            !lock.contains(&format!("name = \"{banned}\"\n")),
            "{banned} is in the tree"
        );
    }
}

#[test]
fn the_wire_and_the_disk_stay_at_their_ends() {
    // The disk's messages are private to the store, so that nobody else can know them.
    let store = fs::read_to_string(root().join("crates/muster-store/src/lib.rs")).expect("there");
    assert!(
        store.contains("mod codec;") && !store.contains("pub mod codec"),
        "{store}"
    );
    // What lands and what publishes knows nothing of the wire.
    forbid("crates/muster-landing/src", &["muster_proto", "tonic", "muster_shard"]);
    forbid("crates/muster-coordinator/src/publisher.rs", &["muster_proto", "tonic"]);
    // Events are decided by the core alone.
    for folder in ["muster-coordinator", "muster-runner", "muster-session", "muster"] {
        forbid(&format!("crates/{folder}/src"), &["event::Event"]);
    }
}

fn forbid(path: &str, words: &[&str]) {
    forbid_in(&root().join(path), words);
}

/// None of these words in the code below a path: comments, and what is compiled for tests only, may say what they like.
fn forbid_in(path: &Path, words: &[&str]) {
    let files = sources(path);
    assert!(!files.is_empty(), "nothing to look at in {}", path.display());
    for file in files {
        let source = fs::read_to_string(&file).expect("a source is text");
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            let found = words.iter().find(|word| line.contains(*word));
            assert!(
                found.is_none(),
                "{}:{} has `{}`",
                file.display(),
                number + 1,
                line.trim()
            );
        }
    }
}

/// The sources below a path that are not of tests.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let paths = entries.map(|entry| entry.expect("a folder can be listed").path());
    paths
        .filter(|path| !path.ends_with("tests") && !path.ends_with("tests.rs"))
        .filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "rs"))
        .flat_map(|path| sources(&path))
        .collect()
}
