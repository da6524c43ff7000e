//! How a connection to the coordinator is made: by TCP, through a proxy or straight, and by TLS over it where the address says `https`.

mod overheard;
pub(crate) mod reach;
mod trouble;

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use muster_connector::{NamingIssuers, UntrustedBy};
use muster_identity::IdentityError;
use muster_identity::pki_types::ServerName;
use muster_identity::trust::{Shown, Trust};
use rustls::{AlertDescription, CertificateError, ClientConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tonic::Status;
use tonic::transport::Uri;
use tower::Service;

use self::overheard::{Fault, Overheard};
use self::reach::{TunnelError, host_of, reach};
pub(crate) use self::trouble::of_cause as tls_error;
pub use self::trouble::{Trouble, trouble};
use crate::proxy::Proxy;

/// How a client speaks TLS with its coordinator, so that errors name who has issued a certificate that is not trusted. `shown` is its own certificate, if it
/// has one to show.
///
/// # Errors
/// [`IdentityError::Tls`] when an authority cannot be read, or there is none.
pub fn client_config(trust: &Trust, shown: Option<Arc<Shown>>) -> Result<ClientConfig, IdentityError> {
    let mut config = muster_identity::trust::client_config(trust, shown)?;
    let verifier = NamingIssuers(trust.verifier()?);
    config.dangerous().set_certificate_verifier(Arc::new(verifier));
    Ok(config)
}

/// How TLS is spoken, or why it cannot be.
type Protection = Result<Arc<ClientConfig>, String>;

/// Makes connections. Cheap to clone; all clones speak TLS in the same way.
#[derive(Clone, Default)]
pub struct Dialer {
    tls: Arc<Mutex<Option<Protection>>>,
    fault: Fault,
    proxy: Option<Proxy>,
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
            fault: Fault::default(),
            proxy: None,
        }
    }

    /// The same by a proxy; by none with `None`.
    #[must_use]
    pub fn through(mut self, proxy: Option<Proxy>) -> Self {
        self.proxy = proxy;
        self
    }

    /// Speaks TLS like this from the next connection on.
    pub fn set(&self, config: ClientConfig) {
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ok(Arc::new(config)));
    }

    /// A status as it is; or, where it says no more than that the newest connection broke and TLS knows why, one that says so, from which [`advice`] comes.
    #[must_use]
    pub fn explain(&self, status: Status) -> Status {
        let Some(fault) = self.fault.get().filter(|_| status.details().is_empty()) else {
            return status;
        };
        let mut explained = Status::unavailable(match &fault {
            rustls::Error::AlertReceived(alert) => {
                format!(
                    "the coordinator has refused the TLS handshake: {}",
                    trouble::words_of(*alert)
                )
            }
            other => format!("TLS has failed: {other}"),
        });
        explained.set_source(Arc::new(fault));
        explained
    }

    fn config(&self) -> Option<Protection> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Connection = Either<TcpStream, Box<Overheard>>;

impl Service<Uri> for Dialer {
    type Response = TokioIo<Connection>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (config, proxy, fault) = (self.config(), self.proxy.clone(), self.fault.clone());
        fault.set(None);
        Box::pin(async move { Ok(TokioIo::new(connect(&uri, config, proxy.as_ref(), fault).await?)) })
    }
}

async fn connect(uri: &Uri, config: Option<Protection>, proxy: Option<&Proxy>, fault: Fault) -> io::Result<Connection> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let is_protected = uri.scheme_str() == Some("https");
    let stream = reach(uri, port_of(uri), proxy).await?;
    if !is_protected {
        return Ok(Either::Left(stream));
    }
    let config = config.ok_or_else(|| invalid("the address says `https`, and nothing says whom to trust"))?;
    let config = config.map_err(|why| invalid(&why))?;
    let stream = protect(uri, config, stream).await?;
    Ok(Either::Right(Box::new(Overheard::new(stream, fault))))
}

/// Speaks TLS over a connection.
///
/// # Errors
/// What TLS says.
pub(crate) async fn protect(
    uri: &Uri,
    config: Arc<ClientConfig>,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host_of(uri).to_owned());
    let name = name.map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the host is no name that a certificate can have",
        )
    })?;
    let protected = TlsConnector::from(config).connect(name, stream).await;
    protected.map_err(trouble::told)
}

/// The port of an address.
pub(crate) fn port_of(uri: &Uri) -> u16 {
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    uri.port_u16().unwrap_or(usual)
}

/// What a person does about an error of the way, or of TLS, if `error` comes from one.
#[must_use]
pub fn advice(error: &(dyn Error + 'static)) -> Option<Cow<'static, str>> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tunnel = inner.and_then(|inner| inner.downcast_ref::<TunnelError>());
        if let Some(tunnel) = tunnel {
            return Some(tunnel.advice().into());
        }
        if let Some(tls) = trouble::of_cause(error) {
            return of_tls(tls).map(Cow::Borrowed);
        }
        next = error.source();
    }
    None
}

/// Whether the certificate there is of somebody who is not trusted, or is called as somebody who is.
fn of_untrusted(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.is::<UntrustedBy>(),
        rustls::Error::InvalidCertificate(fault) => *fault == CertificateError::BadSignature,
        _ => false,
    }
}

fn of_tls(error: &rustls::Error) -> Option<&'static str> {
    match error {
        rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => Some(
            "enroll the runner anew by `muster-runner enroll --again`, with a new token. If its certificate should be good, compare the clocks of both machines",
        ),
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::DecryptError,
        ) => Some(
            "check the address: the runner may have enrolled at another coordinator. Or its authority is not trusted any more: enroll the runner anew by \
             `muster-runner enroll --again`, with a new token",
        ),
        error if of_untrusted(error) => Some(
            "whoever is there is not the coordinator that this one trusts: check the address. If that issuer is of a proxy which looks into TLS, have its operators \
             exempt the coordinator's host: who calls proves who it is within TLS, which cannot pass through. If the coordinator itself has a certificate of that \
             authority, name the authority's file by `ca_file`; a runner that had enrolled before is enrolled anew by `muster-runner enroll --again`",
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
