//! The way to the coordinator: its name, a connection, the proxy, and TLS.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use muster_core::explain::short;
use muster_identity::Seen;
use muster_identity::pki_types::UnixTime;
use muster_identity::trust::Trust;
use muster_process::exit::chain;
use rustls::CertificateError;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::transport::Uri;

use super::{STEP_WITHIN, Trouble, now};
use crate::config::Config;
use crate::dial::reach::{connect, host_of, resolve};
use crate::dial::{self, Trouble as TlsTrouble, client_config, port_of, protect, reach, tls_error};
use crate::enrollment::Identity;
use crate::proxy::Proxy;

/// Where a host is.
pub(super) async fn name(uri: &Uri, proxy: Option<&Proxy>) -> Result<(String, ()), Trouble> {
    let host = host_of(uri);
    let whose = match proxy {
        Some(proxy) => format!("the proxy (from {})", proxy.named_by()),
        None => whose(proxy).to_owned(),
    };
    let remedy = match proxy {
        Some(_) => "correct the proxy's name, or mend this host's name resolution (/etc/resolv.conf)",
        None => {
            "correct the name, or mend this host's name resolution (/etc/resolv.conf). Where hosts do not know the names of the internet, a proxy does: set `proxy`"
        }
    };
    let resolved = timeout(STEP_WITHIN, resolve(uri, port_of(uri))).await;
    let resolved =
        resolved.map_err(|_| Trouble::late(&format!("nobody answers where {whose}, `{host}`, is"), remedy))?;
    let addresses = resolved.map_err(|error| Trouble::new(format!("{whose}, `{host}`: {error}"), remedy))?;
    let mut addresses: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    addresses.dedup();
    Ok((format!("{whose}, `{host}`, is at {}", addresses.join(", ")), ()))
}

/// A connection to there.
pub(super) async fn tcp(uri: &Uri, proxy: Option<&Proxy>) -> Result<(String, TcpStream), Trouble> {
    let (host, port) = (uri.host().unwrap_or_default(), port_of(uri));
    let whose = whose(proxy);
    let connected = timeout(STEP_WITHIN, connect(uri)).await.map_err(|_| {
        Trouble::late(
            &format!("{whose} at {host}:{port} does not answer"),
            format!("have the firewall let this host connect to TCP port {port} of {host}; where hosts go out by a proxy alone, set `proxy`"),
        )
    })?;
    let stream = connected.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::ConnectionRefused => {
                format!("nobody listens there, or a firewall refuses it: check that port {port} is the right one, and that {whose} runs")
            }
            ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
                "this host has no way there: check its routes; where hosts go out by a proxy alone, set `proxy`".to_owned()
            }
            _ => format!("check that this host may connect to TCP port {port} of {host}"),
        };
        Trouble::new(format!("{whose} at {host}:{port}: {error}"), remedy)
    })?;
    let peer = stream
        .peer_addr()
        .map_or_else(|_| format!("{host}:{port}"), |peer| peer.to_string());
    Ok((format!("connected to {whose} at {peer}"), stream))
}

/// A tunnel through the proxy.
pub(super) async fn tunnel(stream: TcpStream, proxy: &Proxy, uri: &Uri) -> Result<(String, TcpStream), Trouble> {
    let asked = timeout(STEP_WITHIN, reach::tunnel(stream, proxy, uri, port_of(uri))).await;
    let named_by = proxy.named_by();
    let made = asked.map_err(|_| {
        Trouble::late(
            &format!("the proxy {proxy} (from {named_by}) does not answer"),
            "check that it is a proxy that makes tunnels by the method `CONNECT`, and that it reaches the coordinator",
        )
    })?;
    let stream =
        made.map_err(|error| Trouble::new(format!("{} (it is from {named_by})", chain(&error)), error.advice()))?;
    let goal = format!("{}:{}", uri.host().unwrap_or_default(), port_of(uri));
    Ok((format!("{proxy} (from {named_by}) makes a tunnel to {goal}"), stream))
}

/// Who is at the other end. `Err` says why that could not be judged.
pub(super) async fn tls(
    config: &Config,
    identity: Option<&Identity>,
    stream: TcpStream,
) -> Result<Result<String, Trouble>, String> {
    let ca_file = config.ca_file.as_deref();
    let tls = match identity {
        Some(identity) => identity.tls(ca_file),
        None => Trust::of_system(ca_file).and_then(|trust| client_config(&trust, None)),
    };
    let tls = match tls {
        Ok(tls) => Arc::new(tls),
        Err(error) if identity.is_none() => return Err(format!("not judged: {}", chain(&error))),
        Err(error) => return Ok(Err(Trouble::new(chain(&error), "correct `ca_file`"))),
    };
    let spoken = timeout(STEP_WITHIN, protect(&config.coordinator, tls, stream)).await;
    let Ok(spoken) = spoken else {
        return Ok(Err(Trouble::late(
            "whoever is there does not answer by TLS",
            "check that the address is that of the coordinator's gRPC listener; if it is, something between holds TLS up",
        )));
    };
    match spoken {
        Ok(stream) => {
            let (_, session) = stream.get_ref();
            let shown = session.peer_certificates().and_then(|shown| shown.first());
            let seen = shown.and_then(Seen::of);
            let seen = seen.map_or_else(
                || "its certificate cannot be read".to_owned(),
                |Seen { issuer, until }| {
                    let left = short(until.since(now()));
                    format!("its certificate was issued by `{issuer}` and is good for another {left}")
                },
            );
            Ok(Ok(format!("the coordinator is there: {seen}")))
        }
        // Whom to trust is what enrolling tells.
        Err(error) if identity.is_none() && dial::trouble(&error) == Some(TlsTrouble::Untrusted) => Err(format!(
            "TLS is spoken, and whether the coordinator is there is known once the runner has enrolled: {}",
            told(&error)
        )),
        Err(error) => {
            let remedy = dial::advice(&error);
            let remedy = remedy.unwrap_or("check that nothing between breaks TLS up".into());
            Ok(Err(Trouble::new(told(&error), remedy)))
        }
    }
}

/// What TLS has failed by, in words.
fn told(error: &io::Error) -> String {
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before })) => format!(
            "the certificate there is good from {} on, and this machine's clock says {}",
            clock(*not_before),
            clock(*time)
        ),
        Some(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after })) => format!(
            "the certificate there was good until {}, and this machine's clock says {}",
            clock(*not_after),
            clock(*time)
        ),
        Some(_) | None => {
            let text = error.to_string();
            text.strip_prefix("invalid peer certificate: ")
                .unwrap_or(&text)
                .to_owned()
        }
    }
}

fn clock(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "a time out of range".to_owned(), |time| time.to_string())
}

fn whose(proxy: Option<&Proxy>) -> &'static str {
    if proxy.is_some() {
        "the proxy"
    } else {
        "the coordinator"
    }
}
