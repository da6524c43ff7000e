//! The one way of a connector to the network: names are looked up, what comes of it is judged by the rules of the runner, and only judged
//! addresses are connected to. Nothing else in a connector opens a connection; a test sees to that.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use muster_core::words::{Category, Failure, Reason, ReasonKind};
use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::connection_failure;
use crate::fields::each_field;
use crate::reach::{Host, Reach};

/// How long a name may take to be looked up before a connector starts. One that takes longer is judged by itself alone.
const LOOKED_UP_WITHIN: Duration = Duration::from_secs(5);

/// What a connector may reach, and the way there. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    reach: Arc<Reach>,
}

impl Network {
    /// A way to what these rules let through.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self { reach: Arc::new(reach) }
    }

    /// A way to everything: for a person who runs a connector by hand.
    #[must_use]
    pub fn by_hand() -> Self {
        Self::new(Reach::by_hand())
    }

    /// The rules.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Where a host leads, of that what may be reached: for a library that connects by itself, and must be given these and no name.
    ///
    /// # Errors
    /// A failure of the look-up; `permission` when none of it may be reached.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let host = host_of(host)?;
        // A name that is refused for itself is not even asked for: who answers would learn of it.
        self.reach.judge(&host, &[], Some(port))?;
        let peer = format!("{host}:{port}");
        let found = look_up(&host, port)
            .await
            .map_err(|error| connection_failure(&peer, &error))?;
        if found.is_empty() {
            return Err(Failure::because(
                Reason::new(ReasonKind::NameResolution, host.to_string()),
                format!("the name {host} leads to no address"),
            ));
        }
        let reached = self.reach.judge(&host, &found, Some(port))?;
        Ok(reached
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }

    /// A connection to the first address of a host that takes one. Each is tried for an equal part of the time.
    ///
    /// # Errors
    /// A failure of the look-up or, of several addresses, of the last that was tried; `permission` when none of them may be reached.
    pub async fn connect(&self, host: &str, port: u16, within: Duration) -> Result<TcpStream, Failure> {
        let addresses = timeout(within, self.resolve(host, port)).await.unwrap_or_else(|_| {
            Err(Failure::because(
                Reason::new(ReasonKind::NameResolution, host),
                format!("the name {host} was not looked up within {within:?}"),
            ))
        })?;
        let each = within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let peer = format!("{host}:{port}");
        let mut last = None;
        for address in addresses {
            match timeout(each, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Some(connection_failure(&peer, &error)),
                Err(_) => {
                    let message = format!("{peer} ({address}) did not answer within {each:?}");
                    last = Some(Failure::because(
                        Reason::new(ReasonKind::ConnectTimeout, &peer),
                        message,
                    ));
                }
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(Category::Communication, format!("{peer} leads to no address"))))
    }

    /// Judges the hosts in a configuration, with the addresses that they lead to now. Those are the fields whose schema says so by its `format`:
    /// `hostname`, `ipv4`, `ipv6`, `uri`, or `host-port` (`dc1.corp.example:636`). `config` fits `schema`, and its secrets are in it.
    ///
    /// A program looks names up again by itself, which this cannot bind.
    ///
    /// # Errors
    /// `permission`, of the first that may not be reached; `configuration` for a field that is no host; `communication` for a name that leads
    /// nowhere, unless it may be reached wherever it leads.
    pub async fn judge_config(&self, schema: &Value, config: &Value) -> Result<(), Failure> {
        let mut hosts = Vec::new();
        let mut unreadable = None;
        each_field(schema, config, |schema, value, place| {
            let format = schema.get("format").and_then(Value::as_str);
            let (Some(form), Some(text)) = (format.and_then(Form::of_name), value.as_str()) else {
                return false;
            };
            match form.read(text) {
                Ok(found) => hosts.extend(found.into_iter().map(|(host, port)| (place.to_owned(), host, port))),
                Err(problem) => unreadable = unreadable.take().or(Some(format!("{place}: {problem}"))),
            }
            false
        });
        if let Some(problem) = unreadable {
            return Err(Failure::new(Category::Configuration, problem));
        }
        for (place, host, port) in hosts {
            self.judge_host(&host, port).await.map_err(|failure| Failure {
                message: format!("{place}: {}", failure.message),
                ..failure
            })?;
        }
        Ok(())
    }

    async fn judge_host(&self, host: &Host, port: Option<u16>) -> Result<(), Failure> {
        self.reach.judge(host, &[], port)?;
        let looked_up = timeout(LOOKED_UP_WITHIN, look_up(host, port.unwrap_or_default())).await;
        match looked_up.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(found) => drop(self.reach.judge(host, &found, port)?),
            // A proxy may know it, and the connector says better what is wrong with it.
            Err(_) if self.reach.is_open_to(host, port) => {}
            Err(error) => {
                return Err(Failure::because(
                    Reason::new(ReasonKind::NameResolution, host.to_string()),
                    format!(
                        "whether {host} may be reached depends on where it leads, and that cannot be looked up: {error}"
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// How a field names a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Host,
    HostPort,
    Uri,
}

impl Form {
    fn of_name(format: &str) -> Option<Self> {
        match format {
            "hostname" | "idn-hostname" | "ipv4" | "ipv6" => Some(Self::Host),
            "host-port" => Some(Self::HostPort),
            "uri" | "iri" => Some(Self::Uri),
            _ => None,
        }
    }

    /// The host that a text names, and its port if it has one; `None`: it names none.
    fn read(self, text: &str) -> Result<Option<(Host, Option<u16>)>, String> {
        let host = |text| Host::of(text).map_err(|error| error.to_string());
        match self {
            Self::Host => Ok(Some((host(text)?, None))),
            Self::HostPort => {
                let (name, port) = text.rsplit_once(':').unwrap_or((text, ""));
                let port = port
                    .parse()
                    .map_err(|_| "must be a host with its port, such as dc1.corp.example:636")?;
                Ok(Some((host(name)?, Some(port))))
            }
            Self::Uri => uri(text),
        }
    }
}

/// The host and port of an address. Not its text: there may be a password in it.
fn uri(text: &str) -> Result<Option<(Host, Option<u16>)>, String> {
    const DEFAULT_PORTS: [(&str, u16); 4] = [("ldap", 389), ("ldaps", 636), ("postgresql", 5_432), ("mysql", 3_306)];
    // Programs do not agree on what host such an address has.
    if text.contains(|letter: char| letter == '\\' || letter.is_whitespace() || letter.is_control()) {
        return Err("has a backslash, a blank or a control character, which no address has".to_owned());
    }
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    let read = url::Url::parse(text).map_err(|error| format!("is no address such as https://crm.example: {error}"))?;
    let Some(host) = read.host_str().filter(|host| !host.is_empty()) else {
        return Ok(None);
    };
    let own = DEFAULT_PORTS.iter().find(|(scheme, _)| *scheme == read.scheme());
    let port = read.port_or_known_default().or(own.map(|(_, port)| *port));
    Ok(Some((Host::of(host).map_err(|error| error.to_string())?, port)))
}

fn host_of(text: &str) -> Result<Host, Failure> {
    Host::of(text).map_err(|error| Failure::new(Category::Configuration, error.to_string()))
}

async fn look_up(host: &Host, port: u16) -> io::Result<Vec<IpAddr>> {
    match host {
        Host::Address(address) => Ok(vec![*address]),
        Host::Name(name) => Ok(lookup_host((name.as_str(), port))
            .await?
            .map(|found| found.ip())
            .collect()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;
    use crate::reach::Rules;

    const WITHIN: Duration = Duration::from_secs(10);

    fn network(allow: &[&str]) -> Network {
        Network::new(Reach {
            connector: "crm".to_owned(),
            allow: Rules::new("runner.toml:4:9", allow).expect("good rules"),
            ..Reach::default()
        })
    }

    #[tokio::test]
    async fn a_connection_is_made_to_what_is_allowed_and_to_nothing_else() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let allowed = network(&["127.0.0.0/8"]);
        for host in ["127.0.0.1", "localhost", "2130706433"] {
            let stream = allowed.connect(host, port, WITHIN).await;
            assert_eq!(stream.expect(host).peer_addr().expect("a peer").port(), port);
        }
        let unnamed = network(&[]);
        for host in ["127.0.0.1", "localhost", "2130706433", "0", "::ffff:127.0.0.1"] {
            let refused = unnamed.connect(host, port, WITHIN).await.expect_err(host);
            assert_eq!(refused.category, Category::Permission, "{host}");
        }
        assert!(Network::by_hand().connect("localhost", port, WITHIN).await.is_ok());
        drop(listener);
        let refused = allowed
            .connect("127.0.0.1", port, WITHIN)
            .await
            .expect_err("nobody listens");
        assert_eq!(refused.reason.map(|reason| reason.kind), Some(ReasonKind::Refused));
    }

    #[tokio::test]
    async fn every_marked_host_of_a_configuration_is_judged() {
        let schema = json!({"properties": {
            "url": {"type": "string", "format": "uri"},
            "server": {"type": "string", "format": "host-port"},
            "hosts": {"items": {"format": "hostname"}},
            "other": {"type": "string"},
        }});
        let network = network(&["127.0.0.1:389", "127.0.0.1:443"]);
        for good in [
            json!({}),
            json!({"url": "https://127.0.0.1/v2"}),
            json!({"url": "ldap://127.0.0.1"}),
            json!({"url": "urn:isbn:1"}),
            json!({"server": "localhost:389"}),
            json!({"hosts": ["127.0.0.1", "localhost"]}),
            json!({"other": "http://169.254.169.254/"}),
        ] {
            assert_eq!(network.judge_config(&schema, &good).await, Ok(()), "{good}");
        }
        for (bad, place) in [
            (json!({"url": "http://127.0.0.1/v2"}), "/url"),
            (json!({"url": "http://user:hunter2@169.254.169.254/latest"}), "/url"),
            (json!({"url": "ldaps://2130706433"}), "/url"),
            (json!({"url": "ldap://0x7f.1:636"}), "/url"),
            (json!({"url": "jdbc:postgresql://127.0.0.1/crm"}), "/url"),
            (json!({"server": "127.0.0.1:22"}), "/server"),
            (json!({"server": "[::ffff:127.0.0.1]:22"}), "/server"),
            (json!({"hosts": ["127.0.0.1", "169.254.169.254"]}), "/hosts/1"),
            (json!({"hosts": ["metadata.google.internal"]}), "/hosts/0"),
        ] {
            let refused = network.judge_config(&schema, &bad).await.expect_err("beyond the rules");
            assert_eq!(refused.category, Category::Permission, "{bad}");
            assert!(
                refused
                    .message
                    .starts_with(&format!("{place}: the connector `crm` may not reach")),
                "{refused:?}"
            );
            assert!(!refused.message.contains("hunter2"), "{refused:?}");
        }
        let nowhere = json!({"server": "nowhere.invalid:443"});
        let lost = network
            .judge_config(&schema, &nowhere)
            .await
            .expect_err("it leads nowhere");
        assert_eq!(lost.reason.map(|reason| reason.kind), Some(ReasonKind::NameResolution));
        for open in [&[][..], &["*.invalid:443"]] {
            assert_eq!(self::network(open).judge_config(&schema, &nowhere).await, Ok(()));
        }
        for no_host in [
            json!({"url": "http://good.example\\@127.0.0.1/"}),
            json!({"url": "ldap://a ldap://b"}),
            json!({"url": "127.0.0.1"}),
            json!({"server": "127.0.0.1"}),
            json!({"hosts": ["a b"]}),
        ] {
            let refused = network.judge_config(&schema, &no_host).await.expect_err("unreadable");
            assert_eq!(refused.category, Category::Configuration, "{no_host}");
        }
    }
}
