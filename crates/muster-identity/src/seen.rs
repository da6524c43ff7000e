//! What a certificate says of itself, for people: nothing of it is believed.

use muster_core::time::Stamp;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::judge::CERTIFICATE_BYTES_MAX;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who has issued it.
    pub issuer: String,
    /// Until when it is good.
    pub until: Stamp,
}

impl Seen {
    /// What this one says; `None` when it cannot be read.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        if certificate.len() > CERTIFICATE_BYTES_MAX {
            return None;
        }
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let issuer = certificate.issuer().to_string();
        let issuer = issuer.chars().filter(|character| !character.is_control()).collect();
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        Some(Self {
            issuer,
            until: Stamp::from_millis(seconds.saturating_mul(1_000)),
        })
    }
}
