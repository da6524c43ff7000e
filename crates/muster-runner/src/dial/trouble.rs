//! What TLS fails by, as far as a person can do something about it.

use std::error::Error;
use std::io;

use muster_connector::UntrustedBy;
use rustls::{AlertDescription, CertificateError};

/// What TLS has failed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The other end does not take the certificate that was shown.
    ShownRefused,
    /// The certificate there comes from nobody who is trusted.
    Untrusted,
    /// The certificate there is for another name.
    OtherName,
    /// The certificate there is not valid now.
    NotNow,
    /// Whoever is there does not speak TLS.
    Plain,
}

/// What TLS has failed by, if `error` comes from it.
#[must_use]
pub fn trouble(error: &(dyn Error + 'static)) -> Option<Trouble> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = of_cause(error) {
            return of_tls(tls);
        }
        next = error.source();
    }
    None
}

/// The error of TLS, if this is one, or has one within.
pub(crate) fn of_cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let told = inner
        .and_then(|inner| inner.downcast_ref::<Told>())
        .map(|Told(fault)| fault);
    let plain = || inner.and_then(|inner| inner.downcast_ref());
    told.or_else(plain).or_else(|| error.downcast_ref())
}

fn of_tls(error: &rustls::Error) -> Option<Trouble> {
    match error {
        rustls::Error::AlertReceived(
            AlertDescription::CertificateExpired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::DecryptError,
        ) => Some(Trouble::ShownRefused),
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            // Of what is signed by itself the error is that an authority's certificate is used as a server's.
            let is_own = other.0.to_string().contains("CaUsedAsEndEntity");
            (is_own || other.0.is::<UntrustedBy>()).then_some(Trouble::Untrusted)
        }
        // The second is of one whose authority is called as one that is trusted.
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Some(Trouble::Untrusted)
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some(Trouble::OtherName),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Some(Trouble::NotNow),
        rustls::Error::InvalidMessage(_) => Some(Trouble::Plain),
        _ => None,
    }
}

/// With what a handshake has failed, in words: what an error of `rustls` wraps, it prints for programmers.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(.0))]
struct Told(rustls::Error);

fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<UntrustedBy>() {
                Some(untrusted) => untrusted.to_string(),
                None => error.to_string(),
            }
        }
        rustls::Error::InvalidMessage(_) => "what came is no TLS".to_owned(),
        other => other.to_string(),
    }
}

/// The same error in words.
pub(super) fn told(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(fault) => io::Error::new(error.kind(), Told(fault.clone())),
        None => error,
    }
}

/// What an alert means by which a handshake is refused, with its name in the standard, by which others look for it.
pub(super) fn words_of(alert: AlertDescription) -> String {
    let meaning = match alert {
        AlertDescription::CertificateExpired => "the certificate has expired too long ago, or is not valid yet",
        AlertDescription::UnknownCA => {
            "the certificate is of no authority that it trusts for the organization that it names"
        }
        AlertDescription::UnsupportedCertificate => "the certificate is not for a client alone",
        AlertDescription::BadCertificate => "the certificate cannot be read",
        AlertDescription::AccessDenied => "the certificate names no runner",
        AlertDescription::CertificateUnknown => "the certificate is not taken",
        AlertDescription::DecryptError => "the certificate and the key do not belong together",
        _ => return format!("TLS alert {alert:?}"),
    };
    format!("{meaning} (TLS alert {alert:?})")
}
