//! The main job: this very machine is collected, and what landed is what the machine says of itself by other means.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use muster_proto::v1;
use muster_proto::v1::watch_executions_response::Kind;
use muster_tests::{Binary, LIMIT, Published, World, id_of, is_final, published, staged_files, status_of};
use serde_json::Value;
use tonic::Streaming;

const DATA_TYPES: [&str; 3] = ["device", "software", "user"];

/// Longer than a package list takes on a slow machine.
const COLLECTED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_collected() {
    let mut world = World::start_with(&[]).await;
    let client = world.client();
    let mut watch = client.watch().await.expect("a watch");
    let mut runner = world.runner("here", &[]);
    client.until_online("here").await;

    let server = world.coordinator.url();
    let created = cli(&server, &["integration", "create", "laptop", "--connector", "host"]);
    assert!(created.contains("laptop"), "{created}");

    let seen = watch_until_ended(&mut watch, DATA_TYPES.len()).await;
    for (name, steps) in &seen {
        // All four, each once, in this order: nothing is skipped, and nothing is tried again.
        assert_eq!(
            steps.statuses,
            ["CREATED", "PENDING", "EXECUTING", "COMPLETED"],
            "{name}"
        );
        assert_eq!((steps.last.attempt, steps.last.failures), (1, 0), "{name}");
    }
    let landed = published(&world.coordinator.landing());
    assert_eq!(landed.len(), DATA_TYPES.len());
    assert_eq!(
        staged_files(&world.coordinator.landing()),
        Vec::<std::path::PathBuf>::new()
    );
    let collected: BTreeMap<String, Published> = seen
        .values()
        .map(|steps| {
            let published = landed.get(id_of(&steps.last.name)).expect("it has records");
            compare_with_told(&server, published, &steps.last);
            (steps.last.data_type.clone(), published.clone())
        })
        .collect();
    assert_eq!(collected.keys().collect::<Vec<_>>(), DATA_TYPES);
    compare_device(&collected["device"].records());
    compare_users(&collected["user"].records());
    compare_software(&collected["software"].records());

    assert_eq!(runner.terminate(LIMIT).await.code(), Some(0));
    drop(watch);
    assert_eq!(world.coordinator.terminate(LIMIT).await.code(), Some(0));
}

/// What was seen of one execution.
struct Steps {
    statuses: Vec<&'static str>,
    last: v1::Execution,
}

/// Watches until so many executions have ended.
async fn watch_until_ended(
    watch: &mut Streaming<v1::WatchExecutionsResponse>,
    count: usize,
) -> BTreeMap<String, Steps> {
    let mut seen: BTreeMap<String, Steps> = BTreeMap::new();
    let until = tokio::time::Instant::now() + COLLECTED_WITHIN;
    while seen.values().filter(|steps| is_final(&steps.last)).count() < count {
        let message = tokio::time::timeout_at(until, watch.message()).await;
        let message = message.unwrap_or_else(|_| {
            let seen = seen.values().map(|steps| &steps.statuses);
            panic!(
                "{count} executions should have ended by now: {:?}",
                seen.collect::<Vec<_>>()
            )
        });
        let message = message.expect("the watch goes on").expect("the watch goes on");
        let executions = match message.kind {
            Some(Kind::Snapshot(snapshot)) => snapshot.executions,
            Some(Kind::Changes(changes)) => changes.executions,
            Some(Kind::Lagged(_)) | None => panic!("a watch of three executions does not lag"),
        };
        for execution in executions {
            let status = status_of(&execution);
            let steps = seen.entry(execution.name.clone()).or_insert_with(|| Steps {
                statuses: Vec::new(),
                last: execution.clone(),
            });
            // The same status again tells another change, such as the confirmation of the assignment.
            if steps.statuses.last() != Some(&status) {
                steps.statuses.push(status);
            }
            steps.last = execution;
        }
    }
    seen
}

