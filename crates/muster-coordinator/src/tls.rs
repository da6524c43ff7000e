//! The listeners' TLS: their certificate, the handshake, and whom a client's certificate names.

mod certificate;
mod handshake;
mod places;
mod verifier;

use std::sync::Arc;

use muster_identity::trust::provider;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use crate::identity::Registrar;

pub(crate) use certificate::{ServerCertificate, TlsError};
pub(crate) use handshake::{Shaken, handshakes};
pub(crate) use places::Place;

/// How handshakes are made. Clients may show a certificate: runners do, operators come with tokens. One that is shown is judged, and one that is not good
/// ends the handshake. The list of authorities that a server may send with its question is empty: it would name all organizations.
pub(crate) fn acceptor(
    registrar: Registrar,
    certificate: Arc<ServerCertificate>,
) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(verifier::RunnerVerifier::new(registrar)))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Sessions that are resumed cost no signature. The tickets hold what is known of them, so none takes memory here.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The same for browsers, who show no certificate, and who speak HTTP/1.1.
pub(crate) fn page_acceptor(certificate: Arc<ServerCertificate>) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
