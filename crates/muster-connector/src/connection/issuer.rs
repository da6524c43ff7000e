//! Who has issued a certificate that is not trusted: the one thing that tells a proxy which inspects TLS from a fault, and that `rustls` does not say.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};

/// The tags of what is read of a certificate (X.690), and the object identifiers of a name's parts (X.520).
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const IDENTIFIER: u8 = 0x06;
const VERSION: u8 = 0xa0;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// A certificate was issued by somebody who is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedBy {
    /// Who; `None` where the certificate does not say so in a way that is understood.
    pub issuer: Option<String>,
}

impl fmt::Display for UntrustedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.issuer {
            Some(issuer) => write!(f, "its certificate was issued by `{issuer}`, who is not trusted here"),
            None => f.write_str("its certificate was issued by somebody who is not trusted here"),
        }
    }
}

impl std::error::Error for UntrustedBy {}

/// Verifies certificates as another does, and says who has issued those that it does not trust.
#[derive(Debug)]
pub struct NamingIssuers(pub Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for NamingIssuers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                // Who stands at the top of what was sent: below are those whom that one vouches for.
                let top = intermediates.last().unwrap_or(end_entity);
                let issuer = issuer(top).or_else(|| issuer(end_entity));
                Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(UntrustedBy { issuer }))))
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.0.root_hint_subjects()
    }
}

/// The name of a certificate's issuer: its common name, or else its organization.
fn issuer(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut rest, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // The serial number and the signature's algorithm stand before it.
    for _ in 0..2 {
        rest = element(rest)?.2;
    }
    let (_, name, _) = element(rest).filter(|(tag, ..)| *tag == SEQUENCE)?;
    part(name, COMMON_NAME).or_else(|| part(name, ORGANIZATION))
}

/// The part of a name that has this identifier.
fn part(name: &[u8], wanted: &[u8]) -> Option<String> {
    let mut sets = name;
    while let Some((SET, mut pairs, later)) = element(sets) {
        while let Some((SEQUENCE, pair, more)) = element(pairs) {
            let (tag, identifier, rest) = element(pair)?;
            let (_, text, _) = element(rest)?;
            if tag == IDENTIFIER && identifier == wanted && !text.is_empty() {
                // UTF-8 or ASCII, whatever its tag says; the few that are neither are shown as far as they can be.
                return Some(String::from_utf8_lossy(text).into_owned());
            }
            pairs = more;
        }
        sets = later;
    }
    None
}

/// The first element of some DER: its tag, what it holds, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, length, rest @ ..] = bytes else { return None };
    let (length, rest) = match length {
        0x00..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
            (
                digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)),
                rest,
            )
        }
        _ => return None,
    };
    let (held, after) = rest.split_at_checked(length)?;
    Some((*tag, held, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_has_no_issuer() {
        let certificate = include_bytes!("tests/server.der");
        assert_eq!(issuer(certificate).as_deref(), Some("Corp Proxy CA"));
        for end in 0..200 {
            assert_eq!(issuer(&certificate[..end]), None, "cut at {end}");
        }
        for place in 0..200 {
            let mut changed = certificate.to_vec();
            changed[place] ^= 0xff;
            // Whatever it says, it says something or nothing.
            let _ = issuer(&changed);
        }
        assert_eq!(issuer(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
