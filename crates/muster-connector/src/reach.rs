//! What a connector may reach: rules that the operator of a runner writes, over a host's name, the addresses that it leads to, and a port.
//!
//! Pure: nothing is looked up here. Whoever connects gives the addresses that a name has led to, and connects to those that come back and to no
//! others, so that a name which leads elsewhere a moment later gains nothing. [`Network`](crate::Network) does that.
//!
//! ```
//! use muster_connector::reach::{Host, Reach, Rules};
//!
//! let allow = Rules::new("runner.toml:4:9", ["*.corp.example:636", "10.0.0.0/8:443"])?;
//! let reach = Reach { connector: "crm".into(), allow, ..Reach::default() };
//! let inside = ["10.1.2.3".parse()?];
//! assert!(reach.judge(&Host::of("dc1.corp.example")?, &inside, Some(636)).is_ok());
//! assert!(reach.judge(&Host::of("dc1.corp.example")?, &inside, Some(22)).is_err());
//! // A name that is allowed, and leads to where nobody may go.
//! assert!(reach.judge(&Host::of("dc1.corp.example")?, &["169.254.169.254".parse()?], Some(636)).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod destination;
mod protected;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use muster_core::words::{Category, Failure};

pub use self::destination::{Destination, DestinationError};
use self::protected::Protected;

/// Rules that stand in one place of a runner's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Where: `/etc/muster/runner.toml:12:9`, or a variable or flag. Empty: nobody has written any.
    pub place: String,
    /// What they are about.
    pub destinations: Vec<Destination>,
}

impl Rules {
    /// Rules that stand in this place.
    ///
    /// # Errors
    /// [`DestinationError`] of the first that is none.
    pub fn new<T: AsRef<str>>(
        place: impl Into<String>,
        written: impl IntoIterator<Item = T>,
    ) -> Result<Self, DestinationError> {
        let destinations = written.into_iter().map(|one| one.as_ref().parse());
        Ok(Self {
            place: place.into(),
            destinations: destinations.collect::<Result<_, _>>()?,
        })
    }
}

/// What one connector may reach.
///
/// What is denied is never reached. Loopback, link-local addresses and the metadata services of clouds are not reached unless `allow` has an
/// address or a network inside of them: no name opens them, since whoever keeps a name decides where it leads. Beyond that everything is
/// reached while `allow` is empty, and else what it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whose rules these are, for texts.
    pub connector: String,
    /// What may be reached. Empty: everything that nothing else keeps it from.
    pub allow: Rules,
    /// What may not be reached, whatever `allow` says.
    pub deny: Rules,
    /// Whether also that is reached which nobody reaches unless it is allowed: for a person who runs a connector by hand.
    pub by_hand: bool,
}

/// A host, as a name or as the address that a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name: small letters, without a dot at its end.
    Name(String),
    /// An address, however it was written: `0177.0.0.1` and `2130706433` are `127.0.0.1`, as every resolver has it.
    Address(IpAddr),
}

/// A text that is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no host: write a name or an address", .0.escape_debug())]
pub struct HostError(String);

impl Host {
    /// The host that a text stands for.
    ///
    /// # Errors
    /// [`HostError`]: it stands for none.
    pub fn of(text: &str) -> Result<Self, HostError> {
        let no_host = || HostError(text.chars().take(100).collect());
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        // With the interface of a link-local address it leads nowhere else.
        let address = bare.split_once('%').map_or(bare, |(address, _)| address);
        if let Ok(address) = address.parse() {
            return Ok(Self::Address(address));
        }
        match url::Host::parse(text).map_err(|_| no_host())? {
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Address(address.into())),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                if name.is_empty() {
                    return Err(no_host());
                }
                Ok(Self::Name(name.to_lowercase()))
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What is not to be reached, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    connector: String,
    /// What was to be reached: `dc1.corp.example:636`.
    target: String,
    /// Where a name leads, if that is what is wrong with it.
    leads_to: Option<IpAddr>,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Denied { written: String, place: String },
    Protected(Protected),
    NotAllowed { place: String },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connector, target, .. } = self;
        write!(f, "the connector `{connector}` may not reach {target}")?;
        if let Some(address) = self.leads_to {
            write!(f, ", which leads to {address}")?;
        }
        match &self.rule {
            Rule::Denied { written, place } => {
                write!(
                    f,
                    ": the runner's own configuration denies `{written}` (`deny`, {place})"
                )
            }
            Rule::Protected(what) => write!(
                f,
                ": {what} are reached only if `allow` of `[connector.{connector}]` in the runner's own configuration names the address"
            ),
            Rule::NotAllowed { place } => write!(
                f,
                ": it is not among what `allow` of `[connector.{connector}]` in the runner's own configuration names ({place})"
            ),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { connector, target, .. } = &refusal;
        let entry = refusal
            .leads_to
            .map_or_else(|| target.clone(), |address| address.to_string());
        let remedy = match &refusal.rule {
            Rule::Denied { written, place } => format!(
                "correct the integration's configuration; or, if the runner is to reach that, take `{written}` out of `deny` in {place} and \
                 restart the runner"
            ),
            Rule::Protected(_) | Rule::NotAllowed { .. } => format!(
                "correct the integration's configuration; or, if the runner is to reach that, add \"{entry}\" to `allow` of \
                 `[connector.{connector}]` in the runner's configuration and restart the runner"
            ),
        };
        Failure::new(Category::Permission, refusal.to_string()).with_remedy(remedy)
    }
}

impl Reach {
    /// Rules that refuse nothing: for a person who runs a connector by hand, where no runner's configuration is named.
    #[must_use]
    pub fn by_hand() -> Self {
        Self {
            by_hand: true,
            ..Self::default()
        }
    }

