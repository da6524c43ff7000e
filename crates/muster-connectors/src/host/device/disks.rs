//! The disks.

use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;

use crate::host::root::Root;

/// Where the kernel lists them.
pub(super) const FOLDER: &str = "sys/block";

/// The unit of `size`, whatever the disk's own is.
const SECTOR_BYTES: u64 = 512;

/// A disk of the machine.
#[derive(Debug, Serialize)]
pub(super) struct Disk {
    name: String,
    size_bytes: Option<u64>,
    model: Option<String>,
    serial: Option<String>,
    rotational: Option<bool>,
    removable: Option<bool>,
}

pub(super) fn read(root: &Root, names: &[OsString]) -> Vec<Disk> {
    names.iter().filter_map(|name| disk(root, name)).collect()
}

/// The disk; `None` for what the kernel only makes up (loop, ram, zram, device mapper).
fn disk(root: &Root, name: &OsString) -> Option<Disk> {
    let folder = Path::new(FOLDER).join(name);
    let device = folder.join("device");
    root.metadata(&device).ok()?;
    let flag = |file: &str| root.number(folder.join(file)).map(|number| number != 0);
    Some(Disk {
        name: name.to_string_lossy().into_owned(),
        size_bytes: root
            .number(folder.join("size"))
            .and_then(|sectors| sectors.checked_mul(SECTOR_BYTES)),
        model: root.value(device.join("model")),
        // virtio disks have it one folder up.
        serial: root
            .value(device.join("serial"))
            .or_else(|| root.value(folder.join("serial"))),
        rotational: flag("queue/rotational"),
        removable: flag("removable"),
    })
}
