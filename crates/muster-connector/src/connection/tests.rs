use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use muster_core::remedy;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream};

use super::*;

/// Of `localhost`, issued by `Corp Proxy CA`; both for a hundred years.
const CERTIFICATE: &[u8] = include_bytes!("tests/server.der");
const KEY: &[u8] = include_bytes!("tests/server-key.der");
const CA: &[u8] = include_bytes!("tests/ca.der");

fn kind_of(failure: &Failure) -> Option<ReasonKind> {
    failure.reason.as_ref().map(|reason| reason.kind)
}

#[test]
fn the_systems_errors_have_their_reasons() {
    for (kind, expected) in [
        (ErrorKind::ConnectionRefused, Some(ReasonKind::Refused)),
        (ErrorKind::TimedOut, Some(ReasonKind::ConnectTimeout)),
        (ErrorKind::HostUnreachable, Some(ReasonKind::Unreachable)),
        (ErrorKind::ConnectionReset, Some(ReasonKind::Broken)),
        (ErrorKind::UnexpectedEof, Some(ReasonKind::Broken)),
        (ErrorKind::PermissionDenied, None),
    ] {
        let failure = connection_failure("dc1:636", &io::Error::from(kind));
        assert_eq!(failure.category, Category::Communication);
        assert_eq!(kind_of(&failure), expected, "{kind:?}");
    }
}

#[test]
fn what_really_happens_is_understood() {
    // Bound and let go: nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("it has one");
    let refused = TcpStream::connect(free).expect_err("nobody listens");
    let failure = connection_failure(&free.to_string(), &refused);
    let reason = Reason::new(ReasonKind::Refused, free.to_string());
    assert_eq!(failure.reason.as_deref(), Some(&reason), "{}", failure.message);
    let unknown = TcpStream::connect("no-such-host.invalid:636").expect_err("no such host");
    let failure = connection_failure("no-such-host.invalid:636", &unknown);
    let reason = Reason::new(ReasonKind::NameResolution, "no-such-host.invalid");
    assert_eq!(failure.reason.as_deref(), Some(&reason), "{}", failure.message);
}

#[test]
fn a_cause_is_found_under_what_libraries_put_around_it() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot bind")]
    struct Around(#[source] io::Error);
    let refused = io::Error::from(ErrorKind::ConnectionRefused);
    let failure = connection_failure("dc1:636", &Around(io::Error::other(Around(refused))));
    assert_eq!(kind_of(&failure), Some(ReasonKind::Refused));
    assert_eq!(
        failure.message,
        "the connection to dc1:636 has failed: cannot bind: cannot bind: connection refused"
    );
}

#[test]
fn a_host_is_a_peer_without_its_port() {
    for (peer, expected) in [
        ("crm.example:443", "crm.example"),
        ("crm.example", "crm.example"),
        ("[::1]:636", "::1"),
    ] {
        assert_eq!(host(peer), expected);
    }
}

/// What a client that trusts `roots` says of a real server with the certificate, when it asks for `name`.
fn shaken(roots: &[&[u8]], name: &'static str) -> Result<(), Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("it has versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .expect("a key and its certificate");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    let serving = thread::Builder::new().spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client");
        let mut connection = ServerConnection::new(Arc::new(server)).expect("a connection");
        let mut stream = Stream::new(&mut connection, &mut socket);
        // A client that does not trust it says so here.
        let _ = stream.write_all(b"hello").and_then(|()| stream.flush());
    });
    let mut trusted = RootCertStore::empty();
    for root in roots {
        trusted.add(CertificateDer::from(*root)).expect("a certificate");
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider));
    let verifier = NamingIssuers(verifier.build().expect("there are roots"));
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("it has versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let mut socket = TcpStream::connect(address).expect("it listens");
    let name = ServerName::try_from(name).expect("a name");
    let peer = format!("{}:{}", name.to_str(), address.port());
    let mut connection = ClientConnection::new(Arc::new(client), name).expect("a connection");
    let mut stream = Stream::new(&mut connection, &mut socket);
    let read = stream.read_exact(&mut [0; 5]);
    drop(socket);
    serving.expect("a thread").join().expect("it does not panic");
    read.map_err(|error| connection_failure(&peer, &error))
}

/// The server's own certificate is no root of itself, so that nothing is trusted by it.
const ANOTHER: &[u8] = CERTIFICATE;

#[test]
fn a_certificate_of_an_unknown_ca_is_told_with_its_issuer() {
    let failure = shaken(&[ANOTHER], "localhost").expect_err("nobody trusts it");
    let reason = Reason::new(ReasonKind::Untrusted, "localhost").with_issuer("Corp Proxy CA");
    assert_eq!(failure.reason.as_deref(), Some(&reason), "{}", failure.message);
    let remedy = remedy::alone(&failure);
    assert!(
        remedy.starts_with("the certificate of `localhost` was issued by `Corp Proxy CA`"),
        "{remedy}"
    );
    assert_eq!(shaken(&[CA], "localhost"), Ok(()), "whoever trusts the CA trusts it");
}

#[test]
fn a_certificate_for_another_name_is_told_as_such() {
    let failure = shaken(&[CA], "crm.example").expect_err("another name");
    let reason = Reason::new(ReasonKind::CertificateName, "crm.example");
    assert_eq!(failure.reason.as_deref(), Some(&reason), "{}", failure.message);
}
