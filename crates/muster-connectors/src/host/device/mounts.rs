//! The file systems that hold data.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::sys::statvfs::{FsFlags, fstatvfs};
use serde::Serialize;

use crate::host::root::Root;

/// The table, for messages.
pub(super) const TABLE: &str = "proc/self/mountinfo";

/// The most file systems that are told: a record is bounded.
const MOUNTS_MAX: usize = 1_000;

/// File systems on servers: named, but never asked, since a server that is gone would hold us up for ever.
const REMOTE: [&str; 8] = ["nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "afs"];

/// A file system.
#[derive(Debug, Serialize)]
pub(super) struct Mount {
    path: String,
    device: String,
    filesystem: String,
    size_bytes: Option<u64>,
    available_bytes: Option<u64>,
    read_only: Option<bool>,
}

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    number: Vec<u8>,
    path: Vec<u8>,
    filesystem: String,
    device: String,
}

/// Where the table of this root is: another root's is that of its first process, since ours does not hold in it.
pub(super) fn table(root: &Root) -> &'static str {
    if root.is_own() { TABLE } else { "proc/1/mountinfo" }
}

/// The file systems of the table that hold data, each once: containers mount the same one in many places.
pub(super) fn read(root: &Root, table: &[u8]) -> Vec<Mount> {
    let mut seen = HashSet::new();
    table
        .split(|byte| *byte == b'\n')
        .filter_map(parse)
        .filter(|entry| {
            entry.device.starts_with('/') || entry.path == b"/" || is_remote(entry) || entry.filesystem == "zfs"
        })
        .filter(|entry| seen.insert(entry.number.clone()))
        .take(MOUNTS_MAX)
        .map(|entry| mount(root, entry))
        .collect()
}

fn is_remote(entry: &Entry) -> bool {
    REMOTE.contains(&entry.filesystem.as_str())
}

fn mount(root: &Root, entry: Entry) -> Mount {
    let asked = !is_remote(&entry) && !entry.filesystem.starts_with("fuse");
    let path = PathBuf::from(OsString::from_vec(entry.path));
    let relative = path.strip_prefix("/").map_or(path.as_path(), |inner| inner);
    let relative = if relative.as_os_str().is_empty() {
        ".".as_ref()
    } else {
        relative
    };
    let space = if asked {
        root.handle(relative).ok().and_then(|handle| fstatvfs(handle).ok())
    } else {
        None
    };
    Mount {
        path: path.to_string_lossy().into_owned(),
        device: entry.device,
        filesystem: entry.filesystem,
        size_bytes: space.and_then(|space| space.blocks().checked_mul(space.fragment_size())),
        available_bytes: space.and_then(|space| space.blocks_available().checked_mul(space.fragment_size())),
        read_only: space.map(|space| space.flags().contains(FsFlags::ST_RDONLY)),
    }
}

/// The entry of a line (proc_pid_mountinfo(5)); `None` when it is malformed.
fn parse(line: &[u8]) -> Option<Entry> {
    let mut fields = line.split(|byte| *byte == b' ');
    let number = fields.nth(2)?.to_vec();
    let path = unescape(fields.nth(1)?);
    let mut rest = fields.skip_while(|field| *field != b"-").skip(1);
    let filesystem = String::from_utf8_lossy(rest.next()?).into_owned();
    let device = String::from_utf8_lossy(&unescape(rest.next()?)).into_owned();
    Some(Entry {
        number,
        path,
        filesystem,
        device,
    })
}

/// The kernel writes blanks, tabs, line feeds and backslashes as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = match rest {
            [b'\\', digits @ ..] if digits.len() >= 3 => str::from_utf8(&digits[..3])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 8).ok()),
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &rest[4..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_optional_fields_before_its_dash() {
        let entry =
            parse(br"36 35 98:0 /sub /mnt/a\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw").expect("an entry");
        assert_eq!(entry.path, b"/mnt/a b");
        assert_eq!(
            (entry.filesystem.as_str(), entry.device.as_str()),
            ("ext3", "/dev/root")
        );
        assert_eq!(parse(b"36 35 98:0 / /mnt rw"), None);
    }

    #[test]
    fn a_file_system_is_told_once_and_a_server_is_not_asked() {
        let root = Root::open_folder("/").expect("a root");
        let table = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:1 /x /etc/hosts rw - ext4 /dev/sda1 rw\n\
            3 1 0:5 / /proc rw - proc proc rw\n4 1 0:9 / / rw - nfs server:/x rw\n";
        let mounts = read(&root, table);
        let [local, remote] = &mounts[..] else {
            panic!("{mounts:?}")
        };
        assert_eq!(local.path, "/");
        assert!(local.size_bytes.is_some_and(|size| size > 0));
        assert_eq!((remote.device.as_str(), remote.size_bytes), ("server:/x", None));
    }

    proptest! {
        #[test]
        fn any_line_is_an_entry_or_none(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse(&line), unescape(&line));
        }
    }
}
