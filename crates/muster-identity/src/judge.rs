//! Whether a certificate that somebody shows may be believed, and whom it names.

use std::time::Duration;

use muster_core::time::Stamp;
use muster_core::words::{Fingerprint, OrganizationId};
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::digest::fingerprint;
use crate::role::{Role, RunnerName};

/// The most bytes of a certificate that is looked at: one of ours has some 600.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// Why a certificate is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// It cannot be read.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// It names nobody whom there is, or several.
    #[error("the certificate has no URI of a runner: it is none that a coordinator has issued to one")]
    Name,
    /// It is for something else than being a client.
    #[error("the certificate is not for a client alone")]
    Usage,
    /// It comes from somebody else.
    #[error("the certificate was not issued by the authority of the organization that it names")]
    Issuer,
    /// It begins later.
    #[error("the certificate is not valid yet: compare the clocks of the runner and of the coordinator")]
    NotYet,
    /// It has ended.
    #[error("the certificate has expired")]
    Expired,
}

/// A runner's certificate that may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerCertificate {
    /// Whom it names.
    pub name: RunnerName,
    /// The fingerprint of its public key.
    pub key: Fingerprint,
    /// Until when it is good.
    pub until: Stamp,
}

/// What a certificate says, before anything of it is believed.
struct Said {
    certificate: RunnerCertificate,
    begins: u64,
    ends: u64,
}

/// Judges a certificate of a runner. `authorities` gives what is trusted of an organization, or of the service itself; nothing else is.
/// `grace` is how long after its end it is still believed: zero for everything but its own renewal.
///
/// # Errors
/// [`CertificateFault`].
pub fn judge<'a>(
    certificate: &CertificateDer<'_>,
    authorities: impl FnOnce(Option<&OrganizationId>) -> Vec<CertificateDer<'a>>,
    now: Stamp,
    grace: Duration,
) -> Result<RunnerCertificate, CertificateFault> {
    let Said {
        certificate: said,
        begins,
        ends,
    } = read(certificate)?;
    let seconds = now.millis() / 1000;
    if seconds < begins {
        return Err(CertificateFault::NotYet);
    }
    if seconds > ends.saturating_add(grace.as_secs()) {
        return Err(CertificateFault::Expired);
    }
    let trusted = authorities(said.name.pool.organization.as_ref());
    let anchors: Vec<_> = trusted
        .iter()
        .filter_map(|authority| anchor_from_trusted_cert(authority).ok())
        .collect();
    let certificate = EndEntityCert::try_from(certificate).map_err(|_| CertificateFault::Unreadable)?;
    // When it may still be believed after its end, it is looked at as on its last second.
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds.min(ends)));
    certificate
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &[],
            at,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .map_err(|error| match error {
            webpki::Error::RequiredEkuNotFoundContext(_) => CertificateFault::Usage,
            _ => CertificateFault::Issuer,
        })?;
    Ok(said)
}

fn read(der: &CertificateDer<'_>) -> Result<Said, CertificateFault> {
    if der.len() > CERTIFICATE_BYTES_MAX {
        return Err(CertificateFault::Unreadable);
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateFault::Unreadable)?;
    if !rest.is_empty() {
        return Err(CertificateFault::Unreadable);
    }
    let usage = certificate.extended_key_usage();
    let usage = usage
        .map_err(|_| CertificateFault::Unreadable)?
        .ok_or(CertificateFault::Usage)?
        .value;
    let others = usage.any || usage.server_auth || usage.code_signing || usage.email_protection;
    let others = others || usage.time_stamping || usage.ocsp_signing || !usage.other.is_empty();
    if !usage.client_auth || others || certificate.is_ca() {
        return Err(CertificateFault::Usage);
    }
    let names = certificate.subject_alternative_name();
    let names = names
        .map_err(|_| CertificateFault::Unreadable)?
        .ok_or(CertificateFault::Name)?
        .value;
    let [GeneralName::URI(uri)] = names.general_names.as_slice() else {
        return Err(CertificateFault::Name);
    };
    let Some(Role::Runner(name)) = Role::of_uri(uri) else {
        return Err(CertificateFault::Name);
    };
    let validity = certificate.validity();
    let seconds = |time: i64| u64::try_from(time).unwrap_or_default();
    let ends = seconds(validity.not_after.timestamp());
    Ok(Said {
        certificate: RunnerCertificate {
            name,
            key: fingerprint(certificate.public_key().raw),
            until: Stamp::from_millis(ends.saturating_mul(1000)),
        },
        begins: seconds(validity.not_before.timestamp()),
        ends,
    })
}

/// What a certificate of a runner says, of which nothing is believed: for the runner itself, whose it is.
///
/// # Errors
/// [`CertificateFault`] when it is none of a runner.
pub fn says(certificate: &CertificateDer<'_>) -> Result<RunnerCertificate, CertificateFault> {
    read(certificate).map(|said| said.certificate)
}

/// Until when a certificate is good; `None` when it cannot be read.
#[must_use]
pub fn valid_until(der: &[u8]) -> Option<Stamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let ends = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(Stamp::from_millis(ends.saturating_mul(1000)))
}

#[cfg(test)]
mod tests;
