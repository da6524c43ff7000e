//! What comes out of this machine, compared to what it says by other means.

use std::fs;
use std::process::Command;

use crate::collect::collect;

fn file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the tool prints; `None` when it is not there, or is of a kind that does not know these arguments.
fn tool(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).expect("UTF-8"))
}

#[tokio::test]
async fn the_device_is_this_one() {
    let collected = collect("device", "/").await.expect("a device");
    let [device] = &collected.records[..] else {
        panic!("{collected:?}")
    };
    assert_eq!(device["hostname"], file("/proc/sys/kernel/hostname").trim());
    assert_eq!(device["kernel"], file("/proc/sys/kernel/osrelease").trim());
    let kib = file("/proc/meminfo")
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok());
    assert_eq!(device["memory_bytes"].as_u64(), kib.map(|kib| kib * 1024));
    if let Some(machine) = tool("uname", &["-m"]) {
        assert_eq!(device["architecture"], machine.trim());
    }
    let cpus = file("/proc/cpuinfo")
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    assert_eq!(device["cpus"]["count"].as_u64(), Some(cpus as u64));
    let root = device["mounts"]
        .as_array()
        .expect("mounts")
        .iter()
        .find(|mount| mount["path"] == "/");
    let size = root.and_then(|root| root["size_bytes"].as_u64());
    if let Some(blocks) = tool("df", &["-B1", "--output=size", "/"]) {
        assert_eq!(size, blocks.lines().nth(1).and_then(|size| size.trim().parse().ok()));
    }
    let loopback = device["interfaces"]
        .as_array()
        .expect("interfaces")
        .iter()
        .find(|it| it["name"] == "lo");
    let addresses = loopback.expect("a loopback")["addresses"]
        .as_array()
        .expect("addresses");
    assert!(
        addresses.iter().any(|address| address == "127.0.0.1/8"),
        "{addresses:?}"
    );
}

#[tokio::test]
async fn the_users_are_those_of_this_machine() {
    let collected = collect("user", "/").await.expect("users");
    let passwd = file("/etc/passwd");
    let names: Vec<_> = passwd.lines().filter_map(|line| line.split(':').next()).collect();
    let told: Vec<_> = collected
        .records
        .iter()
        .map(|user| user["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(told, names);
    for user in &collected.records {
        let name = user["name"].as_str().expect("a name");
        if let Some(groups) = tool("id", &["-nG", name]) {
            let mut expected: Vec<_> = groups.split_whitespace().collect();
            let primary = user["primary_group"].as_str();
            let mut told: Vec<_> = user["groups"]
                .as_array()
                .expect("groups")
                .iter()
                .filter_map(|it| it.as_str())
                .collect();
            told.extend(primary.filter(|primary| !told.contains(primary)));
            told.sort_unstable();
            expected.sort_unstable();
            assert_eq!(told, expected, "{name}");
        }
    }
    let told = format!("{collected:?}");
    assert!(!told.contains("$6$") && !told.contains("$y$"), "a hash was sent");
}

#[tokio::test]
async fn the_software_is_that_of_this_machine() {
    let format = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n";
    let Some(list) = tool("dpkg-query", &["-W", "-f", format]) else {
        return;
    };
    let mut expected: Vec<_> = list
        .lines()
        .filter(|line| !line.starts_with("config-files") && !line.starts_with("not-installed"))
        .collect();
    let collected = collect("software", "/").await.expect("packages");
    let line = |package: &serde_json::Value| {
        ["state", "name", "version", "architecture"]
            .map(|field| package[field].as_str().expect("text").to_owned())
            .join("\t")
    };
    let mut told: Vec<_> = collected
        .records
        .iter()
        .filter(|it| it["manager"] == "dpkg")
        .map(line)
        .collect();
    told.sort();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(
        collected
            .records
            .iter()
            .all(|package| package["installed_at"].is_string()),
        "each has its list of files"
    );
}