/// Runs the command line and gives what it prints.
fn cli(server: &str, arguments: &[&str]) -> String {
    let mut command = Binary::Cli.command();
    command.args(["--server", server]).args(arguments);
    let output = command.output().expect("the command line runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The file, its manifest, the execution and the command line must all tell the same.
fn compare_with_told(server: &str, published: &Published, execution: &v1::Execution) {
    let counts = execution.counts.expect("it has completed");
    let records = published.records().len() as u64;
    let bytes = published.lines.len() as u64;
    assert_eq!((counts.records, counts.bytes), (records, bytes), "{}", execution.name);
    let manifest = &published.manifest;
    assert_eq!(manifest["records"], records);
    assert_eq!(manifest["bytes"], bytes);
    assert_eq!(manifest["attempt"], execution.attempt);
    assert_eq!(manifest["execution"], id_of(&execution.name));
    assert_eq!(manifest["data_type"], execution.data_type.as_str());
    let compressed = fs::metadata(&published.data).expect("it is there").len();
    assert_eq!(manifest["compressed_bytes"], compressed);
    let uri = &execution.landing_uri;
    assert!(uri.ends_with(&format!("{}.jsonl.zst", id_of(&execution.name))), "{uri}");
    let printed = cli(server, &["records", id_of(&execution.name)]);
    assert!(
        printed.as_bytes() == published.lines,
        "`muster records` prints something else than the file holds"
    );
}

fn compare_device(records: &[Value]) {
    let [device] = records else {
        panic!("one device: {records:?}");
    };
    let kernel = |file: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{file}")).expect("the kernel tells");
        text.trim().to_owned()
    };
    assert_eq!(device["hostname"], kernel("hostname"));
    assert_eq!(device["kernel"], kernel("osrelease"));
    let memory = fs::read_to_string("/proc/meminfo").expect("the kernel tells");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = memory.and_then(|rest| rest.trim().strip_suffix(" kB")).expect("a size");
    let kibibytes: u64 = kibibytes.trim().parse().expect("a number");
    assert_eq!(device["memory_bytes"], kibibytes * 1_024);
    let processors = fs::read_to_string("/proc/cpuinfo").expect("the kernel tells");
    let processors = processors.lines().filter(|line| line.starts_with("processor"));
    assert_eq!(device["cpus"]["count"], processors.count());
}

fn compare_users(records: &[Value]) {
    let passwd = fs::read_to_string("/etc/passwd").expect("every Linux has it");
    let expected: BTreeSet<(String, u64, String)> = passwd
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let uid = fields[2].parse().expect("a number");
            (fields[0].to_owned(), uid, fields[6].to_owned())
        })
        .collect();
    let collected: BTreeSet<(String, u64, String)> = records
        .iter()
        .map(|user| {
            let text = |field: &str| user[field].as_str().unwrap_or_default().to_owned();
            (text("name"), user["uid"].as_u64().expect("a uid"), text("shell"))
        })
        .collect();
    assert_eq!(collected, expected);
    assert_eq!(records.len(), expected.len(), "each account once");
    let text = format!("{records:?}");
    assert!(
        !text.contains("$6$") && !text.contains("$y$"),
        "a password hash has left the machine"
    );
}

/// Where there is no dpkg there is nothing to compare with; the connector's own tests do so on made-up trees.
fn compare_software(records: &[Value]) {
    let query = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n";
    let Ok(output) = Command::new("dpkg-query").args(["-W", "-f", query]).output() else {
        return;
    };
    let text = String::from_utf8(output.stdout).expect("text");
    let expected: BTreeSet<(&str, &str, &str)> = text
        .lines()
        .filter_map(|line| {
            let [state, name, version, architecture] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("four fields: {line}");
            };
            // What was removed, and left its configuration, is not installed.
            (state != "config-files" && state != "not-installed").then_some((name, version, architecture))
        })
        .collect();
    let collected: BTreeSet<(&str, &str, &str)> = records
        .iter()
        .filter(|package| package["manager"] == "dpkg")
        .map(|package| {
            let text = |field: &str| package[field].as_str().expect("a text");
            (text("name"), text("version"), text("architecture"))
        })
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(collected, expected);
}
