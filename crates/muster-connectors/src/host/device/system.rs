//! The operating system, the processors and the memory.

use serde::Serialize;

use crate::host::lines::{number, time};
use crate::host::root::Root;

/// The operating system, by its `os-release` file.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Os {
    id: Option<String>,
    version: Option<String>,
    name: Option<String>,
}

/// The logical processors.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Cpus {
    model: Option<String>,
    count: Option<u64>,
    virtual_machine: Option<bool>,
}

/// The host name: the kernel's, or for another root that of the file, since the kernel knows only our own.
pub(super) fn hostname(root: &Root) -> Option<String> {
    let kernel = "proc/sys/kernel/hostname";
    if root.is_own() {
        root.value(kernel)
    } else {
        root.value("etc/hostname").or_else(|| root.value(kernel))
    }
}

/// The machine's architecture, as `uname -m` says; a tree of another root is on this machine too.
pub(super) fn architecture() -> Option<String> {
    nix::sys::utsname::uname()
        .ok()?
        .machine()
        .to_str()
        .map(ToOwned::to_owned)
}

pub(super) fn os(root: &Root) -> Os {
    let file = root.read("etc/os-release").or_else(|_| root.read("usr/lib/os-release"));
    file.map(|file| parse_os(&file)).unwrap_or_default()
}

fn parse_os(file: &[u8]) -> Os {
    let mut os = Os::default();
    for line in String::from_utf8_lossy(file).lines() {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = unquote(value.trim());
        let value = (!value.is_empty()).then_some(value);
        match key.trim() {
            "ID" => os.id = value,
            "VERSION_ID" => os.version = value,
            "PRETTY_NAME" => os.name = value,
            _ => {}
        }
    }
    os
}

/// A value of `os-release` as a shell reads it: perhaps in quotes, with a backslash before what the shell would interpret.
fn unquote(value: &str) -> String {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' {
            characters.next()
        } else {
            Some(character)
        });
    }
    text
}

/// When the machine was started, from `/proc/stat`.
pub(super) fn boot_at(stat: &[u8]) -> Option<String> {
    let seconds = stat
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"btime "))?;
    time(number(seconds)?)
}

/// All of the memory, from `/proc/meminfo`.
pub(super) fn memory_bytes(meminfo: &[u8]) -> Option<u64> {
    let total = meminfo
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"MemTotal:"))?;
    number::<u64>(total.trim_ascii().strip_suffix(b"kB")?)?.checked_mul(1024)
}

/// The processors, from `/proc/cpuinfo`.
pub(super) fn cpus(cpuinfo: &[u8]) -> Cpus {
    let mut cpus = Cpus::default();
    for line in String::from_utf8_lossy(cpuinfo).lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match key.trim() {
            "processor" => cpus.count = Some(cpus.count.unwrap_or_default() + 1),
            "model name" if !value.is_empty() => cpus.model = Some(value.to_owned()),
            // Only x86 has this list; a hypervisor shows itself in it.
            "flags" => cpus.virtual_machine = Some(value.split(' ').any(|flag| flag == "hypervisor")),
            _ => {}
        }
    }
    cpus
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_are_not_part_of_a_value() {
        let os = parse_os(b"PRETTY_NAME=\"A \\\"B\\\" 1\"\nID=debian\nVERSION_ID='12'\n# ID=other\nodd\n");
        assert_eq!(os.name.as_deref(), Some("A \"B\" 1"));
        assert_eq!((os.id.as_deref(), os.version.as_deref()), (Some("debian"), Some("12")));
    }

    #[test]
    fn processors_are_counted() {
        let cpus =
            cpus(b"processor\t: 0\nmodel name\t: X\nflags\t\t: fpu hypervisor\n\nprocessor\t: 1\nmodel name\t: X\n");
        assert_eq!(
            (cpus.count, cpus.model.as_deref(), cpus.virtual_machine),
            (Some(2), Some("X"), Some(true))
        );
    }

    #[test]
    fn memory_and_start_have_units() {
        assert_eq!(
            memory_bytes(b"MemTotal:       1000 kB\nMemFree: 1 kB\n"),
            Some(1_024_000)
        );
        assert_eq!(memory_bytes(b"MemTotal: 99999999999999999999 kB"), None);
        assert_eq!(
            boot_at(b"cpu 1\nbtime 1700000000\n").as_deref(),
            Some("2023-11-14T22:13:20Z")
        );
    }

    proptest! {
        #[test]
        fn any_file_is_read(file in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (parse_os(&file), boot_at(&file), memory_bytes(&file), cpus(&file));
        }
    }
}
