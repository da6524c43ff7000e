//! By what a client knows the coordinator, and by what it shows who it is: the client's end of TLS.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use muster_core::words::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::IdentityError;
use crate::digest::fingerprint;
use crate::pem;

/// By what a client knows that it talks to its coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By one of these authorities, and no other.
    Authorities(Vec<CertificateDer<'static>>),
    /// By an authority with this fingerprint, whose certificate the coordinator shows beside its own: for the first time.
    Pin(Fingerprint),
    /// By this very certificate, whatever it says: for who has it from a file of the coordinator's own machine.
    Certificate(CertificateDer<'static>),
}

impl Trust {
    /// What this system trusts, and the authorities in this file besides.
    ///
    /// # Errors
    /// [`IdentityError::Authorities`] when the file cannot be read, or nobody is trusted.
    pub fn of_system(ca_file: Option<&Path>) -> Result<Self, IdentityError> {
        let mut authorities = Vec::new();
        if let Some(file) = ca_file {
            let text = std::fs::read(file)
                .map_err(|error| IdentityError::Authorities(format!("cannot read {}: {error}", file.display())))?;
            let found = pem::certificates(&text);
            authorities = found
                .ok_or_else(|| IdentityError::Authorities(format!("{} holds no certificate in PEM", file.display())))?;
        }
        let found = rustls_native_certs::load_native_certs();
        // What the system has and nobody can read is no reason to trust less than the rest.
        let readable = found
            .certs
            .into_iter()
            .filter(|one| RootCertStore::empty().add(one.clone()).is_ok());
        authorities.extend(readable);
        if authorities.is_empty() {
            return Err(IdentityError::Authorities(
                "this system has no certificates of authorities that it trusts (as the package `ca-certificates` has them), and no `ca_file` is set".to_owned(),
            ));
        }
        Ok(Self::Authorities(authorities))
    }

    /// What judges a coordinator's certificate by this.
    ///
    /// # Errors
    /// [`IdentityError::Tls`] when an authority cannot be read, or there is none.
    pub fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, IdentityError> {
        Ok(match self {
            Self::Authorities(authorities) => by_authorities(authorities)?,
            Self::Pin(pin) => Arc::new(Only::Pin(*pin)),
            Self::Certificate(certificate) => Arc::new(Only::Certificate(certificate.clone())),
        })
    }
}

/// The one provider of cryptography.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A client's certificate with its key. It can be replaced while connections are made.
#[derive(Debug, Default)]
pub struct Shown(Mutex<Option<Arc<CertifiedKey>>>);

impl Shown {
    /// Shows this one from now on. Both are in DER.
    ///
    /// # Errors
    /// [`IdentityError::Tls`] when they do not belong together.
    pub fn show(&self, certificate: &[u8], key: &[u8]) -> Result<(), IdentityError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
        let chain = vec![CertificateDer::from(certificate.to_vec())];
        let certified = CertifiedKey::from_der(chain, key, &provider())?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certified));
        Ok(())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has_certs(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// How a client speaks TLS with the coordinator. `shown` is its certificate, if it has one to show.
///
/// # Errors
/// [`IdentityError::Tls`] when an authority cannot be read, or there is none.
pub fn client_config(trust: &Trust, shown: Option<Arc<Shown>>) -> Result<ClientConfig, IdentityError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(trust.verifier()?);
    let mut config = match shown {
        Some(shown) => config.with_client_cert_resolver(shown),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn by_authorities(authorities: &[CertificateDer<'static>]) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| Error::General(error.to_string()))
}

/// What is trusted beside lists of authorities. That the other end has the certificate's key is verified for each of them alike.
#[derive(Debug)]
enum Only {
    /// What comes from the authority with this fingerprint.
    Pin(Fingerprint),
    /// This certificate, whoever has signed it and for whatever name.
    Certificate(CertificateDer<'static>),
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self {
            Self::Pin(pin) => {
                let pinned = intermediates.iter().find(|one| fingerprint(one).matches(pin));
                let pinned = pinned.ok_or(CertificateError::UnknownIssuer)?;
                let verifier = by_authorities(&[pinned.clone().into_owned()])?;
                verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
            }
            Self::Certificate(known) if end_entity == known => Ok(ServerCertVerified::assertion()),
            Self::Certificate(_) => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
