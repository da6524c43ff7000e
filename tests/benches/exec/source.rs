//! The program: a connector that prints records of 1 KiB as fast as somebody takes them.

use std::io::{self, Write};

use serde_json::json;

use crate::harness::Outcome;

/// The bytes of a record as it lands, with its line feed.
pub(crate) const RECORD_BYTES: usize = 1024;

/// So many different records, one after the other and then again: more than a compressor looks back.
const DIFFERENT: u64 = 8 * 1024;

const DATA_TYPE: &str = "device";

/// Texts of which records are made: an inventory repeats itself.
const MODELS: [&str; 8] = [
    "ThinkPad X1 Carbon Gen 12",
    "Latitude 7450",
    "MacBook Pro 14",
    "EliteBook 840 G11",
    "PowerEdge R760",
    "ProLiant DL380 Gen11",
    "OptiPlex 7020",
    "Surface Laptop 6",
];
const SYSTEMS: [&str; 5] = [
    "Debian 13",
    "Windows 11 24H2",
    "macOS 15.1",
    "RHEL 9.5",
    "Ubuntu 24.04.1",
];
const PACKAGES: [&str; 12] = [
    "openssl",
    "curl",
    "bash",
    "systemd",
    "python3",
    "nginx",
    "postgresql",
    "docker-ce",
    "zlib",
    "openssh",
    "vim",
    "git",
];

/// Answers as a connector does.
pub(crate) fn play(records: &str, command: &str) -> Outcome<()> {
    let records: u64 = records.parse()?;
    let mut request = String::new();
    io::stdin().read_line(&mut request)?;
    let mut out = io::stdout().lock();
    match command {
        "spec" => writeln!(out, "{}", spec())?,
        "check" => writeln!(out, r#"{{"end":{{}}}}"#)?,
        "collect" => print(records, &mut out)?,
        unknown => return Err(format!("there is no command `{unknown}`").into()),
    }
    Ok(())
}

fn print(records: u64, out: &mut impl Write) -> io::Result<()> {
    let block = block();
    let message_bytes = block.len() / DIFFERENT as usize;
    let mut left = records;
    while left > 0 {
        let some = left.min(DIFFERENT);
        out.write_all(&block[..some as usize * message_bytes])?;
        left -= some;
    }
    writeln!(out, r#"{{"end":{{"records":{records}}}}}"#)
}

/// All different records, as messages of equal length.
fn block() -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(7);
    let mut block = Vec::new();
    for id in 0..DIFFERENT {
        let record = record(id, &mut chance);
        block.extend_from_slice(b"{\"record\":");
        block.extend_from_slice(record.as_bytes());
        block.extend_from_slice(b"}\n");
    }
    block
}

fn record(id: u64, chance: &mut fastrand::Rng) -> String {
    let mut packages = Vec::new();
    let mut text;
    loop {
        let package = PACKAGES[chance.usize(..PACKAGES.len())];
        packages.push(json!({
            "name": package,
            "version": format!("{}.{}.{}", chance.u8(0..20), chance.u8(0..30), chance.u8(0..100)),
        }));
        let longer = json!({
            "id": format!("{id:08x}-{:016x}", chance.u64(..)),
            "hostname": format!("host-{:05}.corp.example", chance.u32(0..100_000)),
            "model": MODELS[chance.usize(..MODELS.len())],
            "serial": format!("{:010X}", chance.u64(0..1 << 40)),
            "os": SYSTEMS[chance.usize(..SYSTEMS.len())],
            "address": format!("10.{}.{}.{}", chance.u8(..), chance.u8(..), chance.u8(..)),
            "memory_mib": 1024 * chance.u32(1..128),
            "encrypted": chance.bool(),
            "packages": packages,
            "note": "",
        });
        text = longer.to_string();
        if text.len() > RECORD_BYTES - 100 {
            break;
        }
    }
    // The last field is empty so far; it takes what is left.
    let ballast: String = std::iter::repeat_with(|| chance.alphanumeric())
        .take(RECORD_BYTES - 1 - text.len())
        .collect();
    text.replace("\"note\":\"\"", &format!("\"note\":\"{ballast}\""))
}

fn spec() -> serde_json::Value {
    json!({"spec": {
        "protocol": 1,
        "version": "1",
        "title": "Benchmark",
        "description": "Prints records.",
        "config_schema": {"type": "object", "additionalProperties": false},
        "data_types": [{"name": DATA_TYPE, "title": "Devices", "default_interval": "8784h", "primary_key": ["id"]}],
    }})
}
