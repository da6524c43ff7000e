//! Data type `device`: the machine itself, as one record.

mod disks;
mod hardware;
mod interfaces;
mod mounts;
mod system;

use muster_connector::{Category, Failure, Sink};
use serde::Serialize;

use self::disks::Disk;
use self::hardware::Hardware;
use self::interfaces::Interface;
use self::mounts::Mount;
use self::system::{Cpus, Os};
use super::bridge::{Emitter, Ended, read_blocking};
use super::root::Root;

/// The record; `docs/records.md` says what each field means.
#[derive(Debug, Serialize)]
struct Device {
    id: String,
    machine_id: Option<String>,
    hostname: Option<String>,
    os: Os,
    kernel: Option<String>,
    architecture: Option<String>,
    boot_at: Option<String>,
    cpus: Cpus,
    memory_bytes: Option<u64>,
    hardware: Hardware,
    disks: Option<Vec<Disk>>,
    mounts: Option<Vec<Mount>>,
    interfaces: Option<Vec<Interface>>,
}

/// Collects the one record.
pub(super) async fn collect(root: Root, sink: &mut Sink) -> Result<(), Failure> {
    read_blocking(sink, move |emitter| read(&root, emitter)).await
}

fn read(root: &Root, emitter: &Emitter<Device>) -> Result<(), Ended> {
    let hardware = hardware::read(root);
    let machine_id = root
        .value("etc/machine-id")
        .or_else(|| root.value("var/lib/dbus/machine-id"));
    let hostname = system::hostname(root);
    let id = [&machine_id, &hardware.uuid, &hostname].into_iter().flatten().next().cloned().ok_or_else(|| {
        Failure::new(
            Category::Configuration,
            "this machine has neither a machine id nor a hardware UUID nor a host name, so nothing tells it from others",
        )
        .with_remedy("check `root`, or write /etc/machine-id with systemd-machine-id-setup")
    })?;
    let cpus = emitter.readable("proc/cpuinfo", root.read("proc/cpuinfo"), "the CPUs are unknown")?;
    let memory = emitter.readable("proc/meminfo", root.read("proc/meminfo"), "the memory is unknown")?;
    let stat = emitter.readable("proc/stat", root.read("proc/stat"), "the time of the start is unknown")?;
    if hardware.serial.is_none() {
        emitter.warn("/sys/class/dmi/id tells no serial number: it is not there, or only root may read it")?;
    }
    let names = root.names(disks::FOLDER);
    let disks = emitter
        .readable(disks::FOLDER, names, "the disks are unknown")?
        .map(|names| disks::read(root, &names));
    let table = mounts::table(root);
    let mounts = emitter.readable(mounts::TABLE, root.read(table), "the mounts are unknown")?;
    let names = root.names(interfaces::FOLDER);
    let interfaces = emitter.readable(interfaces::FOLDER, names, "the network interfaces are unknown")?;
    let device = Device {
        id,
        machine_id,
        hostname,
        os: system::os(root),
        kernel: root.value("proc/sys/kernel/osrelease"),
        architecture: system::architecture(),
        boot_at: stat.and_then(|file| system::boot_at(&file)),
        cpus: system::cpus(&cpus.unwrap_or_default()),
        memory_bytes: memory.and_then(|file| system::memory_bytes(&file)),
        hardware,
        disks,
        mounts: mounts.map(|file| mounts::read(root, &file)),
        interfaces: interfaces.map(|names| interfaces::read(root, &names)),
    };
    Ok(emitter.record(device)?)
}
