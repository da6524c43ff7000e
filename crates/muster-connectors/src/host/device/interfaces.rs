//! The network interfaces.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use serde::Serialize;

use crate::host::root::Root;

/// Where the kernel lists them.
pub(super) const FOLDER: &str = "sys/class/net";

/// The most interfaces that are told: a record is bounded, and a host of containers has thousands of virtual ones.
const INTERFACES_MAX: usize = 1_000;

/// The most addresses that are told of one interface.
const ADDRESSES_MAX: usize = 100;

/// A network interface.
#[derive(Debug, Serialize)]
pub(super) struct Interface {
    name: String,
    mac: Option<String>,
    state: Option<String>,
    mtu: Option<u64>,
    addresses: Option<Vec<String>>,
}

pub(super) fn read(root: &Root, names: &[OsString]) -> Vec<Interface> {
    // The kernel tells only the addresses of our own machine.
    let addresses = if root.is_own() { addresses() } else { None };
    let interface = |name: &OsString| {
        let folder = Path::new(FOLDER).join(name);
        let name = name.to_string_lossy().into_owned();
        let own = |all: &Vec<(String, String)>| {
            all.iter()
                .filter(|(of, _)| *of == name)
                .map(|(_, address)| address.clone())
                .take(ADDRESSES_MAX)
                .collect()
        };
        Interface {
            mac: root
                .value(folder.join("address"))
                .filter(|mac| mac.chars().any(|c| !matches!(c, '0' | ':'))),
            state: root.value(folder.join("operstate")),
            mtu: root.number(folder.join("mtu")),
            addresses: addresses.as_ref().map(own),
            name,
        }
    };
    // Some entries, such as bonding_masters, are files and no interfaces.
    let folders = names
        .iter()
        .filter(|name| root.metadata(Path::new(FOLDER).join(name)).is_ok_and(|it| it.is_dir()));
    folders.take(INTERFACES_MAX).map(interface).collect()
}

/// All addresses with the names of their interfaces; `None` when the kernel does not tell.
fn addresses() -> Option<Vec<(String, String)>> {
    let all = getifaddrs().ok()?.filter_map(|entry| {
        let address = ip(&entry.address?)?;
        let prefix = entry.netmask.as_ref().and_then(ip).map(prefix_length);
        let text = prefix.map_or_else(|| address.to_string(), |prefix| format!("{address}/{prefix}"));
        Some((entry.interface_name, text))
    });
    Some(all.collect())
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
}

fn prefix_length(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    }
}