    /// Which of the addresses that a host has led to may be connected to, in their order; for an address itself, give that one. Without any (the
    /// name has not been looked up, or led nowhere) it is judged as far as the name alone tells. `port` is `None` where nobody has said one yet.
    ///
    /// # Errors
    /// [`Refusal`]: none of them may be.
    pub fn judge(&self, host: &Host, addresses: &[IpAddr], port: Option<u16>) -> Result<Vec<IpAddr>, Refusal> {
        let (name, addresses) = match host {
            Host::Name(name) => (Some(name.as_str()), addresses),
            Host::Address(address) => (None, std::slice::from_ref(address)),
        };
        let refusal = |rule, address: Option<IpAddr>| Refusal {
            connector: self.connector.clone(),
            target: match port {
                Some(port) => format!("{host}:{port}"),
                None => host.to_string(),
            },
            leads_to: address.filter(|_| name.is_some()),
            rule,
        };
        if let Some(name) = name {
            self.judge_name(name, port).map_err(|rule| refusal(rule, None))?;
        }
        if addresses.is_empty() {
            let name = name.unwrap_or_default();
            return match self.is_allowed(Some(name), None, port) {
                true => Ok(Vec::new()),
                false => Err(refusal(self.not_allowed(), None)),
            };
        }
        let mut refused = None;
        let mut reached = Vec::new();
        for address in addresses {
            match self.judge_address(name, *address, port) {
                Ok(()) => reached.push(*address),
                Err(rule) => refused = refused.or(Some((rule, *address))),
            }
        }
        match refused {
            Some((rule, address)) if reached.is_empty() => Err(refusal(rule, Some(address))),
            Some(_) | None => Ok(reached),
        }
    }

    /// Whether a name may be reached wherever it leads, save for what is denied or protected.
    #[must_use]
    pub fn is_open_to(&self, host: &Host, port: Option<u16>) -> bool {
        let covers = |name: &str| {
            self.allow
                .destinations
                .iter()
                .any(|one| one.covers_name(name) && one.may_have(port))
        };
        self.allow.destinations.is_empty() || matches!(host, Host::Name(name) if covers(name))
    }

    /// The ports that may be connected to at all; `None`: every port. What is refused for its host alone is not left out.
    #[must_use]
    pub fn ports(&self) -> Option<Vec<u16>> {
        let allowed = &self.allow.destinations;
        if allowed.is_empty() {
            return None;
        }
        let mut ports = Vec::new();
        for one in allowed {
            ports.extend(one.ports()?);
        }
        ports.sort_unstable();
        ports.dedup();
        Some(ports)
    }

    fn judge_name(&self, name: &str, port: Option<u16>) -> Result<(), Rule> {
        let denied = self.deny.destinations.iter();
        if let Some(rule) = denied.clone().find(|one| one.covers_name(name) && one.surely_has(port)) {
            return Err(self.denied(rule));
        }
        let Some(protected) = Protected::of_name(name).filter(|_| !self.by_hand) else {
            return Ok(());
        };
        let opened = self.allow.destinations.iter().any(|one| {
            let by_name = one.is_name(name);
            // Where it leads is judged once that is known.
            let by_network = protected == Protected::Loopback && one.opens(protected);
            (by_name || by_network) && one.may_have(port)
        });
        if opened {
            Ok(())
        } else {
            Err(Rule::Protected(protected))
        }
    }

    fn judge_address(&self, name: Option<&str>, address: IpAddr, port: Option<u16>) -> Result<(), Rule> {
        let meant = meant(address);
        let mut denied = self.deny.destinations.iter();
        if let Some(rule) = denied.find(|one| one.covers_address(meant) && one.surely_has(port)) {
            return Err(self.denied(rule));
        }
        if let Some(protected) = Protected::of_address(meant).filter(|_| !self.by_hand) {
            let opened = self.allow.destinations.iter().any(|one| {
                let by_address = one.opens(protected) && one.covers_address(meant);
                let by_name = protected == Protected::Loopback && name == Some("localhost") && one.is_name("localhost");
                (by_address || by_name) && one.may_have(port)
            });
            return if opened {
                Ok(())
            } else {
                Err(Rule::Protected(protected))
            };
        }
        match self.is_allowed(name, Some(meant), port) {
            true => Ok(()),
            false => Err(self.not_allowed()),
        }
    }

    /// Whether `allow` covers it; without an address also if it might cover the one that comes.
    fn is_allowed(&self, name: Option<&str>, address: Option<IpAddr>, port: Option<u16>) -> bool {
        let allowed = &self.allow.destinations;
        allowed.is_empty()
            || allowed.iter().any(|one| {
                let by_address = match address {
                    Some(address) => one.covers_address(address),
                    None => one.is_network(),
                };
                (by_address || name.is_some_and(|name| one.covers_name(name))) && one.may_have(port)
            })
    }

    fn denied(&self, rule: &Destination) -> Rule {
        Rule::Denied {
            written: rule.to_string(),
            place: self.deny.place.clone(),
        }
    }

    fn not_allowed(&self) -> Rule {
        Rule::NotAllowed {
            place: self.allow.place.clone(),
        }
    }
}

/// The address that is reached by this one: of version 4, where one of version 6 only carries it.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address.to_canonical() else {
        return address.to_canonical();
    };
    match six.segments() {
        // Translated by the network (RFC 6052), and the compatible form of old (RFC 4291), in which `::` and `::1` mean themselves.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => carried(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => carried(high, low),
        // Tunnelled (RFC 3056).
        [0x2002, high, low, ..] => carried(high, low),
        _ => IpAddr::V6(Ipv6Addr::from(six.octets())),
    }
}

fn carried(high: u16, low: u16) -> IpAddr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}
