//! What no connector reaches unless its own rules name the address.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// What an address or a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protected {
    /// The runner's own machine.
    Loopback,
    /// What stands at the same wire, among it most clouds' metadata services.
    LinkLocal,
    /// A metadata service: it hands out the credentials of the machine.
    Metadata,
}

impl fmt::Display for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback addresses",
            Self::LinkLocal => "link-local addresses, and with them the metadata of clouds,",
            Self::Metadata => "the metadata services of clouds",
        })
    }
}

/// The networks. A connection to "no address" goes to the machine itself.
const NETWORKS: [(Protected, &str); 11] = [
    (Protected::Loopback, "127.0.0.0/8"),
    (Protected::Loopback, "0.0.0.0/8"),
    (Protected::Loopback, "::1/128"),
    (Protected::Loopback, "::/128"),
    (Protected::LinkLocal, "169.254.0.0/16"),
    (Protected::LinkLocal, "fe80::/10"),
    // Amazon and Google by version 6, Alibaba, Oracle, and the wire server of Azure.
    (Protected::Metadata, "fd00:ec2::/32"),
    (Protected::Metadata, "fd20:ce::254/128"),
    (Protected::Metadata, "100.100.100.200/32"),
    (Protected::Metadata, "192.0.0.192/32"),
    (Protected::Metadata, "168.63.129.16/32"),
];

/// The names of metadata services. Where they lead is judged besides.
const NAMES: [&str; 4] = [
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
];

fn networks() -> impl Iterator<Item = (Protected, IpNet)> {
    let parsed = NETWORKS.iter();
    parsed.map(|(what, text)| (*what, text.parse().expect("a test parses all of them")))
}

impl Protected {
    pub(super) fn of_address(address: IpAddr) -> Option<Self> {
        let mut found = networks().filter(|(_, network)| network.contains(&address));
        found.next().map(|(what, _)| what)
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        if name == "localhost" || name.ends_with(".localhost") {
            return Some(Self::Loopback);
        }
        NAMES.contains(&name).then_some(Self::Metadata)
    }

    /// Whether a network lies in what this is, so that whoever names it means just that.
    pub(super) fn holds(self, inner: &IpNet) -> bool {
        networks().any(|(what, network)| what == self && network.contains(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_networks_are_some() {
        assert_eq!(networks().count(), NETWORKS.len());
    }
}
