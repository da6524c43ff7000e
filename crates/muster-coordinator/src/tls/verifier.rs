//! Whether a client's certificate is good: judged by the authority of the organization that it names, and no other.

use std::fmt;

use muster_identity::CertificateFault;
use muster_identity::pki_types::{CertificateDer, UnixTime};
use muster_identity::trust::provider;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::identity::Registrar;

pub(super) struct RunnerVerifier {
    registrar: Registrar,
    provider: std::sync::Arc<rustls::crypto::CryptoProvider>,
}

impl RunnerVerifier {
    pub(super) fn new(registrar: Registrar) -> Self {
        Self {
            registrar,
            provider: provider(),
        }
    }
}

impl fmt::Debug for RunnerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnerVerifier").finish_non_exhaustive()
    }
}

impl ClientCertVerifier for RunnerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// One that has expired may pass for its renewal; each call looks again.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.registrar.judge(end_entity, true) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(fault) => Err(Error::InvalidCertificate(error_of(fault))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What the client is told by TLS.
fn error_of(fault: CertificateFault) -> CertificateError {
    match fault {
        CertificateFault::Unreadable => CertificateError::BadEncoding,
        CertificateFault::Name => CertificateError::ApplicationVerificationFailure,
        CertificateFault::Usage => CertificateError::InvalidPurpose,
        CertificateFault::Issuer => CertificateError::UnknownIssuer,
        CertificateFault::NotYet => CertificateError::NotValidYet,
        CertificateFault::Expired => CertificateError::Expired,
    }
}
