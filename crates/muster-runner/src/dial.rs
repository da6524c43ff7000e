//! How a connection to the coordinator is made: by TCP, and by TLS over it where the address says `https`.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use muster_identity::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tonic::transport::Uri;
use tower::Service;

/// How TLS is spoken, or why it cannot be.
type Protection = Result<Arc<ClientConfig>, String>;

/// Makes connections. Cheap to clone; all clones speak TLS in the same way.
#[derive(Clone, Default)]
pub struct Dialer {
    tls: Arc<Mutex<Option<Protection>>>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}

impl Dialer {
    /// One that speaks TLS like this with whoever is at an `https` address.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let dialer = Self::default();
        dialer.set(config);
        dialer
    }

    /// One that speaks no TLS, since nobody can be trusted: for this reason.
    #[must_use]
    pub fn refusing(why: String) -> Self {
        Self {
            tls: Arc::new(Mutex::new(Some(Err(why)))),
        }
    }

    /// Speaks TLS like this from the next connection on.
    pub fn set(&self, config: ClientConfig) {
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ok(Arc::new(config)));
    }

    fn config(&self) -> Option<Protection> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Connection = Either<TcpStream, Box<TlsStream<TcpStream>>>;

impl Service<Uri> for Dialer {
    type Response = TokioIo<Connection>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let config = self.config();
        Box::pin(async move { Ok(TokioIo::new(connect(&uri, config).await?)) })
    }
}

async fn connect(uri: &Uri, config: Option<Protection>) -> io::Result<Connection> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let is_protected = uri.scheme_str() == Some("https");
    let host = uri.host().ok_or_else(|| invalid("the address has no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(if is_protected { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    if !is_protected {
        return Ok(Either::Left(stream));
    }
    let config = config.ok_or_else(|| invalid("the address says `https`, and nothing says whom to trust"))?;
    let config = config.map_err(|why| invalid(&why))?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| invalid("the host is no name that a certificate can have"))?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    Ok(Either::Right(Box::new(stream)))
}

/// What a person does about an error of TLS, if `error` comes from one.
#[must_use]
pub fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls.or_else(|| error.downcast_ref()) {
            return of_tls(tls);
        }
        next = error.source();
    }
    None
}

fn of_tls(error: &rustls::Error) -> Option<&'static str> {
    match error {
        rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => Some(
            "the coordinator says that the runner's certificate expired too long ago: enroll it anew by `muster-runner enroll --again`, with a new token. \
             If it should be good, compare the clocks",
        ),
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::DecryptError,
        ) => Some(
            "the coordinator does not take the runner's certificate: it is of another coordinator, or its authority is not trusted any more. Enroll the runner \
             anew by `muster-runner enroll --again`, with a new token",
        ),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => Some(
            "whoever is there is not the coordinator that this one trusts: check the address. If the coordinator has a certificate of another authority, name \
             that authority's file by `ca_file`; a proxy that looks into TLS has one, too",
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some(
            "the certificate there is for another name: use the name that it has, or add this one to the coordinator's `public_names`",
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Some("the certificate there is not valid now: compare the clocks of both machines"),
        rustls::Error::InvalidMessage(_) => Some(
            "whoever is there does not speak TLS: a coordinator that is started with `insecure` is reached by `http://`",
        ),
        _ => None,
    }
}
