//! One destination, as an operator writes it: `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:8000-8100`.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;

use super::protected::Protected;
use super::{Host, meant};

/// The most ports of a range: the kernel is told each. Whoever means more leaves them out.
const PORTS_MAX: u16 = 1_000;

/// Hosts and ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    hosts: Hosts,
    /// `None`: every port.
    ports: Option<RangeInclusive<u16>>,
    written: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    Name(String),
    /// All names that end with a dot and this.
    Below(String),
    Network(IpNet),
}

/// A text that is no destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` {problem}: write it as `dc1.corp.example:636`, `*.corp.example`, `10.0.0.0/8:443`, `[fd00::/8]:443` or `*:8000-8100`",
    .written.escape_debug()
)]
pub struct DestinationError {
    written: String,
    problem: &'static str,
}

impl Destination {
    /// Its ports; `None`: all there are.
    pub(super) fn ports(&self) -> Option<RangeInclusive<u16>> {
        self.ports.clone()
    }

    pub(super) fn covers_name(&self, name: &str) -> bool {
        match &self.hosts {
            Hosts::All => true,
            Hosts::Name(own) => own == name,
            Hosts::Below(suffix) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|rest| rest.ends_with('.')),
            Hosts::Network(_) => false,
        }
    }

    /// Whether it is this very name, not one of many.
    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(&self.hosts, Hosts::Name(own) if own == name)
    }

    pub(super) fn is_network(&self) -> bool {
        matches!(self.hosts, Hosts::Network(_))
    }

    pub(super) fn covers_address(&self, address: IpAddr) -> bool {
        match &self.hosts {
            Hosts::All => true,
            Hosts::Network(network) => network.contains(&address),
            Hosts::Name(_) | Hosts::Below(_) => false,
        }
    }

    /// Whether it names an address or a network within what is protected.
    pub(super) fn opens(&self, protected: Protected) -> bool {
        matches!(&self.hosts, Hosts::Network(network) if protected.holds(network))
    }

    /// Whether the port is one of its own; of a port that nobody knows yet it may be.
    pub(super) fn may_have(&self, port: Option<u16>) -> bool {
        self.ports
            .as_ref()
            .is_none_or(|ports| port.is_none_or(|port| ports.contains(&port)))
    }

    /// The same, and of a port that nobody knows it must be.
    pub(super) fn surely_has(&self, port: Option<u16>) -> bool {
        self.ports
            .as_ref()
            .is_none_or(|ports| port.is_some_and(|port| ports.contains(&port)))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let wrong = |problem| DestinationError {
            written: text.chars().take(100).collect(),
            problem,
        };
        let (hosts, ports) = split(text).ok_or_else(|| wrong("is no host with a port"))?;
        let hosts = hosts_of(hosts).map_err(wrong)?;
        let ports = match ports {
            None => None,
            Some(text) => Some(
                ports_of(text)
                    .ok_or_else(|| wrong("has no port from 1 to 65535, or first and last of at most 1000"))?,
            ),
        };
        Ok(Self {
            hosts,
            ports,
            written: text.to_owned(),
        })
    }
}

/// The hosts and the ports of a text.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (hosts, rest) = inner.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(ports) => Some((hosts, Some(ports))),
            None => rest.is_empty().then_some((hosts, None)),
        };
    }
    match text.split_once(':') {
        // More than one: an address of version 6.
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((hosts, ports)) => Some((hosts, Some(ports))),
        None => Some((text, None)),
    }
}

fn hosts_of(text: &str) -> Result<Hosts, &'static str> {
    const NO_HOST: &str = "has no name, address or network";
    if text == "*" {
        return Ok(Hosts::All);
    }
    let host = |text| Host::of(text).map_err(|_| NO_HOST);
    if let Some(suffix) = text.strip_prefix("*.") {
        return match host(suffix)? {
            Host::Name(suffix) if !suffix.contains('*') => Ok(Hosts::Below(suffix)),
            Host::Name(_) | Host::Address(_) => Err(NO_HOST),
        };
    }
    if text.contains('/') {
        let network: IpNet = text
            .parse()
            .map_err(|_| "has a `/`, and is no network such as `10.0.0.0/8`")?;
        if network.trunc() != network {
            return Err("is an address within a network: write where the network begins, or the address alone");
        }
        return Ok(Hosts::Network(network));
    }
    match host(text)? {
        Host::Name(name) if name.contains('*') => Err("has a `*` that is not its beginning, with a dot after it"),
        Host::Name(name) => Ok(Hosts::Name(name)),
        Host::Address(address) => Ok(Hosts::Network(meant(address).into())),
    }
}

fn ports_of(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    (first <= last && last - first < PORTS_MAX).then_some(first..=last)
}
