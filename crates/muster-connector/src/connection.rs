//! What a connection has failed of: errors of the operating system and of TLS as failures that people understand.

mod issuer;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};

use muster_core::words::{Category, Failure, Reason, ReasonKind};
use rustls::CertificateError;

pub use self::issuer::{NamingIssuers, UntrustedBy};

/// How the standard library begins to say that a name could not be resolved; it has no kind for it.
const LOOKUP: &str = "failed to lookup address information";

/// How deep causes are followed: more than any library nests them.
const CAUSES_MAX: usize = 16;

/// The failure of a connection to `peer`, a host with its port. What exactly has failed is told where the error or one of its causes says so: one of the
/// operating system, or of `rustls` (with who issued a certificate that is not trusted, if [`NamingIssuers`] has verified it).
#[must_use]
pub fn connection_failure(peer: &str, error: &(dyn Error + 'static)) -> Failure {
    let mut message = format!("the connection to {peer} has failed: {error}");
    let mut cause = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(next) = cause else { break };
        // Writing into a text does not fail.
        let _ = write!(message, ": {next}");
        cause = next.source();
    }
    let failure = Failure::new(Category::Communication, message);
    match reason(peer, error, CAUSES_MAX) {
        Some(reason) => failure.with_reason(reason),
        None => failure,
    }
}

fn reason(peer: &str, error: &(dyn Error + 'static), causes_max: usize) -> Option<Reason> {
    let left = causes_max.checked_sub(1)?;
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(peer, error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // What it wraps is not among its causes, but says more than its kind.
        let wrapped = error.get_ref().and_then(|inner| reason(peer, inner, left));
        if let Some(found) = wrapped.or_else(|| of_system(peer, error)) {
            return Some(found);
        }
    }
    reason(peer, error.source()?, left)
}

fn of_system(peer: &str, error: &io::Error) -> Option<Reason> {
    let kind = match error.kind() {
        ErrorKind::ConnectionRefused => ReasonKind::Refused,
        ErrorKind::TimedOut => ReasonKind::ConnectTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => ReasonKind::Unreachable,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => ReasonKind::Broken,
        _ if error.to_string().starts_with(LOOKUP) => return Some(Reason::new(ReasonKind::NameResolution, host(peer))),
        _ => return None,
    };
    Some(Reason::new(kind, peer))
}

fn of_tls(peer: &str, error: &rustls::Error) -> Reason {
    let host = host(peer);
    if let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error
        && let Some(untrusted) = other.0.downcast_ref::<UntrustedBy>()
    {
        let reason = Reason::new(ReasonKind::Untrusted, host);
        return match &untrusted.issuer {
            Some(issuer) => reason.with_issuer(issuer),
            None => reason,
        };
    }
    let kind = match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => ReasonKind::Untrusted,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => ReasonKind::CertificateExpired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                ReasonKind::CertificateName
            }
            _ => ReasonKind::Tls,
        },
        _ => ReasonKind::Tls,
    };
    Reason::new(kind, host)
}

/// A peer without its port.
fn host(peer: &str) -> &str {
    match peer.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // An address of version 6 has its brackets only because of the port.
            host.strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .unwrap_or(host)
        }
        _ => peer,
    }
}

#[cfg(test)]
mod tests;
