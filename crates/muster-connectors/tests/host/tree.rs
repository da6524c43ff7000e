//! File trees that are made up.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// A file tree in a folder of its own.
pub(crate) struct Tree(TempDir);

impl Tree {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The tree with one more file.
    pub(crate) fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, content).expect("a file");
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn root(&self) -> &str {
        self.path().to_str().expect("a path that is UTF-8")
    }
}

/// A machine of which everything is known.
pub(crate) fn whole_machine() -> Tree {
    let mut lastlog = vec![0_u8; 292 * 1000];
    lastlog.extend(1_700_000_000_u32.to_le_bytes());
    lastlog.extend([0; 292]);
    Tree::new()
        .with("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        .with("etc/hostname", "plant-2\n")
        .with(
            "etc/os-release",
            "ID=alpine\nVERSION_ID=3.20\nPRETTY_NAME=\"Alpine Linux v3.20\"\n",
        )
        .with(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nana:x:1000:100:Ana Lima,,,:/home/ana:/bin/ash\n",
        )
        .with("etc/group", "root:x:0:\nusers:x:100:\nwheel:x:10:root,ana\n")
        .with(
            "etc/shadow",
            "root:*::0:::::\nana:$6$salt$secrethash:19000:0:99999:7:::\n",
        )
        .with("var/log/lastlog", lastlog)
        .with("proc/sys/kernel/osrelease", "6.6.31\n")
        .with(
            "proc/cpuinfo",
            "processor : 0\nmodel name : Test CPU\nflags : fpu hypervisor\n",
        )
        .with("proc/meminfo", "MemTotal:  2048 kB\n")
        .with("proc/stat", "btime 1700000000\n")
        .with("proc/1/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
        .with("sys/class/dmi/id/sys_vendor", "Acme\n")
        .with("sys/class/dmi/id/product_name", "Anvil 3\n")
        .with("sys/class/dmi/id/product_serial", "SN-1\n")
        .with(
            "sys/class/dmi/id/product_uuid",
            "11111111-2222-3333-4444-555555555555\n",
        )
        .with("sys/class/dmi/id/bios_version", "1.2\n")
        .with("sys/block/sda/size", "2048\n")
        .with("sys/block/sda/removable", "0\n")
        .with("sys/block/sda/queue/rotational", "1\n")
        .with("sys/block/sda/device/model", "Disk One   \n")
        .with("sys/block/sda/device/serial", "D-1\n")
        .with("sys/block/loop0/size", "8\n")
        .with("sys/class/net/eth0/address", "02:00:00:00:00:01\n")
        .with("sys/class/net/eth0/operstate", "up\n")
        .with("sys/class/net/eth0/mtu", "1500\n")
        .with(
            "lib/apk/db/installed",
            "P:musl\nV:1.2.5-r0\nA:x86_64\nI:667648\no:musl\nm:Tim <t@example.org>\n\n",
        )
        .with(
            "var/lib/dpkg/status",
            "Package: libc6\nStatus: install ok installed\nMaintainer: Debian\nInstalled-Size: 2\nArchitecture: amd64\n\
             Source: glibc (2.36)\nVersion: 2.36-9\n\nPackage: gone\nStatus: deinstall ok config-files\n",
        )
        .with("var/lib/dpkg/info/libc6:amd64.list", "/.\n")
}
